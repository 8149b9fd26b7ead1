"""Where a run stands: moving it from step to step and from stage to stage."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.customer import Run
from engine.core.rules import AnyStep, Choose, CloseAccount, HandOff, Mode, Send, Workflow, notice_of, task_of

OTHERWISE = "otherwise"
"""The branch of a `choose` that is taken where none of the others matches."""


def to_stage(run: Run, stage: str, led_by: int = 0) -> Run:
    """Return the run at the beginning of a stage."""
    entries = {**run.entries, stage: run.entries.get(stage, 0) + 1}
    return replace(at_rest(run), stage=stage, step=0, entries=entries, led_by=led_by or run.led_by, done=())


def next_step(run: Run) -> Run:
    """Return the run at its next step."""
    return replace(at_rest(run), step=run.step + 1)


def at_rest(run: Run) -> Run:
    """Return the run with nothing under way: no timer, no send."""
    return replace(run, doing="", due=None, wanted=None, effect_id="", deferrals=0, releases=0, reason="", branch="")


def step_of(workflow: Workflow, run: Run) -> AnyStep | None:
    """Return the step a run is at, None behind the last of its stage."""
    steps = workflow.stage(run.stage).steps
    return steps[run.step] if run.step < len(steps) else None


def current_send(workflow: Workflow, run: Run) -> Send | None:
    """Return what the gate is asked about at the step a run is at, None where nothing is.

    That is a send itself, the branch a `choose` has taken, the notice of a closing, or a hand-off as the gate sees it.
    """
    match step_of(workflow, run):
        case Send() as send:
            return send
        case Choose() as choose:
            return next((each.send for each in choose.branches if each.name == run.branch), choose.otherwise)
        case CloseAccount() as close:
            return notice_of(close)
        case HandOff() as task:
            return task_of(task)
        case _:
            return None


def name_in_mode(workflow: str, mode: Mode) -> str:
    """Return the name that tells the runs of a workflow apart: a shadow run is never taken for a live one."""
    return workflow if mode is Mode.LIVE else f"{workflow} ({mode.value})"
