"""The shape of a workflow: stages that nothing leads to, circles without a wait, listening without a wait."""

from __future__ import annotations

from engine.core.rules import HandOff, Split, Stage, WaitUntil, jumps
from engine.language.checks.ways import surely_waits
from engine.language.problems import shown
from engine.language.reading import Reading
from engine.language.workflows import StageDraft, WorkflowDraft


def check(draft: WorkflowDraft, reading: Reading) -> None:
    """Check the shape of a workflow whose stages were read without a doubt about what leads where."""
    _unreachable(draft, reading)
    _circles(draft, reading)
    _listening(draft, reading)


def _unreachable(draft: WorkflowDraft, reading: Reading) -> None:
    first = next(iter(draft.stages))
    reached = _from(first, draft.stages)
    for name, stage in draft.stages.items():
        if name not in reached:
            reading.error(
                stage.name,
                "unreachable-stage",
                f"nothing leads to the stage {shown(name)}",
                "name it in 'after:' or 'then:' of another stage, or take it out",
            )
            reached |= _from(name, draft.stages)  # what only it leads to is explained by it


def _from(name: str, stages: dict[str, StageDraft]) -> set[str]:
    reached, waiting = set[str](), [name]
    while waiting:
        here = waiting.pop()
        if here not in reached and here in stages:
            reached.add(here)
            waiting += _all_targets(stages[here].stage)
    return reached


def _all_targets(stage: Stage) -> list[str]:
    led = [name for step in stage.steps for name in jumps(step)]
    return [*led, *(way.then for way in stage.until_any), stage.after]


def _targets_at_once(stage: Stage) -> list[str]:
    """The stages a run may come to from the start of this one before any wait."""
    targets: list[str] = []
    for step in stage.steps:
        if surely_waits(step):
            return targets
        targets += jumps(step)
        if isinstance(step, Split):
            return targets
    return [*targets, stage.after]


def _circles(draft: WorkflowDraft, reading: Reading) -> None:
    """Note each circle once, at the stage of it that stands first in the file."""
    stages = draft.stages
    noted: set[str] = set()
    for name in stages:
        if name in noted:
            continue
        circle = _way_back(name, stages)
        if circle and not noted.intersection(circle):
            noted.update(circle)
            around = " → ".join([*circle, name])
            reading.error(
                stages[name].name,
                "endless-circle",
                f"stages lead in a circle without a wait: {around}",
                "put a 'wait:' into one of them"
                + (", since a moment that is past is not waited for" if _has_moment(circle, stages) else ""),
            )


def _has_moment(circle: list[str], stages: dict[str, StageDraft]) -> bool:
    return any(isinstance(step, WaitUntil) for name in circle for step in stages[name].stage.steps)


def _way_back(name: str, stages: dict[str, StageDraft]) -> list[str]:
    """Return the shortest circle without a wait through a stage, empty where there is none."""
    came_from: dict[str, str] = {}
    waiting = [name]
    while waiting:
        here = waiting.pop(0)
        for target in _targets_at_once(stages[here].stage):
            if target == name:
                return _path(came_from, name, here)
            if target in stages and target not in came_from:
                came_from[target] = here
                waiting.append(target)
    return []


def _path(came_from: dict[str, str], first: str, last: str) -> list[str]:
    path = [last]
    while path[0] != first:
        path.insert(0, came_from[path[0]])
    return path


def _listening(draft: WorkflowDraft, reading: Reading) -> None:
    for stage in draft.stages.values():
        if stage.stage.until_any and not stage.has_wait:
            message = (
                f"the stage {shown(stage.stage.name)} listens, but has no wait during which something could happen"
            )
            handed = any(isinstance(step, HandOff) for step in stage.stage.steps)
            cure = "add 'answer_within:' to the hand-off" if handed else "add a 'wait:' to its steps"
            hint = f"{cure}, or take 'until_any' out"
            reading.error(stage.fields.keys["until_any"], "until-without-wait", message, hint)
