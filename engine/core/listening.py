"""What a run hears while it waits: ways out of its stage and of the workflow, answers, and signs of life."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.closing import KEPT, call_off, is_closing, shows_life
from engine.core.conditions import holds, matches, topics
from engine.core.customer import Run
from engine.core.ending import finish, finish_as
from engine.core.engagement import asks_by_whom, is_human
from engine.core.events import Event
from engine.core.handing_off import HANDED_OFF, answers
from engine.core.ids import ref
from engine.core.machine import walk
from engine.core.marks import BY_ANYBODY
from engine.core.offering import void_unsent
from engine.core.rules import AnyCondition, EventSeen, HandOff, Mode, Workflow, sends_of
from engine.core.runs import next_step, step_of, to_stage
from engine.core.turn import Turn
from engine.core.waiting import WAITING, set_anew


def hear(turn: Turn, run: Run, event: Event | None, changed: frozenset[str], *, history: bool) -> None:
    """Let a run hear an event and changes of the customer: it may leave, go to another stage, or have its answer."""
    workflow = turn.rules.version(run.workflow, run.version)
    heard = None if event is None or event.time < run.began else event
    if any(_is_heard(condition, turn, heard, changed) for condition in workflow.leave_when_any):
        finish(turn, run, "left")
        return
    for way_out in workflow.stage(run.stage).until_any:
        if _is_heard(way_out.condition, turn, heard, changed):
            _leave_stage(turn, run, workflow, way_out.then, heard, history=history)
            return
    if run.doing == WAITING:
        set_anew(turn, run, workflow, changed, history=history)
    elif heard is not None:
        _answered(turn, run, workflow, heard, history=history)


def _answered(turn: Turn, run: Run, workflow: Workflow, event: Event, *, history: bool) -> None:
    """End a wait for a person's answer, or for a sign of life; an answer of long ago rings no timer and starts nothing."""
    step = step_of(workflow, run)
    if run.doing == HANDED_OFF and isinstance(step, HandOff):
        if not history and answers(run, step, event, turn.customer):
            walk(turn, next_step(run), workflow)
    elif is_closing(run) and shows_life(event, turn.rules.own_events.get(event.type)):
        finish(turn, run, KEPT)


def _leave_stage(turn: Turn, run: Run, workflow: Workflow, stage: str, event: Event | None, *, history: bool) -> None:
    if history:
        finish_as(turn, run, workflow, stage)
        return
    led_by = ref(event.data.order_id) if event is not None and event.type == "order.placed" else 0
    back = turn.customer.returned
    thanks = any(sends_of(step) for step in workflow.stage(stage).steps)
    if led_by and thanks and back is not None and not run.held_out and run.mode is Mode.LIVE:
        turn.customer.returned = replace(back, taken=True)  # one thank-you a return
    void_unsent(turn, run, f"left stage {run.stage}")
    call_off(turn, run, workflow)
    run = turn.run(run)
    run = to_stage(run, stage, led_by)
    turn.put(run)
    walk(turn, run, workflow)


def _is_heard(condition: AnyCondition, turn: Turn, event: Event | None, changed: frozenset[str]) -> bool:
    if isinstance(condition, EventSeen):
        if event is None or condition.absent or event.type != condition.event:
            return False
        if event.type in BY_ANYBODY and not (is_human(event.field) or asks_by_whom(condition.where)):
            return False
        if condition.where and not matches(condition.where, event.field):
            return False
        return condition.at_least == 1 or holds(condition, turn.view())
    return not changed.isdisjoint(topics(condition)) and holds(condition, turn.view())
