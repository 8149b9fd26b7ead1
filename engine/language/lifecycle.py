"""lifecycle.yaml: what holds for all workflows. A key left out has the core's own value."""

from __future__ import annotations

import re
from typing import Any

from engine.core.causes import FAIR, STRONG, WEAK, usual_strength
from engine.core.moments import Length
from engine.core.rules import (
    Cap,
    CauseRule,
    DeadAddressRule,
    HoldWhile,
    Keep,
    LapseRule,
    Lifecycle,
    PerCustomer,
    ReaderRule,
    Season,
    Share,
)
from engine.language import values
from engine.language.breaker import BREAKER
from engine.language.engagement import ENGAGEMENT
from engine.language.event_conditions import event_exists, event_values
from engine.language.forms import Fields, Form
from engine.language.kinds import BAD, Key
from engine.language.nodes import Mapping, Text
from engine.language.permission import CALL_CONSENTS, COUNTRIES, PERMISSION, with_countries
from engine.language.problems import shown
from engine.language.ramp import RAMP
from engine.language.reading import Reading
from engine.language.scalars import (
    CAUSE,
    CLOCK_SPAN,
    COST,
    CURRENCY,
    DAYS,
    EVENT,
    FLAG,
    LENGTH,
    MONTH_DAY,
    NAME,
    PERCENT,
    RATE,
    SPAN,
    TEXT,
    ZONE,
    Ref,
    Scalar,
    Word,
    WordOr,
    whole,
    words,
)
from engine.language.send_steps import PURPOSES
from engine.language.shapes import Either, ListOf, MapOf, Raw
from engine.language.values import Wrong

NONE = {"none": None}
LATER_LIFECYCLE = {
    "global_holdout": "use `holdout:` of each workflow for now",
    "annoyance": "leave it out for now",
}
_LAPSE = r"(?:\d+(?:d|w)|\d+(?:\.\d+)? x (?:reorder_interval|own_interval)|quantile 0\.\d+)"


def lapse_rule(text: str) -> LapseRule:
    """Read `120d`, `2 x reorder_interval`, `2 x own_interval` or `quantile 0.85`."""
    if match := re.fullmatch(r"(\S+) x (\S+)", text):
        if match[2] not in ("reorder_interval", "own_interval"):
            hint = "write 2 x reorder_interval or 2 x own_interval"
            raise Wrong(f"{shown(match[2])} is no interval", hint, "bad-word")
        return LapseRule(match[2], values.fraction(match[1]))
    if match := re.fullmatch(r"quantile (\S+)", text):
        share = values.fraction(match[1]) if re.fullmatch(r"\d?\.?\d+", match[1]) else (1, 1)
        if share[0] >= share[1]:
            raise Wrong(f"a quantile lies between 0 and 1, not {shown(match[1])}", "write quantile 0.85", "bad-number")
        return LapseRule("quantile", share)
    if re.match(r"\d+\s*[x*]|quantile|\d+\s+\w+_interval", text):
        raise Wrong(f"{shown(text)} is not understood", "write 2 x reorder_interval or quantile 0.85", "bad-word")
    days = values.whole_days(text)
    if not days:
        raise Wrong(f"{shown(text)} is no time at all", "write a length above zero")
    return LapseRule("days", (days, 1))


LAPSE = Scalar(
    "a length (120d), 2 x reorder_interval, 2 x own_interval or quantile 0.85",
    "bad-length",
    lapse_rule,
    lambda: {"type": "string", "pattern": f"^{_LAPSE}$"},
)


def _by_category(fields: Fields, _: Reading) -> Any:
    rule = fields.get("is", BAD)
    return rule if rule is BAD else LapseRule(rule.of, rule.number, by_category=bool(fields.get("by")))


LAPSE_BY_CATEGORY = Form(
    "a rule by category",
    "How long without an order is too long, reckoned by product group.",
    (
        Key("is", LAPSE, "The rule, written as it would be without `by:`.", required=True),
        Key(
            "by", Word({"category": True}), "category: by product group, where there are 200 intervals.", required=True
        ),
    ),
    build=_by_category,
)

ONE_TIME_BUYERS = Form(
    "a rule for one-time buyers",
    "When somebody who ordered once counts as inactive.",
    (Key("lapsed_after", Either(LAPSE, LAPSE_BY_CATEGORY), "As `lapsed_after:` for everyone else.", required=True),),
    build=lambda fields, _: fields.get("lapsed_after", BAD),
)

MARGIN_BY_CATEGORY = Form(
    "a margin by category",
    "What is left of the turnover, by product group.",
    (
        Key("otherwise", PERCENT, "The margin of all other categories.", required=True),
        Key(
            "by_category",
            MapOf(TEXT, PERCENT, "categories with their margin"),
            "Categories with their margin.",
            required=True,
        ),
    ),
)

