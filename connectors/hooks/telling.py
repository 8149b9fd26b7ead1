"""What hooks have in common when they tell: reading bodies, and writing events whose ids are the same each time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final

import msgspec

from engine.core.decoded import at
from engine.core.moments import SECOND, rfc3339
from engine.core.reading import TOO_LATE
from engine.ports import UnreadableError

JSON = dict[str, Any]

_decode = msgspec.json.Decoder(float_hook=Decimal).decode  # money that is a number stays exact
written = msgspec.json.Encoder(decimal_format="number").encode
"""Writes JSON as bytes, numbers exactly as they came."""

_MOST_SECONDS: Final = TOO_LATE // SECOND


def read_json(body: bytes) -> Any:
    """Return a body as JSON.

    Raises:
        UnreadableError: it is none.

    """
    try:
        return _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise UnreadableError("the body is no JSON") from None


def read_object(body: bytes) -> JSON:
    """Return a body that must be one JSON object.

    Raises:
        UnreadableError: it is none.

    """
    found = read_json(body)
    if not isinstance(found, dict):
        raise UnreadableError("the body is no JSON object")
    return found


def read_objects(body: bytes) -> list[JSON]:
    """Return the objects of a body that is an array of them, or one object alone.

    Raises:
        UnreadableError: it is neither.

    """
    found = read_json(body)
    found = found if isinstance(found, list) else [found]
    if not all(isinstance(each, dict) for each in found):
        raise UnreadableError("the body is neither a JSON object nor an array of them")
    return found


def event(source: str, kind: str, number: str, time: str, data: Mapping[str, Any], subject: str = "") -> bytes:
    """Return an event as bytes. What is empty is left out: reading says what is missing, and keeps the bytes."""
    told = {name: value for name, value in data.items() if value not in ("", None, [], {})}
    envelope = {"specversion": "1.0", "id": number, "source": source, "type": kind, "time": time}
    return written(envelope | ({"subject": subject} if subject else {}) | {"data": told})


def number_of(*parts: Any) -> str:
    """Return an id made of what tells an event from every other, for services that give it none."""
    return blake2b(written(parts), digest_size=16).hexdigest()


def text(body: Any, *path: str | int) -> str:
    """Return the text at a path, a number as it is written; empty where there is neither."""
    found = at(body, *path)
    if isinstance(found, str):
        return found
    return str(found) if isinstance(found, int | Decimal) and not isinstance(found, bool) else ""


def objects(body: Any, *path: str | int) -> Iterator[JSON]:
    """Yield the objects of the array at a path; what is none is left out."""
    found = at(body, *path)
    if isinstance(found, list):
        yield from (each for each in found if isinstance(each, dict))


def since_1970(value: Any, unit: int = SECOND) -> str:
    """Return a moment given as a number since 1970, as events write it; empty where it is none. `unit` is in microseconds."""
    if isinstance(value, str):
        try:
            value = Decimal(value)
        except ArithmeticError:
            return ""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return ""
    if not Decimal(value).is_finite() or not 0 <= value * unit < _MOST_SECONDS * SECOND:
        return ""
    return rfc3339(int(value * unit))


def utc(time: str) -> str:
    """Return a moment that is written without a zone and meant in UTC, with it."""
    if not time or time.endswith(("Z", "z")) or time[-6:-5] in ("+", "-"):
        return time
    return f"{time.replace(' ', 'T')}Z"
