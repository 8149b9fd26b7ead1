"""`decide`: what one signal means for one customer. Pure: the same arguments give the same decision, anywhere."""

from __future__ import annotations

from collections.abc import Callable

from engine.core.customer import Customer
from engine.core.decision import Decision
from engine.core.entering import look
from engine.core.erasing import ERASED, empty
from engine.core.happening import happened, settle
from engine.core.joining import about_others
from engine.core.lines import leave_lines, stand_in_line_again
from engine.core.machine import handed
from engine.core.merging import given_up
from engine.core.moments import Instant
from engine.core.rehearsing import rehearsed
from engine.core.restoring import recovered
from engine.core.reviewing import admit, called_up, look_anew, look_under_new_rules, unpause
from engine.core.ringing import next_due, time_up
from engine.core.rulebook import Rules
from engine.core.signals import (
    Admit,
    AnySignal,
    Apart,
    CalledUp,
    Counted,
    GivenUp,
    Handed,
    Happened,
    Joined,
    Look,
    Recovered,
    Rehearsed,
    Released,
    Shares,
    TimeUp,
    Unpause,
)
from engine.core.spreading import go_on
from engine.core.turn import Turn

_copied: Callable[[Customer], Customer] = Customer.__copy__  # type: ignore[attr-defined]  # msgspec's, left out of its types
"""`copy.copy` finds the same by way of look-ups that cost more than the copy."""


def decide(customer: Customer, signal: AnySignal, now: Instant, rules: Rules) -> Decision:
    """Return the customer after the signal, and what the world must do about it.

    Args:
        customer: the record as it is; it is not changed.
        signal: what happened, or came due.
        now: when the signal was accepted; never a clock read later.
        rules: the rule set in force, the versions runs are on, and the shop's state.

    """
    mine = _copied(customer)  # shallow: containers are replaced, never changed
    turn = Turn(mine, now, rules, signal)
    if mine.epoch != rules.shop.epoch:
        look_under_new_rules(turn)
    if mine.held:
        settle(turn)
    if isinstance(signal, Happened):
        if mine.gone != ERASED:  # of who was erased nothing is noted any more
            happened(turn, signal.event, history=signal.history)
        if signal.event.type == ERASED:
            empty(mine)
    elif isinstance(signal, TimeUp):
        time_up(turn)
    elif isinstance(signal, GivenUp):
        return Decision(given_up(customer, signal.stays, now), [], [], [])
    else:
        _seldom(turn, signal)
    if mine.waiting and mine.runs is not customer.runs:
        leave_lines(mine)
    mine.next_due = next_due(mine)
    return Decision(mine, turn.effects, turn.gaps, turn.notes)


def _seldom(turn: Turn, signal: AnySignal) -> None:
    """Decide a signal that is neither an event nor a timer."""
    match signal:
        case Look(by_time):
            look_anew(turn, by_time=by_time)
            if turn.freed:  # by a move: other runs may be waiting for that end
                go_on(turn)
        case Admit(name):
            admit(turn, name)
        case Handed(number, outcome, reason):
            handed(turn, number, outcome, reason)
            go_on(turn)
        case CalledUp():
            called_up(turn)
            go_on(turn)
        case Unpause(overdue, paused_at):
            unpause(turn, overdue, paused_at)
            go_on(turn)
        case Joined() | Shares() | Apart() | Counted():
            about_others(turn, signal)
        case Rehearsed():
            rehearsed(turn)
        case Recovered():
            recovered(turn, signal)
        case Released():
            turn.customer.stuck = ""
            stand_in_line_again(turn.customer)
            look(turn, turn.rules.in_order, may_enter=False)
        case _:
            raise TypeError(f"{type(signal).__name__} concerns the shop, not a customer")
