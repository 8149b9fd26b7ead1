"""Steps that write on the customer, or tell the world something that is no message."""

from __future__ import annotations

from typing import Any

from engine.core import effects as fx
from engine.core.conditions import PERMISSION, STANDING, TAGS, tag_topic
from engine.core.consents import OURS, STOPPED, Said, note
from engine.core.customer import TAGS_KEPT, Run, Stop, ring
from engine.core.gate import run_zone
from engine.core.moments import Length
from engine.core.permission import by_workflow
from engine.core.rules import (
    AdaptNewsletter,
    Address,
    Emit,
    MakeFormer,
    Mode,
    PutTag,
    Resume,
    Standing,
    Step,
    Suppress,
    TakeTag,
    Workflow,
)
from engine.core.runs import next_step
from engine.core.turn import Turn

ANSWER_TIME = Length(days=7)
"""Silence is an answer only to a question that was delivered at least so long ago."""

NOT_ASKED = "not_asked"
"""How a run ends that came to a stop, and had written without asking."""


def act(turn: Turn, run: Run, step: Step, kind: str, data: dict[str, Any], *, ordinal: int = 0) -> bool:
    """Tell of a step's act; False when it must not be done: held out, or a shadow run."""
    if run.held_out:
        turn.tell(fx.STEP_HELD_OUT, run, {"step": step.key, **data}, step, ordinal=ordinal)
        return False
    turn.tell(kind, run, data, step, ordinal=ordinal)
    return run.mode is Mode.LIVE


def was_asked(turn: Turn, run: Run, workflow: Workflow) -> bool:
    """Whether a stop may follow: no send came before it, or a question was delivered long enough ago."""
    if not run.sends:
        return True
    zone = run_zone(workflow, turn.zone)
    return any(asked.at and zone.after(asked.at, ANSWER_TIME) <= turn.now for asked in run.asked)


def suppress(turn: Turn, run: Run, workflow: Workflow, step: Suppress) -> Run | str:
    """Stop a kind of message; where the address is dead by email only, since that is all that silence proves."""
    if not was_asked(turn, run, workflow):
        return NOT_ASKED
    if act(turn, run, step, fx.SUPPRESSED, {"scope": step.scope.value}):
        customer = turn.customer
        if step.scope.value not in customer.stopped:  # whoever stopped it first has the word on lifting it
            channel = "email" if customer.address is Address.DEAD else ""
            stop = Stop(turn.now, by_workflow(workflow.name), channel)
            customer.stopped = {**customer.stopped, step.scope.value: stop}
            key = f"{step.scope.value}/{channel}".rstrip("/")
            note(customer, Said(turn.now, key, STOPPED, stop.by, OURS))
        turn.touch(PERMISSION)
    return next_step(run)


def resume(turn: Turn, run: Run, workflow: Workflow, step: Resume) -> Run:
    """Lift a stop that this workflow set."""
    if act(turn, run, step, fx.RESUMED, {"scope": step.scope.value}):
        stopped = turn.customer.stopped
        by = stopped.get(step.scope.value)
        if by is not None and by.by == by_workflow(workflow.name):  # a "no", or another workflow's stop, stays
            turn.customer.stopped = {name: each for name, each in stopped.items() if name != step.scope.value}
    return next_step(run)


def tag(turn: Turn, run: Run, workflow: Workflow, step: PutTag) -> Run:
    """Put a tag on the customer."""
    if act(turn, run, step, fx.TAGGED, {"tag": step.tag}) and step.tag not in turn.customer.tags:
        turn.customer.tags = ring(turn.customer.tags, step.tag, TAGS_KEPT)
        turn.touch(TAGS, tag_topic(step.tag))
    return next_step(run)


def untag(turn: Turn, run: Run, workflow: Workflow, step: TakeTag) -> Run:
    """Take a tag off the customer."""
    if act(turn, run, step, fx.UNTAGGED, {"tag": step.tag}) and step.tag in turn.customer.tags:
        turn.customer.tags = tuple(tag for tag in turn.customer.tags if tag != step.tag)
        turn.touch(TAGS, tag_topic(step.tag))
    return next_step(run)


def make_former(turn: Turn, run: Run, workflow: Workflow, step: MakeFormer) -> Run | str:
    """Say farewell."""
    if not was_asked(turn, run, workflow):
        return NOT_ASKED
    before = turn.customer.standing
    data = {"from": before.value, "to": Standing.FORMER.value, "evidence": [f"workflow {workflow.name}"]}
    if act(turn, run, step, fx.STANDING_CHANGED, data) and before is not Standing.FORMER:
        turn.customer.standing, turn.customer.standing_since = Standing.FORMER, turn.now
        turn.customer.lapse_due = None
        turn.touch(STANDING)
    return next_step(run)


def adapt_newsletter(turn: Turn, run: Run, workflow: Workflow, step: AdaptNewsletter) -> Run:
    """Ask the newsletter's sender for less of it or other content: null says as usual."""
    most = step.at_most and {"count": step.at_most[0], "per": str(step.at_most[1])}
    act(turn, run, step, fx.NEWSLETTER_ADAPTED, {"at_most": most, "content": step.content or None})
    return next_step(run)


def emit(turn: Turn, run: Run, workflow: Workflow, step: Emit) -> Run:
    """Put one of the shop's own events on the bus; it comes back to us as any other does, if the bus sends it."""
    act(turn, run, step, fx.EMITTED, {"event": step.event, "data": step.values})
    return next_step(run)
