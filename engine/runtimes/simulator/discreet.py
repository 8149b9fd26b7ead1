"""What a scenario may tell of a real customer: what its workflow asks about, and never who they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from engine.core.customer import Customer, Run
from engine.core.events import Event
from engine.core.fields import PROFILE, is_own
from engine.core.moments import DAY
from engine.core.rules import (
    AnyCondition,
    AnyOf,
    Choose,
    EventSeen,
    FieldIs,
    GoTo,
    Lifecycle,
    Mode,
    Not,
    OccasionNear,
    RuleSet,
    WaitUntil,
    Workflow,
    sends_of,
)
from engine.language.vocabulary import event_fields

NEVER_TOLD = frozenset({"email", "first_name", "last_name", "salutation", "company", "role", "account_manager"})
"""Fields that say who somebody is."""

IN_STEAD = {"phone": "on file", "postal": "on file"}
"""Of these it matters only that they are known."""

LATELY = 60
"""Days after which a ticket, an order under way or a refund holds nothing any more, by any sensible lifecycle."""

NEW_ADDRESS = "new.address@example.org"
_OF_NOBODY = frozenset(
    {"kind", "machine", "cause", "answer", "result", "purpose", "channel", "basis", "expires", "total", "currency"}
    | {"call_again_on", "competitor_contract_ends"}
)
"""Fields of events that say what happened, and nothing of whom it happened to."""

_CHANNELS = {"letter": "postal", "phone": "phone", "sms": "phone"}


def told_of(event: Event, workflow: Workflow, rule_set: RuleSet) -> dict[str, Any]:
    """Return those fields of an event that a scenario tells; a text only if a condition names it, as ours does."""
    data: dict[str, Any] = {}
    names = event.data if isinstance(event.data, dict) else getattr(event.data, "__struct_fields__", ())
    own = rule_set.own_events.get(event.type)
    fields = {name for name, kind in own.fields.items() if kind != "text"} if own else _OF_NOBODY
    for name in names:
        value = event.field(name)
        if name in fields and value not in (None, "", ()):
            data[name] = value
    if event.type.startswith("email.") and event.field("sender"):
        data["sender"] = "other"
    if event.type == "profile.updated":
        known = {name: event.field(name) for name in _asked(workflow, rule_set.lifecycle) if name in PROFILE}
        data = {name: IN_STEAD.get(name, value) for name, value in known.items() if value and name not in NEVER_TOLD}
        data |= {"email": NEW_ADDRESS} if event.field("email") else {}
        told: dict[str, Any] = event.field("attributes") or {}
        own_fields = {f"attributes.{name}": value for name, value in told.items()}
        data |= {
            name: value for name, value in own_fields.items() if name in _asked(workflow, rule_set.lifecycle) and value
        }
    for name, values in _named_values(workflow, rule_set.lifecycle):
        value = event.field(name)
        for each in value if isinstance(value, list) else [value]:
            if each in values:
                data[name] = each
    can_be_said = event_fields(event.type, rule_set.own_events)
    return {
        name: value if isinstance(value, bool | int) else str(value)
        for name, value in data.items()
        if name in can_be_said or is_own(name)
    }


def asked_of(customer: Customer, workflow: Workflow, lifecycle: Lifecycle) -> dict[str, Any]:
    """Return those fields of a profile that a workflow asks about, and another time zone than the shop's."""
    asked = _asked(workflow, lifecycle)
    told = {name: customer.value(name) for name in PROFILE if name in asked - NEVER_TOLD}
    attributes = {name: customer.value(name) for name in sorted(asked) if name.startswith("attributes.")}
    told = {name: IN_STEAD.get(name, value) for name, value in told.items() if value not in (None, "")}
    if "birthday" in told:
        told["birthday"] = str(told["birthday"])[-5:]  # the year matters to nobody
    if (there := customer.value("timezone")) and there != lifecycle.timezone:
        told["timezone"] = there
    named = {name.partition(".")[2]: value for name, value in attributes.items() if value is not None}
    return {**told, "attributes": named} if named else told


