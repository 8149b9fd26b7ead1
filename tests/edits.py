"""Edits of a workflow, as people make them: steps taken out, put in another order, of other lengths, a stage renamed."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from engine.core.moments import Length
from engine.core.rules import AnyStep, Wait, Workflow

Edit = Callable[[Workflow], Workflow]


def _without_every_other_step(workflow: Workflow) -> Workflow:
    return replace(workflow, stages=tuple(replace(each, steps=each.steps[::2]) for each in workflow.stages))


def _in_another_order(workflow: Workflow) -> Workflow:
    return replace(workflow, stages=tuple(replace(each, steps=each.steps[::-1]) for each in workflow.stages))


def _with_short_waits(workflow: Workflow) -> Workflow:
    def short(step: AnyStep) -> AnyStep:
        return replace(step, length=Length(days=1)) if isinstance(step, Wait) else step

    stages = (replace(each, steps=tuple(map(short, each.steps))) for each in workflow.stages)
    return replace(workflow, stages=tuple(stages))


def _without_its_last_stage(workflow: Workflow) -> Workflow:
    """The stage is renamed, with all that leads to it, so that whoever is in it has none."""
    old = workflow.stages[-1].name
    raw = msgspec.json.encode(workflow).replace(f'"{old}"'.encode(), f'"{old}_anew"'.encode())
    return msgspec.json.decode(raw, type=Workflow)


EDITS: tuple[Edit, ...] = (
    lambda workflow: workflow,
    _without_every_other_step,
    _in_another_order,
    _with_short_waits,
    _without_its_last_stage,
)
