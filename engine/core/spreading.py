"""Spreading news within a decision: what has changed is heard by runs and may let the customer in; what comes of it is news."""

from __future__ import annotations

from collections.abc import Collection

from engine.core.conditions import ADDRESS, ENDED, OFFERS, SENT, STANDING, TAGS
from engine.core.customer import Run
from engine.core.entering import look
from engine.core.events import Event
from engine.core.listening import hear
from engine.core.turn import NOTHING, Turn

ROUNDS = 10
"""How often what runs do is told to the others, within one decision: more than workflows that make sense ever need."""

_HEARD_BY_RUNS = frozenset({TAGS, ADDRESS, STANDING, OFFERS, SENT, ENDED})


def go_on(turn: Turn, also: Collection[str] = (), *, may_enter: bool = True, heard: frozenset[str] = NOTHING) -> None:
    """After a signal: let runs hear what changed (`heard`: they did already), and look at what may fit now.

    What runs do thereupon, those that begin just now included, is news in turn.
    """
    touched = turn.touched
    for _ in range(ROUNDS):
        if not touched and not turn.freed and not also:
            return
        turn.touched = NOTHING
        news = touched - heard
        if not news.isdisjoint(_HEARD_BY_RUNS):
            for run in turn.customer.runs:
                let_hear(turn, run, None, news, history=not may_enter)
        if turn.freed:  # there is a place again: for those that had none, and for the one that ended
            also, turn.freed = (*also, *turn.customer.crowded_out, *turn.freed), ()
        touched |= turn.touched
        listening = turn.rules.candidates.after(touched, turn.customer, also)
        if listening:
            look(turn, listening, may_enter=may_enter)
        touched, heard, also = turn.touched, NOTHING, ()


def let_hear(turn: Turn, run: Run, event: Event | None, changed: frozenset[str], *, history: bool) -> None:
    """Let a run, as it is kept by now, hear an event and what has changed; one that has ended hears nothing."""
    kept = next((each for each in turn.customer.runs if each.id == run.id), None)
    if kept is not None:
        hear(turn, kept, event, changed, history=history)
