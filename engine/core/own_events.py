"""The data of the shop's own events: the fields that events.yaml declares, each of its kind."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from engine.core.money import DIGITS
from engine.core.reasons import kind_of
from engine.core.rules import OwnEvent


def own_data(given: dict[str, Any], own: OwnEvent) -> dict[str, Any]:
    """Return the declared fields (and the address, which may find the customer); others are ignored."""
    data: dict[str, Any] = {}
    for field, kind in {"email": "text", "message_id": "text", **own.fields}.items():
        if field not in given:
            continue
        value = given[field]
        if not _FITS[kind](value):
            raise ValueError(f"data.{field} must be {_KIND_IN_WORDS[kind]}, not {kind_of(value)}")
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
