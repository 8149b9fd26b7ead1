"""Events over HTTP: the CloudEvents HTTP binding (structured, batched, binary), and what became of each event.

The body is cut into the raw bytes of its events; those go the way of every other input, so all of them are refused for
the same reasons in the same words, and a dead letter keeps the bytes as they came.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from engine.core.crowds import Crowds
from engine.core.events import DeadLetter, Event
from engine.core.moments import Instant
from engine.core.reading import Read
from engine.handling import Taken
from engine.ports import Clock

Submit = Callable[[Sequence[Event | DeadLetter], Sequence[str]], Awaitable[Sequence[Taken]]]
"""Takes in events and dead letters, each with its origin; returns what became of each, after the commit."""

Heed = Callable[[Sequence[Event]], Awaitable[None]]
"""Does what must be done before events are taken in: a "no" goes on the block list."""

ReadEvent = Callable[[bytes, str, Instant], Read]
"""Reads the bytes of one event: bytes, origin, now."""


class UnusableError(ValueError):
    """A body that cannot be cut into events. `status` is the HTTP status that says so."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Result(Struct, frozen=True, omit_defaults=True):
    """What became of one event of a request."""

    id: str
    status: str
    reason: str = ""


class Intake:
    """Takes in raw events."""

    def __init__(self, read: ReadEvent, submit: Submit, clock: Clock) -> None:
        """`read` is asked anew for each event, since the shop's own events may change while the engine runs."""
        self._read, self._submit, self._clock = read, submit, clock
        self._crowds = Crowds()

    async def take(self, raws: Sequence[bytes], origin: str, first: Heed | None = None) -> list[Result]:
        """Take in events and return what became of each, in their order, after the commit.

        An event that says "no" may be taken in and be a dead letter at once; it is reported as the dead letter. `first`
        hears the events before they are taken in; what it raises leaves nothing of them.
        """
        now = self._clock.now()
        read = [self._read(raw, origin, now) for raw in raws]
        if first is not None:
            await first([each.event for each in read if each.event is not None])
        items: list[Event | DeadLetter] = []
        places: list[int] = []  # of the item that tells what became of an input: its dead letter where it has one
        told_again: list[Event] = []  # clicks that turn out to be of one visitor for many recipients
        for each in read:
            if each.event is not None:
                event, *earlier = self._crowds.heard(each.event)
                items.append(event)
                told_again += earlier
            items += [each.dead] if each.dead is not None else []
            places.append(len(items) - 1)
        items += told_again
        taken = await self._submit(items, [origin] * len(items)) if items else []
        return [
            Result(each.event.id if each.event else _id_in(raw), taken[place].status, taken[place].reason)
            for raw, each, place in zip(raws, read, places, strict=True)
        ]


def new_orders(events: Sequence[Event], results: Sequence[Result]) -> list[Event]:
    """Return the orders that were taken in just now: of one who was erased none is, so nothing is to be kept of it."""
    new = {result.id for result in results if result.status == "accepted"}
    return [event for event in events if event.type == "order.placed" and event.id in new]


def cut(body: bytes, headers: Mapping[str, str]) -> list[bytes]:
    """Return the raw bytes of each event of a request. `headers` takes names in any case, as aiohttp's does.

    Raises:
        UnusableError: the content is of no kind that is taken (415), or it is no JSON (400).

    """
    kind, charset = _content_type(headers.get("Content-Type", ""))
    if charset not in ("", "utf-8", "us-ascii"):
        raise UnusableError(415, f"the charset is {charset}: send UTF-8")
    if kind in ("application/cloudevents+json", "application/cloudevents-batch+json"):
        return _structured(body)
    if "ce-type" in headers or "ce-id" in headers or "ce-specversion" in headers:
        if kind and kind != "application/json" and not kind.endswith("+json"):
            raise UnusableError(415, f"the data is {kind}: send it as application/json")
        return [_from_headers(body, headers)]
    if kind == "application/json":
        return _structured(body)
    takes = "application/cloudevents+json, application/cloudevents-batch+json, or application/json"
    raise UnusableError(415, f"the content is {kind or 'of no named type'}: send {takes}")


def _content_type(header: str) -> tuple[str, str]:
    kind, *parameters = header.lower().split(";")
    named = dict(part.strip().partition("=")[::2] for part in parameters)
    return kind.strip(), named.get("charset", "").strip('"')


def _structured(body: bytes) -> list[bytes]:
    body = body.removeprefix(b"\xef\xbb\xbf")
    try:
        if not body.lstrip().startswith(b"["):
            _decode_one(body)
            return [body]
        return [bytes(raw) for raw in _decode_many(body)]
    except RecursionError:
        return [body]  # too deep to be cut; reading says so
    except msgspec.DecodeError as error:
        raise UnusableError(400, f"the body is no JSON: {error}") from None


def _from_headers(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return a binary event in structured form: attributes from `ce-` headers, data from the body."""
    event: dict[str, Any] = {
        name.lower().removeprefix("ce-"): unquote(value)
        for name, value in headers.items()
        if name.lower().startswith("ce-")
    }
    try:
        if body.strip():
            _decode_one(body)
            event["data"] = msgspec.Raw(body)
    except RecursionError:
        event["data"] = msgspec.Raw(body)
    except msgspec.DecodeError as error:
        raise UnusableError(400, f"the body is no JSON: {error}") from None
    return msgspec.json.encode(event)


_decode_one = msgspec.json.Decoder(msgspec.Raw).decode
_decode_many = msgspec.json.Decoder(list[msgspec.Raw]).decode


class _HasId(Struct):
    id: str = ""


_decode_id = msgspec.json.Decoder(_HasId).decode


def _id_in(raw: bytes) -> str:
    """Return the id in bytes that are no event, empty where there is none to be found."""
    try:
        return _decode_id(raw).id[:200]
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return ""
