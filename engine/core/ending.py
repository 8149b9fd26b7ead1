"""How a run ends."""

from __future__ import annotations

from engine.core import effects as fx
from engine.core.closing import call_off
from engine.core.conditions import ENDED, ended_topic
from engine.core.customer import Ended, Run
from engine.core.offering import void_unsent
from engine.core.rules import Workflow
from engine.core.runs import name_in_mode
from engine.core.turn import Turn


def finish(turn: Turn, run: Run, outcome: str) -> None:
    """End a run."""
    void_unsent(turn, run, outcome)
    call_off(turn, run, turn.rules.version(run.workflow, run.version))
    turn.drop(run)
    ended = Ended(run.began, turn.now, outcome, run.version, run.mode)
    turn.customer.ended = {**turn.customer.ended, name_in_mode(run.workflow, run.mode): ended}
    turn.tell(fx.RUN_ENDED, run, {"outcome": outcome})
    turn.touch(ENDED, ended_topic(run.workflow))
    turn.freed = (*turn.freed, run.workflow)


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
