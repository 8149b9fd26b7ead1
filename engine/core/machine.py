"""The workflow machine: one customer's run through the stages and steps of one version of a workflow.

A stage is steps done in order; `until_any` is listened to during the whole stage and beats the steps; `after` or `end`
says what follows the last step; `leave_when_any` beats everything. Nothing else moves a run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.conditions import View, holds, matches, topics
from engine.core.customer import ASKED_KEPT, RELEASES_KEPT, TAGS_KEPT, Asked, Customer, Ended, Release, Run, Stop, ring
from engine.core.decision import Entered, Issued
from engine.core.events import Event
from engine.core.gate import Defer, Drop, refused_offer, run_zone, verdict
from engine.core.ids import code, effect_id, lot, ref, run_id
from engine.core.moments import Day, Instant, Length, iso_day, rfc3339
from engine.core.money import Money, written
from engine.core.rules import (
    WHOLE,
    AnyCondition,
    Discount,
    EventSeen,
    GoTo,
    MakeFormer,
    Mode,
    Offer,
    PutTag,
    Resume,
    Send,
    Stage,
    Standing,
    Step,
    Suppress,
    TakeTag,
    Wait,
    Workflow,
)
from engine.core.turn import Turn

ANSWER_TIME = Length(days=7)
"""Silence is an answer only to a question that was delivered at least so long ago."""

NO_ORDER_HOLDS = -1
"""`led_by` of a run entered by `returned:`: it thanks for orders, so none of them holds it."""

WALK_BOUND = 500
"""Steps one signal may take without a wait. `check` refuses circles without one; this catches what it cannot see."""


class EndlessWalk(Exception):
    """A run took more steps at once than any sensible workflow has; a circle without a wait."""


# Beginning and ending ------------------------------------------------------------------------------------------------


def start(turn: Turn, workflow: Workflow) -> None:
    """Begin a run: the customer enters a workflow now."""
    customer, lifecycle = turn.customer, turn.rules.lifecycle
    held_out = lot(lifecycle.experiment_salt, f"holdout {workflow.name}", customer.id) < workflow.holdout
    run = Run(
        id=run_id(customer.id, workflow.name, turn.now),
        workflow=workflow.name,
        version=workflow.version,
        mode=turn.rules.switch(workflow.name).mode,
        held_out=held_out,
        began=turn.now,
        ends_at=run_zone(workflow, turn.zone).after(turn.now, workflow.ends_within),
        stage=workflow.first.name,
        entries={workflow.first.name: 1},
    )
    customer.waiting = tuple(name for name in customer.waiting if name != workflow.name)
    turn.notes.append(Entered(workflow.name))
    if customer.returned is not None and workflow.name in turn.rules.thanks_for_returns:
        run = replace(run, led_by=NO_ORDER_HOLDS)
        customer.returned = replace(customer.returned, taken=True)
    why = turn.rules.why_entered[workflow.name]
    turn.tell(fx.RUN_STARTED, run, {"mode": run.mode.value, "held_out": held_out, "why": why})
    turn.put(run)
    walk(turn, run, workflow)


def finish(turn: Turn, run: Run, outcome: str) -> None:
    """End a run."""
    turn.drop(run)
    ended = Ended(run.began, turn.now, outcome, run.version, run.mode)
    turn.customer.ended = {**turn.customer.ended, run.workflow: ended}
    turn.tell(fx.RUN_ENDED, run, {"outcome": outcome})
    turn.freed = True


def finish_as(turn: Turn, run: Run, workflow: Workflow, stage: str) -> None:
    """End a run with the outcome it would have come to by way of a stage, without that stage's steps."""
    seen: set[str] = set()
    while stage not in seen:
        seen.add(stage)
        found = workflow.stage(stage)
        if found.end:
            finish(turn, run, found.end)
            return
        stage = found.after
    finish(turn, run, "left")


# Walking -------------------------------------------------------------------------------------------------------------


