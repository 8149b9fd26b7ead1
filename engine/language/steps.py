"""Steps: what a stage does, one after the other. A step is a mapping whose leading key says which it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from engine.core.moments import Length
from engine.core.rules import (
    WHOLE,
    AdaptNewsletter,
    AnyStep,
    CloseAccount,
    Emit,
    GoTo,
    HandOff,
    MakeFormer,
    Purpose,
    PutTag,
    Resume,
    Send,
    Split,
    Suppress,
    TakeTag,
    Wait,
    WaitUntil,
    notice_of,
)
from engine.language.choosing import Choice, Sending, choice_form
from engine.language.conditions import CONDITIONS, event_values
from engine.language.forms import Fields, Form, OneOf, Variants
from engine.language.kinds import BAD, Key
from engine.language.nodes import Mapping, Text
from engine.language.problems import shown
from engine.language.reading import Reading
from engine.language.scalars import (
    CLOCK,
    DAYS,
    EVENT,
    GROWTH,
    LENGTH,
    NAME,
    PLAIN,
    RATE,
    SPAN,
    WEEKDAY,
    Ref,
    Word,
    words,
)
from engine.language.shapes import MapOf, OneOrList, Raw
from engine.language.vocabulary import CHANNELS, FIELD, FIELD_NAMES, field_kind

PURPOSES = Word({purpose.value: purpose for purpose in Purpose})
STOPS = Word({purpose.value: purpose for purpose in (Purpose.NEWSLETTER, Purpose.MARKETING)})
LATER_STEPS: tuple[str, ...] = ()
MAY = ("call", "write", "answer")


@dataclass(frozen=True, slots=True)
class Written:
    """A step, and the keys it was read from: checks point at them. `sends` are all that it may make."""

    step: AnyStep
    fields: Fields
    sends: tuple[Sending, ...] = ()


def _sending(fields: Fields, _: Reading) -> Sending:
    send = Send(
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
    return Sending(send, fields)


def _send(fields: Fields, reading: Reading) -> Written:
    sending = _sending(fields, reading)
    return Written(sending.send, fields, (sending,))


def _wait(fields: Fields, _: Reading) -> Written:
    return Written(Wait(key="", line=fields.line, length=fields.get("wait", Length(days=1))), fields)


def _moment(fields: Fields, reading: Reading) -> Fields:
    name = fields.nodes.get("customer")
    if isinstance(name, Text) and not name.empty and (kind := field_kind(name.value)) != "day":
        if kind is None:
            days = [each for each in FIELD_NAMES if field_kind(each) == "day"]
            reading.unknown(name, "unknown-field", f"a customer has no field {shown(name.value)}", days)
        else:
            message = f"{shown(name.value)} is a {kind.replace('_', ' or ')}, and no day to wait for"
            reading.error(name, "unknown-field", message, "name a field that holds a day, such as contract_ends")
    if "weekday" in fields.keys:
        for key in ("before", "after"):
            if key in fields.keys:
                message = f"{shown(key)} beside 'weekday': a weekday is waited for itself"
                reading.error(fields.keys[key], "conflicting-keys", message, "name the weekday that is meant")
    return fields


def _wait_until(fields: Fields, _: Reading) -> Any:
    moment = fields.get("wait_until", BAD)
    if moment is BAD:
        return BAD
    step = WaitUntil(
        key="",
        line=fields.line,
        field=moment.get("customer", ""),
        occasion=moment.get("occasion", ""),
        weekday=moment.get("weekday"),
        before=Length(days=moment.get("before", 0)),
        after=Length(days=moment.get("after", 0)),
        at=moment.get("at"),
        at_most=moment.get("at_most", fields.get("at_most")),
    )
    return Written(step, fields)


def _split(fields: Fields, reading: Reading) -> Written:
    shares: dict[str, int] = fields.get("split", {})
    node = fields.nodes.get("split")
    if isinstance(node, Mapping) and len(shares) == len(node.entries):
        whole = sum(shares.values())
        if len(shares) < 2:
            message = "a split with one stage splits nothing"
            reading.error(fields.keys["split"], "not-whole", message, "name two stages or more; `after:` leads to one")
        elif whole != WHOLE:
            message = f"the shares add up to {_percent(whole)}, not to 100%"
            last = node.entries[-1][0].value
            fits = shares[last] + WHOLE - whole
            hint = f"write {_percent(fits)} for {last}, say" if 0 < fits < WHOLE else "make them add up to 100%"
            reading.error(fields.keys["split"], "not-whole", message, hint)
    return Written(Split(key="", line=fields.line, shares=tuple(shares.items())), fields)


def _percent(share: int) -> str:
    return f"{share / 100:.2f}".rstrip("0").rstrip(".") + "%"


def _choose(fields: Fields, _: Reading) -> Any:
    choice: Choice | None = fields.get("choose")
    return BAD if choice is None else Written(choice.step, fields, choice.sends)


def _newsletter(fields: Fields, _: Reading) -> Any:
    change = fields.get("newsletter", BAD)
    if change is BAD:
        return BAD
    step = AdaptNewsletter(key="", line=fields.line, at_most=change.get("at_most"), content=change.get("content", ""))
    return Written(step, fields)


def _hand_off(fields: Fields, _: Reading) -> Written:
    given: dict[str, Any] = {
        name: fields.values[name] for name in ("at_most", "answer_within", "late_at_most") if name in fields.values
    }
    if "may" in fields.values:  # what is left when nothing else is allowed needs no word of its own
        given["may"] = tuple(each for each in fields.values["may"] if each != "answer")
    return Written(HandOff(key="", line=fields.line, team=fields.get("hand_off", ""), **given), fields)


def _close_account(fields: Fields, _: Reading) -> Any:
    closing: Fields | None = fields.get("close_account")
    if closing is None:
        return BAD
    step = CloseAccount(
        key="",
        line=fields.line,
        notice=closing.get("notice", Length(days=14)),
        template=closing.get("send", ""),
        late_at_most=closing.get("late_at_most"),
    )
    return Written(step, fields, (Sending(notice_of(step), closing),))


def _emit(fields: Fields, reading: Reading) -> Written:
    name, given = fields.nodes.get("emit"), fields.get("with")
    known = isinstance(name, Text) and not name.empty and _is_own_event(name, reading)
    event = fields.get("emit", "")
    values = event_values(event, given, reading) if known and isinstance(given, Mapping) else {}
    if isinstance(given, Text):
        reading.error(given, "wrong-form", "there should be fields with their values here", "write {stars: 5}")
    return Written(Emit(key="", line=fields.line, event=event, values=values), fields)


def _is_own_event(name: Text, reading: Reading) -> bool:
    own = reading.own_events
    if own is None or name.value in own:
        return True
    message = f"{shown(name.value)} is no event of the shop's own"
    reading.unknown(name, "unknown-event", message, own)
    reading.hint_last("declare it in events.yaml; only the shop's own events may be put on the bus")
    return False


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


MOMENT = Form(
    "a moment",
    "A day of the customer's, an occasion, or the next such weekday.",
    (
        Key("customer", FIELD, "A field of the customer that holds a day; an unknown day is not waited for."),
        Key("occasion", Ref("occasion"), "The next day of an occasion, as occasions.yaml names it."),
        Key("weekday", WEEKDAY, "The next such weekday, strictly after now."),
        Key("before", DAYS, "So many days before that day."),
        Key("after", DAYS, "So many days after that day."),
        Key("at", CLOCK, "At this clock time; when left out, the one at which the step began."),
        Key("at_most", SPAN, "Go on after this long at the latest."),
    ),
    one_of=(
        OneOf(("customer", "occasion", "weekday"), required=True, cure="say what is waited for"),
        OneOf(("before", "after")),
    ),
    build=_moment,
    example="{customer: contract_ends, before: 14d}, {occasion: christmas} or {weekday: tue}",
)

CHANGE = Form(
    "a change of the newsletter",
    "Less of it, or other content.",
    (
        Key("at_most", RATE, "No more than so many in so long a time."),
        Key("content", NAME, "What it should be about, in your words."),
    ),
    one_of=(OneOf(("at_most", "content"), required=True, cure="write {at_most: 1 per 30d} or {content: TOPIC}"),),
    example="{at_most: 1 per 30d} or {content: TOPIC}",
)

CLOSING = Form(
    "a closing",
    "The notice is sent first; any sign of life during it ends the closing.",
    (
        Key("notice", SPAN, "How long before the account is closed the customer is told.", required=True),
        Key("send", Ref("template"), "The notice, a template listed under `service_templates:`.", required=True),
        Key("late_at_most", LENGTH, "The notice is dropped when it is later than this, and nothing is closed."),
    ),
    example="{notice: 14d, send: TEMPLATE}",
)

SEND = Form(
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
)

CHOICE = choice_form(replace(SEND, name="a branch's send", help="What a branch sends.", build=_sending))

STEP_FORMS: dict[str, Form] = {
    "send": SEND,
    "wait": Form(
        "the step 'wait'",
        "Let time pass.",
        (Key("wait", SPAN, "How long, from when the step before was done.", required=True),),
        build=_wait,
    ),
    "wait_until": Form(
        "the step 'wait_until'",
        "Wait for a moment.",
        (
            Key("wait_until", MOMENT, "The moment; one that is past or not known is not waited for.", required=True),
            Key("at_most", SPAN, "Go on after this long at the latest."),
        ),
        build=_wait_until,
    ),
    "split": Form(
        "the step 'split'",
        "Leave for one of several stages, a stable share of customers for each.",
        (
            Key(
                "split",
                MapOf(Ref("stage"), GROWTH, "stages with their shares", least=1),
                "The stages with their shares, which add up to 100%.",
                required=True,
            ),
        ),
        build=_split,
    ),
    "choose": Form(
        "the step 'choose'",
        "Send what fits: by cause, by a customer field, or what pays most.",
        (Key("choose", CHOICE, "By what, and the branches.", required=True),),
        build=_choose,
    ),
    "newsletter": Form(
        "the step 'newsletter'",
        "Ask the newsletter's sender for less of it, or other content, before any stop.",
        (Key("newsletter", CHANGE, "Less of it, or other content.", required=True),),
        build=_newsletter,
    ),
    "hand_off": Form(
        "the step 'hand_off'",
        "A task for a person, with the reasons and what they may do.",
        (
            Key("hand_off", NAME, "The team, in your words.", required=True),
            Key("may", OneOrList(words(MAY)), "call, write, or only answer; call and write when left out."),
            Key("at_most", RATE, "How many the team takes in so long a time, over all workflows; others wait."),
            Key("answer_within", SPAN, "How long the answer is waited for; not at all when left out."),
            Key("late_at_most", LENGTH, "Dropped when it is later than this; the workflow's when left out."),
        ),
        build=_hand_off,
    ),
    "close_account": Form(
        "the step 'close_account'",
        "Close the customer's loyalty account, with notice.",
        (Key("close_account", CLOSING, "The notice: how long, and what is sent.", required=True),),
        build=_close_account,
    ),
    "emit": Form(
        "the step 'emit'",
        "Put an event of the shop's own on the bus.",
        (
            Key("emit", EVENT, "The event, as events.yaml names it.", required=True),
            Key("with", Raw("fields of the event with their values"), "Fields of the event with their values."),
        ),
        build=_emit,
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


def takes_time(step: AnyStep) -> bool:
    """Say whether a step may wait for something, so that events can come meanwhile; a send that must wait is none."""
    return isinstance(step, Wait | WaitUntil | CloseAccount) or (
        isinstance(step, HandOff) and step.answer_within is not None
    )


STEP = Variants("a step", "What a stage does next.", "step", lambda: STEP_FORMS, LATER_STEPS)
