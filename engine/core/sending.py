"""Sends: asked of the gate, then released, deferred or dropped. A send stays the current step until it is done."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.conditions import SENT, sent_topic
from engine.core.coupons import COUPON_NOT_READY, promise_of
from engine.core.customer import ASKED_KEPT, RELEASES_KEPT, Asked, Release, Run, ring
from engine.core.gate import OUTSIDE_HOURS, Defer, Drop, channel_of, run_zone, verdict
from engine.core.ids import effect_id
from engine.core.moments import Instant, rfc3339
from engine.core.offering import offer_of, void
from engine.core.ramping import (
    IN_LINE,
    RAMP,
    hold_back,
    is_on_ramp,
    line_up,
    line_up_for_later,
    line_up_for_ramp,
    on_ramp,
)
from engine.core.rules import Mode, Send, Workflow
from engine.core.turn import Turn

HELD = "held "
"""How `doing` begins while a live workflow is a draft; what follows is what the run did before."""

PAUSED_LINE = "!paused"
"""The line in which customers stand whose send is held by a pause; no workflow can have this name."""


class Passed(Struct, frozen=True):
    """What the gate let through now: the run, the send with its channel, and until when it may leave."""

    run: Run
    step: Send
    not_after: Instant


class Over(Struct, frozen=True):
    """A send that is over. `reached`: handed over, held out or in a shadow, so the next step counts on it; else dropped."""

    run: Run
    reached: bool = False


def ask(turn: Turn, run: Run, workflow: Workflow, step: Send) -> Over | None:
    """Ask the gate; release, defer or drop. None: the send stays the run's current step, and the run is kept so."""
    passed = pass_gate(turn, run, workflow, step)
    if not isinstance(passed, Passed):
        return passed
    passed = _without_another_offer(turn, passed)
    offer = offer_of(turn, passed.run, workflow, passed.step)
    if isinstance(offer, Drop):
        return dropped(turn, passed.run, passed.step, offer.reason)
    if isinstance(offer, Defer):
        deferred(turn, _with_codes(turn, passed.run), passed.step, offer, passed.not_after)
        return None
    promise = promise_of(turn.customer, passed.run.effect_id)
    if promise is not None and promise.awaited:
        never = Defer(passed.not_after + 1, COUPON_NOT_READY)  # unless the shop answers by then
        deferred(turn, _with_codes(turn, passed.run), passed.step, never, passed.not_after)
        return None
    return _released(turn, passed, offer)


def _without_another_offer(turn: Turn, passed: Passed) -> Passed:
    """Take back the offer that a send made before an edit let it make another one, or none."""
    promise = promise_of(turn.customer, passed.run.effect_id)
    if promise is None or promise.told["name"] == passed.step.offer:
        return passed
    void(turn, passed.run.effect_id, "the send makes another offer now")
    return replace(passed, run=_with_codes(turn, passed.run))


def pass_gate(turn: Turn, run: Run, workflow: Workflow, step: Send) -> Passed | Over | None:
    """Ask the gate's half of the record about a send, and do what it says if that is not to let it through now."""
    if run.wanted is None:
        run = replace(run, wanted=turn.now, effect_id=effect_id(run.id, run.stage, step.key, run.entries[run.stage]))
    assert run.wanted is not None, "just set"
    step = on_its_channel(turn, step)
    zone = run_zone(workflow, turn.zone)
    not_after = zone.after(run.wanted, step.late_at_most or workflow.late_at_most)
    if turn.now > not_after:
        return dropped(turn, run, step, f"late: {run.reason}" if run.reason else "late")
    if run.mode is Mode.LIVE and turn.rules.switch(workflow.name).mode is Mode.DRAFT:
        turn.put(replace(run, doing=HELD, due=None))
        return None
    asked = verdict(turn.customer, run, workflow, step, turn.now, turn.rules)
    if isinstance(asked, Drop):
        return dropped(turn, run, step, asked.reason)
    if isinstance(asked, Defer):
        deferred(turn, run, step, asked, not_after)
        return None
    if is_on_ramp(run, step, turn.rules):
        held_back = hold_back(turn)
        if held_back is not None:
            _wait_for_ramp(turn, run, step, held_back, not_after)
            return None
    return Passed(run, step, not_after)