def walk(turn: Turn, run: Run, workflow: Workflow) -> None:
    """Take steps until one waits or the run ends."""
    for _ in range(WALK_BOUND):
        stage = workflow.stage(run.stage)
        if run.step >= len(stage.steps):
            if stage.end:
                finish(turn, run, stage.end)
                return
            run = to_stage(run, stage.after)
            continue
        step = stage.steps[run.step]
        went_on = _TAKE[type(step)](turn, run, workflow, stage, step)
        if went_on is None:
            return
        run = went_on
    raise EndlessWalk(f"workflow {workflow.name}: {WALK_BOUND} steps without a wait, the last in stage {run.stage}")


def to_stage(run: Run, stage: str, led_by: int = 0) -> Run:
    """Return the run at the beginning of a stage."""
    entries = {**run.entries, stage: run.entries.get(stage, 0) + 1}
    return replace(at_rest(run), stage=stage, step=0, entries=entries, led_by=led_by or run.led_by)


def next_step(run: Run) -> Run:
    """Return the run at its next step."""
    return replace(at_rest(run), step=run.step + 1)


def at_rest(run: Run) -> Run:
    """Return the run with nothing under way: no timer, no send."""
    return replace(run, doing="", due=None, wanted=None, effect_id="", deferrals=0, releases=0, reason="")


def ring_timer(turn: Turn, run: Run, workflow: Workflow) -> None:
    """The run's due time has come: a wait is over, or a deferred send is asked again."""
    if run.doing == "waiting":
        walk(turn, next_step(run), workflow)
    else:
        walk(turn, replace(run, doing="", due=None), workflow)


def _wait(turn: Turn, run: Run, workflow: Workflow, stage: Stage, step: Wait) -> Run | None:
    due = run_zone(workflow, turn.zone).after(turn.now, step.length)
    turn.put(replace(run, doing="waiting", due=due))
    return None


def _go_to(turn: Turn, run: Run, workflow: Workflow, stage: Stage, step: GoTo) -> Run | None:
    view = turn.view()
    held = (
        all(holds(condition, view) for condition in step.when_all)
        if step.when_all
        else any(holds(condition, view) for condition in step.when_any)
    )
    return to_stage(run, step.stage) if held else next_step(run)


# Steps that write on the customer ------------------------------------------------------------------------------------


def _act(turn: Turn, run: Run, step: Step, kind: str, data: dict[str, Any]) -> bool:
    """Tell of a step's act; False when it must not be done: held out, or a shadow run."""
    if run.held_out:
        turn.tell(fx.STEP_HELD_OUT, run, {"step": step.key, **data}, step)
        return False
    turn.tell(kind, run, data, step)
    return run.mode is Mode.LIVE


def _was_asked(turn: Turn, run: Run, workflow: Workflow) -> bool:
    """Whether a stop may follow: no send came before it, or a question was delivered long enough ago."""
    if not run.sends:
        return True
    zone = run_zone(workflow, turn.zone)
    return any(asked.at and zone.after(asked.at, ANSWER_TIME) <= turn.now for asked in run.asked)


def _suppress(turn: Turn, run: Run, workflow: Workflow, stage: Stage, step: Suppress) -> Run | None:
    if not _was_asked(turn, run, workflow):
        finish(turn, run, "not_asked")
        return None
    if _act(turn, run, step, fx.SUPPRESSED, {"scope": step.scope.value}):
        stopped = turn.customer.stopped
        if step.scope.value not in stopped:  # whoever stopped it first has the word on lifting it
            turn.customer.stopped = {**stopped, step.scope.value: Stop(turn.now, f"workflow {workflow.name}")}
        turn.touched.add("permission")
    return next_step(run)


def _resume(turn: Turn, run: Run, workflow: Workflow, stage: Stage, step: Resume) -> Run | None:
    if _act(turn, run, step, fx.RESUMED, {"scope": step.scope.value}):
        stopped = turn.customer.stopped
        by = stopped.get(step.scope.value)
        if by is not None and by.by == f"workflow {workflow.name}":  # a "no", or another workflow's stop, stays
            turn.customer.stopped = {name: each for name, each in stopped.items() if name != step.scope.value}
    return next_step(run)


def _tag(turn: Turn, run: Run, workflow: Workflow, stage: Stage, step: PutTag) -> Run | None:
    if _act(turn, run, step, fx.TAGGED, {"tag": step.tag}) and step.tag not in turn.customer.tags:
        turn.customer.tags = ring(turn.customer.tags, step.tag, TAGS_KEPT)
        turn.touched.add("tags")
    return next_step(run)


