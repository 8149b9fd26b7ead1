"""What connectors.yaml says of a single place in a record: paths, values, times, types, conditions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from engine.core.source_topics import (
    HEADER,
    KEY,
    MINOR_UNITS,
    PER_SECOND,
    RFC3339,
    TIME,
    Items,
    Kind,
    Moment,
    Path,
    Value,
    When,
)
from engine.language.event_conditions import event_exists
from engine.language.forms import Fields, Form, OneOf
from engine.language.kinds import BAD, Bad, Definitions, Key, Schema
from engine.language.nodes import Node, Text
from engine.language.problems import shown
from engine.language.reading import Reading
from engine.language.scalars import EVENT, FLAG, PLAIN, TEXT, ZONE, Scalar, Word, text_of, words
from engine.language.shapes import Either, ListOf, MapOf
from engine.language.values import Wrong

_STEP = re.compile(r"([^\s.\[\]$'\"]+)|\[(\d{1,6})\]")


def path(text: str) -> Path:
    """Read a path: `order.lines[0].sku`, `$key`, `$time` or `$header.NAME`."""
    if text in (KEY, TIME):
        return Path((), text)
    if text.startswith(f"{HEADER}.") and len(text) > len(HEADER) + 1:
        return Path((text.removeprefix(f"{HEADER}."),), HEADER)
    if text.startswith("$."):
        raise Wrong(f"{shown(text)} begins with '$.'", f"write {text[2:]}: a path begins in the record's value")
    if text.startswith("$"):
        raise Wrong(f"{shown(text)} is no path", f"beside the record's value there are {KEY}, {TIME} and {HEADER}.NAME")
    steps: list[str | int] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            break
        steps.append(int(match[2]) if match[1] is None else match[1])
        at = match.end()
        if at < len(text) and text[at] == "." and at + 1 < len(text) and text[at + 1] != "[":
            at += 1
        elif at < len(text) and text[at] != "[":
            break
    if at < len(text) or not steps:
        raise Wrong(
            f"{shown(text)} is no path", "write names with dots, and [0] for the first of a list: order.lines[0].sku"
        )
    return Path(tuple(steps))


PATH = Scalar("a path in the record (order.number)", "bad-path", path, lambda: {"type": "string"}, 500)
ANY_WORD = Scalar("a word of the record", "bad-text", lambda text: text, lambda: PLAIN.schema({}), 500)
TABLE = MapOf(ANY_WORD, PLAIN, "words of the record, each with the word for it", least=1)


def _value(fields: Fields, reading: Reading) -> Any:
    for key, goes_with in (("as", "field"), ("table", "field"), ("otherwise", "table"), ("each", "list")):
        if key in fields.keys and goes_with not in fields.keys:
            message = f"{shown(key)} goes with {shown(goes_with)}, and there is none here"
            reading.error(fields.keys[key], "missing-key", message, f"add '{goes_with}:', or leave '{key}:' out")
    if "list" in fields.keys:
        if "each" not in fields.keys:
            message, hint = "'list' needs 'each'", "add 'each:' with the fields of an item, such as {sku: sku}"
            reading.error(fields.keys["list"], "missing-key", message, hint)
        found, each = fields.get("list"), fields.get("each")
        return BAD if found is None or each is None else Items(found, as_values(each))
    if not fields.keys.keys() & {"field", "constant"} <= fields.values.keys() or not fields.keys:
        return BAD
    return Value(
        path=fields.get("field"),
        constant=fields.get("constant", ""),
        form=fields.get("as", ""),
        table=fields.get("table"),
        otherwise=fields.get("otherwise"),
    )


_AS = Word({"text": "text", "number": "number", MINOR_UNITS: MINOR_UNITS})
_SINGLE = (
    Key("field", PATH, "Where it stands in the record."),
    Key("constant", PLAIN, "The same in every event, such as a currency."),
    Key(
        "as", _AS, "How it is to be read: text, number, or minor_units (4990 is 49.90 EUR). As it stands when left out."
    ),
    Key("table", TABLE, "Another word for each of the record's: {hard: dead, soft: soft}."),
    Key("otherwise", PLAIN, "The word for what is not in the table; it stays as it is when left out."),
)
ITEM_VALUE = Form(
    "a value of an item",
    "What a field of an item holds; `field:` begins inside the item.",
    _SINGLE,
    one_of=(OneOf(("field", "constant"), required=True, cure="write {field: qty}, or just qty"),),
    build=_value,
    example="{field: price_cents, as: minor_units}",
)
VALUE = Form(
    "a value",
    "What a field of the event holds.",
    (
        *_SINGLE,
        Key("list", PATH, "Where the list stands that items are made of."),
        Key(
            "each",
            MapOf(TEXT, Either(PATH, ITEM_VALUE), "fields of an item, each with its path"),
            "The fields of an item.",
        ),
    ),
    one_of=(
        OneOf(("field", "constant", "list"), required=True, cure="write {field: order.total}, or just order.total"),
    ),
    build=_value,
    example="{field: order.total_cents, as: minor_units}",
)
DATA_OF_EVENT = MapOf(TEXT, Either(PATH, VALUE), "fields of the event, each with its path")


def _moment(fields: Fields, reading: Reading) -> Any:
    form = fields.get("as", RFC3339)
    if form != RFC3339 and "zone" in fields.keys:
        message = f"'zone' beside 'as: {form}': numbers count from 1970 in UTC"
        reading.error(fields.keys["zone"], "conflicting-keys", message, "leave it out")
    found = fields.get("field")
    return BAD if found is None else Moment(found, form, fields.get("zone", ""))


MOMENT = Form(
    "a time",
    "When it happened, and how that is written.",
    (
        Key("field", PATH, "Where it stands in the record.", required=True),
        Key(
            "as", words((RFC3339, *PER_SECOND)), "How it is written; rfc3339 (2026-01-31T10:15:00+01:00) when left out."
        ),
        Key("zone", ZONE, "The zone of times that name none."),
    ),
    build=_moment,
    example="{field: created, as: milliseconds}",
)


def _kind(fields: Fields, _: Reading) -> Any:
    found, table = fields.get("field"), fields.get("table")
    return BAD if found is None or table is None else Kind(path=found, table=table)


def _event_name(text: Text, reading: Reading) -> Any:
    return Kind(always=text.value) if event_exists(text, reading) else BAD


@dataclass(frozen=True)
class KnownEvent:
    """The name of an event that is known; with `whole` a kind of its own, else the name alone."""

    whole: bool
    says: str = EVENT.says

    def read(self, node: Node, reading: Reading) -> Any:
        """Read the name."""
        text = text_of(node, self.says, reading)
        made = BAD if text is None else _event_name(text, reading)
        return made if self.whole or isinstance(made, Bad) else made.always

    def schema(self, definitions: Definitions) -> Schema:
        """Return the names."""
        return EVENT.schema(definitions)


KIND = Form(
    "a type by a field",
    "Which event it is, by a word of the record. A record with a word that is not in the table is left out.",
    (
        Key("field", PATH, "Where the word stands.", required=True),
        Key(
            "table",
            MapOf(ANY_WORD, KnownEvent(whole=False), "words of the record, each with its event", least=1),
            "The event for each word: {open: email.opened, click: email.clicked}.",
            required=True,
        ),
    ),
    build=_kind,
    example="{field: event, table: {open: email.opened}}",
)


def _when(fields: Fields, _: Reading) -> Any:
    found = fields.get("field")
    asked = fields.values.keys() & {"is", "in", "not_in", "exists"}
    if found is None or not asked:
        return BAD
    is_ = fields.get("is")
    return When(
        path=found,
        any_of=(is_,) if is_ is not None else fields.get("in"),
        none_of=fields.get("not_in", ()),
        exists=fields.get("exists"),
    )


_ASKS = ("is", "in", "not_in", "exists")
WHEN = Form(
    "a condition on a record",
    "What a record must have, or it is left out.",
    (
        Key("field", PATH, "Where to look.", required=True),
        Key("is", ANY_WORD, "This word, number, true or false must stand there."),
        Key("in", ListOf(ANY_WORD, least=1), "One of these must stand there."),
        Key("not_in", ListOf(ANY_WORD, least=1), "None of these may stand there; nothing may."),
        Key("exists", FLAG, "true: something must stand there; false: nothing, or null."),
    ),
    one_of=(OneOf(_ASKS, required=True, cure="write {field: status, is: paid}"),),
    build=_when,
    example="{field: status, is: paid}",
)


def as_values(read: dict[str, Path | Value | Items]) -> dict[str, Any]:
    """Return what was read of fields, a bare path as the value that stands there."""
    return {name: Value(path=each) if isinstance(each, Path) else each for name, each in read.items()}
