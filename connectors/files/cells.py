"""Cells into a CloudEvent: dates, clock times and decimal commas as spreadsheets and shops write them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from hashlib import blake2b
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

import msgspec

from connectors.files.columns import Table
from engine.core.events import DATA
from engine.core.moments import HOUR, MINUTE, SECOND, Zone, day_number, instant, rfc3339, zone

_encode = msgspec.json.Encoder(decimal_format="number").encode
_YEARS: Final = range(1970, 2200)
_DAYS: Final = {
    "birthday",
    "call_again_on",
    "competitor_contract_ends",
    "contract_ends",
    "day",
    "expires",
    "given_at",
    "points_expire",
}
_TRUE, _FALSE = {"1", "true", "yes", "y"}, {"0", "false", "no", "n"}
_WITH_COMMA = re.compile(r"(-?)(\d{1,3}(?:\.\d{3})+|\d+),(\d+)", re.ASCII)


class Converter:
    """Makes the rows of one file into CloudEvents, given where each field stands."""

    def __init__(self, table: Table, places: dict[str, int], *, has_decimal_comma: bool) -> None:
        self._table = table
        self._has_decimal_comma = has_decimal_comma
        self._when = lru_cache(maxsize=100_000)(lambda text: rfc3339(when(text, zone(table.timezone))))
        self._time = places["time"]
        self._envelope = [(name, places[field]) for field, name in _IN_ENVELOPE.items() if field in places]
        data = {field: place for field, place in places.items() if field not in ("time", *_IN_ENVELOPE)}
        self._data = [(field.split("."), place, self._kind(field)) for field, place in data.items()]

    def is_a_time(self, cells: list[str]) -> bool:
        """Say whether this row's time can be read: if not, and it is the first, it is a header."""
        try:
            self._when(cells[self._time])
        except ValueError:
            return False
        return True

    def event(self, cells: list[str]) -> bytes:
        """Return the CloudEvent of a row. Empty cells are absent.

        Raises:
            ValueError: a cell cannot be what its column is.

        """
        table = self._table
        event: dict[str, Any] = {"source": table.source, "type": table.kind}
        if text := cells[self._time]:
            event["time"] = self._when(text)
        event |= {name: cells[place] for name, place in self._envelope if cells[place]}
        data = event["data"] = {"currency": table.currency} if table.has_currency and table.currency else {}
        for path, place, convert in self._data:
            if text := cells[place]:
                self._put(data, path, convert, text)
        if table.kind == "order.placed":
            data.setdefault("order_id", row_id(table.kind, cells))
            event.setdefault("id", data["order_id"])
        event.setdefault("id", row_id(table.kind, cells))
        return _encode(event)

    def column_of(self, reason: str) -> str:
        """Return which column a reason speaks of, to be put after it; nothing where it speaks of none."""
        match = re.match(r"(?:data\.)?(\w+)", reason)
        field = {"subject": "customer_id"}.get(match[1], match[1]) if match else ""
        column = self._table.columns.get(field)
        return f" (column {column})" if column else ""

    def _put(self, data: dict[str, Any], path: list[str], convert: Callable[[str], Any], text: str) -> None:
        try:
            value = convert(text)
        except ValueError as error:
            field = ".".join(path)
            raise ValueError(f"data.{field} {error} (column {self._table.columns[field]})") from None
        *outer, name = path
        for key in outer:
            data = data.setdefault(key, {})
        data[name] = value

    def _kind(self, field: str) -> Callable[[str], Any]:
        """Return how the text of a field's cells is read."""
        if self._table.own is not None:
            kind = self._table.own.fields.get(field, "text")
            return {"number": self._number, "money": self._amount, "day": _day}.get(kind, _text)
        if field in _DAYS:
            return _day
        types = {known.name: known.type for known in msgspec.structs.fields(DATA[self._table.kind])}
        kinds = _members(types.get(field, str))
        if Decimal in kinds:
            return self._amount
        if bool in kinds and str not in kinds:
            return _truth
        return self._number if float in kinds else _text

    def _amount(self, text: str) -> str:
        """Return an amount with a decimal point. Only where commas do not separate can one be a decimal comma."""
        match = _WITH_COMMA.fullmatch(text) if self._has_decimal_comma else None
        return f"{match[1]}{match[2].replace('.', '')}.{match[3]}" if match else text

    def _number(self, text: str) -> Decimal:
        try:
            number = Decimal(self._amount(text))
        except InvalidOperation:
            raise ValueError("must be a number") from None
        if not number.is_finite():
            raise ValueError("must be a number")
        return number


_IN_ENVELOPE: Final = {"customer_id": "subject", "id": "id", "source": "source"}


def when(text: str, where: Zone) -> int:
    """Return the instant of an ISO date (20260131 too), its midnight in the zone, or of an ISO time, with zone or not.

    Raises:
        ValueError: it is neither, or lies before 1970 or after 2199.

    """
    try:
        written = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("time is not a date (2026-01-31, 20260131) nor a time (2026-01-31 10:15:00)") from None
    if written.year not in _YEARS:
        raise ValueError("time lies before 1970 or after 2199")
    if written.tzinfo is not None:
        return instant(written)
    clock = written.hour * HOUR + written.minute * MINUTE + written.second * SECOND + written.microsecond
    return where.at(day_number(written.year, written.month, written.day), clock)


def row_id(kind: str, cells: list[str]) -> str:
    """Return the id of a row that has none: equal rows, of whatever file, are one event."""
    return blake2b("\x1f".join([kind, *cells]).encode(), digest_size=12).hexdigest()


def _members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _text(text: str) -> str:
    return text


def _day(text: str) -> str:
    """Return a day as YYYY-MM-DD; what is not written as 20260131 stays as it is."""
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if re.fullmatch(r"\d{8}", text, re.ASCII) else text


def _truth(text: str) -> bool:
    if text.casefold() in _TRUE | _FALSE:
        return text.casefold() in _TRUE
    raise ValueError("must be true or false")
