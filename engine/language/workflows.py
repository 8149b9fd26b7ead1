"""A workflow's file: its form, and the workflow it makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec import structs

from engine.core.moments import Length
from engine.core.rules import (
    WHOLE,
    AnyOf,
    AnyStep,
    EnterAtMost,
    Mode,
    Split,
    Stage,
    Switch,
    WayOut,
    Workflow,
)
from engine.language.choosing import Sending
from engine.language.conditions import CONDITIONS, WAY_OUT
from engine.language.forms import Fields, Form, OneOf
from engine.language.kinds import Key
from engine.language.nodes import Text
from engine.language.problems import shown
from engine.language.reading import Reading
from engine.language.scalars import (
    CLOCK_SPAN,
    LENGTH,
    NAME,
    PACE,
    PERCENT,
    SPAN,
    TEXT,
    WEEKDAY,
    WHOSE_ZONE,
    Ref,
    Word,
    WordOr,
    whole,
)
from engine.language.send_steps import Written
from engine.language.shapes import ListOf, MapOf, Named
from engine.language.step_keys import with_step_keys
from engine.language.steps import STEP, takes_time

SKIP = "skip"
NEVER = "never"


@dataclass(frozen=True, slots=True)
class StageDraft:
    """A stage as it was read, and where; `steps` are in the order of the file."""

    name: Text
    stage: Stage
    steps: tuple[Written, ...]
    fields: Fields

    @property
    def has_wait(self) -> bool:
        """Whether time may pass in it."""
        return any(takes_time(step) for step in self.stage.steps)


@dataclass(frozen=True, slots=True)
class WorkflowDraft:
    """A workflow as it was read, whole only where there is no problem in it; checks of meaning look at it."""

    workflow: Workflow
    switch: Switch
    stages: dict[str, StageDraft]
    fields: Fields

    @property
    def sendings(self) -> Iterator[Sending]:
        """All sends that its steps may make, those of branches and notices too."""
        return (each for stage in self.stages.values() for written in stage.steps for each in written.sends)


def _splits(fields: Fields) -> int | None:
    """Return the number of the split among a stage's steps, None where there is none."""
    steps: tuple[Written, ...] = fields.get("steps", ())
    return next((number for number, each in enumerate(steps) if isinstance(each.step, Split)), None)


def _nothing_after_a_split(fields: Fields, reading: Reading) -> None:
    split = _splits(fields)
    if split is None:
        return
    steps: tuple[Written, ...] = fields.get("steps", ())
    behind = [next(iter(each.fields.keys.values())) for each in steps[split + 1 : split + 2]]
    behind += [fields.keys[key] for key in ("after", "end") if key in fields.keys]
    for key in behind[:1]:
        message = f"{shown(key.value)} is never done: the split before it leaves the stage"
        reading.error(key, "never-done", message, "put it into the stages that the split leads to")


def _stage(fields: Fields, reading: Reading) -> tuple[Stage, tuple[Written, ...], Fields]:
    _nothing_after_a_split(fields, reading)
    written: tuple[Written, ...] = fields.get("steps", ())
    ways: tuple[WayOut, ...] = fields.get("until_any", ())
    steps: tuple[AnyStep, ...] = with_step_keys([each.step for each in written])
    stage = Stage(
        name="",
        title=fields.get("title", ""),
        steps=steps,
        until_any=ways,
        after=fields.get("after", ""),
        end=fields.get("end", ""),
    )
    return stage, written, fields


def _named_stage(name: Text, read: tuple[Stage, tuple[Written, ...], Fields], _: Reading) -> StageDraft:
    stage, written, fields = read
    return StageDraft(name, structs.replace(stage, name=name.value, line=name.spot.line), written, fields)


def _any_of(fields: Fields) -> Iterator[AnyOf]:
    """Yield what `enter_when_any:` asks, as one more condition among those that must all hold."""
    listed = fields.get("enter_when_any")
    if listed:
        yield AnyOf(line=listed[0].line, conditions=tuple(listed))


def _pace(read: tuple[int, Length] | str | None) -> EnterAtMost | None:
    return EnterAtMost(*read) if isinstance(read, tuple) else None