READER = Form(
    "the rule for readers",
    "Who counts as a reader.",
    (
        Key(
            "any_of",
            ListOf(words(("click", "reply", "login", "confirmation")), least=1),
            "What shows that somebody reads: click, reply, login, confirmation.",
        ),
        Key("within", SPAN, "How recent it must be."),
    ),
    build=lambda fields, _: ReaderRule(**fields.values),
)

DEAD_ADDRESS = Form(
    "the rule for dead addresses",
    "How many bounces make an address dead.",
    (
        Key("clear_proofs", whole(1, 10), "So many bounces that are beyond doubt."),
        Key("doubtful_proofs", whole(1, 100), "Or so many doubtful ones."),
        Key("apart", LENGTH, "Doubtful ones count only when they are this far apart."),
    ),
    build=lambda fields, _: DeadAddressRule(**fields.values),
)


def _cap(fields: Fields, _: Reading) -> Any:
    read = fields.get("at_most", BAD)
    return BAD if read is BAD or "purpose" not in fields.values else Cap(fields.values["purpose"], *read)


CAP = Form(
    "a cap",
    "How many messages of one purpose a customer gets at most.",
    (
        Key("purpose", PURPOSES, "marketing, newsletter or service.", required=True),
        Key("at_most", RATE, "How many in how long a time.", required=True),
    ),
    build=_cap,
)

KEEP_CLEAR = Form(
    "the distance from other senders",
    "How long after somebody else's mail we keep quiet.",
    (
        Key(
            "other_senders",
            WordOr(NONE, LENGTH),
            "No marketing so soon after another sender's mail that we are told of.",
        ),
    ),
    build=lambda fields, _: fields.get("other_senders", Lifecycle().keep_clear_of_other_senders),
)

HOLD_WHILE = Form(
    "what holds marketing back",
    "While one of these is so, no marketing goes to the customer.",
    (
        Key("ticket_open", FLAG, "A complaint or question is open."),
        Key("ticket_solved", WordOr(NONE, LENGTH), "It was solved less than this ago."),
        Key("order_under_way", WordOr(NONE, LENGTH), "An order is on its way, at most this long."),
        Key("after_refund", WordOr(NONE, LENGTH), "There was a refund less than this ago."),
        Key(
            "reply",
            WordOr(NONE, LENGTH),
            "They wrote back less than this ago, and a person answers them; 7d when left out.",
        ),
    ),
    build=lambda fields, _: HoldWhile(**fields.values),
)

KEEP = Form(
    "how long data is kept",
    "Data has an end, by kind.",
    (
        Key(
            "ip_and_agent",
            SPAN,
            "Internet addresses and browsers of opens and clicks. None is kept at all, but within what could not be read.",
        ),
        Key("bodies", SPAN, "Messages in the local mailbox; bodies are kept nowhere else."),
        Key("engagement", SPAN, "Opens and clicks."),
        Key("dead_letters", SPAN, "Input that could not be taken."),
        Key("event_ids", SPAN, "Ids of events, by which a duplicate is known."),
        Key(
            "call_consents",
            CALL_CONSENTS,
            "Proofs of consents to calls, of erased customers too, from the last call on; at least five years, or none.",
        ),
    ),
    build=lambda fields, _: Keep(**fields.values),
)


def _cause_rule(fields: Fields, reading: Reading) -> Any:
    name, where = fields.nodes.get("event"), fields.get("where")
    known = isinstance(name, Text) and not name.empty and event_exists(name, reading)
    event, means = fields.get("event", ""), fields.get("means", BAD)
    asked = event_values(event, where, reading) if known and isinstance(where, Mapping) else {}
    if means is BAD:
        return BAD
    return CauseRule(event=event, where=asked, means=means, strength=fields.get("strength", usual_strength(event)))


CAUSE_RULE = Form(
    "a rule of causes",
    "An event that is evidence of why a customer leaves.",
    (
        Key("event", EVENT, "The event.", required=True),
        Key(
            "where",
            Raw("fields of the event with their values"),
            "Fields of the event that must have these values; of a list, any item.",
        ),
        Key("means", CAUSE, "The cause it is evidence of.", required=True),
        Key(
            "strength",
            Word({"weak": WEAK, "fair": FAIR, "strong": STRONG}),
            "weak, fair or strong; when left out, strong for answers, fair for tickets and contracts, else weak.",
        ),
    ),
    build=_cause_rule,
)

SEASON = Form(
    "a season",
    "A time of the year in which the shop sells.",
    (
        Key("name", NAME, "What it is called, in your words.", required=True),
        Key("from", MONTH_DAY, "Its first day, month first: 03-01.", required=True, to="begins"),
        Key("to", MONTH_DAY, "Its last day; one before the first is in the next year.", required=True, to="ends"),
    ),
    example="{name: summer, from: 03-01, to: 10-31}",
    build=lambda fields, _: Season(**fields.values) if len(fields.values) == len(fields.keys) == 3 else BAD,
)


