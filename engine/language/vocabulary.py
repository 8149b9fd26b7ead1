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

from engine.core.events import DATA
from engine.core.fields import FIELDS
from engine.core.moments import iso_day
from engine.core.rules import Address, OwnEvent, Standing
from engine.language import values
from engine.language.scalars import DAY, FLAG, NUMBER, PLAIN, PRICE, Scalar, Word, words

CHANNELS = ("email", "preferred", "letter", "phone", "sms", "push")
KINDS_OF_FIELD = ("text", "number", "money", "day")
ATTRIBUTES = "attributes."

_YES_NO, _LIST = "yes_no", "list"
_READERS: dict[str, Scalar | Word] = {
    "text": PLAIN,
    "list": PLAIN,
    "number": NUMBER,
    "money": PRICE,
    "day": DAY,
    _YES_NO: FLAG,
}
_EVENT_READERS = {
    **_READERS,
    "money": PLAIN,
    "day": Scalar(DAY.says, DAY.code, lambda text: iso_day(values.day(text)), DAY.json),
}
_CUSTOMER_WORDS: dict[str, Word] = {
    "standing": words(standing.value for standing in Standing),
    "address": words(address.value for address in Address),
    "reading": Word({"observed": "observed", "not_observed": "not_observed", "not observed": "not_observed"}),
}
_EVENT_WORDS: dict[tuple[str, str], Word] = {
    ("email.bounced", "kind"): words(("dead", "full", "policy", "spam", "soft", "unknown")),
    ("hand_off.answered", "result"): words(("reached", "not_reached", "won", "later", "never")),
    ("invitation.answered", "answer"): words(("yes", "no")),
}
_TESTS: dict[str, tuple[str, ...]] = {
    "text": ("is", "any_of"),
    "list": ("is", "any_of"),
    "number": ("is", "any_of", "at_least", "at_most"),
    "money": ("at_least", "at_most"),
    "day": ("is", "at_least", "at_most", "within_next", "within_last"),
    _YES_NO: ("is",),
}


def field_kind(name: str) -> str | None:
    """Return the kind of a customer field, None for one that nobody knows."""
    if name.startswith(ATTRIBUTES) and len(name) > len(ATTRIBUTES):
        return "text"
    return FIELDS.get(name)


def field_reader(name: str) -> Scalar | Word:
    """Return how a value of a customer field is written."""
    return _CUSTOMER_WORDS.get(name) or _READERS[field_kind(name) or "text"]


def tests_of(kind: str) -> tuple[str, ...]:
    """Return which tests a condition may make of a field of this kind."""
    return _TESTS[kind]


def event_fields(event: str, own: Mapping[str, OwnEvent]) -> dict[str, str]:
    """Return the fields of an event that hold one value each, with their kind; empty for an unknown event."""
    if event in own:
        return dict(own[event].fields)
    return _fields_of(DATA[event]) if event in DATA else {}


def event_reader(event: str, field: str, kind: str) -> Scalar | Word:
    """Return how a value of an event's field is written. Days and money stay text, as they are in the event."""
    return _EVENT_WORDS.get((event, field)) or _EVENT_READERS[kind]


@cache
def _fields_of(data: type) -> dict[str, str]:
    hints = typing.get_type_hints(data)
    kinds = {name: _kind(hint) for name, hint in hints.items()}
    return {name: kind for name, kind in kinds.items() if kind}


def _kind(hint: Any) -> str:
    """Return the kind of a field by its type; empty for lists and mappings, which a condition cannot name whole."""
    parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if bool in parts and str not in parts:
        return _YES_NO
    if Decimal in parts or float in parts:
        return "number"
    return "text" if str in parts else ""
