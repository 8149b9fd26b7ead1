"""Conditions: what must hold of a customer. A condition is a mapping whose leading key says which it is."""

from __future__ import annotations

from functools import cache
from typing import Any

from engine.core.customer import MAIL_MARKS_KEPT, MARKS_KEPT
from engine.core.events import DATA, NEVER_KEPT
from engine.core.marks import MAIL_TYPES
from engine.core.moments import Length
from engine.core.rules import (
    Address,
    AddressIs,
    AnyCondition,
    CauseIs,
    Declining,
    EventSeen,
    FieldIs,
    Not,
    OccasionNear,
    OfferHad,
    PermissionIs,
    Returned,
    Standing,
    StandingIs,
    TagIs,
    TemplateSent,
    WayOut,
    WorkflowEnded,
    WorthIs,
)
from engine.language.forms import Fields, Form, OneOf, Variants, with_keys
from engine.language.kinds import BAD, Key
from engine.language.nodes import Listing, Mapping, Node, Text
from engine.language.problems import one_of, shown
from engine.language.reading import Look, Reading
from engine.language.scalars import CAUSE, DAYS, EVENT, FLAG, GROWTH, NAME, SPAN, Ref, Word, whole, words
from engine.language.shapes import ListOf, OneOrList, Raw
from engine.language.vocabulary import (
    CHANNELS,
    FIELD,
    FIELD_NAMES,
    event_fields,
    event_reader,
    field_kind,
    field_reader,
    kept_fields,
    tests_of,
)

STANDINGS = Word({standing.value: standing for standing in Standing})
ADDRESSES = Word({address.value: address for address in Address})
CAME_FROM = Word({standing.value: standing for standing in (Standing.READER, Standing.LAPSED, Standing.FORMER)})
RETURNED_FROM = (Standing.READER, Standing.LAPSED, Standing.FORMER)
PERMISSIONS = words(("newsletter", "marketing", "tracking"))
BASES = words(("express", "existing_customer", "presumed_b2b"))
DECLINING = words(("gaps", "baskets", "either", "both"))
LATER_CONDITIONS: tuple[str, ...] = ()


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


def _standing(fields: Fields, _: Reading) -> StandingIs:
    return StandingIs(line=fields.line, standing=fields.get("standing", Standing.LAPSED), held_for=fields.get("for"))


def _returned(fields: Fields, _: Reading) -> Returned:
    inner = fields.get("returned")
    given = inner if isinstance(inner, Fields) else fields
    return Returned(
        line=fields.line,
        from_standings=given.get("from", RETURNED_FROM),
        within=given.get("within"),
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


def _declining(fields: Fields, _: Reading) -> Declining:
    usual = Declining()
    return Declining(line=fields.line, what=fields.get("declining", usual.what), by=fields.get("by", usual.by))


def _cause(fields: Fields, _: Reading) -> CauseIs:
    return CauseIs(line=fields.line, any_of=fields.get("cause", ()), within=fields.get("within"))


def _offer(fields: Fields, _: Reading) -> OfferHad:
    had, used = fields.get("had_within"), fields.get("used")
    return OfferHad(line=fields.line, offer=fields.get("offer", ""), had_within=had, used=used)


def _sent(fields: Fields, _: Reading) -> TemplateSent:
    return TemplateSent(line=fields.line, template=fields.get("sent", ""), within=fields.get("within"))


def _workflow(fields: Fields, reading: Reading) -> WorkflowEnded:
    name, outcome = fields.nodes.get("workflow"), fields.nodes.get("outcome")
    if isinstance(name, Text) and isinstance(outcome, Text) and "outcome" in fields.values:
        reading.outcomes.append((name.value, outcome))
    return WorkflowEnded(
        line=fields.line,
        workflow=fields.get("workflow", ""),
        ended_within=fields.get("ended_within"),
        outcome=fields.get("outcome", ""),
    )


def _worth(fields: Fields, reading: Reading) -> WorthIs:
    if "worth" in fields.values:
        reading.worths.append(fields.nodes["worth"])
    return WorthIs(line=fields.line)


def _occasion(fields: Fields, _: Reading) -> OccasionNear:
    return OccasionNear(
        line=fields.line,
        occasion=fields.get("occasion", ""),
        before=Length(days=fields.get("before", 0)),
        after=Length(days=fields.get("after", 0)),
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
        reading.unknown(name, "unknown-field", message, FIELD_NAMES)
        if name.value.startswith("categories."):
            reading.hint_last("of one product group write categories.NAME.orders or categories.NAME.last_order")
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
_RETURN_WITHIN = Key(
    "within", SPAN, "How long ago the return may be; `returns_within:` of lifecycle.yaml when left out."
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

RETURNED_FORM = Form("a return", "From where the customer came back, and how long ago.", (_FROM, _RETURN_WITHIN))


CONDITION_FORMS: dict[str, Form] = {
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
            Key("customer", FIELD, "The field's name.", required=True),
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
    "declining": Form(
        "the condition 'declining'",
        "The customer orders less than before, and has not fallen silent yet.",
        (
            Key(
                "declining",
                DECLINING,
                "gaps: orders lie further apart. baskets: they are smaller. either, or both.",
                required=True,
            ),
            Key("by", GROWTH, "By how much against what was usual; 50% when left out."),
        ),
        build=_declining,
    ),
    "cause": Form(
        "the condition 'cause'",
        "Why the customer leaves, as far as the evidence says.",
        (
            Key("cause", OneOrList(CAUSE), "The cause, or a list of which one must be it.", required=True),
            Key("within", SPAN, "The evidence is no older than this."),
        ),
        build=_cause,
    ),
    "offer": Form(
        "the condition 'offer'",
        "The customer was given an offer.",
        (
            Key("offer", Ref("offer"), "The offer, as offers.yaml names it.", required=True),
            Key("had_within", SPAN, "It was given no longer ago than this."),
            Key("used", FLAG, "true: it was used. false: it was not."),
        ),
        build=_offer,
    ),
    "sent": Form(
        "the condition 'sent'",
        "The customer was sent a message.",
        (
            Key("sent", Ref("template"), "The message's template.", required=True),
            Key("within", SPAN, "It was sent no longer ago than this."),
        ),
        build=_sent,
    ),
    "workflow": Form(
        "the condition 'workflow'",
        "A run of a workflow has ended for the customer; the last one counts.",
        (
            Key("workflow", Ref("workflow"), "The workflow's name.", required=True),
            Key("ended_within", SPAN, "It ended no longer ago than this."),
            Key(
                "outcome", NAME, "How it ended: an `end:` of that workflow, or left, not_asked, too_long and the like."
            ),
        ),
        build=_workflow,
    ),
    "worth": Form(
        "the condition 'worth'",
        "What this workflow's offers are expected to bring exceeds what they cost; who cannot be judged is let through.",
        (Key("worth", words(("positive",)), "positive is all that can be asked.", required=True),),
        build=_worth,
    ),
    "occasion": Form(
        "the condition 'occasion'",
        "It is the day of an occasion, or so many days before or after it.",
        (
            Key("occasion", Ref("occasion"), "The occasion, as occasions.yaml names it.", required=True),
            Key("before", DAYS, "It holds from so many days before the day."),
            Key("after", DAYS, "And until so many days after it."),
        ),
        build=_occasion,
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
