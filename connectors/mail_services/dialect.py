"""What a service's dialect provides, and what all of them write and read alike."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parseaddr
from html import escape
from http import HTTPStatus
from typing import Final, Protocol

from msgspec.structs import replace

from connectors.mail_services.calling import Answer, Request
from engine.core.moments import Instant
from engine.core.verdict import POLICY, SOFT, SPAM, verdict_of
from engine.ports import Message, Sent
from engine.rendering.mime import BadMessageError

METADATA: Final = "winback_message_id"
HEADER: Final = "X-Winback-Message-ID"
UNREACHABLE: Final = "unreachable"
NO_ADDRESS: Final = "5.1.3"

_TEXT_AT_MOST = 500

Look = tuple[Request, Callable[[Answer], str]]
"""A question of preflight, and what reads its answer: what is wrong, empty where all is well."""


class Dialect(Protocol):
    """How one service is spoken to. Pure: what it writes depends on its arguments alone."""

    #: the service's name for people
    name: str
    #: whether a repeated request with the same effect id is recognised, however much later it comes
    honours_key: bool
    #: whether it is recognised for some minutes: long enough to repeat a request whose connection broke
    honours_key_shortly: bool
    #: bytes that a whole message may have
    largest: int
    #: whether an address may have letters beyond ASCII before the @
    takes_utf8: bool

    def request(self, message: Message, raw: bytes, now: Instant) -> Request:
        """Return the request that hands a message over; `raw` is the message as the bytes of RFC 5322."""
        ...

    def ending(self, answer: Answer) -> Sent:
        """Return what an answer to it means."""
        ...

    def question(self, effect_id: str, message_id: str, now: Instant) -> Request | None:
        """Return the request that asks whether a message was taken, None where the service cannot say."""
        ...

    def found(self, answer: Answer) -> bool:
        """Say whether the answer to the question names the message."""
        ...

    def looks(self, domain: str, now: Instant) -> list[Look]:
        """Return what preflight asks: whether the key is good and mail of the sender's domain is signed."""
        ...


def marked(message: Message) -> Message:
    """Return the message with our id in a header of its own, for services that put another Message-ID."""
    return replace(message, headers={**message.headers, HEADER: bare_id(message)})


def bare_id(message: Message) -> str:
    """Return the Message-ID without its brackets."""
    return message.message_id.strip("<>")


def reply_to(message: Message) -> str:
    """Return the address that answers go to, empty where it is the sender's."""
    return parseaddr(message.headers.get("Reply-To", ""))[1]


def other_headers(message: Message) -> dict[str, str]:
    """Return the headers that go as they are: all but Reply-To, which the services take by a field of its own."""
    return {name: text for name, text in marked(message).headers.items() if name.casefold() != "reply-to"}


def html_of(message: Message) -> str:
    """Return the HTML, made of the text where there is none: some services take no message without."""
    return message.html or f'<pre style="white-space:pre-wrap">{escape(message.text)}</pre>'


# What answers mean ---------------------------------------------------------------------------------------------------


def not_done(answer: Answer, text: str, name: str) -> Sent:
    """Return what an answer other than a yes means, by its status; `text` is what it says of the message.

    What is about the place or about us (a wrong key, an account that is paused, a redirect) holds for all messages: they
    wait, and none is lost. Of a 5xx only 503 says that nothing was done.
    """
    status = answer.status
    if status in (400, 406, 409, 413, 415, 422):
        return refused(text or phrase(status), "5.3.4" if status == 413 else "", name)
    if status == 429:
        return about_us(answer, f"{name} asks us to be slower: {phrase(status)}")
    if status in (408, 425, 503):
        return about_us(answer, f"{name} cannot take mail now: {phrase(status)}")
    if 300 <= status < 500:
        return about_us(answer, f"{name} says {phrase(status)}: {_cure(status)}")
    return Sent("unknown", diagnostic=f"{name} says {phrase(status)}, and nobody knows what it did")


def about_us(answer: Answer, why: str) -> Sent:
    """Return a temporary no that holds for all messages; `why` holds nothing personal."""
    return Sent("later", UNREACHABLE, diagnostic=why, retry_after=answer.retry_after)


def refused(text: str, status: str, name: str) -> Sent:
    """Return a final no to one message that a service gives to the request, before any mail server was asked.

    Such a no never counts against the address, whatever its words: "from is not a valid address" is about us. What a
    service says of recipients each dialect knows by the service's own codes (`no_address`).
    """
    verdict = verdict_of(text, status=status)
    kind = verdict.kind if verdict.kind in (POLICY, SPAM) else SOFT
    return Sent("refused", kind, status, f"{name}: {text}"[:_TEXT_AT_MOST])


def said_by_a_server(text: str, status: str, name: str) -> Sent:
    """Return a final no that passes on what a mail server said of the address."""
    verdict = verdict_of(text, status=status)
    return Sent("refused", verdict.as_event, verdict.status, f"{name}: {text}"[:_TEXT_AT_MOST])


def unfit(bad: BadMessageError) -> Sent:
    """Return the refusal of a message that cannot be sent as it is; its status is the one a mail server would give."""
    return Sent("refused", verdict_of("", status=bad.status).kind, bad.status, str(bad))


def no_address(text: str, name: str) -> Sent:
    """Return the refusal of a recipient that is no address."""
    return Sent("refused", "dead", NO_ADDRESS, f"{name}: {text}"[:_TEXT_AT_MOST])


def no_answer_of(answer: Answer, name: str) -> Sent:
    """Return what a 2xx means that is not the service's yes: a proxy's page, a cut answer. It may have been taken."""
    return Sent("unknown", diagnostic=f"{name} answered {answer.status} with something that is no answer of its own")


def phrase(status: int) -> str:
    """Return a status in words."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def asked(answer: Answer, name: str) -> str:
    """Return what is wrong with an answer to a question of preflight, empty where it is one."""
    if 200 <= answer.status < 300:
        return "" if answer.body is not None else f"{name} answers with something that is no answer of its own"
    return f"{name} says {phrase(answer.status)}: {_cure(answer.status)}"


def _cure(status: int) -> str:
    if status in (401, 403):
        return "is the key right, and may it send?"
    if status == 402:
        return "is there something to be paid?"
    return "is [service] url the service's own address?"
