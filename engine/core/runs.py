"""Where a run stands: moving it from step to step and from stage to stage."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.customer import Run
from engine.core.rules import Mode


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


def name_in_mode(workflow: str, mode: Mode) -> str:
    """Return the name that tells the runs of a workflow apart: a shadow run is never taken for a live one."""
    return workflow if mode is Mode.LIVE else f"{workflow} ({mode.value})"
