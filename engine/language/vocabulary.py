"""Names that files may use because winback knows them: events with their fields, customer fields, channels.

Taken from the core's own tables, so that a new event or field is known here without a second list.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from msgspec import Struct

from engine.core.catalogue import CATALOGUE
from engine.core.events import DATA, NEVER_KEPT, Mail
from engine.core.fields import FIELDS, OF_CATEGORY, is_own, kind_of
from engine.core.marks import ITEM_CATEGORY, KEPT_FIELDS
from engine.core.moments import iso_day
from engine.core.rules import Address, OwnEvent, Standing
from engine.language import values
from engine.language.scalars import CAUSE, DAY, FLAG, NUMBER, PLAIN, PRICE, Scalar, Word, words

CHANNELS = ("email", "preferred", "letter", "phone", "sms", "push")
KINDS_OF_FIELD = ("text", "number", "money", "day")
ATTRIBUTES = "attributes."
FIELD_NAMES = (*FIELDS, f"{ATTRIBUTES}NAME", *(f"categories.NAME.{what}" for what in OF_CATEGORY))
"""The customer fields as messages and docs name them."""

FIELD = Scalar(
    "a field of the customer (last_order)",
    "unknown-field",
    lambda text: text,
    lambda: {"anyOf": [{"enum": list(FIELDS)}, {"type": "string", "pattern": r"^(?:attributes|categories)\."}]},
)
"""A field's name, which the condition or step looks up: it knows what is asked of it."""

_YES_NO, _LIST = "yes_no", "list"
_READERS: dict[str, Scalar | Word] = {
    "text": PLAIN,
    "list": PLAIN,
    "number": NUMBER,
    "money": PRICE,
    "day": DAY,
    _YES_NO: FLAG,
}
_DAYS = Scalar(
    "a length of whole days (120d)",
    "bad-length",
    lambda text: values.number(text) if text.isdigit() else values.whole_days(text),
    lambda: {"type": ["string", "integer"]},
)
_LENGTHS = ("idle_days", "own_interval")  # numbers of days: `120d`, or the bare number the field is called by
_EVENT_READERS = {
    **_READERS,
    "money": PLAIN,
    "day": Scalar(DAY.says, DAY.code, lambda text: iso_day(values.day(text)), DAY.json),
}
_CUSTOMER_WORDS: dict[str, Scalar | Word] = {
    "cause": CAUSE,
    "channel": words(CHANNELS),
    "standing": words(standing.value for standing in Standing),
    "address": words(address.value for address in Address),
    "reading": Word({"observed": "observed", "not_observed": "not_observed", "not observed": "not_observed"}),
}
_EVENT_WORDS: dict[tuple[str, str], Word] = {
    ("email.bounced", "kind"): words(("dead", "full", "policy", "spam", "soft", "unknown")),
}
_OF_A_NEAR_DAY = ("within_next", "within_last")
_TESTS: dict[str, tuple[str, ...]] = {
    "text": ("is", "any_of"),
    "list": ("is", "any_of"),
    "number": ("is", "any_of", "at_least", "at_most"),
    "money": ("at_least", "at_most"),
    "day": ("is", "at_least", "at_most", *_OF_A_NEAR_DAY),
    _YES_NO: ("is",),
}


def field_kind(name: str) -> str | None:
    """Return the kind of a customer field, None for one that nobody knows."""
    return kind_of(name)


def field_reader(name: str) -> Scalar | Word:
    """Return how a value of a customer field is written."""
    return _DAYS if name in _LENGTHS else _CUSTOMER_WORDS.get(name) or _READERS[field_kind(name) or "text"]


def tests_of(name: str) -> tuple[str, ...]:
    """Return which tests a condition may make of a customer field."""
    return (*_TESTS[field_kind(name) or "text"], *(_OF_A_NEAR_DAY if is_own(name) else ()))


def may_hold_a_day(name: str) -> bool:
    """Say whether a customer field can be waited for: a day, or one of the shop's own, which may be written as a day."""
    return field_kind(name) == "day" or is_own(name)


def kept_fields(event: str) -> tuple[str, ...]:
    """Return the fields that a condition may ask of past events; those of past orders' items are in the orders."""
    return (*KEPT_FIELDS.get(event, ()), *_IN_ORDERS.get(event, ()))


_IN_ORDERS = {"order.placed": (ITEM_CATEGORY,)}


def event_fields(event: str, own: Mapping[str, OwnEvent]) -> dict[str, str]:
    """Return the fields of an event that hold one value each, with their kind; empty for an unknown event.

    Those that are never kept are left out: a condition on them would have another answer in a replay.
    `items.category` is the category of any item of a list.
    """
    if event in own:
        return dict(own[event].fields)
    if event not in DATA:
        return {}
    uses = CATALOGUE[event].uses if event in CATALOGUE else ()
    fields = {name: kind for name, kind in _fields_of(DATA[event]).items() if not uses or name in uses}
    return {name: kind for name, kind in fields.items() if DATA[event] is not Mail or name not in NEVER_KEPT}


def event_reader(event: str, field: str, kind: str) -> Scalar | Word:
    """Return how a value of an event's field is written. Days and money stay text, as they are in the event."""
    allowed = _words_of(DATA[event]).get(field) if event in DATA else None
    return allowed or _EVENT_WORDS.get((event, field)) or _EVENT_READERS[kind]


@cache
def _fields_of(data: type) -> dict[str, str]:
    kinds: dict[str, str] = {}
    for name, hint in typing.get_type_hints(data).items():
        of_items = _fields_of(item) if (item := _item_of(hint)) else {}
        kinds |= {f"{name}.{inner}": kind for inner, kind in of_items.items()} or {name: _kind(hint)}
    return {name: kind for name, kind in kinds.items() if kind}


def _item_of(hint: Any) -> type | None:
    """Return the struct that a list is made of, None where it is no such list."""
    inner = typing.get_args(hint)[0] if typing.get_origin(hint) in (list, tuple) and typing.get_args(hint) else None
    return inner if isinstance(inner, type) and issubclass(inner, Struct) else None


@cache
def _words_of(data: type) -> dict[str, Word]:
    """Return the fields that hold one of certain words. An empty one means that it is absent, so it cannot be named."""
    allowed = {name: _literals(hint) for name, hint in typing.get_type_hints(data).items()}
    return {name: words(each) for name, each in allowed.items() if each}


def _literals(hint: Any) -> tuple[str, ...]:
    parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    found = (value for part in parts if typing.get_origin(part) is typing.Literal for value in typing.get_args(part))
    return tuple(value for value in found if isinstance(value, str) and value)


def _kind(hint: Any) -> str:
    """Return the kind of a field by its type; empty for lists and mappings, which a condition cannot name whole."""
    parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if bool in parts and str not in parts:
        return _YES_NO
    if Decimal in parts or float in parts:
        return "number"
    return "text" if str in parts or _literals(hint) else ""
