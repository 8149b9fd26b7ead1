"""The words in which input is refused: the field first, then what is wrong and what is right, never the value."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final, get_args

import msgspec

from engine.core.events import DATA

_HOW_TIMES_ARE_WRITTEN = "write it as 2026-01-31T10:15:00+01:00, or with Z for UTC"
_MESSAGE = re.compile(r"(?P<what>.*?)(?: - at `(?P<path>.*)`)?", re.DOTALL)
_WORDS: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
    "datetime": "a time",
}


def in_our_words(message: str, kind: str) -> str:
    """Say what the decoder says, with the field first and without the value."""
    match = _MESSAGE.fullmatch(message)
    assert match is not None, "the pattern takes any text"
    what, field = match["what"], (match["path"] or "").removeprefix("$").removeprefix(".")
    quoted = re.findall(r"`([^`]*)`", what)
    if what.startswith("Object missing required field"):
        return f"{f'{field}.' if field else ''}{quoted[0]} is missing"
    if "timezone component" in what:
        return f"{field} has no time zone: {_HOW_TIMES_ARE_WRITTEN}"
    if "RFC3339" in what:
        return f"{field} is not a time with date, clock and zone: {_HOW_TIMES_ARE_WRITTEN}"
    if "length >= 1" in what:
        return f"{field} is empty"
    if what.startswith("Invalid enum value"):
        return f"{field} must be one of {', '.join(_choices(field, kind))}"
    if what.startswith("Invalid decimal string"):
        return f'{field} must be a number, such as "49.90"'
    if what.startswith("Expected") and quoted:
        wanted, *got = ([_WORDS.get(word, word) for word in words.split(" | ")] for words in quoted)
        return f"{field or 'the event'} must be {' or '.join(wanted)}" + (f", not {got[0][0]}" if got else "")
    return f"{field or 'the event'}: {what[:1].lower()}{what[1:]}".replace("`", "")


def _choices(field: str, kind: str) -> list[str]:
    name = field.removeprefix("data.")
    return [
        choice
        for known in msgspec.structs.fields(DATA[kind])
        if known.name == name
        for choice in get_args(known.type)
        if choice
    ]


def kind_of(value: Any) -> str:
    """Name the kind of a JSON value."""
    if isinstance(value, bool):
        return "true or false"
    names = {str: "text", int: "a number", Decimal: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "null")


def not_json(raw: bytes, message: str) -> str:
    """Say why the decoder took some bytes for no JSON, given its message."""
    if "truncated" in message:
        return "not JSON: it ends in the middle" if raw.strip() else "empty"
    if re.search(rb"[:\[,]\s*-?(?:NaN|Infinity)", raw):
        return "not JSON: NaN and Infinity are no numbers there"
    match = re.search(r"\(byte (\d+)\)", message)
    return f"not JSON at byte {int(match[1]) + 1}" if match else f"not JSON: {message.partition(' - at')[0].lower()}"


def shown(kind: str) -> str:
    """Quote a type, unless it may be something else (an address) in the wrong place."""
    return repr(kind) if re.fullmatch(r"[A-Za-z0-9_.-]{1,60}", kind) else "(not letters, digits, dots and underscores)"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that names the nearest known name, or nothing where none is near."""
    near = get_close_matches(name[:60], list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
