"""Steps that let time pass: for a length, or until a moment on somebody's calendar."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.conditions import topics
from engine.core.customer import Run
from engine.core.fields import day_of, field_value
from engine.core.gate import run_zone
from engine.core.moments import MINUTE, Day, Instant
from engine.core.occasions import next_day
from engine.core.rules import FieldIs, Wait, WaitUntil, Workflow
from engine.core.runs import next_step, step_of
from engine.core.turn import Turn

WAITING = "waiting"


def wait(turn: Turn, run: Run, workflow: Workflow, step: Wait) -> None:
    """Let a length of time pass."""
    due = run_zone(workflow, turn.zone).after(turn.now, step.length)
    turn.put(replace(run, doing=WAITING, due=due))


def wait_until(turn: Turn, run: Run, workflow: Workflow, step: WaitUntil) -> Run | None:
    """Wait for a moment; one that is past, or that nobody knows, is no reason to wait unless `if_unknown` says so."""
    due = _moment(turn, workflow, step, turn.now)
    if due is None or due <= turn.now:
        return next_step(run)
    turn.put(replace(run, doing=WAITING, due=due, wanted=turn.now))
    return None


def set_anew(turn: Turn, run: Run, workflow: Workflow, changed: frozenset[str] | None, *, history: bool) -> None:
    """Work out anew when a wait for a moment is over: the day may have changed (`changed` None: the rules have).

    What history tells moves the moment, and ends no wait at once: it rings no timer.
    """
    step = step_of(workflow, run)
    if run.doing != WAITING or run.wanted is None or not isinstance(step, WaitUntil) or not _may_change(step, changed):
        return
    due = max(_moment(turn, workflow, step, run.wanted) or 0, turn.now)
    if due != run.due and not (history and due == turn.now):
        turn.put(replace(run, due=due))


def set_all_anew(turn: Turn, *, history: bool) -> None:
    """Work out anew when each of the customer's waits is over: other rules hold, or other facts were joined to theirs."""
    for run in turn.customer.runs:
        set_anew(turn, run, turn.rules.version(run.workflow, run.version), None, history=history)


def _may_change(step: WaitUntil, changed: frozenset[str] | None) -> bool:
    if step.weekday is not None:
        return False
    if changed is None or step.occasion:  # an occasion may be one of the customer's own, and rests on any fact
        return True
    return not changed.isdisjoint(topics(FieldIs(field=step.field)))


def _moment(turn: Turn, workflow: Workflow, step: WaitUntil, began: Instant) -> Instant | None:
    """Return when a wait that began then is over, bounded by `at_most`; None where nobody knows the day."""
    zone = run_zone(workflow, turn.zone)
    clock = zone.clock(began) if step.at is None else step.at * MINUTE
    if step.weekday is not None:
        today = zone.day(began)
        days = range(today, today + 8)
        at = next(at for day in days if zone.weekday(day) == step.weekday and (at := zone.at(day, clock)) > began)
    else:
        day = _day(turn, step, zone.day(began))
        if day is not None:
            at = zone.at(day - step.before.days + step.after.days, clock)
            at += (step.after.minutes - step.before.minutes) * MINUTE
        elif step.if_unknown is not None:
            at = zone.at(zone.day(began) + step.if_unknown.days, clock)
        else:
            return None
    return at if step.at_most is None else min(at, zone.after(began, step.at_most))


def _day(turn: Turn, step: WaitUntil, today: Day) -> Day | None:
    """Return the day a wait looks to: of a field, or the next of an occasion whose moment is not behind us by `after`."""
    lifecycle = turn.rules.lifecycle
    if step.occasion:
        occasion = lifecycle.occasions.get(step.occasion)
        return None if occasion is None else next_day(occasion, turn.customer, today - step.after.days)
    return day_of(step.field, field_value(turn.customer, step.field, turn.now, lifecycle))
