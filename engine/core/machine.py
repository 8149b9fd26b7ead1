"""The workflow machine: one customer's run through the stages and steps of one version of a workflow.

A stage is steps done in order; `until_any` is listened to during the whole stage and beats the steps; `after` or `end`
says what follows the last step; `leave_when_any` beats everything. Nothing else moves a run. What each step does stands
in a module of its own; here is what moves a run from one to the next. What it hears meanwhile is `listening`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.acts import NOT_ASKED, adapt_newsletter, emit, make_former, resume, suppress, tag, untag, was_asked
from engine.core.choosing import chosen, go_to, split
from engine.core.clicks import mail_arrived
from engine.core.closing import CLOSING, close, noticed
from engine.core.conditions import SENT, sent_topic
from engine.core.consents import ASKED, OURS, Said, note
from engine.core.customer import Customer, Run
from engine.core.decision import Entered
from engine.core.ending import finish
from engine.core.gate import run_zone
from engine.core.handing_off import HANDED_OFF, hand_off
from engine.core.ids import lot, run_id
from engine.core.moving import arrive, go_over
from engine.core.offering import keep_promise, void
from engine.core.permission import use
from engine.core.ramping import on_ramp
from engine.core.rules import (
    AdaptNewsletter,
    Choose,
    CloseAccount,
    Emit,
    GoTo,
    HandOff,
    Lifecycle,
    MakeFormer,
    Mode,
    Purpose,
    PutTag,
    Resume,
    Send,
    Split,
    Suppress,
    TakeTag,
    Wait,
    WaitUntil,
    Workflow,
    notice_of,
)
from engine.core.runs import current_send, name_in_mode, next_step, step_of, to_stage
from engine.core.sending import Over, ask, delivered, dropped, on_its_channel
from engine.core.sharing import lot_key
from engine.core.turn import Turn
from engine.core.waiting import WAITING, wait, wait_until
from engine.core.worth import worth_of

NO_ORDER_HOLDS = -1
"""`led_by` of a run entered by `returned:`: it thanks for orders, so none of them holds it."""

ABOUT_PERMISSION = frozenset({Purpose.NEWSLETTER.value, Purpose.SERVICE.value})
"""Purposes of messages whose questions are about the newsletter: whether to go on, or whether it was really ordered."""

WALK_BOUND = 500
"""Steps one signal may take without a wait. `check` refuses circles without one; this catches what it cannot see."""

WentOn = Run | str | None
"""What a step comes to: the run at its next place, the outcome it ends with, or None where it waits (and is kept so)."""


class EndlessWalk(Exception):
    """A run took more steps at once than any sensible workflow has; a circle without a wait."""


# Beginning -----------------------------------------------------------------------------------------------------------


def start(turn: Turn, workflow: Workflow) -> None:
    """Begin a run: the customer enters a workflow now."""
    customer, lifecycle = turn.customer, turn.rules.lifecycle
    customer.drawn_as = lot_key(customer)
    held_out = is_held_out(customer, workflow, lifecycle)
    mode = turn.rules.switch(workflow.name).mode
    run = Run(
        id=run_id(customer.id, name_in_mode(workflow.name, mode), turn.now),
        workflow=workflow.name,
        version=workflow.version,
        mode=mode,
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
        if run.mode is Mode.LIVE:
            customer.returned = replace(customer.returned, taken=True)
    why = turn.rules.why_entered[workflow.name]
    if workflow.worth_positive:
        why = [*why, f"worth: {worth_of(customer, workflow, lifecycle).said}"]
    turn.tell(fx.RUN_STARTED, run, {"mode": run.mode.value, "held_out": held_out, "why": why})
    turn.put(run)
    walk(turn, run, workflow)


def is_held_out(customer: Customer, workflow: Workflow, lifecycle: Lifecycle) -> bool:
    """Say whether a customer is, or would be, among those of a workflow who get nothing."""
    return lot(lifecycle.experiment_salt, f"holdout {workflow.name}", lot_key(customer)) < workflow.holdout


# Walking -------------------------------------------------------------------------------------------------------------


def walk(turn: Turn, run: Run, workflow: Workflow) -> None:
    """Take steps until one waits or the run ends."""
    if run.moving_to:
        moved = go_over(turn, run)
        if moved is None:
            return
        run, workflow = moved, turn.rules.version(moved.workflow, moved.version)
    for _ in range(WALK_BOUND):
        step = step_of(workflow, run)
        if step is not None:
            if run.done and step.key in run.done:
                run = next_step(run)
                continue
            went_on = _TAKE[type(step)](turn, run, workflow, step)
            if not isinstance(went_on, Run):
                _go_on(turn, run, workflow, went_on)
                return
            run = went_on
            continue
        stage = workflow.stage(run.stage)
        if stage.end:
            finish(turn, run, stage.end)
            return
        run = to_stage(run, stage.after)
    raise EndlessWalk(f"workflow {workflow.name}: {WALK_BOUND} steps without a wait, the last in stage {run.stage}")


def _go_on(turn: Turn, run: Run, workflow: Workflow, went_on: WentOn) -> None:
    """Walk on with what a step came to, or end the run."""
    if isinstance(went_on, Run):
        walk(turn, went_on, workflow)
    elif went_on is not None:
        finish(turn, run, went_on)


def ring_timer(turn: Turn, run: Run, workflow: Workflow) -> None:
    """The run's due time has come: a wait is over, or a deferred send is asked again."""
    step = step_of(workflow, run)
    if run.doing in (WAITING, HANDED_OFF):
        walk(turn, next_step(run), workflow)
    elif run.doing == CLOSING and isinstance(step, CloseAccount):
        _go_on(turn, run, workflow, close(turn, run, workflow, step))
    else:
        walk(turn, replace(run, doing="", due=None), workflow)


