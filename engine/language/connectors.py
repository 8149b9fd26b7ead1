"""connectors.yaml: topics of the shop's own bus, and how their records become events."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from engine.core.events import DATA, Item
from engine.core.source_topics import Items, Kind, Moment, SourceEvent, SourceTopic, Value
from engine.language.checks import record_fields
from engine.language.forms import Fields, Form
from engine.language.kinds import BAD, Definitions, Key, Schema
from engine.language.nodes import Listing, Node, Text
from engine.language.problems import shown
from engine.language.reading import Reading
from engine.language.record_values import DATA_OF_EVENT, KIND, MOMENT, PATH, WHEN, KnownEvent, as_values
from engine.language.scalars import TEXT, Scalar, text_of, words
from engine.language.shapes import Either, ListOf, MapOf, OneOrList
from engine.language.values import Wrong

TOPIC_NAME = r"[A-Za-z0-9._-]{1,249}"
LATER_FORMATS = ("avro", "protobuf", "json_schema", "xml", "csv")


def _topic_name(text: str) -> str:
    if not re.fullmatch(TOPIC_NAME, text) or text in (".", ".."):
        raise Wrong(f"{shown(text)} is no topic's name", "letters, digits, '.', '-' and '_', as Kafka has them")
    return text


TOPIC = Scalar("a topic's name", "bad-name", _topic_name, lambda: {"type": "string", "pattern": f"^{TOPIC_NAME}$"}, 300)


@dataclass(frozen=True)
class _Format:
    """The format of a topic; those that come later are told from those that nobody knows."""

    says: str = "json or cloudevents"

    def read(self, node: Node, reading: Reading) -> Any:
        """Read the word."""
        text = text_of(node, self.says, reading)
        if text is not None and text.value.lower() in LATER_FORMATS:
            reading.later(text, text.value, "let the shop write JSON, or a small consumer of its own translate it")
            return BAD
        return BAD if text is None else words(("json", "cloudevents")).read(text, reading)

    def schema(self, definitions: Definitions) -> Schema:
        """Return the words as an enumeration."""
        return words(("json", "cloudevents")).schema(definitions)


def _event(fields: Fields, reading: Reading) -> Any:
    kind, time = fields.get("type"), fields.get("time")
    data = as_values(fields.get("data", {}))
    if (address := fields.get("email")) is not None:
        data.setdefault("email", Value(path=address))
    if kind is not None:
        record_fields.check(fields, kind, data, reading)
    if kind is None or time is None:
        return BAD
    return SourceEvent(
        kind=kind,
        time=time if isinstance(time, Moment) else Moment(time),
        when=fields.get("when", ()),
        id=fields.get("id", ()),
        customer=fields.get("customer"),
        data={name: _as_text_where_needed(kind, name, value) for name, value in data.items()},
    )


def _as_text_where_needed(kind: Kind, name: str, value: Value | Items) -> Value | Items:
    """Shops number orders and items; the fields that hold such numbers are text."""
    if isinstance(value, Items):
        each = {inner: _text_of(each) if inner in _TEXTS_OF_ITEM else each for inner, each in value.each.items()}
        return Items(value.path, each)
    return _text_of(value) if all(name in _TEXTS.get(event, ()) for event in kind.possible) else value


def _text_of(value: Value) -> Value:
    return replace(value, form="text") if not value.form and value.path is not None else value


def _texts_of(shape: type) -> frozenset[str]:
    return frozenset(name for name, hint in shape.__annotations__.items() if str(hint) in ("str", "Name", "str | None"))


_TEXTS = {event: _texts_of(shape) for event, shape in DATA.items()}
"""The fields of each event that hold text, by the annotations of its data."""

_TEXTS_OF_ITEM = _texts_of(Item)


EVENT_OF_RECORD = Form(
    "an event of a topic",
    "How a record becomes an event.",
    (
        Key("type", Either(KnownEvent(whole=True), KIND), "Which event it is.", required=True),
        Key("when", OneOrList(WHEN), "What a record must have to be this event; all of it."),
        Key(
            "id",
            OneOrList(PATH),
            "What makes it unlike all others: the same id twice is one event. The record's place when left out.",
        ),
        Key("time", Either(PATH, MOMENT), "When it happened; $time is when the record was written.", required=True),
        Key("customer", PATH, "Where the customer's id stands; $key where it is the record's key."),
        Key("email", PATH, "Where the address stands that finds the customer."),
        Key("data", DATA_OF_EVENT, "The fields of the event, each with its path in the record."),
    ),
    build=_event,
    example="{type: order.placed, time: created_at, customer: customer.id, data: {…}}",
)


def _topic(name: Text, fields: Fields, reading: Reading) -> Any:
    is_cloud = fields.get("format") == "cloudevents"
    if is_cloud and "events" in fields.keys:
        message = "'events' beside 'format: cloudevents': those say themselves what they are"
        reading.error(
            fields.keys["events"], "conflicting-keys", message, "leave 'events:' out, or write 'format: json'"
        )
    elif not is_cloud and "events" not in fields.keys and not reading.inside(fields.node, "comes-later", "bad-word"):
        hint = "add 'events:' with at least one, or 'format: cloudevents' where the records are CloudEvents"
        reading.error(name, "missing-key", f"{shown(name.value)} does not say which events its records are", hint)
    if "source" in fields.keys and is_cloud:
        message = "'source' beside 'format: cloudevents': those name their source themselves"
        reading.error(fields.keys["source"], "conflicting-keys", message, "leave it out")
    events = fields.get("events", ())
    _check_order(fields, events, reading)
    return SourceTopic(name=name.value, source=fields.get("source", ""), events=events)


def _check_order(fields: Fields, events: tuple[SourceEvent, ...], reading: Reading) -> None:
    node = fields.nodes.get("events")
    items = node.items if isinstance(node, Listing) else []
    if len(items) != len(events):
        return  # one of them is broken, so places cannot be told
    for number, (event, following) in enumerate(zip(events, items[1:], strict=False)):
        if not event.when and event.kind.always:
            message = f"event {number + 1} of this topic takes every record, so this one is never made"
            reading.error(following, "never-chosen", message, "give the one before a 'when:', or put it last")
            return


SOURCE_TOPIC = Form(
    "a topic",
    "What the records of a topic are.",
    (
        Key("format", _Format(), "json (the shop's own, mapped by `events:`) when left out, or cloudevents."),
        Key("source", TEXT, "The source of its events; the topic's name when left out."),
        Key(
            "events",
            ListOf(EVENT_OF_RECORD, least=1),
            "The events that records become; the first that fits a record makes it.",
        ),
    ),
    example="{format: cloudevents}",
)
CONNECTORS = Form(
    "connectors.yaml",
    "The topics of the shop's own bus that the gateway reads, beside winback.events.",
    (
        Key(
            "topics",
            MapOf(TOPIC, SOURCE_TOPIC, "topics by name", with_key=_topic),
            "The topics by name.",
            required=True,
        ),
    ),
    build=lambda fields, _: fields.get("topics", {}),
)