def _lifecycle(fields: Fields, _: Reading) -> Lifecycle:
    made = dict(fields.values)
    margin: Share | Fields | None = made.pop("margin", None)
    if isinstance(margin, Fields):
        made["margin"] = margin.get("otherwise")
        made["margin_by_category"] = margin.get("by_category", {})
    elif margin is not None:
        made["margin"] = margin
    pace: tuple[int, Length] | None = made.get("offers_at_most")
    if pace is not None:
        made["offers_at_most"] = PerCustomer(*pace)
    return Lifecycle(**with_countries(made))


def _cost(text: str) -> str:
    known = ("email", "letter", "call", "phone", "sms", "push")
    if text not in known:
        raise Wrong(f"nothing named {shown(text)} has a cost here", f"known here: {', '.join(known)}")
    return text


_COSTS = Scalar(
    "what costs something (email, letter, call)",
    "bad-word",
    _cost,
    lambda: {"type": "string", "pattern": "^(email|letter|call|phone|sms|push)$"},
)

LIFECYCLE = Form(
    "lifecycle.yaml",
    "What holds for all workflows: when a customer counts as inactive, how often we write, when we keep quiet.",
    (
        Key("timezone", ZONE, "The shop's zone, for everyone whose own we do not know."),
        Key("currency", CURRENCY, "The shop's currency."),
        Key("margin", Either(PERCENT, MARGIN_BY_CATEGORY), "What is left of the turnover; `worth: positive` needs it."),
        Key("costs", MapOf(_COSTS, COST, "what costs something, with the money"), "What one message or call costs."),
        Key("lapsed_after", Either(LAPSE, LAPSE_BY_CATEGORY), "How long without an order is too long."),
        Key("lapsed_at_least", DAYS, "Never earlier than this, whatever the rule says."),
        Key("lapsed_at_most", DAYS, "And never later."),
        Key(
            "one_time_buyers", Either(Word({"same": None}), ONE_TIME_BUYERS), "The rule for who ordered once; or same."
        ),
        Key("warm_up", WordOr(NONE, SPAN), "Nobody enters before the known facts reach back this far; or none."),
        Key(
            "enter_after_lag", LENGTH, "A lapse counts this much later, so that last night's orders can come in first."
        ),
        Key("reader", READER, "Who shows this, but does not buy, is a reader."),
        Key("former_after", WordOr({"never": None}, SPAN), "So long lapsed makes a former customer; or never."),
        Key("dead_address", DEAD_ADDRESS, "How many bounces make an address dead."),
        Key("caps", ListOf(CAP), "How many messages a customer gets at most."),
        Key(
            "keep_clear",
            Either(Word(NONE), KEEP_CLEAR),
            "The distance from other senders' mails.",
            to="keep_clear_of_other_senders",
        ),
        Key("offers_at_most", WordOr(NONE, RATE), "How many offers one customer gets, over all workflows."),
        Key("quiet", WordOr(NONE, CLOCK_SPAN), "Nothing is sent in these hours of the customer's day."),
        Key("hold_while", HOLD_WHILE, "What holds marketing back."),
        Key("permission", PERMISSION, "What counts as permission."),
        Key("countries", COUNTRIES, "What counts as permission, and what hours are quiet, by the customer's country."),
        Key("service_templates", ListOf(Ref("template")), "Only these may be sent with `purpose: service`."),
        Key(
            "oldest_address",
            WordOr(NONE, SPAN),
            "Who gave no sign of life and got no mail for longer is not written to first.",
        ),
        Key(
            "ramp",
            RAMP,
            "How many marketing mails a day the families of mail providers get, and how that grows; left out, no limit.",
        ),
        Key(
            "breaker",
            Either(Word({"off": None}), BREAKER),
            "When marketing stops by itself, for complaints, dead addresses, refusals or unsubscribes; or off.",
        ),
        Key("returns_within", SPAN, "How long ago a return may be where `returned:` does not say; 30d when left out."),
        Key("causes", ListOf(CAUSE_RULE), "Which events are evidence of why a customer leaves."),
        Key("seasons", ListOf(SEASON), "When the shop sells; days outside all seasons are not counted as idle."),
        Key("engagement", ENGAGEMENT, "What tells a person's click from a scanner's."),
        Key("keep", KEEP, "How long data is kept, by kind."),
        Key("experiment_salt", TEXT, "Decides who is held out; another salt, other people. Not a secret."),
    ),
    later=LATER_LIFECYCLE,
    build=_lifecycle,
)