def _untag(turn: Turn, run: Run, workflow: Workflow, stage: Stage, step: TakeTag) -> Run | None:
    if _act(turn, run, step, fx.UNTAGGED, {"tag": step.tag}) and step.tag in turn.customer.tags:
        turn.customer.tags = tuple(tag for tag in turn.customer.tags if tag != step.tag)
        turn.touched.add("tags")
    return next_step(run)


def _make_former(turn: Turn, run: Run, workflow: Workflow, stage: Stage, step: MakeFormer) -> Run | None:
    if not _was_asked(turn, run, workflow):
        finish(turn, run, "not_asked")
        return None
    before = turn.customer.standing
    data = {"from": before.value, "to": Standing.FORMER.value, "evidence": [f"workflow {workflow.name}"]}
    if _act(turn, run, step, fx.STANDING_CHANGED, data) and before is not Standing.FORMER:
        turn.customer.standing, turn.customer.standing_since = Standing.FORMER, turn.now
        turn.customer.lapse_due = None
        turn.touched.add("standing")
    return next_step(run)


# Sends ---------------------------------------------------------------------------------------------------------------


def _send(turn: Turn, run: Run, workflow: Workflow, stage: Stage, step: Send) -> Run | None:
    """Ask the gate; release, defer or drop. The send stays the run's current step until it is done."""
    if run.wanted is None:
        run = replace(run, wanted=turn.now, effect_id=effect_id(run.id, stage.name, step.key, run.entries[stage.name]))
    assert run.wanted is not None, "just set"
    zone = run_zone(workflow, turn.zone)
    not_after = zone.after(run.wanted, step.late_at_most or workflow.late_at_most)
    if turn.now > not_after:
        return _dropped(turn, run, step, f"late: {run.reason}" if run.reason else "late")
    asked = verdict(turn.customer, run, workflow, step, turn.now, turn.rules)
    if isinstance(asked, Drop):
        return _dropped(turn, run, step, asked.reason)
    if isinstance(asked, Defer):
        _deferred(turn, run, step, asked, not_after)
        return None
    offer = _offer(turn, run, workflow, step)
    if isinstance(offer, Drop):
        return _dropped(turn, run, step, offer.reason)
    return _released(turn, run, workflow, step, offer, not_after)


def _deferred(turn: Turn, run: Run, step: Send, asked: Defer, not_after: Instant) -> None:
    paused = asked.until is None
    due = None if asked.until is None else min(asked.until, not_after + 1)
    if asked.reason != run.reason:  # told once for each reason, not each time it is asked again
        until = None if asked.until is None else rfc3339(asked.until)
        turn.tell_send(fx.SEND_DEFERRED, run, step, {"until": until, "reason": asked.reason}, ordinal=run.deferrals)
        run = replace(run, deferrals=run.deferrals + 1, reason=asked.reason)
    turn.put(replace(run, doing="paused" if paused else "deferred", due=due))
    if paused and PAUSED_LINE not in turn.customer.waiting:
        turn.customer.waiting = (*turn.customer.waiting, PAUSED_LINE)


PAUSED_LINE = "!paused"
"""The line in which customers stand whose send is held by a pause; no workflow can have this name."""


def _dropped(turn: Turn, run: Run, step: Send, reason: str) -> Run:
    turn.tell_send(fx.SEND_DROPPED, run, step, {"reason": reason})
    return next_step(replace(run, sends=run.sends + 1))


