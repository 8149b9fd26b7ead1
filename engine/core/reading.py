"""Reading: bytes become an `Event`, or a dead letter that says why not.

Every way in (files, POST /events, hooks, Kafka) ends here, so all of them refuse the same things in the same words. One
strict decoder reads what is right, in one go; only what it refuses is looked at again, slowly, for what may be forgiven
(a BOM, a null where text is optional, the shop's own events) or else for the reason. A reason names the field and the
cure, never the value: values are personal data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Union

import msgspec
from msgspec import Meta, Struct

from engine.core.engagement import IsApples, told_apart
from engine.core.events import DATA, SAYS_NO, DeadLetter, Event, Name, OrderCalledOff, OrderPlaced
from engine.core.moments import DAY, Instant, instant, rfc3339
from engine.core.money import DIGITS, smallest_units
from engine.core.own_events import own_data
from engine.core.reasons import did_you_mean, in_our_words, kind_of, not_json, shown
from engine.core.rules import OwnEvent
from engine.core.salvage import as_far_as_known

MOST_BYTES: Final = 1_000_000
MOST_LEVELS: Final = 32
TOO_LATE: Final = instant(datetime(2200, 1, 1, tzinfo=UTC))
_LONGEST_REASON = 300

_Time = Annotated[datetime, Meta(tz=True)]
_NUL, _BACKSLASH, _BRACKET = b"\0\\["  # as numbers: looking for one in bytes is nine times as fast as for a part
_BOM = b"\xef\xbb\xbf"
_ENGAGED = frozenset({"email.opened", "email.clicked"})


class Read(Struct, frozen=True, gc=False):
    """What came of some bytes. Both are set where an event that says "no" was acted on in spite of its faults."""

    event: Event | None = None
    dead: DeadLetter | None = None


class Reader:
    """Reads events, those of the shop's own (events.yaml) included."""

    def __init__(self, own_events: Mapping[str, OwnEvent] | None = None, is_apples: IsApples | None = None) -> None:
        """`is_apples` knows Apple's addresses, where the shop named the file of them: it makes one verdict surer."""
        self._own = dict(own_events or {})
        self._is_apples = is_apples

    def read(self, raw: bytes, origin: str = "", now: Instant | None = None) -> Read:
        """Read one event, a CloudEvent in structured JSON. Never raises, whatever the bytes are.

        Args:
            raw: the bytes as they came; a line's end at their end is no problem.
            origin: where they came from, for the dead letter: `orders.jsonl:17`.
            now: the clock, when this is live input: what claims to be more than a day ahead of it is refused.

        """
        try:
            return Read(self._event(raw, now))
        except _Refused as refused:
            dead = DeadLetter(raw, str(refused)[:_LONGEST_REASON], origin)
        if any(no.encode() in raw for no in SAYS_NO):
            return Read(as_far_as_known(raw, now, _latest(now)), dead)
        return Read(None, dead)

    def _event(self, raw: bytes, now: Instant | None) -> Event:
        if len(raw) > MOST_BYTES:
            raise _Refused(f"longer than {MOST_BYTES:,} bytes")
        if raw.count(b"{") + (_BRACKET in raw and raw.count(b"[")) > MOST_LEVELS and _levels(raw) > MOST_LEVELS:
            raise _Refused(f"nested deeper than {MOST_LEVELS} levels")
        if not raw.isascii():  # the decoder does not look into fields that it skips
            try:
                raw.decode()
            except UnicodeDecodeError as error:
                utf_16 = " (it looks like UTF-16)" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
                raise _Refused(f"not UTF-8 at byte {error.start + 1}{utf_16}: save it as UTF-8") from None
        if _NUL in raw or (_BACKSLASH in raw and b"\\u0000" in raw):
            raise _Refused("holds the character U+0000, which not every store can keep")
        try:
            envelope = _decode(raw)
        except (msgspec.MsgspecError, RecursionError):
            envelope = self._second_look(raw)
        kind, check = _KINDS.get(type(envelope)) or (envelope.type, None)
        data, subject = envelope.data, envelope.subject
        at = instant(envelope.time)
        if not 0 <= at < TOO_LATE:
            raise _Refused("time lies before 1970 or after 2199")
        if now is not None and at > now + DAY:
            raise _Refused("time is more than a day ahead of the clock")
        if check is not None:
            check(data)
        elif kind in _ENGAGED:
            data = told_apart(data, self._is_apples)
        event = Event(envelope.id, envelope.source, kind, at, subject, data)
        if not subject and kind != "sender.reputation" and not (event.email or event.field("message_id")):
            raise _Refused("nobody to find: give subject (the customer id), data.email or data.message_id")
        return event

    def _second_look(self, raw: bytes) -> Any:
        """Read what the strict decoder refused, or say why it cannot be read."""
        raw = raw.removeprefix(_BOM)
        try:
            plain = _decode_anything(raw)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise _Refused(not_json(raw, str(error))) from None
        if not isinstance(plain, dict):
            raise _Refused(f"{kind_of(plain)} where one event, a JSON object, is expected")
        kind = plain.get("type")
        if not isinstance(kind, str) or not kind:
            raise _Refused("type is missing" if kind in (None, "") else f"type must be text, not {kind_of(kind)}")
        if kind not in DATA and kind not in self._own:
            raise _Refused(f"unknown type {shown(kind)}{did_you_mean(kind, [*DATA, *self._own])}")
        absent = _without_nulls(plain, keep_in_data=kind == "profile.updated")
        try:
            if kind in DATA:
                return _decode(_encode_exactly(absent))
            envelope = msgspec.convert(absent, _OwnEnvelope)
        except msgspec.MsgspecError as error:
            raise _Refused(in_our_words(str(error), kind)) from None
        try:
            return msgspec.structs.replace(envelope, data=own_data(envelope.data, self._own[kind]))
        except ValueError as error:
            raise _Refused(str(error)) from None


