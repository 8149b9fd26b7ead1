"""What keeps a customer from a workflow now: its conditions asked one by one, the line they stand in, their one place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from engine.core.conditions import NEVER, View, holds, holds_from
from engine.core.customer import Customer
from engine.core.entering import entering, fits_from, is_not_worth_it, is_within_reach
from engine.core.moments import Instant, rfc3339
from engine.core.rulebook import Rules
from engine.core.rules import AnyCondition, EventSeen, Mode, Workflow
from engine.core.runs import name_in_mode
from engine.core.shop import is_warm
from engine.core.words import in_words
from engine.core.worth import worth_of
from engine.trace.actual import actual
from engine.trace.decisions import Decision


def why_not(
    customer: Customer, workflow: Workflow, rules: Rules, now: Instant, places: Mapping[str, int]
) -> Iterator[Decision]:
    """Tell why a customer is not in a workflow now: one decision for each thing in the way; none where they are in it."""
    if any(run.workflow == workflow.name for run in customer.runs):
        return
    what = f"not in {workflow.name}"
    file = workflow.file
    switch = rules.switch(workflow.name)
    if switch.mode is Mode.DRAFT:
        yield Decision(now, what, "mode: draft - it is checked and never run", file, workflow.line)
        return
    if customer.gone or customer.stuck:
        yield Decision(
            now, what, "the customer is gone" if customer.gone else "the customer is stuck", file, workflow.line
        )
        return
    view = entering(customer, now, rules)
    view.workflow = workflow
    in_the_way = list(_in_the_way(view, workflow, rules))
    if in_the_way:
        for why, line in in_the_way:
            yield Decision(now, what, why, file, line or workflow.line)
    else:
        yield Decision(now, what, _though_fitting(customer, workflow, rules, now, places), file, workflow.line)


def _in_the_way(view: View, workflow: Workflow, rules: Rules) -> Iterator[tuple[str, int]]:
    customer, now = view.customer, view.now
    for condition in workflow.enter_when_all:
        at = holds_from(condition, view)
        if at > now:
            then = f"; if nothing happens, from {rfc3339(at)}" if at < NEVER else ""
            yield f"{in_words(condition)} - {actual(condition, view)}{then}", condition.line
    if is_not_worth_it(view, workflow):
        yield f"worth: positive - {worth_of(customer, workflow, rules.lifecycle).said}", workflow.line
    for condition in workflow.leave_when_any:
        if not isinstance(condition, EventSeen):
            if holds(condition, view):
                yield f"{in_words(condition)} holds, and keeps out (leave_when_any)", condition.line
        elif holds(replace(condition, within=workflow.again_after, since=""), view):
            yield f"{in_words(condition)} happened within again_after, and keeps out (leave_when_any)", condition.line
    past = customer.ended.get(name_in_mode(workflow.name, rules.switch(workflow.name).mode))
    if past is not None and not list(_unmet(view, workflow)):
        again = fits_from(view, workflow, rules)
        if again > now:
            until = f"; again from {rfc3339(again)}" if again < NEVER else "; never again"
            yield (
                f"the last run began {rfc3339(past.began)} and ended as {past.outcome}{until} (again_after)",
                workflow.line,
            )
    if not is_within_reach(customer, workflow.name, rules):
        yield f"not among the {rules.switch(workflow.name).reach / 100:g}% that reach lets in", workflow.line


def _unmet(view: View, workflow: Workflow) -> Iterator[AnyCondition]:
    return (each for each in workflow.enter_when_all if holds_from(each, view) > view.now)


def _though_fitting(
    customer: Customer, workflow: Workflow, rules: Rules, now: Instant, places: Mapping[str, int]
) -> str:
    """Say why somebody who fits is not in: they wait in line, or another run has their one place."""
    name, switch = workflow.name, rules.switch(workflow.name)
    other = next(
        (run for run in customer.runs if run.workflow in rules.takes_the_place and run.mode is Mode.LIVE), None
    )
    if name in customer.waiting:
        before = f" after {places[name]:,} others" if places.get(name) else ""
        said = f"fits, and waits to be let in{before}: "
        if switch.skip_those_who_fit:
            return "fitted already when it was looked at; enter_at_most: skip lets none of those in"
        if name in rules.shop.refused:
            return said + "over 1,000 fit and enter_at_most names no pace, so nobody is let in"
        if not is_warm(rules.shop, rules.lifecycle, now):
            return said + "the warm-up is not over (lifecycle.yaml)"
        return said + "those who fitted already enter at the pace of enter_at_most"
    order = _by_priority(customer, workflow, rules, now)
    if other is not None and name in rules.takes_the_place:
        return f"fits, but is in {other.workflow}: one marketing run at a time; {order}"
    return f"fits; enters with the next signal or sweep; {order}"


def _by_priority(customer: Customer, workflow: Workflow, rules: Rules, now: Instant) -> str:
    """Say which of the workflows that fit enters first when the one place is free."""
    mine = f"priority: {workflow.priority}"
    if workflow.name not in rules.takes_the_place:
        return "it needs no place"
    before = [each for each in rules.in_order if each.name in rules.takes_the_place]
    for other in before[: before.index(workflow)]:
        if other.name not in customer.waiting and fits_from(entering(customer, now, rules), other, rules) <= now:
            both = "both, then by name" if other.priority == workflow.priority else f"{workflow.priority} here"
            return f"{other.name} enters before it, with priority: {other.priority} against {both}"
    return f"of those that fit it enters first ({mine})"
