"""Conditions: what must hold of a customer. A condition is a mapping whose leading key says which it is."""

from __future__ import annotations

from functools import cache
from typing import Any

from engine.core.customer import MAIL_MARKS_KEPT, MARKS_KEPT
from engine.core.events import DATA
from engine.core.fields import FIELDS
from engine.core.marks import KEPT_FIELDS, MAIL_TYPES
from engine.core.moments import Length
from engine.core.rules import (
    Address,
    AddressIs,
    AnyCondition,
    EventSeen,
    FieldIs,
    Not,
    PermissionIs,
    Returned,
    Standing,
    StandingIs,
    TagIs,
    WayOut,
)
from engine.language.forms import Fields, Form, Variants, with_keys
from engine.language.kinds import BAD, Key
from engine.language.nodes import Listing, Mapping, Node, Text
from engine.language.problems import one_of, shown
from engine.language.reading import Look, Reading
from engine.language.scalars import EVENT, NAME, PLAIN, SPAN, Ref, Word, whole, words
from engine.language.shapes import ListOf, Raw
from engine.language.vocabulary import (
    ATTRIBUTES,
    CHANNELS,
    event_fields,
    event_reader,
    field_kind,
    field_reader,
    tests_of,
)

STANDINGS = Word({standing.value: standing for standing in Standing})
ADDRESSES = Word({address.value: address for address in Address})
CAME_FROM = Word({standing.value: standing for standing in (Standing.READER, Standing.LAPSED, Standing.FORMER)})
RETURNED_FROM = (Standing.READER, Standing.LAPSED, Standing.FORMER)
RETURNED_WITHIN = Length(days=30)
PERMISSIONS = words(("newsletter", "marketing", "tracking"))
BASES = words(("express", "existing_customer", "presumed_b2b"))
LATER_CONDITIONS = ("declining", "offer", "sent", "workflow", "cause", "worth", "occasion")


