"""Conditions on events: what happened or did not, how often, since when, and with which fields."""

from __future__ import annotations

from typing import Any

from engine.core.customer import MAIL_MARKS_KEPT, MARKS_KEPT
from engine.core.events import DATA, NEVER_KEPT
from engine.core.forgetting import ENGAGEMENT
from engine.core.marks import MAIL_TYPES
from engine.core.rules import (
    EventSeen,
)
from engine.language.forms import Fields, Form, OneOf
from engine.language.kinds import BAD, Key
from engine.language.nodes import Mapping, Text
from engine.language.problems import shown
from engine.language.reading import Look, LooksBack, Reading
from engine.language.scalars import EVENT, SPAN, Ref, whole
from engine.language.shapes import Raw
from engine.language.vocabulary import (
    event_fields,
    event_reader,
    kept_fields,
)


def _event(fields: Fields, reading: Reading) -> EventSeen:
    absent = "no_event" in fields.keys
    name = fields.keys.get("event") or fields.keys.get("no_event")
    text = fields.nodes[name.value] if name is not None else None
    event = fields.get("event", "")
    known = isinstance(text, Text) and event_exists(text, reading)
    where = fields.get("where")
    if known and isinstance(where, Mapping) and event in DATA:
        unkept = [name for name, _ in where.entries if name.value not in kept_fields(event)]
        reading.looks += [Look(event, name) for name in unkept if name.value in event_fields(event, {})]
    _how_often(fields, event, reading)
    if event in ENGAGEMENT and name is not None and "since" not in fields.nodes:
        counts = fields.get("at_least", 1) > 1
        at = fields.nodes.get("within") or fields.nodes[name.value]
        reading.looks_back.append(LooksBack(event, fields.get("within"), at, counts=counts))
    return EventSeen(
        line=fields.line,
        event=event,
        absent=absent,
        within=fields.get("within"),
        since=fields.get("since", ""),
        at_least=fields.get("at_least", 1),
        where=event_values(event, where, reading) if known and isinstance(where, Mapping) else {},
    )


def _how_often(fields: Fields, event: str, reading: Reading) -> None:
    most = MAIL_MARKS_KEPT if event in MAIL_TYPES else MARKS_KEPT
    if fields.get("at_least", 1) > most:
        message = f"of past {event} only the latest {most} are kept"
        reading.error(fields.nodes["at_least"], "not-kept", message, f"write {most} or less")


def event_exists(name: Text, reading: Reading) -> bool:
    """Say whether an event is known, and note it when it is not. Quiet where events.yaml could not be read."""
    if name.value in DATA or reading.own_events is None or name.value in reading.own_events:
        return True
    known = [*DATA, *reading.own_events]
    reading.unknown(name, "unknown-event", f"no event is named {shown(name.value)}", known)
    return False


def event_values(event: str, node: Mapping, reading: Reading) -> dict[str, Any]:
    """Read an event's fields with values, each as its kind asks for."""
    kinds = event_fields(event, reading.own_events or {})
    if reading.own_events is None and event not in DATA:
        return {}
    made = {}
    for name, value in node.entries:
        kind = kinds.get(name.value)
        if kind is None and event in DATA and name.value in NEVER_KEPT:
            message = f"{shown(name.value)} tells of somebody's device, and is never kept"
            reading.error(name, "not-kept", message, "leave it out; `machine` tells people from programs")
        elif kind is None:
            message = f"{event} has no field {shown(name.value)} that holds one value"
            reading.unknown(name, "unknown-field", message, kinds)
        elif isinstance(value, Text) and value.empty:
            reading.error(name, "no-value", f"{shown(name.value)} has no value", "write one")
        elif (read := event_reader(event, name.value, kind).read(value, reading)) is not BAD:
            made[name.value] = read
    return made


_WITHIN = Key("within", SPAN, "Only what happened within this length before now counts.")


_WHERE = Key(
    "where",
    Raw("fields of the event with their values"),
    "Fields of the event that must have these values; of a list, any item.",
)


SINCE_FORM = Form(
    "the occasion since when",
    "Only what happened since the occasion's last day counts.",
    (Key("occasion", Ref("occasion"), "The occasion, as occasions.yaml names it.", required=True),),
    build=lambda fields, _: fields.get("occasion", BAD),
    example="{occasion: christmas}",
)


_SINCE = Key("since", SINCE_FORM, "Only what happened since the occasion's last day counts: {occasion: christmas}.")


_HOW_LONG = OneOf(("within", "since"))


EVENT_FORMS: dict[str, Form] = {
    "event": Form(
        "the condition 'event'",
        "Something happened.",
        (
            Key("event", EVENT, "The event that must have happened.", required=True),
            _WITHIN,
            _SINCE,
            Key("at_least", whole(1, 1000), "How often it must have happened; once when left out."),
            _WHERE,
        ),
        one_of=(_HOW_LONG,),
        build=_event,
    ),
    "no_event": Form(
        "the condition 'no_event'",
        "Something did not happen.",
        (
            Key("no_event", EVENT, "The event that must not have happened.", required=True, to="event"),
            _WITHIN,
            _SINCE,
            Key("at_least", whole(1, 1000), "It may have happened less often than this; never when left out."),
            _WHERE,
        ),
        one_of=(_HOW_LONG,),
        build=_event,
    ),
}
