"""What a sweep, an edit or a pause means for one customer."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.entering import crowd, entering, fits_from, look, place_is_taken
from engine.core.gate import paused
from engine.core.judging import judge_standing
from engine.core.lines import is_of_sends
from engine.core.machine import skip, start, walk
from engine.core.moments import Instant
from engine.core.moving import move_runs
from engine.core.ramping import is_line_of_ramp, waits_for_ramp
from engine.core.rules import Mode, Standing
from engine.core.runs import current_send
from engine.core.sending import HELD, PAUSED_LINE
from engine.core.signals import Look
from engine.core.spreading import go_on
from engine.core.turn import Turn
from engine.core.waiting import set_all_anew


def admit(turn: Turn, name: str) -> None:
    """Let the customer in whom a sweep has called out of a line, if the workflow still fits."""
    customer = turn.customer
    workflow = next((each for each in turn.rules.in_order if each.name == name), None)
    view = entering(customer, turn.now, turn.rules)
    fits = workflow is not None and fits_from(view, workflow, turn.rules) <= turn.now
    if workflow is None or not fits:
        customer.waiting = tuple(each for each in customer.waiting if each != name)
        if workflow is not None:
            look(turn, (workflow,), may_enter=False)
    elif not place_is_taken(customer, workflow, turn.rules):
        start(turn, workflow)
        go_on(turn)
    else:  # they have another run; when that ends, they are looked at again and may enter on their own
        customer.waiting = tuple(each for each in customer.waiting if each != name)
        crowd(customer, name, out=True)


def look_anew(turn: Turn, *, by_time: bool) -> None:
    """Judge anew. By a shorter reorder interval only who is active may lapse; a sweep looks at all there is."""
    customer = turn.customer
    if customer.gone or (by_time and customer.standing is not Standing.ACTIVE):
        return
    judge_standing(turn, quietly=False)
    if by_time:
        go_on(turn)
    else:
        _wake_held(turn)
        set_all_anew(turn, history=False)
        look(turn, turn.rules.in_order, may_enter=False)


def look_under_new_rules(turn: Turn) -> None:
    """The first signal under changed rules: who fits by what was known before it fits already, and lines up."""
    customer = turn.customer
    is_new, since = not customer.epoch, customer.epoch
    customer.epoch = turn.rules.shop.epoch
    if turn.rules.shop.moves:
        move_runs(turn, customer.runs, since)
    moved = turn.touched
    known = {workflow.name for workflow in turn.rules.in_order}
    customer.waiting = tuple(name for name in customer.waiting if name in known or is_of_sends(name))
    customer.crowded_out = tuple(name for name in customer.crowded_out if name in known)
    customer.looks = {name: at for name, at in customer.looks.items() if name in known}
    if is_new or customer.gone:
        return
    judge_standing(turn, quietly=True)
    turn.touched = moved
    if not isinstance(turn.signal, Look) or turn.signal.by_time:  # a sweep's signal looks at all of them anyway
        look(turn, turn.rules.in_order, may_enter=False)


def _wake_held(turn: Turn) -> None:
    for run in turn.customer.runs:
        if run.doing.startswith(HELD) and turn.rules.switch(run.workflow).mode is not Mode.DRAFT:
            turn.put(replace(run, doing=run.doing.removeprefix(HELD), due=turn.now))


def called_up(turn: Turn) -> None:
    """Ask again the sends that waited for the ramp."""
    customer = turn.customer
    customer.waiting = tuple(name for name in customer.waiting if not is_line_of_ramp(name))
    for run in customer.runs:
        kept = turn.run(run)
        if waits_for_ramp(kept) and kept in customer.runs:
            walk(turn, replace(kept, doing="", due=None), turn.rules.version(kept.workflow, kept.version))


def unpause(turn: Turn, overdue: str, paused_at: Instant) -> None:
    """Ask again the sends that a pause held, drop them, or shift them by its length."""
    customer = turn.customer
    customer.waiting = tuple(name for name in customer.waiting if name != PAUSED_LINE)
    for run in customer.runs:
        if run.doing != "paused":
            continue
        workflow = turn.rules.version(run.workflow, run.version)
        step = current_send(workflow, run)
        assert step is not None, "only a send can be held by a pause"
        assert run.wanted is not None, "a send that waits was asked for"
        if paused(customer, workflow.name, step, turn.rules) is not None:  # another pause covers it too
            if PAUSED_LINE not in customer.waiting:
                customer.waiting = (*customer.waiting, PAUSED_LINE)
            continue
        if overdue == "skip":
            skip(turn, run, workflow, "paused")
            continue
        shifted = run.wanted + (turn.now - paused_at)
        if overdue == "shift" and run.wanted > paused_at and shifted > turn.now:
            turn.put(replace(run, doing="deferred", due=shifted, wanted=shifted, reason="shifted by the pause"))
        else:
            walk(turn, replace(run, doing="", wanted=turn.now, reason=""), workflow)