def _event(fields: Fields, reading: Reading) -> EventSeen:
    absent = "no_event" in fields.keys
    name = fields.keys.get("event") or fields.keys.get("no_event")
    text = fields.nodes[name.value] if name is not None else None
    event = fields.get("event", "")
    known = isinstance(text, Text) and event_exists(text, reading)
    where = fields.get("where")
    if known and isinstance(where, Mapping) and event in DATA:
        unkept = [name for name, _ in where.entries if name.value not in KEPT_FIELDS.get(event, ())]
        reading.looks += [Look(event, name) for name in unkept if name.value in event_fields(event, {})]
    _how_often(fields, event, reading)
    return EventSeen(
        line=fields.line,
        event=event,
        absent=absent,
        within=fields.get("within"),
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
        if kind is None:
            message = f"{event} has no field {shown(name.value)} that holds one value"
            reading.unknown(name, "unknown-field", message, kinds)
        elif isinstance(value, Text) and value.empty:
            reading.error(name, "no-value", f"{shown(name.value)} has no value", "write one")
        elif (read := event_reader(event, name.value, kind).read(value, reading)) is not BAD:
            made[name.value] = read
    return made


def _standing(fields: Fields, _: Reading) -> StandingIs:
    return StandingIs(line=fields.line, standing=fields.get("standing", Standing.LAPSED), held_for=fields.get("for"))


def _returned(fields: Fields, _: Reading) -> Returned:
    inner = fields.get("returned")
    given = inner if isinstance(inner, Fields) else fields
    return Returned(
        line=fields.line,
        from_standings=given.get("from", RETURNED_FROM),
        within=given.get("within", RETURNED_WITHIN),
    )


def _address(fields: Fields, _: Reading) -> AddressIs:
    return AddressIs(line=fields.line, address=fields.get("address", Address.DEAD))


def _tag(fields: Fields, _: Reading) -> TagIs:
    return TagIs(line=fields.line, tag=fields.get("tag", ""))


def _permission(fields: Fields, _: Reading) -> PermissionIs:
    return PermissionIs(
        line=fields.line,
        permission=fields.get("permission", ""),
        channel=fields.get("channel", "email"),
        given_before=fields.get("given_before"),
        lapses_within=fields.get("lapses_within"),
        basis=fields.get("basis", ""),
    )


def _not(fields: Fields, _: Reading) -> Any:
    inner = fields.get("not", BAD)
    return BAD if inner is BAD else Not(line=fields.line, condition=inner)


def _customer(fields: Fields, reading: Reading) -> Any:
    name = fields.nodes.get("customer")
    if not isinstance(name, Text) or name.empty:
        return BAD
    kind = field_kind(name.value)
    if kind is None:
        message = f"a customer has no field {shown(name.value)}"
        reading.unknown(name, "unknown-field", message, [*FIELDS, f"{ATTRIBUTES}NAME"])
        return BAD
    allowed = tests_of(kind)
    tests = [key for key in fields.keys if key != "customer"]
    if not tests and not any(reading.inside(entry) for _, entry in fields.node.entries):
        hint = f"add {one_of(allowed)}"
        reading.error(name, "missing-key", f"nothing is asked of the field {shown(name.value)}", hint)
    for test in tests:
        if test not in allowed:
            message = f"'{test}' cannot be asked of {shown(name.value)}, which is a {kind.replace('_', ' or ')}"
            reading.error(fields.keys[test], "conflicting-keys", message, f"here there can be {one_of(allowed)}")
    made = {
        test: _tested(name.value, fields.nodes[test], reading)
        for test in ("is", "any_of", "at_least", "at_most")
        if test in tests and test in allowed
    }
    good = {test: value for test, value in made.items() if value is not BAD}
    return FieldIs(
        line=fields.line,
        field=name.value,
        equals=good.get("is"),
        any_of=good.get("any_of", ()),
        at_least=good.get("at_least"),
        at_most=good.get("at_most"),
        within_next=fields.get("within_next"),
        within_last=fields.get("within_last"),
    )


def _tested(field: str, node: Node, reading: Reading) -> Any:
    reader = field_reader(field)
    if isinstance(node, Listing):
        return ListOf(reader, least=1).read(node, reading)
    return reader.read(node, reading)


_WITHIN = Key("within", SPAN, "Only what happened within this length before now counts.")
_WHERE = Key(
    "where",
    Raw("fields of the event with their values"),
    "Fields of the event that must have these values; of a list, any item.",
)
_FROM = Key("from", ListOf(CAME_FROM, least=1), "Which standings the customer came back from; all three when left out.")
_RETURN_WITHIN = Key("within", SPAN, "How long ago the return may be; 30d when left out.")

RETURNED_FORM = Form("a return", "From where the customer came back, and how long ago.", (_FROM, _RETURN_WITHIN))


CONDITION_FORMS: dict[str, Form] = {
    "event": Form(
        "the condition 'event'",
        "Something happened.",
        (
            Key("event", EVENT, "The event that must have happened.", required=True),
            _WITHIN,
            Key("at_least", whole(1, 1000), "How often it must have happened; once when left out."),
            _WHERE,
        ),
        later={"since": "use `within:` for now"},
        build=_event,
    ),
    "no_event": Form(
        "the condition 'no_event'",
        "Something did not happen.",
        (
            Key("no_event", EVENT, "The event that must not have happened.", required=True, to="event"),
            _WITHIN,
            Key("at_least", whole(1, 1000), "It may have happened less often than this; never when left out."),
            _WHERE,
        ),
        later={"since": "use `within:` for now"},
        build=_event,
    ),
    "standing": Form(
        "the condition 'standing'",
        "What we think of the customer.",
        (
            Key("standing", STANDINGS, "prospect, active, reader, lapsed or former.", required=True),
            Key("for", SPAN, "For how long the customer must have had this standing."),
        ),
        build=_standing,
    ),
    "returned": Form(
        "the condition 'returned'",
        "The customer came back to active with an order.",
        (
            Key("returned", RETURNED_FORM, "From where the customer came back, and how long ago.", may_be_empty=True),
            _FROM,
            _RETURN_WITHIN,
        ),
        build=_returned,
    ),
    "address": Form(
        "the condition 'address'",
        "Whether mail can arrive.",
        (Key("address", ADDRESSES, "ok, doubtful or dead.", required=True),),
        build=_address,
    ),
    "customer": Form(
        "the condition 'customer'",
        "A field of the customer.",
        (
            Key("customer", PLAIN, "The field's name.", required=True),
            Key("is", Raw(), "The field has this value; of a list, one item has."),
            Key("any_of", Raw("a list of values"), "The field has one of these values."),
            Key("at_least", Raw("a number, money or a day"), "The field is this much or more."),
            Key("at_most", Raw("a number, money or a day"), "The field is this much or less."),
            Key("within_next", SPAN, "The day lies within this length from today; today counts."),
            Key("within_last", SPAN, "The day lies within this length before today; today counts."),
        ),
        build=_customer,
    ),
    "permission": Form(
        "the condition 'permission'",
        "The customer allows something.",
        (
            Key("permission", PERMISSIONS, "newsletter, marketing or tracking.", required=True),
            Key("channel", words(CHANNELS), "On which channel; email when left out."),
            Key("given_before", SPAN, "The permission was given at least this long ago."),
            Key("lapses_within", SPAN, "The permission ends within this length if nothing is done."),
            Key("basis", BASES, "What the permission rests on."),
        ),
        build=_permission,
    ),
    "tag": Form(
        "the condition 'tag'",
        "The customer has a tag.",
        (Key("tag", NAME, "The tag's name.", required=True),),
        build=_tag,
    ),
}


@cache
def _all_forms() -> dict[str, Form]:
    return {**CONDITION_FORMS, "not": _NOT}


CONDITION = Variants(
    "a condition", "Something that must hold of a customer.", "condition", _all_forms, LATER_CONDITIONS
)
_NOT = Form(
    "the condition 'not'",
    "A condition that must not hold.",
    (Key("not", CONDITION, "The condition that must not hold.", required=True),),
    build=_not,
)

CONDITIONS = ListOf(CONDITION, least=1)

_THEN = Key("then", Ref("stage"), "The stage this leads to.", required=True)


def _way_out(condition: AnyCondition, fields: Fields, _: Reading) -> WayOut:
    return WayOut(condition=condition, then=fields.get("then", ""))


@cache
def _ways() -> dict[str, Form]:
    return {lead: with_keys("a way out", form, (_THEN,), _way_out) for lead, form in _all_forms().items()}


WAY_OUT = Variants(
    "a way out",
    "A condition that is listened to during the stage, and the stage it leads to.",
    "way_out",
    _ways,
    LATER_CONDITIONS,
)
