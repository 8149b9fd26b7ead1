"""occasions.yaml: days that come again, by the calendar, by Easter, by a weekday of a month, or of the customer's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from msgspec import structs

from engine.core.rules import Occasion
from engine.language import values
from engine.language.forms import Fields, Form, OneOf
from engine.language.kinds import BAD, Key
from engine.language.nodes import Text
from engine.language.problems import shown
from engine.language.reading import Reading
from engine.language.scalars import MONTH_DAY, NAME, WEEKDAY, signed, whole
from engine.language.shapes import MapOf
from engine.language.vocabulary import FIELD, FIELD_NAMES, field_kind

NTH = replace(signed(-4, 4), says="1 to 4, or -1 to -4 from the month's end", parse=values.nth)
_KINDS = {"day": "date", "easter": "easter", "weekday": "weekday", "customer": "customer"}
_OF_WEEKDAY = ("nth", "month")
_DAYS = tuple(name for name in FIELD_NAMES if field_kind(name) == "day")


def _occasion(fields: Fields, reading: Reading) -> Any:
    kind = next((key for key in _KINDS if key in fields.keys), "")
    _goes_together(fields, kind, reading)
    _is_a_day(fields, reading)
    if kind not in fields.values:
        return BAD
    month, day = fields.get("day", (fields.get("month", 0), 0))
    return Occasion(
        name="",
        kind=_KINDS[kind],
        month=month,
        day=day,
        offset=fields.get("easter", 0),
        weekday=fields.get("weekday", 0),
        nth=fields.get("nth", 0),
        field=fields.get("customer", ""),
        since=fields.get("since", 0),
        every=fields.get("every", 1),
    )


def _goes_together(fields: Fields, kind: str, reading: Reading) -> None:
    for key in _OF_WEEKDAY:
        if kind == "weekday" and key not in fields.keys:
            message = f"a weekday of each year needs {shown(key)}"
            reading.error(fields.keys["weekday"], "missing-key", message, "write {weekday: fri, nth: 4, month: 11}")
        elif kind and kind != "weekday" and key in fields.keys:
            message = f"{shown(key)} beside {shown(kind)}: it goes with 'weekday'"
            reading.error(fields.keys[key], "conflicting-keys", message, "leave it out")
    if "every" in fields.keys and "since" not in fields.keys:
        message = "'every' needs 'since', the year it is counted from"
        reading.error(fields.keys["every"], "missing-key", message, "add 'since: 1998'")


def _is_a_day(fields: Fields, reading: Reading) -> None:
    name = fields.nodes.get("customer")
    if not isinstance(name, Text) or name.empty or field_kind(name.value) == "day":
        return
    if (kind := field_kind(name.value)) is None:
        reading.unknown(name, "unknown-field", f"a customer has no field {shown(name.value)}", _DAYS)
    else:
        message = f"{shown(name.value)} is a {kind.replace('_', ' or ')}, and no day that comes again"
        reading.error(name, "unknown-field", message, "name a day of the customer's, such as birthday or first_order")


def _named(name: Text, occasion: Occasion, _: Reading) -> Occasion:
    return structs.replace(occasion, name=name.value)


OCCASION = Form(
    "an occasion",
    "A day that comes again.",
    (
        Key("day", MONTH_DAY, "The same day each year, month first: 12-24."),
        Key("easter", signed(-100, 100), "So many days after Easter Sunday; 0 is the day itself, -2 Good Friday."),
        Key("weekday", WEEKDAY, "A weekday of a month, with `nth:` and `month:`."),
        Key("nth", NTH, "Which of them in the month: 1 is the first, -1 the last."),
        Key("month", whole(1, 12), "In which month, 1 to 12."),
        Key("customer", FIELD, "A day of the customer's own, such as birthday or first_order."),
        Key("since", whole(1900, 2199), "The first year of it, as of the shop's own jubilee."),
        Key("every", whole(1, 100), "Only every so many years from `since:` on; each year when left out."),
    ),
    one_of=(OneOf(("day", "easter", "weekday", "customer"), required=True, cure="say when it is: {day: 12-24}"),),
    build=_occasion,
)

OCCASIONS = Form(
    "occasions.yaml",
    "Days that come again, to be named in conditions and waited for.",
    (
        Key(
            "occasions",
            MapOf(NAME, OCCASION, "occasions by name", with_key=_named),
            "The occasions by name.",
            required=True,
        ),
    ),
    build=lambda fields, _: fields.get("occasions", {}),
)
