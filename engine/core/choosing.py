"""Steps that choose: another stage if something holds or by lot, or one of several sends."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.conditions import View, holds
from engine.core.customer import Run
from engine.core.fields import DAY, kind_of
from engine.core.ids import lot
from engine.core.moments import parse_day
from engine.core.rules import WHOLE, Branch, Choose, FieldIs, GoTo, Split, Step, Value, Workflow
from engine.core.runs import OTHERWISE, next_step, to_stage
from engine.core.sharing import lot_key
from engine.core.turn import Turn

LEARNING = "learning"


def go_to(turn: Turn, run: Run, workflow: Workflow, step: GoTo) -> Run:
    """Leave for another stage if the conditions hold, else go on."""
    view = turn.view()
    view.workflow = workflow
    held = (
        all(holds(condition, view) for condition in step.when_all)
        if step.when_all
        else any(holds(condition, view) for condition in step.when_any)
    )
    return to_stage(run, step.stage) if held else next_step(run)


def split(turn: Turn, run: Run, workflow: Workflow, step: Split) -> Run:
    """Leave for one of several stages, by lot: the same customer takes the same way each time."""
    drawn, below = _drawn(turn, run, workflow, step, "split"), 0
    for stage, share in step.shares:
        below += share
        if drawn < below:
            return to_stage(run, stage)
    return to_stage(run, step.shares[-1][0])  # the checks have seen to it that the shares make a whole


def chosen(turn: Turn, run: Run, workflow: Workflow, step: Choose) -> Run:
    """Return the run with the branch it takes. One that was taken stays while its send is under way."""
    if run.branch:
        return run
    if step.by == LEARNING:
        branches = sorted(step.branches, key=lambda each: each.name)
        taken = branches[_drawn(turn, run, workflow, step, "choose") * len(branches) // WHOLE].name
    else:
        view = turn.view()
        taken = next((each.name for each in step.branches if _matches(step.by, each, view)), OTHERWISE)
    return replace(run, branch=taken)


def _drawn(turn: Turn, run: Run, workflow: Workflow, step: Step, experiment: str) -> int:
    name = f"{experiment} {workflow.name} {run.stage} {step.key}"
    return lot(turn.rules.lifecycle.experiment_salt, name, lot_key(turn.customer))


def _matches(field: str, branch: Branch, view: View) -> bool:
    """Say whether a branch fits, as a condition on that field would; a branch that names no value goes by its own name."""
    value, least, most = branch.equals, branch.at_least, branch.at_most
    if value is None and least is None and most is None:
        value = branch.name
    if kind_of(field) == DAY:
        value, least, most = _as_day(value), _as_day(least), _as_day(most)
    return holds(FieldIs(field=field, equals=value, at_least=least, at_most=most), view)


def _as_day(value: Value | None) -> Value | None:
    return parse_day(value) if isinstance(value, str) else value
