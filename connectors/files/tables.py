"""CSV histories: a row becomes a CloudEvent, which the one reader then reads like any other.

The separator (comma, semicolon, tab, or runs of blanks), the header and the way dates are written are recognised, so
that ops people need only say which column means what.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import BinaryIO, Final

import msgspec
from msgspec import Struct

from connectors.files.cells import Converter
from connectors.files.columns import OptionProblem, Table
from connectors.files.lines import lines
from engine.core.events import DeadLetter, Event
from engine.core.moments import Instant
from engine.core.reading import Read, Reader
from engine.core.reasons import did_you_mean

__all__ = ["OptionProblem", "Table", "read_table"]

_SEPARATORS: Final = "\t;,"
_BLANKS: Final = " "


class _Row(Struct, gc=False):
    """The cells of one row, the bytes they were, and the number of its first line."""

    cells: list[str]
    raw: bytes
    number: int


def read_table(
    file: BinaryIO, path: str, table: Table, reader: Reader, now: Instant | None = None
) -> Iterator[Event | DeadLetter]:
    """Yield the events of a CSV file; a row that cannot be taken is a dead letter with its place.

    Raises:
        OptionProblem: the file has not the columns that `table` names.
        FileProblem: the file breaks off.

    """
    numbered = lines(file, path)
    sample = list(islice(numbered, 1))
    if not sample:
        return
    separator = _separator(sample[0][1].decode("utf-8", "replace"), table)
    rows = _rows(chain(sample, numbered), separator)
    first = next(rows)
    places = _places(first.cells, table, path)
    convert = Converter(table, places, has_decimal_comma=separator != ",")
    is_header = not table.only_numbers or not convert.is_a_time(first.cells)
    for row in rows if is_header else chain([first], rows):
        yield from _read_row(row, len(first.cells), convert, lambda raw: reader.read(raw, "", now), path)


def _read_row(
    row: _Row, width: int, convert: Converter, read: Callable[[bytes], Read], path: str
) -> Iterator[Event | DeadLetter]:
    origin = f"{path}:{row.number}"
    try:
        raw = convert.event(_checked(row, width))
    except ValueError as error:
        yield DeadLetter(row.raw, str(error), origin)
        return
    got = read(raw)
    if got.event is not None:
        yield got.event
    if got.dead is not None:
        reason = got.dead.reason + convert.column_of(got.dead.reason)
        yield msgspec.structs.replace(got.dead, raw=row.raw, reason=reason, origin=origin)


def _checked(row: _Row, width: int) -> list[str]:
    """Return the cells, where there are as many as in the first row: else they may stand in the wrong columns."""
    try:
        row.raw.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start + 1} of the row: save the file as UTF-8") from None
    extra = row.cells[width:]
    if len(row.cells) < width or any(extra):
        raise ValueError(f"{len(row.cells)} fields where the first row has {width}: is a quote or separator missing?")
    return row.cells[:width]


def _rows(numbered: Iterator[tuple[int, bytes]], separator: str) -> Iterator[_Row]:
    """Yield rows; a quoted cell may go over several lines."""
    taken: list[tuple[int, bytes]] = []

    def texts() -> Iterator[str]:
        for number, line in numbered:
            taken.append((number, line))
            yield line.decode("utf-8", "replace") + "\n"

    cut = (
        (text.split() for text in texts())
        if separator == _BLANKS
        else csv.reader(texts(), delimiter=separator, strict=True)
    )
    while True:
        try:
            cells = next(cut)
        except StopIteration:
            return
        except csv.Error:  # text after a closing quote, or a quote that does not close within 128 KB
            cells = []
        yield _Row([cell.strip() for cell in cells], b"\n".join(line for _, line in taken), taken[0][0])
        taken.clear()


def _separator(line: str, table: Table) -> str:
    """Return the separator under which the first line has the columns that are wanted, else the likeliest."""
    cut = {separator: next(csv.reader([line], delimiter=separator), []) for separator in _SEPARATORS}
    likeliest = sorted(_SEPARATORS, key=lambda separator: -len(cut[separator]))
    cut[_BLANKS] = line.split()
    for separator in (*likeliest, _BLANKS):
        if all(_place(column, cut[separator]) is not None for column in table.columns.values()):
            return separator
    return likeliest[0] if len(cut[likeliest[0]]) > 1 else _BLANKS


def _places(header: list[str], table: Table, path: str) -> dict[str, int]:
    """Return the index of each field's column in the file.

    Raises:
        OptionProblem: a column is not there.

    """
    places, missing = {}, []
    for field, column in table.columns.items():
        place = _place(column, header)
        if place is None:
            missing.append(f"no column {column!r} for {field}{did_you_mean(column, header)}")
        else:
            places[field] = place
    if missing:
        there = f"it has {len(header)} columns" if table.only_numbers else f"its columns are {', '.join(header)}"
        raise OptionProblem([f"{path}: {problem}" for problem in [*missing, there]])
    return places


def _place(column: str, header: list[str]) -> int | None:
    """Return where a column stands, named as in the header (capitals do not matter) or by its number from 1."""
    names = [name.strip().casefold() for name in header]
    if column.casefold() in names:
        return names.index(column.casefold())
    return int(column) - 1 if column.isdecimal() and 0 < int(column) <= len(header) else None
