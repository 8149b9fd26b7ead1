"""Reading: bytes become an `Event`, or a dead letter that says why not.

Every way in (files, POST /events, hooks, Kafka) ends here, so all of them refuse the same things in the same words. One
strict decoder reads what is right, in one go; only what it refuses is looked at again, slowly, for what may be forgiven
(a BOM, a null where text is optional, the shop's own events) or else for the reason. A reason names the field and the
cure, never the value: values are personal data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Annotated, Any, Final, get_args

import msgspec
from msgspec import Meta, Struct

from engine.core.events import DATA, SAYS_NO, DeadLetter, Event, Name, OrderCalledOff, OrderPlaced
from engine.core.moments import DAY, Instant, instant, rfc3339
from engine.core.money import DIGITS, smallest_units
from engine.core.rules import OwnEvent
from engine.core.salvage import as_far_as_known

MOST_BYTES: Final = 1_000_000
MOST_LEVELS: Final = 32
TOO_LATE: Final = instant(datetime(2200, 1, 1, tzinfo=UTC))
_LONGEST_REASON = 300

_Time = Annotated[datetime, Meta(tz=True)]
_BOM = b"\xef\xbb\xbf"
_HOW_TIMES_ARE_WRITTEN = "write it as 2026-01-31T10:15:00+01:00, or with Z for UTC"


class Read(Struct, frozen=True, gc=False):
    """What came of some bytes. Both are set where an event that says "no" was acted on in spite of its faults."""

    event: Event | None = None
    dead: DeadLetter | None = None


class Reader:
    """Reads events, those of the shop's own (events.yaml) included."""

    def __init__(self, own_events: Mapping[str, OwnEvent] | None = None) -> None:
        self._own = dict(own_events or {})

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
            return Read(as_far_as_known(raw, now, earliest=0, latest=_latest(now)), dead)
        return Read(None, dead)

    def _event(self, raw: bytes, now: Instant | None) -> Event:
        if len(raw) > MOST_BYTES:
            raise _Refused(f"longer than {MOST_BYTES:,} bytes")
        if raw.count(b"{") + (b"[" in raw and raw.count(b"[")) > MOST_LEVELS and _levels(raw) > MOST_LEVELS:
            raise _Refused(f"nested deeper than {MOST_LEVELS} levels")
        if not raw.isascii():  # the decoder does not look into fields that it skips
            try:
                raw.decode()
            except UnicodeDecodeError as error:
                utf_16 = " (it looks like UTF-16)" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
                raise _Refused(f"not UTF-8 at byte {error.start + 1}{utf_16}: save it as UTF-8") from None
        if b"\0" in raw or (b"\\" in raw and b"\\u0000" in raw):
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
            raise _Refused(_not_json(raw, str(error))) from None
        if not isinstance(plain, dict):
            raise _Refused(f"{_kind_of(plain)} where one event, a JSON object, is expected")
        kind = plain.get("type")
        if not isinstance(kind, str) or not kind:
            raise _Refused("type is missing" if kind in (None, "") else f"type must be text, not {_kind_of(kind)}")
        if kind not in DATA and kind not in self._own:
            raise _Refused(f"unknown type {_shown(kind)}{did_you_mean(kind[:60], [*DATA, *self._own])}")
        absent = _without_nulls(plain, keep_in_data=kind == "profile.updated")
        try:
            if kind in DATA:
                return _decode(_encode_exactly(absent))
            envelope = msgspec.convert(absent, _OwnEnvelope)
        except msgspec.MsgspecError as error:
            raise _Refused(_in_our_words(str(error), kind)) from None
        return msgspec.structs.replace(envelope, data=_own_data(envelope.data, self._own[kind]))


class _Refused(ValueError):  # noqa: N818 - it is caught ten lines from where it is raised, and reads as what it says
    """Why these bytes are no event."""


