"""Steps: what a stage does, one after the other. A step is a mapping whose leading key says which it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import structs

from engine.core.moments import Length
from engine.core.rules import (
    AnyStep,
    GoTo,
    MakeFormer,
    Purpose,
    PutTag,
    Resume,
    Send,
    Suppress,
    TakeTag,
    Wait,
    step_key,
)
from engine.language.conditions import CONDITIONS
from engine.language.forms import Fields, Form, OneOf, Variants
from engine.language.kinds import Key
from engine.language.reading import Reading
from engine.language.scalars import LENGTH, NAME, PLAIN, SPAN, Ref, Word, words
from engine.language.shapes import MapOf
from engine.language.vocabulary import CHANNELS

PURPOSES = Word({purpose.value: purpose for purpose in Purpose})
STOPS = Word({purpose.value: purpose for purpose in (Purpose.NEWSLETTER, Purpose.MARKETING)})
LATER_STEPS = ("wait_until", "split", "choose", "newsletter", "hand_off", "close_account", "emit")


@dataclass(frozen=True, slots=True)
class Written:
    """A step, and the keys it was read from: checks point at them."""

    step: AnyStep
    fields: Fields


def _send(fields: Fields, _: Reading) -> Written:
    step = Send(
        key="",
        line=fields.line,
        template=fields.get("send", ""),
        offer=fields.get("offer", ""),
        asks=fields.get("asks", ""),
        values=fields.get("with", {}),
        purpose=fields.get("purpose", Purpose.MARKETING),
        channel=fields.get("channel", "email"),
        late_at_most=fields.get("late_at_most"),
    )
    return Written(step, fields)


def _wait(fields: Fields, _: Reading) -> Written:
    return Written(Wait(key="", line=fields.line, length=fields.get("wait", Length(days=1))), fields)


def _suppress(fields: Fields, _: Reading) -> Written:
    return Written(Suppress(key="", line=fields.line, scope=fields.get("suppress", Purpose.NEWSLETTER)), fields)


def _resume(fields: Fields, _: Reading) -> Written:
    return Written(Resume(key="", line=fields.line, scope=fields.get("resume", Purpose.NEWSLETTER)), fields)


def _tag(fields: Fields, _: Reading) -> Written:
    return Written(PutTag(key="", line=fields.line, tag=fields.get("tag", "")), fields)


def _untag(fields: Fields, _: Reading) -> Written:
    return Written(TakeTag(key="", line=fields.line, tag=fields.get("untag", "")), fields)


def _former(fields: Fields, _: Reading) -> Written:
    return Written(MakeFormer(key="", line=fields.line), fields)


def _go_to(fields: Fields, _: Reading) -> Written:
    step = GoTo(
        key="",
        line=fields.line,
        stage=fields.get("go_to", ""),
        when_all=fields.get("when_all", ()),
        when_any=fields.get("when_any", ()),
    )
    return Written(step, fields)


STEP_FORMS: dict[str, Form] = {
    "send": Form(
        "the step 'send'",
        "Ask for a message.",
        (
            Key("send", Ref("template"), "The template, a folder in templates/.", required=True),
            Key("offer", Ref("offer"), "The offer the message makes; named again in a run, it is the same code."),
            Key("asks", NAME, "The question it asks; silence to a delivered question can be an answer."),
            Key("with", MapOf(NAME, PLAIN, "names and plain values"), "Plain values for the template."),
            Key("purpose", PURPOSES, "marketing (when left out), newsletter or service."),
            Key("channel", words(CHANNELS), "How it is sent; email when left out."),
            Key("late_at_most", LENGTH, "Dropped when it is later than this; the workflow's when left out."),
        ),
        build=_send,
    ),
    "wait": Form(
        "the step 'wait'",
        "Let time pass.",
        (Key("wait", SPAN, "How long, from when the step before was done.", required=True),),
        later={"at_most": "it belongs to `wait_until`"},
        build=_wait,
    ),
    "suppress": Form(
        "the step 'suppress'",
        "Stop a kind of message; receipts still go out.",
        (Key("suppress", STOPS, "newsletter or marketing.", required=True),),
        build=_suppress,
    ),
    "resume": Form(
        "the step 'resume'",
        "Allow a kind of message again that winback stopped; the customer's own no stays.",
        (Key("resume", STOPS, "newsletter or marketing.", required=True),),
        build=_resume,
    ),
    "tag": Form(
        "the step 'tag'",
        "Write a tag on the customer.",
        (Key("tag", NAME, "The tag's name.", required=True),),
        build=_tag,
    ),
    "untag": Form(
        "the step 'untag'",
        "Take a tag off the customer.",
        (Key("untag", NAME, "The tag's name.", required=True),),
        build=_untag,
    ),
    "standing": Form(
        "the step 'standing'",
        "Say farewell: a former customer is written to rarely or never.",
        (Key("standing", words(("former",)), "former is the only standing that a file may set.", required=True),),
        build=_former,
    ),
    "go_to": Form(
        "the step 'go_to'",
        "Leave for another stage if the conditions hold, else go on.",
        (
            Key("go_to", Ref("stage"), "The stage to leave for.", required=True),
            Key("when_all", CONDITIONS, "Conditions that must all hold."),
            Key("when_any", CONDITIONS, "Conditions of which one must hold."),
        ),
        one_of=(OneOf(("when_all", "when_any"), required=True, cure="say when; to go there always, use `after:`"),),
        build=_go_to,
    ),
}

STEP = Variants("a step", "What a stage does next.", "step", lambda: STEP_FORMS, LATER_STEPS)


def with_step_keys(steps: Sequence[AnyStep]) -> tuple[AnyStep, ...]:
    """Return the steps of a stage with their keys: kind, name, and ordinal among equals."""
    seen: dict[tuple[str, str], int] = {}
    made = []
    for step in steps:
        name = _kind_and_name(step)
        ordinal = seen[name] = seen.get(name, -1) + 1
        made.append(structs.replace(step, key=step_key(*name, ordinal)))
    return tuple(made)


def _kind_and_name(step: AnyStep) -> tuple[str, str]:
    """The name leaves out what may change while a run waits there: a wait of another length is the same step."""
    match step:
        case Send():
            return "send", step.template
        case Wait():
            return "wait", ""
        case Suppress():
            return "suppress", step.scope.value
        case Resume():
            return "resume", step.scope.value
        case PutTag():
            return "tag", step.tag
        case TakeTag():
            return "untag", step.tag
        case MakeFormer():
            return "standing", "former"
        case GoTo():
            return "go_to", step.stage
        case _:
            raise TypeError(f"{type(step).__name__} has no form yet")
