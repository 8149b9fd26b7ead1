"""Conditions: what must hold of a customer. A condition is a mapping whose leading key says which it is."""

from __future__ import annotations

from functools import cache
from typing import Any

from engine.core.fields import OF_CATEGORY
from engine.core.rules import (
    Address,
    AddressIs,
    AnyCondition,
    FieldIs,
    Not,
    PermissionIs,
    Returned,
    Standing,
    StandingIs,
    TagIs,
    WayOut,
)
from engine.language.event_conditions import EVENT_FORMS
from engine.language.forms import Fields, Form, Variants, with_keys
from engine.language.history_conditions import HISTORY_FORMS
from engine.language.kinds import BAD, Key
from engine.language.nodes import Listing, Node, Text
from engine.language.problems import one_of, shown
from engine.language.reading import Reading
from engine.language.scalars import NAME, SPAN, Ref, Word, words
from engine.language.shapes import ListOf, Raw
from engine.language.vocabulary import (
    CHANNELS,
    FIELD,
    FIELD_NAMES,
    field_kind,
    field_reader,
    tests_of,
)

STANDINGS = Word({standing.value: standing for standing in Standing})


ADDRESSES = Word({address.value: address for address in Address})


CAME_FROM = Word({standing.value: standing for standing in (Standing.READER, Standing.LAPSED, Standing.FORMER)})


RETURNED_FROM = (Standing.READER, Standing.LAPSED, Standing.FORMER)


PERMISSIONS = words(("newsletter", "marketing", "tracking"))


BASES = words(("express", "existing_customer", "presumed_b2b"))


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
            reading.hint_last(f"of one product group write {one_of(f'categories.NAME.{what}' for what in OF_CATEGORY)}")
        return BAD
    allowed = tests_of(name.value)
    tests = [key for key in fields.keys if key in _FIELD_TESTS]  # not `then`, of a way out
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


_FIELD_TESTS = ("is", "any_of", "at_least", "at_most", "within_next", "within_last")


def _tested(field: str, node: Node, reading: Reading) -> Any:
    reader = field_reader(field)
    if isinstance(node, Listing):
        return ListOf(reader, least=1).read(node, reading)
    return reader.read(node, reading)


_FROM = Key("from", ListOf(CAME_FROM, least=1), "Which standings the customer came back from; all three when left out.")


_RETURN_WITHIN = Key(
    "within", SPAN, "How long ago the return may be; `returns_within:` of lifecycle.yaml when left out."
)


RETURNED_FORM = Form("a return", "From where the customer came back, and how long ago.", (_FROM, _RETURN_WITHIN))


_OWN_FORMS: dict[str, Form] = {
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
    "tag": Form(
        "the condition 'tag'",
        "The customer has a tag.",
        (Key("tag", NAME, "The tag's name.", required=True),),
        build=_tag,
    ),
}


CONDITION_FORMS: dict[str, Form] = {**EVENT_FORMS, **_OWN_FORMS, **HISTORY_FORMS}


@cache
def _all_forms() -> dict[str, Form]:
    return {**CONDITION_FORMS, "not": _NOT}


CONDITION = Variants("a condition", "Something that must hold of a customer.", "condition", _all_forms)


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
)
