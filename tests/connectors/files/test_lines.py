"""JSON lines: what a file may look like, and that neither long lines nor broken archives lose anything without a word."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.files import FileProblem, read_block, read_files
from connectors.files.lines import blocks, lines
from engine.core.events import DeadLetter, Event
from engine.core.reading import MOST_BYTES, Reader

READER = Reader()


def visit(id: int, **more: Any) -> bytes:  # noqa: A002 - the event's word
    """A line of JSON with one event."""
    event = {"id": str(id), "type": "customer.visited", "time": "2026-01-31T10:15:00Z", "subject": "c-1", **more}
    return json.dumps(event).encode()


def ids(found: list[Event | DeadLetter]) -> list[str]:
    """The ids of events, and the origins of dead letters."""
    return [one.id if isinstance(one, Event) else one.origin for one in found]


class Trickle(io.RawIOBase):
    """A stream that gives at most so many bytes at a time, and counts what it gave."""

    def __init__(self, content: Iterator[bytes]) -> None:
        self._content = content
        self._rest = b""
        self.given = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, into: Any) -> int:
        """Fill the buffer as far as one piece goes."""
        self._rest = self._rest or next(self._content, b"")
        size = min(len(into), len(self._rest))
        into[:size], self._rest = self._rest[:size], self._rest[size:]
        self.given += size
        return size


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("is_packed", [False, True])
def test_all_shapes_of_a_file(tmp_path: Path, end: bytes, bom: bytes, is_packed: bool) -> None:  # noqa: FBT001 - a table's column
    """A BOM, CRLF, blank lines, a last line without an end, and gzip under any name are no problem."""
    content = bom + end.join([visit(1), b"", b"  ", visit(2), visit(3)])
    path = tmp_path / "events"
    path.write_bytes(gzip.compress(content) if is_packed else content)
    assert ids(list(read_files([str(path)], READER))) == ["1", "2", "3"]


def test_dead_letters_say_where(tmp_path: Path) -> None:
    """A bad line is a dead letter with file and line number, blank lines counted, and the lines around it are read."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join([visit(1), b"", b"{", visit(2), b"[" + visit(3) + b"]", visit(4)]))
    found = list(read_files([str(path)], READER))
    assert ids(found) == ["1", f"{path}:3", "2", f"{path}:5", "4"]
    dead = [one for one in found if isinstance(one, DeadLetter)]
    assert dead[0].raw == b"{"
    assert "a list where one event" in dead[1].reason


def test_a_no_gives_an_event_and_a_dead_letter(tmp_path: Path) -> None:
    """An unreadable "no" is yielded both as what it means and as a dead letter."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(visit(1, type="email.unsubscribed", data=[]))
    assert ids(list(read_files([str(path)], READER))) == ["1", f"{path}:1"]


def test_a_long_line_is_not_held() -> None:
    """Of a line of 10 MB the first megabyte is kept, never much more is held, and the next line is read."""

    def content() -> Iterator[bytes]:
        yield visit(1) + b"\n" + b'{"x":"'
        for _ in range(160):
            yield b"x" * 65_536
        yield b'"}\n' + visit(2)

    stream = Trickle(content())
    found = list(read_files(["-"], READER, stdin=io.BufferedReader(stream)))
    assert ids(found) == ["1", "-:2", "2"]
    dead = found[1]
    assert isinstance(dead, DeadLetter)
    assert len(dead.raw) == MOST_BYTES + 1
    assert dead.reason == "longer than 1,000,000 bytes"
    assert stream.given > 10_000_000


@pytest.mark.parametrize("length", [MOST_BYTES - 1, MOST_BYTES, MOST_BYTES + 1, 2**20, 2**20 + 1, 2_500_000])
def test_lines_about_as_long_as_allowed(length: int) -> None:
    """A line is taken up to 1 MB and refused above, wherever the chunks happen to end."""
    long = visit(2, padding="")
    long = long.replace(b'"padding": ""', b'"padding": "' + b"x" * (length - len(long)) + b'"')
    assert len(long) == length
    found = list(read_files(["-"], READER, stdin=io.BytesIO(b"\n".join([visit(1), long, visit(3)]))))
    assert ids(found) == ["1", "2" if length <= MOST_BYTES else "-:2", "3"]


def test_a_truncated_archive_gives_what_can_be_read(tmp_path: Path) -> None:
    """All whole lines before the break are given, then the files after it, then the error with file and line."""
    content = b"\n".join(visit(number, page=str(number * 7919)) for number in range(5000))
    broken, whole = tmp_path / "broken.jsonl.gz", tmp_path / "whole.jsonl"
    packed = gzip.compress(content)
    broken.write_bytes(packed[: len(packed) // 2])
    whole.write_bytes(visit(9999))
    found: list[Event | DeadLetter] = []
    with pytest.raises(FileProblem) as problem:
        found.extend(read_files([str(broken), str(whole)], READER))
    read = len(found) - 1
    assert ids(found) == [*map(str, range(read)), "9999"]
    assert 1000 < read < 5000
    assert problem.value.path == str(broken)
    assert "the archive is truncated" in problem.value.reason
    assert f"line {read + 1}" in problem.value.reason


@pytest.mark.parametrize("damage", [lambda packed: packed + b"garbage", lambda packed: packed[:-8] + b"\0" * 8])
def test_a_damaged_archive_is_said(damage: Any) -> None:
    """Garbage after an archive, or a wrong check sum, is an error after all that was read."""
    stream = io.BytesIO(damage(gzip.compress(visit(1) + b"\n" + visit(2) + b"\n")))
    found: list[Event | DeadLetter] = []
    with pytest.raises(FileProblem, match="the archive is damaged"):
        found.extend(read_files(["-"], READER, stdin=stream))
    assert ids(found) == ["1", "2"]


def test_archives_in_one_file_are_read_on() -> None:
    """Archives written one after the other into a file, as log rotation does, are one file."""
    stream = io.BytesIO(gzip.compress(visit(1) + b"\n") + gzip.compress(visit(2)))
    assert ids(list(read_files(["-"], READER, stdin=stream))) == ["1", "2"]


def test_files_that_are_not_there_are_named_first(tmp_path: Path) -> None:
    """All missing files are named at once, before anything of the others is read."""
    there = tmp_path / "there.jsonl"
    there.write_bytes(visit(1))
    reading = read_files([str(there), str(tmp_path / "a"), str(tmp_path)], READER)
    with pytest.raises(FileProblem) as problem:
        next(reading)
    assert "No such file" in str(problem.value)
    assert "directory" in str(problem.value).splitlines()[1]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_an_empty_file_has_no_events(content: bytes) -> None:
    """Nothing comes of nothing, and it is no error."""
    assert list(read_files(["-"], READER, stdin=io.BytesIO(content))) == []


@given(st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line), max_size=30), st.integers(1, 50))
def test_lines_do_not_depend_on_chunks(given_lines: list[bytes], size: int) -> None:
    """However the bytes trickle in, the numbered lines are those of the whole."""
    content = b"\n".join(given_lines)
    stream = Trickle(content[at : at + size] for at in range(0, len(content), size))
    whole = [
        (number, clean)
        for number, line in enumerate(content.split(b"\n"), 1)
        if (clean := (line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line).removesuffix(b"\r")).strip(
            b" \t\r\n\x0b\x0c"
        )
    ]
    if not content.startswith(b"\x1f\x8b"):
        assert list(lines(io.BufferedReader(stream), "x")) == whole


def test_blocks_can_be_read_apart() -> None:
    """Blocks hold whole lines and know their first line's number, so that several processes may share a file."""
    content = b"\n".join(visit(number) if number % 1000 else b"{" for number in range(1, 30_001))
    parts = list(blocks(io.BytesIO(content), "x"))
    assert len(parts) > 1
    apart = [one for first, block in reversed(parts) for one in read_block(READER, "-", first, block)]
    together = list(read_files(["-"], READER, stdin=io.BytesIO(content)))
    assert sorted(ids(apart)) == sorted(ids(together))
    assert "-:30000" in ids(together)
