"""Addresses in mails, as they are written by servers of all kinds."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ADDRESS = re.compile(
    r"(?<![\w.+=%/-])((?:\"[^\"\n@]{1,64}\"|[\w.!#$%&'*+/=?^`{|}~-]{1,120})@(?:\[[\d.:a-fA-F]{3,45}\]|(?:[\w-]{1,63}\.){1,10}[^\W\d][\w-]{0,62}))"
)
_WRAPPED = re.compile(r"(?:prvs=[^=@]{1,40}=|btv1==[^=@]{1,40}==)(?P<plain>[^@]{1,120}@.{1,255})", re.IGNORECASE)
_REWRITTEN = re.compile(
    r"SRS[01][=+-].{1,60}?=[^=@]{1,6}=(?P<host>[^=@]{1,200})=(?P<local>[^@]{1,120})@.{1,255}", re.IGNORECASE
)
_UTF8 = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_TYPED = re.compile(r"^\s*[\w.+-]{1,30}\s*;\s*")
_SMTP = re.compile(r"^smtp[=:]", re.IGNORECASE)
_LONGEST = 2_000


def addresses_in(text: str) -> tuple[str, ...]:
    """Return the addresses in a text, each once, in their order."""
    return unique(plain(found[1]) for found in _ADDRESS.finditer(text))


def found_in(text: str) -> list[tuple[int, int, str]]:
    """Return where addresses stand in a text: where each begins and ends, and what it is."""
    return [(found.start(), found.end(), plain(found[1])) for found in _ADDRESS.finditer(text)]


def typed_address(field: str) -> str:
    """Return the address of a field like `rfc822; ada@example.org` (RFC 3464); empty where there is none with an @."""
    value = _UTF8.sub(_character, _TYPED.sub("", field[:_LONGEST], count=1))
    return next(iter(addresses_in(value)), "")


def plain(address: str) -> str:
    """Return an address without what servers wrap around it: signatures of BATV, rewriting of SRS, quotes, a dot at its end."""
    address = _SMTP.sub("", address.strip(" '\"<>").rstrip("."))
    if wrapped := _WRAPPED.fullmatch(address):
        return wrapped["plain"]
    if rewritten := _REWRITTEN.fullmatch(address):
        return f"{rewritten['local']}@{rewritten['host']}"
    return address


def unique(values: Iterable[str]) -> tuple[str, ...]:
    """Return values once each whatever their case, empty ones left out, in their order."""
    kept: dict[str, str] = {}
    for value in values:
        if value:
            kept.setdefault(value.casefold(), value)
    return tuple(kept.values())


def _character(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "?"
