"""Tables as other tools and spreadsheets export them: what they are written in is found out, and can be said aloud.

Unlike a history, whose rows are ours to define, an export is what somebody's Excel made of it: UTF-8 with or without BOM,
UTF-16, Windows-1252; commas, semicolons, tabs or bars; a line `sep=;` before all; or no header at all. The file is read
twice, first to see what it is and how long. No more than a row is held at any time.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, cast

from msgspec import Struct

from connectors.files.lines import FileProblem

_CHUNK: Final = 1 << 20
_LONGEST_LINE: Final = 1_000_000
_GZIP: Final = b"\x1f\x8b"
_SEPARATORS: Final = ",;\t|"
_DATUM: Final = re.compile(r"[^@\s]+@[^@\s]+|[0-9a-f]{64}", re.IGNORECASE)
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_NAMES: Final = {
    "utf-8-sig": "UTF-8",
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp1252": "Windows-1252",
}


class SheetRow(Struct, frozen=True, gc=False):
    """The cells of a row and the number of its first line; `problem` says why it cannot be read."""

    number: int
    cells: list[str]
    problem: str = ""


class Sheet(Struct, frozen=True):
    """A file whose form is known. `columns` are the names in its header, or numbers from 1 where it has none."""

    path: str
    codec: str
    separator: str
    columns: list[str]
    has_header: bool
    lines: int
    _skipped: int = 0

    @property
    def encoding(self) -> str:
        """The encoding as people call it."""
        return _NAMES[self.codec]

    def rows(self) -> Iterator[SheetRow]:
        """Yield the rows below the header.

        Raises:
            FileProblem: the file breaks off; all rows before were given.

        """
        width = len(self.columns)
        for row in islice(_rows(self.path, self.codec, self.separator, self._skipped), int(self.has_header), None):
            if row.problem or len(row.cells) == width:
                yield row
            elif len(row.cells) > width and not any(row.cells[width:]):
                yield SheetRow(row.number, row.cells[:width])
            else:
                there = f"{len(row.cells)} fields where the first row has {width}: is a quote or separator missing?"
                yield SheetRow(row.number, row.cells, there)


def open_sheet(path: str) -> Sheet:
    """Find out what a file is written in.

    Raises:
        FileProblem: it cannot be read, or is empty.

    """
    try:
        codec, lines = _looked_through(path)
        with _text(path, codec) as file:
            first = file.readline(_LONGEST_LINE)
            second = file.readline(_LONGEST_LINE)
    except (OSError, EOFError, zlib.error) as error:
        raise FileProblem(path, f"cannot be read ({getattr(error, 'strerror', None) or error})") from error
    said = re.fullmatch(r"sep=(.)\s*", first)
    separator = said[1] if said else _separator(first)
    head = next(_rows(path, codec, separator, int(bool(said))), None)
    if head is None or (said and not second.strip()):
        raise FileProblem(path, "is empty")
    has_header = not any(_DATUM.fullmatch(cell) for cell in head.cells)
    columns = head.cells if has_header else [str(number) for number in range(1, len(head.cells) + 1)]
    return Sheet(path, codec, separator, columns, has_header, lines, int(bool(said)))


def _separator(line: str) -> str:
    """Return what the first line is cut by: into the most cells, a comma where nothing cuts it."""
    return max(_SEPARATORS, key=lambda each: len(next(csv.reader([line], delimiter=each), [])))


def _rows(path: str, codec: str, separator: str, skipped: int) -> Iterator[SheetRow]:
    """Yield all rows that are not blank, the header included; a quoted cell may go over several lines."""
    try:
        with _text(path, codec) as file:
            for _ in range(skipped):
                file.readline(_LONGEST_LINE)
            cut = csv.reader(iter(lambda: file.readline(_LONGEST_LINE), ""), delimiter=separator, strict=True)
            while True:
                number = skipped + cut.line_num + 1
                try:
                    cells = [cell.strip() for cell in next(cut)]
                except StopIteration:
                    return
                except csv.Error:  # text after a closing quote, or a quote that does not close within 128 KB
                    yield SheetRow(number, [], "a quote is missing or too many")
                    continue
                if any(cells):
                    yield SheetRow(number, cells)
    except (OSError, EOFError, zlib.error) as error:
        raise FileProblem(path, f"breaks off ({getattr(error, 'strerror', None) or error})") from error


def _looked_through(path: str) -> tuple[str, int]:
    """Return a file's codec and how many lines it has. What is not UTF-8 is taken for what Windows writes."""
    with _binary(path) as file:
        head = file.read(4_096)
        known = next((codec for bom, codec in _BOMS if head.startswith(bom)), "") or _utf_16_without_bom(head)
        decoder = codecs.getincrementaldecoder(known or "utf-8")("replace" if known else "strict")
        codec, lines, chunk = known or "utf-8", 0, head
        while True:
            lines += chunk.count(b"\n")
            if codec == "utf-8":
                try:
                    decoder.decode(chunk, final=not chunk)
                except UnicodeDecodeError:
                    codec = "cp1252"
            if not chunk:
                return codec, lines
            chunk = file.read(_CHUNK)


def _utf_16_without_bom(head: bytes) -> str:
    if head[1:2] == b"\0" and head[:1] != b"\0":
        return "utf-16-le"
    return "utf-16-be" if head[:1] == b"\0" and head[1:2] not in (b"", b"\0") else ""


def _binary(path: str) -> BinaryIO:
    with Path(path).open("rb") as file:
        is_packed = file.read(2) == _GZIP
    return cast("BinaryIO", gzip.open(path)) if is_packed else Path(path).open("rb")


def _text(path: str, codec: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(_binary(path), encoding=codec, errors="replace", newline="")
