"""A mail's parts, read in bounded time whatever they hold.

The standard library's parser is not used: a boundary in a boundary a thousand times over makes it recurse or take hours, and
a charset that lies makes it raise. Here depth and number of parts are bounded, what is wrong is read as text, and each step
goes over the bytes once.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, a2b_qp
from collections.abc import Iterator
from itertools import islice, zip_longest
from typing import Final

from msgspec import Struct

LARGEST: Final = 1_000_000
"""Bytes of a mail that are read; the rest of a larger one holds the mail that is returned, which nobody needs."""

_DEEPEST = 6
_MOST_PARTS = 60
_MOST_HEADERS = 500
_LONGEST_HEADER = 8_000
_LONGEST_HEADERS = 200_000
_LONGEST_TEXT = 30_000

_END_OF_HEADERS = re.compile(rb"\r?\n[ \t]*\r?\n|\r\r")
_HEADER = re.compile(rb"([!-9;-~]{1,76})[ \t]*:[ \t]*")
_PARAMETER = re.compile(r';\s*([\w-]{1,40})(?:\*\d{0,2}\*?)?\s*=\s*("[^"]{0,300}"|[^;\s"]{0,300})')
_A_BOUNDARY = re.compile(
    rb"^--([^\s\-][^\r\n]{0,90}|-[^\r\n]{1,90}?)[ \t]*\r?\nContent-[A-Za-z-]{1,30}:", re.MULTILINE | re.IGNORECASE
)
_WORD = re.compile(r"=\?([\w.:+-]{1,40})(?:\*\w{1,10})?\?([bBqQ])\?([^?]{0,2000})\?=(?:\s+(?==\?))?")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_SLOW_OR_NO_TEXT = frozenset(
    {
        "punycode",
        "idna",
        "undefined",
        "unicode_escape",
        "unicode-escape",
        "raw_unicode_escape",
        "raw-unicode-escape",
        "utf-7",
        "utf7",
    }
)


class Part(Struct, frozen=True):
    """A part of a mail, or the whole: headers as (name in lower case, value in one line), and parts or content."""

    headers: tuple[tuple[str, str], ...]
    type: str
    parameters: dict[str, str]
    body: bytes
    parts: tuple[Part, ...] = ()

    def header(self, name: str) -> str:
        """Return the first header of a name (in lower case), decoded; empty where there is none."""
        return next((decoded_words(value) for each, value in self.headers if each == name), "")

    def all(self, *names: str) -> list[str]:
        """Return all headers of some names, by the order of the names."""
        return [value for name in names for each, value in self.headers if each == name]

    def leaves(self) -> Iterator[Part]:
        """Yield the parts that hold content, in their order; a mail in the mail is one of them."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()

    @property
    def content(self) -> bytes:
        """The content with its transfer encoding undone, as far as that can be done."""
        encoding = self.header("content-transfer-encoding").strip().casefold()
        if encoding == "base64":
            return _from_base64(self.body)
        return a2b_qp(self.body) if encoding == "quoted-printable" else self.body

    @property
    def text(self) -> str:
        """The content as text, in the charset it is in rather than the one it claims, lines ended by a line feed."""
        text = decoded(self.content[: 2 * _LONGEST_TEXT], self.parameters.get("charset", ""))[:_LONGEST_TEXT]
        return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def part_of(raw: bytes) -> Part:
    """Return a mail with its parts. It is never refused: what is no mail is a part of text without headers."""
    return _read(raw[:LARGEST].lstrip(b"\r\n"), 0, [_MOST_PARTS])


def decoded(raw: bytes, charset: str) -> str:
    """Return text in the charset claimed if it is that, else in UTF-8 if it is that, else as if it were Western European."""
    named = charset.strip().casefold()
    for each in (named, "utf-8"):
        if each and each not in _SLOW_OR_NO_TEXT:
            try:
                return raw.decode(each)
            except (LookupError, ValueError):  # ValueError: what a codec does not know, and a name with a NUL in it
                continue
    return raw.decode("cp1252", errors="replace")