def _released(
    turn: Turn, run: Run, workflow: Workflow, step: Send, offer: dict[str, Any] | None, not_after: Instant
) -> Run | None:
    customer, number = turn.customer, run.effect_id
    run = replace(run, codes=turn.run(run).codes)  # with the one that the offer may just have been given
    if step.asks:
        asked = Asked(number, turn.now if run.held_out or run.mode is not Mode.LIVE else 0)
        run = replace(run, asked=ring(tuple(a for a in run.asked if a.effect_id != number), asked, ASKED_KEPT))
    if run.mode is Mode.LIVE:
        release = Release(turn.now, step.purpose.value, step.template, number)
        customer.releases = ring(customer.releases, release, RELEASES_KEPT)
    if run.held_out:
        turn.tell_send(fx.SEND_HELD_OUT, run, step, {"offer": offer})
        return next_step(replace(run, sends=run.sends + 1))
    data = {"offer": offer, "not_after": rfc3339(not_after), "why": turn.why(run, step)}
    turn.tell_send(fx.SEND_REQUESTED, run, step, data, ordinal=run.releases)
    if run.mode is not Mode.LIVE:
        return next_step(replace(run, sends=run.sends + 1))
    turn.put(replace(run, doing="sending", due=None, releases=run.releases + 1, reason=""))
    return None


def handed(turn: Turn, number: str, outcome: str, reason: str) -> None:
    """Take in what became of a released send."""
    customer = turn.customer
    run = next((each for each in customer.runs if each.effect_id == number and each.doing == "sending"), None)
    if outcome in ("refused", "blocked", "late", "again"):  # it did not count against the caps after all
        customer.releases = tuple(each for each in customer.releases if each.effect_id != number)
    elif outcome == "done":
        customer.last_mail = max(customer.last_mail, turn.now)
        customer.runs = tuple(_delivered(each, number, turn.now) for each in customer.runs)
        run = None if run is None else turn.run(run)
    if run is None:
        return
    workflow = turn.rules.version(run.workflow, run.version)
    if outcome == "again":
        walk(turn, replace(run, doing=""), workflow)
        return
    step = workflow.stage(run.stage).steps[run.step]
    assert isinstance(step, Send), "only a send is handed over"
    if outcome in ("refused", "blocked", "late"):
        turn.tell_send(fx.SEND_DROPPED, run, step, {"reason": f"{outcome}: {reason}" if reason else outcome})
    walk(turn, next_step(replace(run, sends=run.sends + 1)), workflow)


def _delivered(run: Run, number: str, now: Instant) -> Run:
    if not any(asked.effect_id == number for asked in run.asked):
        return run
    return replace(run, asked=tuple(replace(a, at=now) if a.effect_id == number else a for a in run.asked))


# Offers --------------------------------------------------------------------------------------------------------------


def _offer(turn: Turn, run: Run, workflow: Workflow, step: Send) -> dict[str, Any] | Drop | None:
    """The offer a send carries, as its effect tells it; None without one, Drop when the send is to be skipped."""
    if not step.offer:
        return None
    offer = workflow.offers[step.offer]
    today = turn.zone.day(turn.now)
    had = run.codes.get(step.offer)
    if had is not None:  # a reminder of the same code
        if had[0] and had[0] in turn.customer.used_codes:
            return Drop("offer_used")
        if had[1] < today:
            return Drop("offer_expired")
        return _told(offer, had[0], had[1])
    cost = cost_of(offer, turn.customer, turn.rules.lifecycle.currency)
    view = View(turn.customer, turn.now, turn.rules.lifecycle)
    refused = refused_offer(view, workflow, step.offer, turn.rules, cost)
    if refused:
        return Drop(refused) if offer.if_refused == "skip" else None
    return _issue(turn, run, step, offer, cost, turn.zone.day(turn.zone.after(turn.now, offer.valid_for)))


def _issue(turn: Turn, run: Run, step: Send, offer: Offer, cost: int, last_day: Day) -> dict[str, Any]:
    """Give the run its code. A hold-out member gets none, and counts as having had the offer, so that arms stay alike."""
    customer = turn.customer
    acts = not run.held_out and run.mode is Mode.LIVE
    pooled = offer.codes == "pool"
    if run.held_out:
        given = ""
    elif pooled:
        given = turn.rules.shop.codes[offer.name][-1] if acts else ""
    else:
        given = offer.text if offer.codes == "text" else code(turn.rules.key, run.id, offer.name)
    turn.put(replace(run, codes={**run.codes, offer.name: (given, last_day)}))
    if run.mode is Mode.LIVE:
        times = (*customer.offers_had.get(offer.name, ()), turn.now)[-8:]
        customer.offers_had = {**customer.offers_had, offer.name: times}
    told = _told(offer, given, last_day)
    if not run.held_out:
        amount = {"cost": written(cost, turn.rules.lifecycle.currency), "currency": turn.rules.lifecycle.currency}
        turn.tell(fx.COUPON_ISSUED, run, {**told, **amount}, step)
    if acts:
        turn.notes.append(Issued(offer.name, turn.now, cost, given if pooled else ""))
    return told


