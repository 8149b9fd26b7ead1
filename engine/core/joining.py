"""What others mean for one customer: another record of the same person, and those who share the address."""

from __future__ import annotations

from engine.core.candidates import ANYTHING
from engine.core.conditions import FACTS, PERMISSION
from engine.core.customer import Customer
from engine.core.ending import finish
from engine.core.judging import judge_address_anew, judge_standing
from engine.core.lines import stand_in_line_again
from engine.core.merging import join, joined_runs
from engine.core.moving import move_runs
from engine.core.sharing import count, part, share
from engine.core.signals import Apart, Counted, Joined, Shares
from engine.core.spreading import go_on
from engine.core.turn import Turn
from engine.core.waiting import set_all_anew


def _joined(turn: Turn, other: Customer, *, history: bool) -> None:
    """Take over the facts and runs of another record of the same person; a run too many ends as `moved_out`."""
    customer = turn.customer
    if customer.gone:  # so is the other then; nothing of them is taken over but what may have to be taken back
        customer.promises = other.promises
        for run in other.runs:
            finish(turn, run, "gone")
        return
    join(customer, other, turn.rules.lifecycle, turn.gaps)
    turn.moved()
    kept, ending = joined_runs(customer, other, turn.rules.takes_the_place)
    customer.runs = (*customer.runs, *kept)
    if turn.rules.shop.moves:
        move_runs(turn, kept, other.epoch)
    set_all_anew(turn, history=True)
    stand_in_line_again(customer)
    for run in ending:
        finish(turn, run, "moved_out")
    turn.touched = frozenset({FACTS, ANYTHING})
    judge_address_anew(turn, quietly=history)
    judge_standing(turn, quietly=history)
    go_on(turn, may_enter=False)


def about_others(turn: Turn, signal: Joined | Shares | Apart | Counted) -> None:
    """Take in what concerns another record too: of the same person, or under the same address."""
    customer = turn.customer
    match signal:
        case Joined(other, history):
            _joined(turn, other, history=history)
        case Counted(releases, given_back):
            count(customer, releases, given_back)
        case Apart(others):
            part(customer, others)
        case Shares(other, history) if not customer.gone:
            share(customer, other)
            if not customer.stuck:
                turn.touch(PERMISSION)
                judge_address_anew(turn, quietly=history)
                go_on(turn, may_enter=not history)