def _workflow(fields: Fields, reading: Reading) -> WorkflowDraft:
    if fields.get("worth_positive"):
        reading.worths.append(fields.nodes["worth"])
    stages: dict[str, StageDraft] = fields.get("stages", {})
    again = fields.get("again_after")
    pace = fields.get("enter_at_most")
    workflow = Workflow(
        name=fields.get("workflow", ""),
        title=fields.get("title", ""),
        owner=fields.get("owner", ""),
        enter_when_all=(*fields.get("enter_when_all", ()), *_any_of(fields)),
        again_after=again if isinstance(again, Length) else None,
        stages=tuple(draft.stage for draft in stages.values()),
        leave_when_any=fields.get("leave_when_any", ()),
        line=fields.line,
        **{name: fields.values[name] for name in _AS_WRITTEN if name in fields.values},
    )
    switch = Switch(fields.get("mode", Mode.DRAFT), fields.get("reach", WHOLE), _pace(pace), pace == SKIP)
    return WorkflowDraft(workflow, switch, stages, fields)


_AS_WRITTEN = (
    "holdout",
    "worth_positive",
    "priority",
    "timezone",
    "send_between",
    "send_on",
    "late_at_most",
    "ends_within",
)


_MODE = Word({mode.value: mode for mode in Mode})

STAGE = Form(
    "a stage",
    "Steps done in order, what is listened to meanwhile, and what follows.",
    (
        Key("title", TEXT, "What the stage is for, in your words; reports and `explain` show it."),
        Key("steps", ListOf(STEP), "What is done, in order."),
        Key("until_any", ListOf(WAY_OUT, least=1), "What is listened to during the whole stage; it beats the steps."),
        Key("after", Ref("stage"), "The stage that follows the last step."),
        Key("end", NAME, "How the run ends after the last step: an outcome in your words."),
    ),
    one_of=(
        OneOf(
            ("after", "end"),
            required=True,
            code="no-way-out",
            cure="add 'after: STAGE' or 'end: OUTCOME'",
            unless=("steps", {"contains": {"required": ["split"]}}, lambda fields: _splits(fields) is not None),
        ),
    ),
    build=_stage,
)

WORKFLOW = Form(
    "a workflow",
    "Who enters, what happens in which stage, and when it ends.",
    (
        Key("workflow", NAME, "The workflow's name; its file bears the same.", required=True),
        Key("title", TEXT, "What it is for, in your words; reports and `explain` show it.", required=True),
        Key("owner", TEXT, "Who answers for it."),
        Key("mode", _MODE, "draft: checked, never run. shadow: walks and reports, nothing leaves. live."),
        Key("enter_when_all", CONDITIONS, "Who enters: all of these must hold.", required=True),
        Key("enter_when_any", CONDITIONS, "And one of these at least must hold, where they are named."),
        Key(
            "again_after",
            WordOr({NEVER: NEVER}, SPAN),
            "How long after the start of the last run the same customer may enter again; or never.",
            required=True,
        ),
        Key(
            "enter_at_most",
            WordOr({SKIP: SKIP}, PACE),
            "The pace at which those enter who fit already; or skip them. Left out, more than 1,000 are refused.",
        ),
        Key(
            "reach", PERCENT, "A stable share of those who fit; lowering it stops new entries only. 100% when left out."
        ),
        Key("holdout", PERCENT, "These walk the same steps but get nothing: shows the real gain. 0% when left out."),
        Key(
            "worth",
            Word({"positive": True}),
            "Only customers whose expected gain exceeds what we offer.",
            to="worth_positive",
        ),
        Key(
            "priority",
            whole(0, 1000),
            "Of several workflows that fit a customer, the highest enters. 50 when left out.",
        ),
        Key(
            "timezone",
            WHOSE_ZONE,
            "Whose clock is meant; the customer's own when left out.",
        ),
        Key("send_between", CLOCK_SPAN, "Clock times at which it may send."),
        Key("send_on", ListOf(WEEKDAY, least=1), "Weekdays on which it may send."),
        Key("late_at_most", LENGTH, "A send that is later than this is dropped. 3d when left out."),
        Key("ends_within", SPAN, "A run that is longer than this ends. 365d when left out."),
        Key("leave_when_any", CONDITIONS, "Any of these ends the run at once, whatever the stage."),
        Key(
            "stages",
            MapOf(NAME, Named(STAGE, "stage"), "stages by name", least=1, with_key=_named_stage),
            "The stages by name; a run begins in the first.",
            required=True,
        ),
    ),
    build=_workflow,
)