def _told(offer: Offer, given: str, last_day: Day) -> dict[str, Any]:
    basket = offer.minimum_basket
    return {
        "name": offer.name,
        "kind": type(offer.what).__struct_config__.tag,
        "code": given,
        "value": value_of(offer),
        "minimum_basket": None if basket is None else str(basket),
        "valid_until": iso_day(last_day),
        "terms": offer.terms,
    }


def value_of(offer: Offer) -> str:
    """What an offer is worth to the customer, as people say it: `10%`, `5.00 EUR`, or the gift's name."""
    what = offer.what
    if isinstance(what, Discount):
        if what.money is not None:
            return str(what.money)
        whole, part = divmod(what.share, 100)
        return f"{whole}.{part:02d}".rstrip("0").rstrip(".") + "%"
    return what.name


def cost_of(offer: Offer, customer: Customer, currency: str) -> int:
    """What an offer costs if it is redeemed, in the shop's smallest units.

    A gift or trial costs what it says, a discount in money its amount. A percentage is taken of the larger of the
    minimum basket and the customer's average basket: the order it is likely to be used on.
    """
    what = offer.what
    if not isinstance(what, Discount):
        return _amount(what.cost, currency)
    if what.money is not None:
        return _amount(what.money, currency)
    mine = [order.amount for order in customer.orders if order.currency == currency]
    average = sum(mine) // len(mine) if mine else 0
    least = _amount(offer.minimum_basket, currency) if offer.minimum_basket is not None else 0
    return max(average, least) * what.share // WHOLE


def _amount(money: Money, currency: str) -> int:
    return money.amount if money.currency == currency else 0


# Listening -----------------------------------------------------------------------------------------------------------


def hear(turn: Turn, run: Run, event: Event | None, changed: set[str], *, history: bool) -> None:
    """Let a run hear an event and changes of the customer: it may leave, or go to another stage."""
    workflow = turn.rules.version(run.workflow, run.version)
    heard = None if event is None or event.time < run.began else event
    if any(_is_heard(condition, turn, heard, changed) for condition in workflow.leave_when_any):
        finish(turn, run, "left")
        return
    for way_out in workflow.stage(run.stage).until_any:
        if _is_heard(way_out.condition, turn, heard, changed):
            _leave_stage(turn, run, workflow, way_out.then, heard, history=history)
            return


def _leave_stage(turn: Turn, run: Run, workflow: Workflow, stage: str, event: Event | None, *, history: bool) -> None:
    if history:
        finish_as(turn, run, workflow, stage)
        return
    led_by = ref(event.data.order_id) if event is not None and event.type == "order.placed" else 0
    back = turn.customer.returned
    thanks = any(isinstance(step, Send) for step in workflow.stage(stage).steps)
    if led_by and thanks and back is not None and not run.held_out and run.mode is Mode.LIVE:
        turn.customer.returned = replace(back, taken=True)  # one thank-you a return
    run = to_stage(run, stage, led_by)
    turn.put(run)
    walk(turn, run, workflow)


def _is_heard(condition: AnyCondition, turn: Turn, event: Event | None, changed: set[str]) -> bool:
    if isinstance(condition, EventSeen):
        if event is None or condition.absent or event.type != condition.event:
            return False
        if event.type in ("email.clicked", "email.opened") and event.data.machine and "machine" not in condition.where:
            return False
        if condition.where and not matches(condition.where, event.field):
            return False
        return condition.at_least == 1 or holds(condition, turn.view())
    return not changed.isdisjoint(topics(condition)) and holds(condition, turn.view())


_TAKE: dict[type, Callable[[Turn, Run, Workflow, Stage, Any], Run | None]] = {
    Send: _send,
    Wait: _wait,
    GoTo: _go_to,
    Suppress: _suppress,
    Resume: _resume,
    PutTag: _tag,
    TakeTag: _untag,
    MakeFormer: _make_former,
}
