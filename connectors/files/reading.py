"""Files into events: each line through the one reader, each file in the order given."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

import msgspec

from connectors.files.lines import FileProblem, blocks
from connectors.files.tables import Table, read_table
from engine.core.events import DeadLetter, Event
from engine.core.moments import Instant
from engine.core.reading import MOST_BYTES, Reader

STDIN = "-"


def read_files(
    paths: Sequence[str],
    reader: Reader,
    table: Table | None = None,
    *,
    now: Instant | None = None,
    stdin: BinaryIO | None = None,
) -> Iterator[Event | DeadLetter]:
    """Yield what stands in the files, line by line; an unreadable line is a dead letter with its place (`file:17`).

    Args:
        paths: JSON lines or, with `table`, CSV; gzipped or not; `-` is standard input.
        reader: reads one event; knows the shop's own.
        table: what the columns of CSV files mean.
        now: the clock, where the events are taken in live; see `Reader.read`.
        stdin: what `-` reads, if not the process's own.

    Raises:
        FileProblem: before anything is yielded, where a file is not there, and after all that can be read of all
            files, where one breaks off; all such files are named.
        OptionProblem: a CSV file has not the columns that `table` names.

    """
    _check_there(paths)
    problems: list[FileProblem] = []
    for path in paths:
        with _opened(path, stdin) as file:
            try:
                yield from read_table(file, path, table, reader, now) if table else _read_lines(file, path, reader, now)
            except FileProblem as problem:
                problems.append(problem)
    _raise_all(problems)


def read_block(
    reader: Reader, path: str, first: int, block: bytes, now: Instant | None = None
) -> Iterator[Event | DeadLetter]:
    """Yield what stands in some whole JSON lines of a file, the first of which has the number `first`."""
    read = reader.read
    for number, line in enumerate(block.split(b"\n"), first):
        if not line or line.isspace():
            continue
        got = read(line, "", now)
        if got.event is not None:
            yield got.event
        if got.dead is not None:  # the place is written only here: on every line it would cost as much as a decode
            yield msgspec.structs.replace(got.dead, raw=line[: MOST_BYTES + 1], origin=f"{path}:{number}")


def _read_lines(file: BinaryIO, path: str, reader: Reader, now: Instant | None) -> Iterator[Event | DeadLetter]:
    for first, block in blocks(file, path):
        yield from read_block(reader, path, first, block, now)


def _opened(path: str, stdin: BinaryIO | None) -> AbstractContextManager[BinaryIO]:
    return nullcontext(stdin or sys.stdin.buffer) if path == STDIN else Path(path).open("rb")


def _check_there(paths: Sequence[str]) -> None:
    problems = []
    for path in paths:
        if path != STDIN:
            try:
                with Path(path).open("rb"):
                    pass
            except OSError as error:
                problems.append(FileProblem(path, f"cannot be opened ({error.strerror})"))
    _raise_all(problems)


def _raise_all(problems: list[FileProblem]) -> None:
    """Raise the one problem, or one that names them all."""
    if problems:
        first, *others = problems
        raise FileProblem(first.path, "\n".join([first.reason, *map(str, others)])) from first
