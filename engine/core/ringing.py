"""A due time within a decision: of a standing, of runs, of workflows that may fit now; and which one is next."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.conditions import NEVER
from engine.core.customer import Customer, Run
from engine.core.ending import finish
from engine.core.judging import is_doubtful, judge_standing
from engine.core.machine import ring_timer
from engine.core.moments import Instant
from engine.core.rules import Mode
from engine.core.sending import HELD
from engine.core.spreading import go_on, let_hear
from engine.core.turn import Turn


def time_up(turn: Turn) -> None:
    """Ring what is due: the standing first, then runs in the order of their due times, then entries that waited for it."""
    customer, now = turn.customer, turn.now
    if customer.gone or customer.stuck:
        return
    heard: frozenset[str] = frozenset()
    if is_doubtful(customer, now):
        judge_standing(turn, quietly=False)
        heard = turn.touched
        for run in customer.runs:
            let_hear(turn, run, None, heard, history=False)
    runs = customer.runs
    for run in runs if len(runs) < 2 else sorted(runs, key=lambda each: (each.due or NEVER, each.id)):
        kept = turn.run(run)
        if kept not in turn.customer.runs:
            continue
        if kept.ends_at <= now:
            finish(turn, kept, "too_long")
        elif kept.due is not None and kept.due <= now and _is_on(turn, kept):
            ring_timer(turn, kept, turn.rules.version(kept.workflow, kept.version))
    looked = [name for name, at in customer.looks.items() if at <= now] if customer.looks else ()
    go_on(turn, looked, heard=heard)


def _is_on(turn: Turn, run: Run) -> bool:
    """A live workflow turned to draft holds its runs as a pause does; the sweep of a later change wakes them."""
    if run.mode is Mode.SHADOW or turn.rules.switch(run.workflow).mode is not Mode.DRAFT:
        return True
    turn.put(replace(run, doing=f"{HELD}{run.doing}", due=None))
    return False


def next_due(customer: Customer) -> Instant | None:
    """Return the instant of the next timer, None where only a signal can bring anything."""
    if customer.gone or customer.stuck:
        return None
    due = customer.lapse_due if customer.lapse_due is not None else NEVER
    for run in customer.runs:
        due = min(due, run.ends_at, NEVER if run.due is None else run.due)
    if customer.looks:
        due = min(due, *customer.looks.values())
    if customer.held:
        due = min(due, customer.held[0].due)
    return due if due < NEVER else None
