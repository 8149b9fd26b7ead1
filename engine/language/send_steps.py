"""Steps that send: `send:`, and `choose:` with a send for each branch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from engine.core.rules import (
    AnyStep,
    Purpose,
    Send,
)
from engine.language.choosing import Choice, Sending, choice_form
from engine.language.forms import Fields, Form
from engine.language.kinds import BAD, Key
from engine.language.reading import Reading
from engine.language.scalars import (
    LENGTH,
    NAME,
    PLAIN,
    Ref,
    Word,
    words,
)
from engine.language.shapes import MapOf
from engine.language.vocabulary import CHANNELS

PURPOSES = Word({purpose.value: purpose for purpose in Purpose})


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


def _choose(fields: Fields, _: Reading) -> Any:
    choice: Choice | None = fields.get("choose")
    return BAD if choice is None else Written(choice.step, fields, choice.sends)


SEND_FORMS: dict[str, Form] = {
    "send": SEND,
    "choose": Form(
        "the step 'choose'",
        "Send what fits: by cause, by a customer field, or what pays most.",
        (Key("choose", CHOICE, "By what, and the branches.", required=True),),
        build=_choose,
    ),
}
