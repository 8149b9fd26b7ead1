"""Steps that act without a send: on permission, tags and standing, the newsletter's sender, a person, an account, the bus."""

from __future__ import annotations

from typing import Any

from engine.core.moments import Length
from engine.core.rules import (
    AdaptNewsletter,
    CloseAccount,
    Emit,
    HandOff,
    MakeFormer,
    Purpose,
    PutTag,
    Resume,
    Suppress,
    TakeTag,
    notice_of,
)
from engine.language.choosing import Sending
from engine.language.event_conditions import event_values
from engine.language.forms import Fields, Form, OneOf
from engine.language.kinds import BAD, Key
from engine.language.nodes import Mapping, Node, Text
from engine.language.problems import shown
from engine.language.reading import Reading
from engine.language.scalars import (
    EVENT,
    LENGTH,
    NAME,
    RATE,
    SPAN,
    Ref,
    Word,
    words,
)
from engine.language.send_steps import Written
from engine.language.shapes import Either, OneOrList, Raw

STOPS = Word({purpose.value: purpose for purpose in (Purpose.NEWSLETTER, Purpose.MARKETING)})


MAY = ("call", "write", "answer")


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


CHANGE = Form(
    "a change of the newsletter",
    "Less of it, or other content.",
    (
        Key("at_most", RATE, "No more than so many in so long a time."),
        Key("content", NAME, "What it should be about, in your words."),
    ),
    one_of=(OneOf(("at_most", "content"), required=True, cure="write {at_most: 1 per 30d} or {content: TOPIC}"),),
    example="{at_most: 1 per 30d}, {content: TOPIC} or as_usual",
)


class _AsUsual(Either):
    """`as_usual`, neither less nor other content; any other word is answered with what a change may be."""

    def read(self, node: Node, reading: Reading) -> Any:
        """Return the change, empty where what was asked of the newsletter's sender before is over."""
        return {} if isinstance(node, Text) and node.value == "as_usual" else self.other.read(node, reading)


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


ACT_FORMS: dict[str, Form] = {
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
    "newsletter": Form(
        "the step 'newsletter'",
        "Ask the newsletter's sender for less of it, or other content, before any stop; or take that back.",
        (
            Key(
                "newsletter",
                _AsUsual(Word({"as_usual": {}}), CHANGE),
                "Less of it, other content, or as_usual again.",
                required=True,
            ),
        ),
        build=_newsletter,
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
}