class _Refused(ValueError):
    """Why these bytes are no event."""


def encode(event: Event) -> bytes:
    """Write an event as a CloudEvent in JSON, in one canonical form: reading it gives an equal event."""
    envelope: dict[str, Any] = {"specversion": "1.0", "id": event.id, "source": event.source, "type": event.type}
    envelope |= {"time": rfc3339(event.time), "subject": event.customer, "data": event.data}
    for optional in ("source", "subject"):
        if not envelope[optional]:
            del envelope[optional]
    return _encoder.encode(envelope)


# The strict decoder --------------------------------------------------------------------------------------------------


def _check_order(data: OrderPlaced) -> None:
    try:
        amount = smallest_units(data.total, data.currency)
    except ValueError:
        amount = 0
        _check_money("data.total", data.total, data.currency)
    if amount < 0:
        raise _Refused("data.total is negative: money given back is an order.refunded with a positive amount")
    for number, item in enumerate(data.items):
        for field, value in (("price", item.price), ("quantity", item.quantity)):
            if value is not None and not _is_in_range(value):
                raise _Refused(f"data.items[{number}].{field} is out of range")


def _check_called_off(data: OrderCalledOff) -> None:
    amount = data.amount
    if amount is None:
        return
    if not _is_in_range(amount):
        raise _Refused("data.amount: this is not an amount of money")
    if amount < 0:
        raise _Refused("data.amount is negative: write what was given back as a positive amount")
    if data.currency:
        _check_money("data.amount", amount, data.currency)


def _is_in_range(value: Decimal) -> bool:
    return value.is_finite() and abs(value.adjusted()) <= 15  # far from where reckoning with it would take long


def _check_money(field: str, value: Decimal, currency: str) -> None:
    if currency not in DIGITS:
        near = did_you_mean(currency.upper(), DIGITS)
        raise _Refused(f"data.currency is none that ISO 4217 knows: three capitals, such as EUR{near}")
    try:
        smallest_units(value, currency)
    except ValueError as error:
        raise _Refused(f"{field}: {error}") from None


_CHECKS: dict[type[Struct], Any] = {OrderPlaced: _check_order, OrderCalledOff: _check_called_off}


def _envelope(kind: str, data: type[Struct]) -> type[Struct]:
    """Return the struct of a CloudEvent of one type; where no field of the data is required, neither is the data."""
    optional = all(not field.required for field in msgspec.structs.fields(data))
    fields: list[Any] = [
        ("id", Name),
        ("time", _Time),
        ("data", data, msgspec.field(default_factory=data)) if optional else ("data", data),
        ("source", str, ""),
        ("subject", str, ""),
    ]
    return msgspec.defstruct(kind, fields, tag_field="type", tag=kind, kw_only=True, gc=False)


class _OwnEnvelope(Struct, kw_only=True, gc=False):
    id: Name
    type: str
    time: _Time
    source: str = ""
    subject: str = ""
    data: dict[str, Any] = {}


_ENVELOPES: Final = {kind: _envelope(kind, data) for kind, data in DATA.items()}
_KINDS: Final = {_ENVELOPES[kind]: (kind, _CHECKS.get(data)) for kind, data in DATA.items()}
union: Any = Union[tuple(_ENVELOPES.values())]  # noqa: UP007 - of a tuple made at run time
"""The type of all CloudEvents with data of ours."""
_decode = msgspec.json.Decoder(union).decode
_encoder = msgspec.json.Encoder()
_decode_anything = msgspec.json.Decoder(float_hook=Decimal).decode  # a float would not be exact
_encode_exactly = msgspec.json.Encoder(decimal_format="number").encode


def _latest(now: Instant | None) -> Instant:
    return TOO_LATE - 1 if now is None else min(now + DAY, TOO_LATE - 1)


def _levels(raw: bytes) -> int:
    """Return how deep the brackets outside of text are nested."""
    deepest = level = 0
    for byte in _TEXT.sub(b"", raw).translate(None, _NO_BRACKETS):
        level += 1 if byte in b"[{" else -1
        deepest = max(deepest, level)
    return deepest


_TEXT = re.compile(rb'"(?:[^"\\]++|\\.?)*+(?:"|\Z)', re.DOTALL)  # possessive: no bytes can make it go back
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


# The second look -----------------------------------------------------------------------------------------------------


def _without_nulls(plain: dict[str, Any], *, keep_in_data: bool) -> dict[str, Any]:
    """Take null for absent, but in a profile, where it means forget, and in what is free (answers, proof)."""
    clean = _pruned(plain)
    if not keep_in_data and isinstance(clean.get("data"), dict):
        clean["data"] = {
            field: [_pruned(item) if isinstance(item, dict) else item for item in value]
            if isinstance(value, list)
            else value
            for field, value in _pruned(clean["data"]).items()
        }
    return clean


def _pruned(given: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if value is not None}
