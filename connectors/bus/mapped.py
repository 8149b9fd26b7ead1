"""Records of the shop's own JSON become events, as connectors.yaml says.

What is made is a CloudEvent in JSON, which goes the way of every other input: so it is refused for the same reasons in
the same words. Reasons name paths and fields, never values: those are personal data.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from connectors.bus.binding import Headers, ReadEvent
from engine.core.events import DeadLetter
from engine.core.moments import Instant, rfc3339
from engine.core.money import DIGITS
from engine.core.reading import MOST_BYTES, Read
from engine.core.source_topics import (
    HEADER,
    KEY,
    MINOR_UNITS,
    PER_SECOND,
    TIME,
    Items,
    Kind,
    Moment,
    Path,
    SourceEvent,
    SourceTopic,
    Value,
    When,
)

LARGEST: Final = 10_000_000
"""Bytes of a record that is looked into; the event made of it may have a tenth."""

_LATEST = 253_402_300_800  # the year 10000, in seconds
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Row(Struct, frozen=True):
    """A record of a topic: its value, what stands beside it, and when it was written, in milliseconds."""

    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    timestamp: int = 0


class MappedTopic:
    """Reads the records of one topic."""

    def __init__(self, topic: SourceTopic, read: ReadEvent) -> None:
        """Read as a topic is mapped; `read` reads the event that was made."""
        self._topic, self._read = topic, read

    def read(self, row: Row, origin: str, now: Instant | None) -> Read:
        """Read a record; one that fits no event is neither event nor dead letter. Never raises, whatever it holds."""
        raw = row.value
        if raw is None:
            return Read()
        try:
            record = _Record(row, _decoded(raw))
            made = self._made(record, origin)
        except _Unfit as unfit:
            return Read(None, DeadLetter(raw[: MOST_BYTES + 1], str(unfit), origin))
        if made is None:
            return Read()
        got = self._read(made, origin, now)
        if got.dead is None:
            return got
        reason = f"{got.dead.reason} (as connectors.yaml maps {self._topic.name})"
        return replace(got, dead=DeadLetter(raw[: MOST_BYTES + 1], reason, origin))

    def _made(self, record: _Record, origin: str) -> bytes | None:
        for event in self._topic.events:
            if all(_holds(when, record) for when in event.when) and (kind := _kind(event.kind, record)):
                return _encode(_cloud_event(event, kind, record, self._topic.source or self._topic.name, origin))
        return None


class _Unfit(ValueError):
    """Why a record cannot become the event that it fits."""


class _Record(Struct):
    row: Row
    value: Any

    def at(self, path: Path) -> Any:
        """Return what stands at a path, None where nothing does."""
        match path.root:
            case "":
                return _inside(self.value, path.steps)
            case _ if path.root == KEY:
                return _as_text(self.row.key)
            case _ if path.root == TIME:
                return self.row.timestamp
            case _:
                assert path.root == HEADER, "the language knows no other root"
                return _as_text(next((text for name, text in self.row.headers if name == path.steps[0]), None))


def _decoded(raw: bytes) -> Any:
    if len(raw) > LARGEST:
        raise _Unfit(f"longer than {LARGEST:,} bytes")
    try:
        value = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        deep = isinstance(error, RecursionError)
        raise _Unfit("nested too deep" if deep else f"no JSON: {error}") from None
    if not isinstance(value, dict):
        raise _Unfit("no JSON object, and paths of connectors.yaml begin in one")
    return value


def _inside(value: Any, steps: Iterable[str | int]) -> Any:
    for step in steps:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and step < len(value) else None
    return value


def _as_text(raw: bytes | None) -> str | None:
    try:
        return None if raw is None else raw.decode()
    except UnicodeDecodeError:
        return None


def _word(value: Any) -> str | None:
    """Return a value as a word that people write in a table or a condition; None for what is none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | Decimal) else None


def _holds(when: When, record: _Record) -> bool:
    value = record.at(when.path)
    if when.exists is not None:
        return (value is not None) == when.exists
    word = _word(value)
    return word in when.any_of if when.any_of is not None else word not in when.none_of


def _kind(kind: Kind, record: _Record) -> str:
    if kind.path is None:
        return kind.always
    return kind.table.get(_word(record.at(kind.path)) or "", "")


def _cloud_event(event: SourceEvent, kind: str, record: _Record, source: str, origin: str) -> dict[str, Any]:
    data = _data(event.data, record, keep_null=kind == "profile.updated")
    made: dict[str, Any] = {
        "id": _id(event.id, record) or origin,
        "source": source,
        "type": kind,
        "time": _time(event.time, record),
        "data": data,
    }
    if event.customer is not None and (customer := _text(record.at(event.customer), "customer", event.customer)):
        made["subject"] = customer
    return made