# Sends ---------------------------------------------------------------------------------------------------------------


def _send(turn: Turn, run: Run, workflow: Workflow, step: Send) -> WentOn:
    return _after(turn, workflow, ask(turn, run, workflow, step))


def _choose(turn: Turn, run: Run, workflow: Workflow, step: Choose) -> WentOn:
    run = chosen(turn, run, workflow, step)
    taken = current_send(workflow, run)
    return next_step(run) if taken is None else _after(turn, workflow, ask(turn, run, workflow, taken))


def _close_account(turn: Turn, run: Run, workflow: Workflow, step: CloseAccount) -> WentOn:
    if run.wanted is None and not was_asked(turn, run, workflow):
        return NOT_ASKED
    return _after(turn, workflow, ask(turn, run, workflow, notice_of(step)))


def _after(turn: Turn, workflow: Workflow, over: Over | None) -> WentOn:
    """Say what follows a send that is over; None where it is not."""
    if over is None:
        return None
    step = step_of(workflow, over.run)
    if isinstance(step, HandOff):  # what a person does is no message: silence to it is no matter of rule 1
        return next_step(over.run)
    run = replace(over.run, sends=over.run.sends + 1)
    if isinstance(step, CloseAccount):
        return noticed(turn, run, workflow, step, reached=over.reached)
    return next_step(run)


def handed(turn: Turn, number: str, outcome: str, reason: str) -> None:
    """Take in what became of a released send."""
    customer = turn.customer
    run = next((each for each in customer.runs if each.effect_id == number and each.doing == "sending"), None)
    if outcome in ("refused", "blocked", "late", "again"):
        _give_back(turn, number, left=outcome == "refused")
    else:
        keep_promise(customer, number)
    if outcome == "done":
        _arrived(turn, number)
        customer.runs = tuple(delivered(each, number, turn.now) for each in customer.runs)
        run = None if run is None else turn.run(run)
    why = f"{outcome}: {reason}" if reason else outcome
    if run is None:
        if not any(each.effect_id == number for each in customer.runs):  # nobody asks for this send again
            void(turn, number, why)
        return
    workflow = turn.rules.version(run.workflow, run.version)
    if outcome == "again":
        walk(turn, replace(run, doing=""), workflow)
    elif outcome in ("refused", "blocked", "late"):
        skip(turn, run, workflow, why)
    else:
        _go_on(turn, run, workflow, _after(turn, workflow, Over(run, reached=outcome == "done")))
    if run.moving_to:
        arrive(turn, run)


def _arrived(turn: Turn, number: str) -> None:
    """A send has been handed over: it uses the permission it goes by, and may be a question about one."""
    customer = turn.customer
    release = next((each for each in customer.releases if each.effect_id == number), None)
    if release is None or release.channel == "email":
        customer.last_mail = max(customer.last_mail, turn.now)
        mail_arrived(customer, turn.now, turn.rules.lifecycle.engagement)
    if release is None:
        return
    use(customer, release.purpose, release.channel, turn.now)
    is_question = any(asked.effect_id == number for run in customer.runs for asked in run.asked)
    if is_question and release.purpose in ABOUT_PERMISSION:
        proof = {"effect": number, "template": release.template}
        note(customer, Said(turn.now, f"newsletter/{release.channel}", ASKED, "email.sent", OURS, "", proof))


def _give_back(turn: Turn, number: str, *, left: bool) -> None:
    """A send that was not taken does not count against the caps after all, nor on the ramp if it never left."""
    customer = turn.customer
    for release in customer.releases:
        if release.effect_id == number:
            turn.touch(SENT, sent_topic(release.template))
            if not left:
                on_ramp(turn, release, -1)
    customer.releases = tuple(each for each in customer.releases if each.effect_id != number)


def skip(turn: Turn, run: Run, workflow: Workflow, reason: str) -> None:
    """Drop what a run is about to send, and walk on."""
    step = current_send(workflow, run)
    assert step is not None, "only a send is handed over, or held by a pause"
    over = dropped(turn, run, on_its_channel(turn, step), reason)
    _go_on(turn, over.run, workflow, _after(turn, workflow, over))


_TAKE: dict[type, Callable[[Turn, Run, Workflow, Any], WentOn]] = {
    Send: _send,
    Wait: wait,
    WaitUntil: wait_until,
    GoTo: go_to,
    Split: split,
    Choose: _choose,
    Suppress: suppress,
    Resume: resume,
    AdaptNewsletter: adapt_newsletter,
    PutTag: tag,
    TakeTag: untag,
    MakeFormer: make_former,
    HandOff: hand_off,
    CloseAccount: _close_account,
    Emit: emit,
}
