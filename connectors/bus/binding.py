"""CloudEvents on Kafka: the Kafka protocol binding 1.0, in structured and in binary mode.

A record becomes the raw bytes of one event in structured JSON, which goes the way of every other input. A record without
any header of CloudEvents is taken as structured JSON, too: that is what people write by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from engine.core.events import DeadLetter
from engine.core.moments import Instant
from engine.core.reading import MOST_BYTES, Read

Headers = Iterable[tuple[str, bytes | None]]

ReadEvent = Callable[[bytes, str, Instant | None], Read]
"""Reads the bytes of one event: bytes, origin, now; see `engine.core.reading.Reader.read`."""

ATTRIBUTE: Final = "ce_"
"""How the headers begin that hold an event's attributes in binary mode."""


class NoEventError(ValueError):
    """A record that cannot be an event; the message says why."""


def is_tombstone(value: bytes | None, headers: Headers) -> bool:
    """Say whether a record only deletes its key. An event without data has no value either, but it has attributes."""
    return value is None and not any(name.lower() == "ce_type" for name, _ in headers)


def read_record(value: bytes | None, headers: Headers, origin: str, now: Instant | None, read: ReadEvent) -> Read:
    """Read a record that is no tombstone. Never raises, whatever the bytes are.

    Args:
        value: of the record.
        headers: of the record.
        origin: where it stands, for the dead letter: `orders/3@1742`.
        now: the clock, when this is live input.
        read: reads one event.

    """
    try:
        raw = as_event(value or b"", headers)
    except NoEventError as problem:
        return Read(None, DeadLetter((value or b"")[:_MOST_KEPT], str(problem), origin))
    got = read(raw, origin, now)
    if got.dead is not None and len(raw) > _MOST_KEPT:
        return replace(got, dead=replace(got.dead, raw=raw[:_MOST_KEPT]))
    return got


def as_event(value: bytes, headers: Headers) -> bytes:
    """Return the event of a record in structured JSON.

    Raises:
        NoEventError: its content is of a kind that is not taken, or its headers or its data cannot be read.

    """
    named = {name.lower(): content or b"" for name, content in headers}
    kind = named.get("content-type", b"").decode(errors="replace").partition(";")[0].strip().lower()
    if kind.startswith("application/cloudevents"):
        if kind != "application/cloudevents+json":
            raise NoEventError(f"the content is {kind}: write one event a record, as application/cloudevents+json")
        return value
    attributes = {name.removeprefix(ATTRIBUTE): text for name, text in named.items() if name.startswith(ATTRIBUTE)}
    return _in_one(attributes, value, kind) if attributes else value


def _in_one(attributes: dict[str, bytes], value: bytes, kind: str) -> bytes:
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise NoEventError(f"the data is {kind}: write it as application/json")
    try:
        event: dict[str, Any] = {name: text.decode() for name, text in attributes.items()}
    except UnicodeDecodeError:
        raise NoEventError("a header that begins with ce_ is not UTF-8") from None
    if value.strip():
        if len(value) > MOST_BYTES:
            raise NoEventError(f"longer than {MOST_BYTES:,} bytes")
        try:
            _decode_one(value)
        except RecursionError:
            pass  # nested too deep to be checked here; the reader says so
        except msgspec.DecodeError:
            raise NoEventError("the data is not JSON") from None
        event["data"] = msgspec.Raw(value)
    return msgspec.json.encode(event)


_MOST_KEPT: Final = MOST_BYTES + 1  # of a dead letter: enough to see that it was too long
_decode_one = msgspec.json.Decoder(msgspec.Raw).decode