def on_its_channel(turn: Turn, step: Send) -> Send:
    """Return the send on the channel it takes for this customer now."""
    if step.channel != "preferred":
        return step
    return replace(step, channel=channel_of(turn.view(), step))


def deferred(turn: Turn, run: Run, step: Send, asked: Defer, not_after: Instant) -> None:
    """Keep a run waiting with its send, and tell why, once for each reason."""
    paused = asked.until is None
    due = None if asked.until is None else min(asked.until, not_after + 1)
    if asked.reason == OUTSIDE_HOURS and run.reason.startswith(RAMP):  # it still waits for the ramp, by day
        line_up_for_later(turn.customer)
    else:
        run = _told_of_deferral(turn, run, step, asked)
    turn.put(replace(run, doing="paused" if paused else "deferred", due=due))
    if paused:
        line_up(turn.customer, PAUSED_LINE)


def _told_of_deferral(turn: Turn, run: Run, step: Send, asked: Defer) -> Run:
    """Tell why a send waits, once for each reason and not each time it is asked again."""
    if asked.reason == run.reason:
        return run
    until = None if asked.until is None else rfc3339(asked.until)
    turn.tell_send(fx.SEND_DEFERRED, run, step, {"until": until, "reason": asked.reason}, ordinal=run.deferrals)
    return replace(run, deferrals=run.deferrals + 1, reason=asked.reason)


def _wait_for_ramp(turn: Turn, run: Run, step: Send, asked: Defer, not_after: Instant) -> None:
    """Let the customer stand in the ramp's line, until they are called up or the send is too late."""
    if asked.reason:
        run = _told_of_deferral(turn, run, step, asked)
    elif not run.reason.startswith(RAMP):
        run = replace(run, reason=IN_LINE)
    line_up_for_ramp(turn.customer, gathered=not asked.reason)
    turn.put(replace(run, doing="deferred", due=not_after + 1))


def dropped(turn: Turn, run: Run, step: Send, reason: str) -> Over:
    """Tell that a send is not made, and why."""
    turn.tell_send(fx.SEND_DROPPED, run, step, {"reason": reason})
    if turn.customer.promises:  # it was released before, and came back or did not arrive
        void(turn, run.effect_id, reason)
    return Over(_with_codes(turn, run))


def _with_codes(turn: Turn, run: Run) -> Run:
    """Return the run with the codes it was just given, or that were taken from it."""
    kept = turn.run(run)
    return run if kept is run else replace(run, codes=kept.codes, voided=kept.voided)


def counted(turn: Turn, run: Run, step: Send) -> None:
    """Let a release count in the caps, and on the ramp where it leaves."""
    release = Release(turn.now, step.purpose.value, step.template, run.effect_id, step.channel)
    turn.customer.releases = ring(turn.customer.releases, release, RELEASES_KEPT)
    if not run.held_out:
        on_ramp(turn, release, 1)
    turn.touch(SENT, sent_topic(step.template))


def _released(turn: Turn, passed: Passed, offer: dict[str, Any] | None) -> Over | None:
    run, step = passed.run, passed.step
    run = _with_codes(turn, run)
    if step.asks:
        asked = Asked(run.effect_id, turn.now if run.held_out or run.mode is not Mode.LIVE else 0)
        run = replace(run, asked=ring(tuple(a for a in run.asked if a.effect_id != run.effect_id), asked, ASKED_KEPT))
    if run.mode is Mode.LIVE:
        counted(turn, run, step)
    if run.held_out:
        turn.tell_send(fx.SEND_HELD_OUT, run, step, {"offer": offer})
        return Over(run, reached=True)
    data = {"offer": offer, "not_after": rfc3339(passed.not_after), "why": turn.why(run, step)}
    turn.tell_send(fx.SEND_REQUESTED, run, step, data, ordinal=run.releases)
    if run.mode is not Mode.LIVE:
        return Over(run, reached=True)
    turn.put(replace(run, doing="sending", due=None, releases=run.releases + 1, reason=""))
    return None


def delivered(run: Run, number: str, now: Instant) -> Run:
    """Return the run with the question of this effect, if it asked one, as handed over now."""
    if not any(asked.effect_id == number for asked in run.asked):
        return run
    return replace(run, asked=tuple(replace(a, at=now) if a.effect_id == number else a for a in run.asked))
