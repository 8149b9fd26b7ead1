"""The workflow machine: one customer's run through the stages and steps of one version of a workflow.

A stage is steps done in order; `until_any` is listened to during the whole stage and beats the steps; `after` or `end`
says what follows the last step; `leave_when_any` beats everything. Nothing else moves a run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.conditions import PERMISSION, STANDING, TAGS, holds, matches, tag_topic, topics
from engine.core.customer import TAGS_KEPT, Ended, Run, Stop, ring
from engine.core.decision import Entered
from engine.core.events import Event
from engine.core.gate import run_zone
from engine.core.ids import lot, ref, run_id
from engine.core.moments import Length
from engine.core.offering import keep_promise, void, void_unsent
from engine.core.rules import (
    AnyCondition,
    EventSeen,
    GoTo,
    MakeFormer,
    Mode,
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
from engine.core.runs import name_in_mode, next_step, to_stage
from engine.core.sending import delivered, dropped, send
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
    turn.tell(fx.RUN_STARTED, run, {"mode": run.mode.value, "held_out": held_out, "why": why})
    turn.put(run)
    walk(turn, run, workflow)


def finish(turn: Turn, run: Run, outcome: str) -> None:
    """End a run."""
    void_unsent(turn, run, outcome)
    turn.drop(run)
    ended = Ended(run.began, turn.now, outcome, run.version, run.mode)
    turn.customer.ended = {**turn.customer.ended, name_in_mode(run.workflow, run.mode): ended}
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
        turn.touch(PERMISSION)
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
        turn.touch(TAGS, tag_topic(step.tag))
    return next_step(run)


def _untag(turn: Turn, run: Run, workflow: Workflow, stage: Stage, step: TakeTag) -> Run | None:
    if _act(turn, run, step, fx.UNTAGGED, {"tag": step.tag}) and step.tag in turn.customer.tags:
        turn.customer.tags = tuple(tag for tag in turn.customer.tags if tag != step.tag)
        turn.touch(TAGS, tag_topic(step.tag))
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
        turn.touch(STANDING)
    return next_step(run)


# Sends ---------------------------------------------------------------------------------------------------------------


def handed(turn: Turn, number: str, outcome: str, reason: str) -> None:
    """Take in what became of a released send."""
    customer = turn.customer
    run = next((each for each in customer.runs if each.effect_id == number and each.doing == "sending"), None)
    if outcome in ("refused", "blocked", "late", "again"):  # it did not count against the caps after all
        customer.releases = tuple(each for each in customer.releases if each.effect_id != number)
    else:
        keep_promise(customer, number)
    if outcome == "done":
        customer.last_mail = max(customer.last_mail, turn.now)
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
        return
    step = workflow.stage(run.stage).steps[run.step]
    assert isinstance(step, Send), "only a send is handed over"
    if outcome in ("refused", "blocked", "late"):
        run = dropped(turn, run, step, why)
    else:
        run = next_step(replace(run, sends=run.sends + 1))
    walk(turn, run, workflow)


# Listening -----------------------------------------------------------------------------------------------------------


def hear(turn: Turn, run: Run, event: Event | None, changed: frozenset[str], *, history: bool) -> None:
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
    void_unsent(turn, run, f"left stage {run.stage}")
    run = turn.run(run)
    run = to_stage(run, stage, led_by)
    turn.put(run)
    walk(turn, run, workflow)


def _is_heard(condition: AnyCondition, turn: Turn, event: Event | None, changed: frozenset[str]) -> bool:
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
    Send: send,
    Wait: _wait,
    GoTo: _go_to,
    Suppress: _suppress,
    Resume: _resume,
    PutTag: _tag,
    TakeTag: _untag,
    MakeFormer: _make_former,
}
