"""Entering a workflow: who fits, from when on, and whether they may enter on their own or wait in its line."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.conditions import NEVER, View, all_hold_from, ceases, holds
from engine.core.customer import Customer
from engine.core.ids import lot
from engine.core.machine import start
from engine.core.moments import Instant, Length
from engine.core.rulebook import Rules
from engine.core.rules import WHOLE, EventSeen, Mode, Workflow
from engine.core.runs import name_in_mode
from engine.core.sharing import lot_key
from engine.core.shop import is_warm
from engine.core.turn import Turn
from engine.core.worth import worth_of

NOT_ASKED_AGAIN_AFTER = Length(days=30)
"""A run that ended because its question was never delivered may begin again after so long."""


def look(turn: Turn, workflows: tuple[Workflow, ...], *, may_enter: bool) -> None:
    """See which workflows fit now: enter the first that may be entered, line up for those that need a sweep.

    Entering on one's own is for those who fit by what has just happened; who fitted already (found by a sweep, by
    history, or during the warm-up) waits in the workflow's line and is let in at its pace. Where some are left over
    when the pace is used up, nobody jumps the line.
    """
    customer, now, shop = turn.customer, turn.now, turn.rules.shop
    view = View(customer, now, turn.rules.lifecycle, entering=True, own_zone=turn.zone)
    for workflow in workflows:
        name = workflow.name
        at = fits_from(view, workflow, turn.rules)
        if at > now:
            _look_again(customer, name, at)
            crowd(customer, name, out=False)
            if name in customer.waiting:
                customer.waiting = tuple(each for each in customer.waiting if each != name)
            continue
        _look_again(customer, name, NEVER)
        if name in customer.waiting:
            continue
        lines_up = not may_enter or now < shop.used_up.get(name, 0) or not is_warm(shop, turn.rules.lifecycle, now)
        taken = not lines_up and place_is_taken(customer, workflow, turn.rules)
        crowd(customer, name, out=taken)
        if lines_up:
            customer.waiting = (*customer.waiting, name)
        elif not taken:
            start(turn, workflow)


def crowd(customer: Customer, name: str, *, out: bool) -> None:
    """Remember that a workflow fits and finds the customer's one place taken (`out`), or that it no longer does."""
    if out is not (name in customer.crowded_out):
        others = tuple(each for each in customer.crowded_out if each != name)
        customer.crowded_out = (*others, name) if out else others


def _look_again(customer: Customer, name: str, at: Instant) -> None:
    if at < NEVER:
        if customer.looks.get(name) != at:
            customer.looks = {**customer.looks, name: at}
    elif name in customer.looks:
        customer.looks = {each: due for each, due in customer.looks.items() if each != name}


def place_is_taken(customer: Customer, workflow: Workflow, rules: Rules) -> bool:
    """One marketing run a customer; a shadow run takes no place, nor needs one."""
    if workflow.name not in rules.takes_the_place or rules.switch(workflow.name).mode is not Mode.LIVE:
        return False
    return any(run.mode is Mode.LIVE and run.workflow in rules.takes_the_place for run in customer.runs)


def entering(customer: Customer, now: Instant, rules: Rules) -> View:
    """Return the view in which `fits_from` asks: one where a lapse counts only after the lag."""
    return View(customer, now, rules.lifecycle, entering=True)


def fits_from(view: View, workflow: Workflow, rules: Rules) -> Instant:
    """Return the instant from which the customer may enter a workflow if nothing happens: `now`, later or NEVER."""
    customer, name = view.customer, workflow.name
    switch = rules.switch(name)
    if customer.gone or customer.stuck or switch.mode is Mode.DRAFT:
        return NEVER
    for run in customer.runs:
        if run.workflow == name and (run.mode is switch.mode or switch.mode is Mode.SHADOW):
            return NEVER
    view.workflow = workflow
    fits = all_hold_from(workflow.enter_when_all, view)
    if fits >= NEVER or is_not_worth_it(view, workflow):
        return NEVER
    fits = max(fits, _again_from(customer, workflow, switch.mode, view), kept_out_until(workflow, view))
    if fits >= NEVER:
        return NEVER
    return fits if is_within_reach(customer, name, rules) else NEVER


def is_within_reach(customer: Customer, workflow: str, rules: Rules) -> bool:
    """Say whether the customer is among the share that a workflow lets in."""
    reach = rules.switch(workflow).reach
    return reach >= WHOLE or lot(rules.lifecycle.experiment_salt, f"reach {workflow}", lot_key(customer)) < reach


def is_not_worth_it(view: View, workflow: Workflow) -> bool:
    """Say whether `worth: positive` keeps the customer out of a workflow; what cannot be told lets through."""
    return workflow.worth_positive and worth_of(view.customer, workflow, view.lifecycle).verdict == "negative"


def _again_from(customer: Customer, workflow: Workflow, mode: Mode, view: View) -> Instant:
    """When `again_after`, counted from the start of the last run, lets the customer in again."""
    past = customer.ended.get(name_in_mode(workflow.name, mode))
    if past is None:
        return 0
    if past.outcome == "not_asked":
        return view.zone.after(past.at, NOT_ASKED_AGAIN_AFTER)
    if workflow.again_after is None:
        return NEVER
    return view.zone.after(past.began, workflow.again_after)


def kept_out_until(workflow: Workflow, view: View) -> Instant:
    """What is in `leave_when_any` keeps out: a state while it holds, an event for `again_after` since it happened."""
    until = 0
    for condition in workflow.leave_when_any:
        if isinstance(condition, EventSeen):
            if condition.event not in view.customer.trail and not condition.absent:
                continue
            condition = replace(condition, within=workflow.again_after, since="")  # noqa: PLW2901 - the same, over that length
        if holds(condition, view):
            until = max(until, ceases(condition, view))
    return until
