"""Handing a customer to a person: what the gate leaves of it, how many a team takes, and the answer that comes back.

A hand-off passes the gate as a send does, on a channel of its own: holds and caps keep it waiting, and it counts in the
caps. What the customer stopped or never permitted does not forbid it, but narrows what the person may do.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.acts import act
from engine.core.allowances import ASK_AGAIN, HAND_OFFS, Allowance, allowance_of, key_of, left_at
from engine.core.customer import Customer, Run
from engine.core.decision import TaskGiven, Wanting
from engine.core.events import Event
from engine.core.fields import field_value
from engine.core.gate import Defer, may_reach, run_zone
from engine.core.ids import digest
from engine.core.moments import Instant, iso_day, zone
from engine.core.money import written
from engine.core.permission import use
from engine.core.rules import Address, HandOff, Mode, Purpose, Workflow, task_of
from engine.core.runs import next_step
from engine.core.sending import Over, counted, deferred, pass_gate
from engine.core.shop import TASKS_KEPT
from engine.core.standing import evidence
from engine.core.turn import Turn
from engine.core.worth import worth_of

HANDED_OFF = "handed_off"
REPLIES = "replies"
"""The team that what customers write back is handed to."""

LAST_ORDERS = 3


def hand_off(turn: Turn, run: Run, workflow: Workflow, step: HandOff) -> Run | None:
    """Hand the customer to the team when gate and team can take it, and wait for the answer if one is awaited."""
    passed = pass_gate(turn, run, workflow, task_of(step))
    if passed is None:
        return None
    if isinstance(passed, Over):
        return next_step(passed.run)
    run = passed.run
    full = _is_full(turn, step)
    if full is not None:
        deferred(turn, run, passed.step, full, passed.not_after)
        return None
    may = _may(turn, step)
    if run.mode is Mode.LIVE:
        counted(turn, run, passed.step)
        if "call" in may and not run.held_out:  # from here on they may be called at any time
            use(turn.customer, Purpose.MARKETING.value, "phone", turn.now)
    data = {
        "hand_off": run.effect_id,
        "team": step.team,
        "may": may,
        "reasons": list(_reasons(turn, workflow)),
    }
    if act(turn, run, step, fx.HANDED_OFF, data):
        turn.notes.append(TaskGiven(step.team, turn.now))
    if step.answer_within is None:
        return next_step(run)
    due = run_zone(workflow, turn.zone).after(turn.now, step.answer_within)
    turn.put(replace(run, doing=HANDED_OFF, due=due, reason=""))
    return None


def hand_reply(turn: Turn, event: Event) -> None:
    """Hand a reply to the people who answer; the record has no room for its words, which go by mail alone."""
    number = digest(turn.customer.id, fx.HANDED_OFF, event.source, event.id)
    said = f"wrote back on {iso_day(turn.zone.day(event.time))}"
    known = evidence(turn.customer, turn.now, turn.rules.lifecycle, turn.rules.shop.thresholds)
    data = {"hand_off": number, "team": REPLIES, "may": ["answer"], "reasons": [said, *known, *_orders(turn)]}
    turn.repeat(fx.HANDED_OFF, number, data)


def answers(run: Run, step: HandOff, event: Event, customer: Customer) -> bool:
    """Say whether an event is the answer a run waits for: it names the act or the team, or nothing and there is no other."""
    if event.type != "hand_off.answered":
        return False
    if event.data.hand_off in (run.effect_id, step.team):
        return True
    return not event.data.hand_off and sum(each.doing == HANDED_OFF for each in customer.runs) == 1


def _is_full(turn: Turn, step: HandOff) -> Defer | None:
    """Say until when a team takes nobody more: the latest hand-offs fill its window, counted back from any moment."""
    if step.at_most is None:
        return None
    count, length = min(step.at_most[0], TASKS_KEPT), step.at_most[1]
    full = f"the team {step.team} takes at most {count} per {length}"
    if turn.rules.shop.allowances is not None:
        return _lacks_time(turn, step, allowance_of(turn.rules.shop.allowances, HAND_OFFS, step.team), full)
    given = [*turn.rules.shop.hand_offs.get(step.team, ()), *_given_now(turn, step.team)]
    if len(given) < count:
        return None
    free = zone(turn.rules.lifecycle.timezone).after(given[-count], length)
    return Defer(free, full) if free > turn.now else None


def _lacks_time(turn: Turn, step: HandOff, allowance: Allowance, full: str) -> Defer | None:
    """Say until when to wait for more of the team's time, where the shop has parts; None: there is some left."""
    wanted = 1 + sum(1 for _ in _given_now(turn, step.team))
    if left_at(allowance, turn.now) >= wanted:
        return None
    turn.notes.append(Wanting(key_of(HAND_OFFS, step.team), wanted))
    return Defer(max(allowance.free_at, turn.now + ASK_AGAIN), full)


def _given_now(turn: Turn, team: str) -> Iterator[Instant]:
    """Those of this very decision, in which a run may end and the next one begin: the shop counts them after it."""
    return (note.at for note in turn.notes if isinstance(note, TaskGiven) and note.team == team)


def _may(turn: Turn, step: HandOff) -> list[str]:
    """What the author and the customer allow the person to do; without anything else, answer when the customer asks."""
    view, marketing = turn.view(), Purpose.MARKETING
    by_mail = turn.customer.address is not Address.DEAD and may_reach(view, marketing, "email")
    allowed = {
        "call": may_reach(view, marketing, "phone"),
        "write": by_mail or may_reach(view, marketing, "letter"),
    }
    return [what for what in step.may if allowed.get(what, True)] or ["answer"]


def _reasons(turn: Turn, workflow: Workflow) -> Iterator[str]:
    """What the person should know, on one page."""
    customer, lifecycle = turn.customer, turn.rules.lifecycle
    yield from evidence(customer, turn.now, lifecycle, turn.rules.shop.thresholds)
    if workflow.offers:
        yield f"worth: {worth_of(customer, workflow, lifecycle).said}"
    yield from _orders(turn)


def _orders(turn: Turn) -> Iterator[str]:
    customer = turn.customer
    if customer.orders:
        last = [
            f"{iso_day(order.day)}: {written(order.amount, order.currency)} {order.currency}"
            for order in customer.orders[-LAST_ORDERS:]
        ]
        count = field_value(customer, "orders", turn.now, turn.rules.lifecycle)
        yield f"{count} orders; the last: {', '.join(reversed(last))}"
    manager = customer.value("account_manager")
    if manager:
        yield f"account manager: {manager}"
