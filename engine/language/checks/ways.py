"""The ways through a workflow: which step comes after which, and how much time passes between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.core.rules import (
    AnyCondition,
    AnyStep,
    Choose,
    CloseAccount,
    HandOff,
    Send,
    Split,
    Stage,
    Suppress,
    Wait,
    WaitUntil,
    jumps,
    sends_of,
)
from engine.language.choosing import LEARNING
from engine.language.steps import takes_time
from engine.language.workflows import StageDraft, WorkflowDraft

Place = tuple[str, int]
"""A stage's name and the number of a step in it; as many as there are steps is the stage's end."""

SHAPE = (
    "unknown-stage",
    "wrong-form",
    "missing-colon",
    "comes-later",
    "conflicting-keys",
    "no-way-out",
    "missing-key",
    "duplicate-key",
    "anchor",
    "not-whole",
    "never-done",
)
"""Codes of problems that leave open which stage leads to which."""

STEERING = ("after", "end", "then", "go_to", "split", "until_any", "steps", "wait", "wait_until", "stages")


@dataclass(frozen=True, slots=True)
class Way:
    """One way on from a place: where to, how much time passes (microseconds), and the condition that opens it."""

    to: Place
    passes: int = 0
    heard: AnyCondition | None = None


def ways_on(draft: StageDraft, step: int, stages: dict[str, StageDraft]) -> Iterator[Way]:
    """Yield the ways on from a place. While anything is ahead in the stage, `until_any` may take the run elsewhere."""
    stage = draft.stage
    for way in stage.until_any if may_be_left(stage, step) else ():
        if way.then in stages:
            yield Way((way.then, 0), heard=way.condition)
    if step >= len(stage.steps):
        if stage.after in stages:
            yield Way((stage.after, 0))
        return
    here = stage.steps[step]
    for name in jumps(here):
        if name in stages:
            yield Way((name, 0))
    if not isinstance(here, Split):
        yield Way((stage.name, step + 1), least_wait(here))


def least_wait(step: AnyStep) -> int:
    """Return how long a step takes at least, in microseconds. A moment may be past, and an answer come at once."""
    match step:
        case Wait():
            return step.length.roughly
        case CloseAccount():
            return step.notice.roughly
        case _:
            return 0


def surely_waits(step: AnyStep) -> bool:
    """Say whether some time passes at a step in any case: not where the moment to wait for may be past or unknown."""
    return least_wait(step) > 0 or (isinstance(step, WaitUntil) and step.weekday is not None)


def sends_always(step: AnyStep) -> bool:
    """Say whether a step sends something to everyone who comes to it."""
    if isinstance(step, Choose):
        choices = [branch.send for branch in step.branches]
        return all([*choices, step.otherwise] if step.by != LEARNING else choices)
    return bool(sends_of(step))


def may_be_left(stage: Stage, step: int) -> bool:
    """Say whether an event may come while a run is at this step: only where time passes, or a send waits its turn."""
    if step >= len(stage.steps):
        return False
    here = stage.steps[step]
    return takes_time(here) or isinstance(here, Send | Choose | HandOff)


def shape_is_clear(draft: WorkflowDraft, problems: list[tuple[str, str]]) -> bool:
    """Say whether nothing among these problems (code and hint) leaves open which stage leads to which."""
    for code, hint in problems:
        if code in SHAPE:
            return False
        if code == "unknown-key" and (
            not hint.startswith("did you mean") or any(f"'{key}'" in hint for key in STEERING)
        ):
            return False
    return bool(draft.stages)


def stops(stage: Stage) -> Iterator[tuple[int, Suppress]]:
    """Yield the stops of a stage with their numbers."""
    for number, step in enumerate(stage.steps):
        if isinstance(step, Suppress):
            yield number, step
