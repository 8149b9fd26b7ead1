"""Effects into files: `effects.jsonl`, and daily CSV of suppressions, hand-offs and tags for tools that only take files.

Each line is written once, over crashes too: how far each file goes is kept beside them, written whole after the lines
are on disk. What stands behind that in a file at a start was written by a process that died before it could say so; it
is cut off and written anew. A file that somebody took away begins anew, and what was in it is theirs.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from engine.core.erasing import Traces

LINES = "effects.jsonl"
POSITION = "effects.position"
_DAYS_REMEMBERED = 8
_HEADS = {
    "suppressions": ("time", "customer", "email", "scope", "action", "workflow", "effect_id"),
    "hand_offs": ("time", "customer", "email", "team", "may", "workflow", "effect_id"),
    "tags": ("time", "customer", "email", "tag", "action", "workflow", "effect_id"),
}


class Line(Struct, frozen=True):
    """One effect: its line of JSON and, where a daily file is for it, that file's kind, the day, and the row's cells."""

    json: bytes
    kind: str = ""
    day: str = ""
    cells: tuple[str, ...] = ()


class _Position(Struct):
    """The number of the last effect that was written, and how long each file is with it."""

    seq: int = 0
    sizes: dict[str, int] = {}


def position_of(folder: Path) -> int:
    """Return the number of the last effect that is in a folder's files, 0 where there are none."""
    try:
        return msgspec.json.decode((folder / POSITION).read_bytes(), type=_Position).seq
    except FileNotFoundError:
        return 0


def come_to(folder: Path, at_most: int, else_at: int) -> None:
    """Let a folder's files go on after a restore: no later than `at_most`, or at `else_at` where there are none yet.

    What is in the files stays there; it is of those who read them.
    """
    try:
        at = msgspec.json.decode((folder / POSITION).read_bytes(), type=_Position)
        at.seq = min(at.seq, at_most)
    except FileNotFoundError:
        at = _Position(else_at)
    _save(folder, at)


class EffectFiles:
    """The files of one data folder. `position` is the number of the last effect that is in them for good."""

    def __init__(self, folder: Path) -> None:
        """Open the files, and cut off what was not written for good.

        Raises:
            OSError: they cannot be read or written.

        """
        self._folder = folder
        (folder / "effects").mkdir(parents=True, exist_ok=True)
        try:
            self._at = msgspec.json.decode((folder / POSITION).read_bytes(), type=_Position)
        except FileNotFoundError:
            self._at = _Position()
        for name in self._present():
            size = self._at.sizes.get(name, 0)
            path = folder / name
            if path.stat().st_size > size:
                with path.open("r+b") as file:
                    file.truncate(size)
                    os.fsync(file.fileno())

    @property
    def position(self) -> int:
        """The number of the last effect written."""
        return self._at.seq

    def write(self, lines: Iterable[Line], seq: int) -> None:
        """Write effects, for good; `seq` is the number of the last of them (or of one after them that is for no file)."""
        texts: dict[str, list[bytes]] = {}
        for line in lines:
            texts.setdefault(LINES, []).append(line.json)
            if line.kind:
                name = f"effects/{line.kind}-{line.day}.csv"
                texts.setdefault(name, []).append(_row(line.cells))
        sizes = {name: self._append(name, b"".join(parts)) for name, parts in texts.items()}
        kept = {**self._at.sizes, **sizes}
        days = sorted({name.rpartition("-")[0] and name[-14:] for name in kept if name != LINES})[-_DAYS_REMEMBERED:]
        self._at = _Position(seq, {name: size for name, size in kept.items() if name == LINES or name[-14:] in days})
        _save(self._folder, self._at)

    def _present(self) -> list[str]:
        """Return the files that may hold what was not written for good: those of today and of the days remembered."""
        newest = max((name[-14:] for name in self._at.sizes if name != LINES), default="")
        daily = [f"effects/{path.name}" for path in (self._folder / "effects").glob("*.csv")]
        doubtful = [name for name in daily if name in self._at.sizes or name[-14:] >= newest]
        return [name for name in (LINES, *doubtful) if (self._folder / name).exists()]

    def _append(self, name: str, text: bytes) -> int:
        path = self._folder / name
        with path.open("ab") as file:
            if name != LINES and not file.tell():
                kind = name.removeprefix("effects/").partition("-")[0]
                file.write(_row(_HEADS[kind]))
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            return file.tell()


def erased(folder: Path, traces: Traces, customers: frozenset[str]) -> int:
    """Overwrite every line about a person by one as long that says nothing of them; return how many there were.

    So whoever reads on from a place in a file finds it again, and no copy stays on free blocks of the disk.

    Raises:
        OSError: a file cannot be read or written.

    """
    count = 0
    for path in (folder / LINES, *sorted((folder / "effects").glob("*.csv"))):
        if path.exists():
            instead = partial(_line_instead if path.name == LINES else _row_instead, traces=traces, customers=customers)
            with path.open("r+b") as file:
                count += _overwrite(file, instead)
    return count


def _overwrite(file: BinaryIO, instead: Callable[[bytes], bytes]) -> int:
    count, place = 0, 0
    for line in iter(file.readline, b""):
        new = instead(line)
        if new != line:
            assert len(new) == len(line), "what follows stays where it is"
            after = file.tell()
            file.seek(place)
            file.write(new)
            file.seek(after)
            count += 1
        place += len(line)
    file.flush()
    os.fsync(file.fileno())
    return count


_NOBODYS = b'{"specversion":"1.0","id":"erased","source":"winback","type":"winback.erased","data":{}}'


def _line_instead(line: bytes, traces: Traces, customers: frozenset[str]) -> bytes:
    """Return what is to stand in a line's place: the line itself, where it is nobody's who was erased."""
    if not traces.may_be_in(line):
        return line
    try:
        effect = msgspec.json.decode(line)
    except msgspec.DecodeError:  # broken off by a crash, and cut off at the next start
        return line
    less = _NOBODYS if effect.get("subject") in customers else msgspec.json.encode(traces.without(effect))
    return line if less != _NOBODYS and traces.without(effect) == effect else _as_long(less, line)


def _row_instead(line: bytes, traces: Traces, customers: frozenset[str]) -> bytes:
    cells = next(csv.reader([line.decode(errors="replace")]), [])
    if not (traces.may_be_in(line) and (len(cells) < 2 or cells[1] in customers or traces.without(cells) != cells)):
        return line
    return _as_long(f"{cells[0]}{',' * (len(cells) - 1)}".encode(), line)


def _as_long(text: bytes, line: bytes) -> bytes:
    """Return a text as long as a line: blanks behind JSON and behind a row's last cell say nothing."""
    end = line[len(line.rstrip(b"\r\n")) :]
    room = len(line) - len(end)
    return (text if len(text) <= room else b"").ljust(room) + end


def _save(folder: Path, at: _Position) -> None:
    beside = folder / f"{POSITION}.part"
    with beside.open("wb") as file:
        file.write(msgspec.json.encode(at))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / POSITION)


def _row(cells: Iterable[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()
