"""Bytes into lines: streaming, unpacking what is gzipped, and never holding a line that is too long to be an event."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final, cast

from engine.core.reading import MOST_BYTES

_CHUNK: Final = 1 << 20
_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"


class FileProblem(Exception):
    """A file that cannot be read, or only in part; what could be read has been given before."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def blocks(file: BinaryIO, path: str) -> Iterator[tuple[int, bytes]]:
    """Yield (number of the first line, whole lines), in order, a megabyte or so at a time.

    The last line of a block has no end, the first of the file no BOM.

    Blocks do not depend on each other, so that they can be read by several processes. A line of more than 1 MB comes
    alone, cut there; the rest of it is passed over in chunks. `path` is for the message.

    Raises:
        FileProblem: the file breaks off (a truncated or damaged archive); all whole lines before were given.

    """
    stream = _unpacked(file)
    number, rest, is_passing_over = 1, b"", False
    try:
        while chunk := stream.read1(_CHUNK):
            if is_passing_over:
                _, end, chunk = chunk.partition(b"\n")
                if not end:
                    continue
                number, is_passing_over = number + 1, False
            whole, end, begun = chunk.rpartition(b"\n")
            if end:
                block = rest + whole
                yield number, _without_bom(block, number)
                number += block.count(b"\n") + 1
                rest = begun
            else:
                rest += begun
            if len(rest) > MOST_BYTES:
                yield number, _without_bom(rest, number)[: MOST_BYTES + 1]
                rest, is_passing_over = b"", True
    except (EOFError, OSError, zlib.error) as error:
        raise FileProblem(path, _breaks_off(error, number)) from error
    if rest:
        yield number, _without_bom(rest, number)


def lines(file: BinaryIO, path: str) -> Iterator[tuple[int, bytes]]:
    """Yield (number, line) for each line that is not blank, without its end.

    Raises:
        FileProblem: as `blocks`.

    """
    for first, block in blocks(file, path):
        for number, line in enumerate(block.split(b"\n"), first):
            clean = line.removesuffix(b"\r")
            if clean and not clean.isspace():
                yield number, clean


def _without_bom(block: bytes, number: int) -> bytes:
    return block.removeprefix(_BOM) if number == 1 else block


def _unpacked(file: BinaryIO) -> io.BufferedReader:
    """Return the stream, unpacked where it begins as gzip does, whatever the file is called."""
    buffered = file if isinstance(file, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", file))
    if not buffered.peek(2).startswith(_GZIP):
        return buffered
    # read1 gives what could be unpacked before it says that the archive breaks off; read would keep it back.
    return cast("io.BufferedReader", gzip.GzipFile(fileobj=buffered))


def _breaks_off(error: Exception, number: int) -> str:
    what = {
        EOFError: "the archive is truncated",
        zlib.error: "the archive is damaged",
        gzip.BadGzipFile: "the archive is damaged",
    }.get(type(error), f"cannot be read ({getattr(error, 'strerror', None) or error})")
    return f"{what}; whole lines before line {number} were read, that one and what followed it were not"