def encode(event: Event) -> bytes:
    """Write an event as a CloudEvent in JSON, in one canonical form: reading it gives an equal event."""
    envelope: dict[str, Any] = {"specversion": "1.0", "id": event.id, "source": event.source, "type": event.type}
    envelope |= {"time": rfc3339(event.time), "subject": event.customer, "data": event.data}
    for optional in ("source", "subject"):
        if not envelope[optional]:
            del envelope[optional]
    return _encoder.encode(envelope)


def did_you_mean(name: str, known: list[str]) -> str:
    """Return the end of a sentence that names the nearest known name, or nothing where none is near."""
    near = get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


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
        near = did_you_mean(currency.upper()[:20], list(DIGITS))
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
_union: Any = None
for _struct in _ENVELOPES.values():
    _union = _struct if _union is None else _union | _struct
_decode = msgspec.json.Decoder(_union).decode
_encoder = msgspec.json.Encoder()
_decode_anything = msgspec.json.Decoder(float_hook=Decimal).decode  # a float would not be exact
_encode_exactly = msgspec.json.Encoder(decimal_format="number").encode


def _latest(now: Instant | None) -> Instant:
    return TOO_LATE if now is None else min(now + DAY, TOO_LATE)


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
    """Take null for absent, but in a profile, where it means forget."""
    clean = {key: value for key, value in plain.items() if value is not None}
    if not keep_in_data and "data" in clean:
        clean["data"] = _pruned(clean["data"])
    return clean


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _pruned(inner) for key, inner in value.items() if inner is not None}
    return [_pruned(inner) for inner in value] if isinstance(value, list) else value


def _own_data(given: dict[str, Any], own: OwnEvent) -> dict[str, Any]:
    """Return the declared fields (and the address, which may find the customer); others are ignored."""
    data: dict[str, Any] = {}
    for field, kind in {"email": "text", "message_id": "text", **own.fields}.items():
        if field not in given:
            continue
        value = given[field]
        if not _FITS[kind](value):
            raise _Refused(f"data.{field} must be {_KIND_IN_WORDS[kind]}, not {_kind_of(value)}")
        data[field] = float(value) if isinstance(value, Decimal) else value
    return data


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool) and -(10**15) < value < 10**15


def _is_money(value: Any) -> bool:
    if not isinstance(value, str):
        return _is_number(value)
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,4})?)(?: ([A-Z]{3}))?", value, re.ASCII)
    return match is not None and (match[2] is None or match[2] in DIGITS)


def _is_day(value: Any) -> bool:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        return False
    try:
        return bool(datetime.fromisoformat(value))
    except ValueError:
        return False


_FITS: Final[dict[str, Callable[[Any], bool]]] = {
    "text": lambda value: isinstance(value, str),
    "number": _is_number,
    "money": _is_money,
    "day": _is_day,
}
_KIND_IN_WORDS: Final = {
    "text": "text",
    "number": "a number",
    "money": 'money, such as "49.90 EUR"',
    "day": "a day, such as 2026-01-31",
}


# Reasons -------------------------------------------------------------------------------------------------------------

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


def _in_our_words(message: str, kind: str) -> str:
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


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    names = {str: "text", int: "a number", Decimal: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "null")


def _not_json(raw: bytes, message: str) -> str:
    if "truncated" in message:
        return "not JSON: it ends in the middle" if raw.strip() else "empty"
    if re.search(rb"[:\[,]\s*-?(?:NaN|Infinity)", raw):
        return "not JSON: NaN and Infinity are no numbers there"
    match = re.search(r"\(byte (\d+)\)", message)
    return f"not JSON at byte {int(match[1]) + 1}" if match else f"not JSON: {message.partition(' - at')[0].lower()}"


def _shown(kind: str) -> str:
    """Quote a type, unless it may be something else (an address) in the wrong place."""
    return repr(kind) if re.fullmatch(r"[A-Za-z0-9_.-]{1,60}", kind) else "(not letters, digits, dots and underscores)"
