"""Steps on a run's way: waits of a length or for a moment, and other stages to leave for."""

from __future__ import annotations

from typing import Any

from engine.core.moments import Length
from engine.core.rules import (
    WHOLE,
    GoTo,
    Split,
    Wait,
    WaitUntil,
)
from engine.language.conditions import CONDITIONS
from engine.language.forms import Fields, Form, OneOf
from engine.language.kinds import BAD, Key
from engine.language.nodes import Mapping, Text
from engine.language.problems import shown
from engine.language.reading import Reading
from engine.language.scalars import (
    CLOCK,
    DAYS,
    GROWTH,
    SPAN,
    WEEKDAY,
    Ref,
)
from engine.language.send_steps import Written
from engine.language.shapes import MapOf
from engine.language.vocabulary import FIELD, FIELD_NAMES, field_kind, may_hold_a_day


def _wait(fields: Fields, _: Reading) -> Written:
    return Written(Wait(key="", line=fields.line, length=fields.get("wait", Length(days=1))), fields)


def _moment(fields: Fields, reading: Reading) -> Fields:
    name = fields.nodes.get("customer")
    if isinstance(name, Text) and not name.empty and not may_hold_a_day(name.value):
        kind = field_kind(name.value)
        if kind is None:
            days = [each for each in FIELD_NAMES if may_hold_a_day(each)]
            reading.unknown(name, "unknown-field", f"a customer has no field {shown(name.value)}", days)
        else:
            message = f"{shown(name.value)} is a {kind.replace('_', ' or ')}, and no day to wait for"
            reading.error(name, "unknown-field", message, "name a field that holds a day, such as contract_ends")
    if "weekday" in fields.keys:
        for key in ("before", "after", "if_unknown"):
            if key in fields.keys:
                message = f"{shown(key)} beside 'weekday': a weekday is waited for itself"
                hint = "leave it out" if key == "if_unknown" else "name the weekday that is meant"
                reading.error(fields.keys[key], "conflicting-keys", message, hint)
    return fields


def _wait_until(fields: Fields, _: Reading) -> Any:
    moment = fields.get("wait_until", BAD)
    if moment is BAD:
        return BAD
    step = WaitUntil(
        key="",
        line=fields.line,
        field=moment.get("customer", ""),
        occasion=moment.get("occasion", ""),
        weekday=moment.get("weekday"),
        before=Length(days=moment.get("before", 0)),
        after=Length(days=moment.get("after", 0)),
        at=moment.get("at"),
        if_unknown=Length(days=moment.get("if_unknown")) if "if_unknown" in moment.values else None,
        at_most=moment.get("at_most", fields.get("at_most")),
    )
    return Written(step, fields)


def _split(fields: Fields, reading: Reading) -> Written:
    shares: dict[str, int] = fields.get("split", {})
    node = fields.nodes.get("split")
    if isinstance(node, Mapping) and len(shares) == len(node.entries):
        whole = sum(shares.values())
        if len(shares) < 2:
            message = "a split with one stage splits nothing"
            reading.error(fields.keys["split"], "not-whole", message, "name two stages or more; `after:` leads to one")
        elif whole != WHOLE:
            message = f"the shares add up to {_percent(whole)}, not to 100%"
            last = node.entries[-1][0].value
            fits = shares[last] + WHOLE - whole
            hint = f"write {_percent(fits)} for {last}, say" if 0 < fits < WHOLE else "make them add up to 100%"
            reading.error(fields.keys["split"], "not-whole", message, hint)
    return Written(Split(key="", line=fields.line, shares=tuple(shares.items())), fields)


def _percent(share: int) -> str:
    return f"{share / 100:.2f}".rstrip("0").rstrip(".") + "%"


def _go_to(fields: Fields, _: Reading) -> Written:
    step = GoTo(
        key="",
        line=fields.line,
        stage=fields.get("go_to", ""),
        when_all=fields.get("when_all", ()),
        when_any=fields.get("when_any", ()),
    )
    return Written(step, fields)


MOMENT = Form(
    "a moment",
    "A day of the customer's, an occasion, or the next such weekday.",
    (
        Key("customer", FIELD, "A field of the customer that holds a day."),
        Key("occasion", Ref("occasion"), "The next day of an occasion, as occasions.yaml names it."),
        Key("weekday", WEEKDAY, "The next such weekday, strictly after now."),
        Key("before", DAYS, "So many days before that day."),
        Key("after", DAYS, "So many days after that day."),
        Key("at", CLOCK, "At this clock time; when left out, the one at which the step began."),
        Key("if_unknown", DAYS, "So many days are waited where nobody knows the day; not at all when left out."),
        Key("at_most", SPAN, "Go on after this long at the latest."),
    ),
    one_of=(
        OneOf(("customer", "occasion", "weekday"), required=True, cure="say what is waited for"),
        OneOf(("before", "after")),
    ),
    build=_moment,
    example="{customer: contract_ends, before: 14d}, {occasion: christmas} or {weekday: tue}",
)


WAY_FORMS: dict[str, Form] = {
    "wait": Form(
        "the step 'wait'",
        "Let time pass.",
        (Key("wait", SPAN, "How long, from when the step before was done.", required=True),),
        build=_wait,
    ),
    "wait_until": Form(
        "the step 'wait_until'",
        "Wait for a moment.",
        (
            Key(
                "wait_until",
                MOMENT,
                "The moment; one that is past or not known is not waited for, but see `if_unknown`.",
                required=True,
            ),
            Key("at_most", SPAN, "Go on after this long at the latest."),
        ),
        build=_wait_until,
    ),
    "go_to": Form(
        "the step 'go_to'",
        "Leave for another stage if the conditions hold, else go on.",
        (
            Key("go_to", Ref("stage"), "The stage to leave for.", required=True),
            Key("when_all", CONDITIONS, "Conditions that must all hold."),
            Key("when_any", CONDITIONS, "Conditions of which one must hold."),
        ),
        one_of=(OneOf(("when_all", "when_any"), required=True, cure="say when; to go there always, use `after:`"),),
        build=_go_to,
    ),
    "split": Form(
        "the step 'split'",
        "Leave for one of several stages, a stable share of customers for each.",
        (
            Key(
                "split",
                MapOf(Ref("stage"), GROWTH, "stages with their shares", least=1),
                "The stages with their shares, which add up to 100%.",
                required=True,
            ),
        ),
        build=_split,
    ),
}
