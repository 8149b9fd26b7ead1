"""Searching bytes for what must not be there: as it is, in other writings of it, and inside what is compressed."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote


def writings(word: str) -> dict[str, bytes]:
    """Return the ways in which bytes may hold a word: plain, in capitals, UTF-16, hex, URL, base64 at each of three places."""
    plain = word.encode()
    found = {
        "plain": plain,
        "capitals": word.upper().encode(),
        "small letters": word.lower().encode(),
        "UTF-16 LE": word.encode("utf-16-le"),
        "UTF-16 BE": word.encode("utf-16-be"),
        "hex": plain.hex().encode(),
        "HEX": plain.hex().upper().encode(),
        "URL": quote(word, safe="").encode(),
        "JSON": word.encode("ascii", "backslashreplace"),
    }
    for shift in range(3):
        whole = b64encode(b"\0" * shift + plain)
        # what depends on the neighbours is left out at both ends
        inner = whole[4 * bool(shift) : len(whole) // 4 * 4 - 4]
        if len(inner) >= 8:
            found[f"base64 at {shift}"] = inner
            found[f"base64url at {shift}"] = inner.replace(b"+", b"-").replace(b"/", b"_")
    return found


def found_in(raw: bytes, words: Iterable[str]) -> list[str]:
    """Return each word that stands in bytes, and how it is written there; parts that are compressed are opened."""
    pieces = [raw, *_opened(raw)]
    return sorted(
        {
            f"{word} ({how})"
            for word in words
            for how, writing in writings(word).items()
            if any(writing in piece for piece in pieces)
        }
    )


def found_in_files(folder: Path, words: Iterable[str]) -> dict[str, list[str]]:
    """Return what stands in which file of a folder, their names included."""
    listed = list(words)
    found = {}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        name = path.relative_to(folder).as_posix()
        said = found_in(path.read_bytes() + b"\0" + name.encode(), listed)
        if said:
            found[name] = said
    return found


def _opened(raw: bytes) -> Iterator[bytes]:
    """Yield what gzip, zlib and ZIP parts hold, wherever they begin."""
    for begin in _places(raw, b"\x1f\x8b\x08"):
        try:
            yield gzip.GzipFile(fileobj=io.BytesIO(raw[begin:])).read(1 << 24)
        except (OSError, EOFError, zlib.error):
            continue
    for head in (b"\x78\x9c", b"\x78\x01", b"\x78\xda", b"\x78\x5e"):
        for begin in _places(raw, head):
            try:
                yield zlib.decompressobj().decompress(raw[begin:], 1 << 20)
            except zlib.error:
                continue
    if raw[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            for name in archive.namelist():
                yield archive.read(name)


def _places(raw: bytes, head: bytes) -> Iterator[int]:
    place = raw.find(head)
    while place >= 0:
        yield place
        place = raw.find(head, place + 1)