def decoded_words(value: str) -> str:
    """Return a header's value with its encoded words (RFC 2047) decoded."""
    return _WORD.sub(_word, value) if "=?" in value else value


def _word(found: re.Match[str]) -> str:
    content = found[3].encode(errors="replace")
    raw = _from_base64(content) if found[2] in "bB" else a2b_qp(content, header=True)
    return decoded(raw, found[1])


def _from_base64(raw: bytes) -> bytes:
    """Undo base64; lines that are cut or hold other characters lose what cannot be read, no more."""
    clean = _NOT_BASE64.sub(b"", raw)
    if len(clean) % 4 == 1:
        clean = clean[:-1]
    try:
        return a2b_base64(clean + b"=" * (-len(clean) % 4))
    except Error:
        return b""


def _read(raw: bytes, depth: int, left: list[int]) -> Part:
    headers, body = _headers(raw)
    given = next((value for name, value in headers if name == "content-type"), "")
    kind = given.partition(";")[0].strip().casefold()
    parameters = {name.casefold(): value.strip('"') for name, value in _PARAMETER.findall(given)}
    if kind.startswith("multipart/") and depth < _DEEPEST:
        parts = tuple(_read(each, depth + 1, left) for each in _divided(body, parameters.get("boundary", ""), left))
        if parts:
            return Part(headers, kind, parameters, b"", parts)
        kind = "text/plain"
    return Part(headers, kind or "text/plain", parameters, body)


def _headers(raw: bytes) -> tuple[tuple[tuple[str, str], ...], bytes]:
    """Divide headers and content. A line that is no header ends the headers, and belongs to the content."""
    if raw[:1] in b"\r\n":
        return (), raw.lstrip(b"\r\n")
    end = _END_OF_HEADERS.search(raw, 0, _LONGEST_HEADERS)
    block, body = (raw[: end.start()], raw[end.end() :]) if end else (raw[:_LONGEST_HEADERS], b"")
    found: list[tuple[str, list[bytes]]] = []
    lines = block.replace(b"\r\n", b"\n").split(b"\n")
    for number, line in enumerate(lines):
        header = _HEADER.match(line)
        if line[:1] in (b" ", b"\t") and found:
            found[-1][1].append(line.strip())
        elif header and len(found) < _MOST_HEADERS:
            found.append((header[1].decode("ascii").casefold(), [line[header.end() :]]))
        elif not line.startswith((b"From ", b">From ")):
            body = b"\n".join([*lines[number:], b"", body])
            break
    return tuple((name, _value(value)) for name, value in found), body


def _value(lines: list[bytes]) -> str:
    raw = b" ".join(lines)[:_LONGEST_HEADER]
    return raw.decode("ascii") if raw.isascii() else decoded(raw, "utf-8")


def _divided(body: bytes, boundary: str, left: list[int]) -> Iterator[bytes]:
    """Yield what stands between lines of the boundary; a boundary that does not occur is guessed from the content."""
    body = b"\n" + body
    lines = list(_lines_of(boundary.encode(errors="replace"), body)) if boundary else []
    if not lines:
        guessed = _A_BOUNDARY.search(body)
        lines = list(_lines_of(guessed[1], body)) if guessed else []
    for line, following in zip_longest(lines, lines[1:]):
        if line[1] or left[0] == 0:  # the closing one
            return
        left[0] -= 1
        yield body[line.end() : following.start() if following else len(body)].removeprefix(b"\r").removeprefix(b"\n")


def _lines_of(boundary: bytes, body: bytes) -> Iterator[re.Match[bytes]]:
    """Find the lines that are this boundary; one that begins alike is another. Fixed bytes go first: they are looked for fast."""
    line = re.compile(rb"\n--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\r?$)")
    return islice(line.finditer(body), _MOST_PARTS + 1)