def unsaid(
    customer: Customer, run: Run, events: Sequence[Event], workflow: Workflow, rule_set: RuleSet
) -> Iterator[str]:
    """Say which facts about a run and the customer before it a scenario has no words for."""
    asked = sorted(_asked(workflow, rule_set.lifecycle) & NEVER_TOLD)
    lately = run.began - LATELY * DAY
    found = {
        "that it ran as a shadow, whose mails count in no cap": run.mode is Mode.SHADOW,
        "an open or newly solved ticket": bool(customer.open_tickets) or customer.ticket_solved_at > lately,
        "an order that was not delivered yet": any(at > lately for _, at in customer.under_way),
        "a refund": customer.refunded_at > lately,
        "orders that lie apart unevenly": len(customer.orders) > 2,
        "clicks and opens on other days than the last ones": bool(customer.life.get("click")),
        "a reply, a login or a confirmation": any(
            customer.life.get(kind) for kind in ("reply", "login", "confirmation")
        ),
        "permissions of different age, or withdrawn": len({each.at for each in customer.permission.values()}) > 1,
        "a kind of message that was stopped before": bool(customer.stopped),
        "more ended runs than the last": len(customer.ended) > 1,
        "the same mail or offer more than once": _repeated(customer),
        "other workflows under way at the time": bool(customer.runs),
        f"the fields {', '.join(asked)}, which say who it is": bool(asked),
        "what others of the same address did": bool(customer.shares),
        "texts of the shop's own events": any(each.type in rule_set.own_events for each in events),
    }
    yield from (fact for fact, is_so in found.items() if is_so)
    yield "what other customers used up: budgets, pools of codes, the time of a team"


def _repeated(customer: Customer) -> bool:
    templates = [each.template for each in customer.releases]
    return len(set(templates)) < len(templates) or any(len(times) > 1 for times in customer.offers_had.values())


# What a workflow asks about ------------------------------------------------------------------------------------------


def _asked(workflow: Workflow, lifecycle: Lifecycle) -> frozenset[str]:
    """The customer fields that a workflow looks at."""
    conditions = list(_conditions(workflow))
    steps = [step for stage in workflow.stages for step in stage.steps]
    sends = [send for step in steps for send in sends_of(step)]
    occasions = {each.occasion for each in conditions if isinstance(each, OccasionNear)}
    occasions |= {each.since for each in conditions if isinstance(each, EventSeen)}
    occasions |= {each.occasion for each in steps if isinstance(each, WaitUntil)}
    fields = {each.field for each in conditions if isinstance(each, FieldIs)}
    fields |= {each.field for each in steps if isinstance(each, WaitUntil)}
    fields |= {each.by for each in steps if isinstance(each, Choose)}
    fields |= {lifecycle.occasions[name].field for name in occasions & lifecycle.occasions.keys()}
    fields |= {_CHANNELS[each.channel] for each in sends if each.channel in _CHANNELS}
    if any(each.channel == "preferred" for each in sends):
        fields |= {"channel", "phone", "postal"}
    return frozenset(fields)


def _named_values(workflow: Workflow, lifecycle: Lifecycle) -> Iterator[tuple[str, list[Any]]]:
    """The values that conditions name, by field of the event."""
    wheres = [each.where for each in _conditions(workflow) if isinstance(each, EventSeen)]
    wheres += [rule.where for rule in lifecycle.causes]
    for name in {name for where in wheres for name in where}:
        yield name, [where[name] for where in wheres if name in where]


def _conditions(workflow: Workflow) -> Iterator[AnyCondition]:
    """All conditions of a workflow, also those inside others."""
    ways = [way.condition for stage in workflow.stages for way in stage.until_any]
    steps = [step for stage in workflow.stages for step in stage.steps if isinstance(step, GoTo)]
    asked = [each for step in steps for each in (*step.when_all, *step.when_any)]
    yield from _all_of((*workflow.enter_when_all, *workflow.leave_when_any, *ways, *asked))


def _all_of(conditions: Iterable[AnyCondition]) -> Iterator[AnyCondition]:
    for each in conditions:
        yield each
        if isinstance(each, Not):
            yield from _all_of([each.condition])
        elif isinstance(each, AnyOf):
            yield from _all_of(each.conditions)