def _id(paths: Iterable[Path], record: _Record) -> str:
    parts = [(_text(record.at(path), "id", path), path) for path in paths]
    for text, path in parts:
        if not text:
            raise _Unfit(f"id: nothing stands at {path}")
    return "-".join(text for text, _ in parts if text)


# Data ----------------------------------------------------------------------------------------------------------------


def _data(fields: dict[str, Value | Items], record: _Record, *, keep_null: bool) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, wanted in fields.items():
        if isinstance(wanted, Value) and wanted.form != MINOR_UNITS:
            _put(made, name, wanted, record, record.value, keep_null=keep_null)
    currency = str(made.get("currency", ""))
    for name, wanted in fields.items():  # what is in minor units needs the currency first
        if isinstance(wanted, Items):
            made[name] = _items(name, wanted, record, currency)
        elif wanted.form == MINOR_UNITS:
            _put(made, name, wanted, record, record.value, currency=currency)
    return made


def _items(name: str, wanted: Items, record: _Record, currency: str) -> list[dict[str, Any]]:
    found = record.at(wanted.path)
    if found is None:
        return []
    if not isinstance(found, list):
        raise _Unfit(f"{name}: what stands at {wanted.path} is no list")
    items = []
    for number, each in enumerate(found):
        item: dict[str, Any] = {}
        for field, value in wanted.each.items():
            _put(item, field, value, record, each, currency=currency, where=f"{name}[{number}].")
        items.append(item)
    return items


def _put(
    made: dict[str, Any],
    name: str,
    wanted: Value,
    record: _Record,
    inside: Any,
    *,
    currency: str = "",
    where: str = "",
    keep_null: bool = False,
) -> None:
    """Put a value where it belongs; one that is not there is left out, or kept as null where that means to forget."""
    if wanted.path is None:
        made[name] = wanted.constant
        return
    path = wanted.path
    value = record.at(path) if path.root else _inside(inside, path.steps)
    if wanted.table is not None:
        word = _word(value)
        value = wanted.table.get(word or "", value if wanted.otherwise is None else wanted.otherwise)
    if value is not None:
        made[name] = _formed(value, wanted.form, f"{where}{name}", path, currency)
    elif keep_null and _is_there(inside, path):
        made[name] = None


def _is_there(value: Any, path: Path) -> bool:
    *outer, last = path.steps or ("",)
    around = _inside(value, outer)
    return not path.root and isinstance(around, dict) and last in around


def _formed(value: Any, form: str, name: str, path: Path, currency: str) -> Any:
    match form:
        case "text":
            return _text(value, name, path)
        case "number":
            return _number(value, name, path)
        case _ if form == MINOR_UNITS:
            units = _number(value, name, path)
            if units != units.to_integral_value():
                raise _Unfit(f"{name}: what stands at {path} is no whole number of minor units")
            return str(units.scaleb(-DIGITS.get(currency, 2)))
        case _:
            return value


def _text(value: Any, name: str, path: Path) -> str | None:
    if value is None:
        return None
    word = _word(value)
    if word is None:
        raise _Unfit(f"{name}: what stands at {path} is a list or an object, no text")
    return word


def _number(value: Any, name: str, path: Path) -> Decimal:
    if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
        try:
            number = Decimal(value.strip() if isinstance(value, str) else value)
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite() and abs(number.adjusted()) < 30:
            return number
    raise _Unfit(f"{name}: what stands at {path} is no number")


# Times ---------------------------------------------------------------------------------------------------------------


def _time(moment: Moment, record: _Record) -> str:
    value = record.at(moment.path)
    if value is None:
        raise _Unfit(f"time: nothing stands at {moment.path}")
    per_second = PER_SECOND.get("milliseconds" if moment.path.root == TIME else moment.form)
    if per_second is not None:
        seconds = _number(value, "time", moment.path) / per_second
        if not 0 <= seconds < _LATEST:
            raise _Unfit(f"time: what stands at {moment.path} is far away: seconds, milliseconds or microseconds?")
        return rfc3339(int(seconds * 1_000_000))
    if not isinstance(value, str):
        raise _Unfit(f"time: what stands at {moment.path} is no text: say as: seconds, milliseconds or microseconds")
    return _in_zone(value, moment.zone) if moment.zone else value


def _in_zone(text: str, zone: str) -> str:
    """Return a time with the zone where it names none; what is no time stays as it is, for the reader to refuse."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if at.tzinfo is not None else at.replace(tzinfo=ZoneInfo(zone)).isoformat()
