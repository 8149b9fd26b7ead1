"""What follows from a mail that came in: events, each about one mail of ours or one address. Pure.

A report kills an address only where something signed says that it is about a mail that went there: anybody can write a
report. Else it counts as a doubtful proof, of which several, days apart, are needed. A complaint or a "no" needs no proof.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from connectors.bounces import Recipient, Report
from engine.core.events import Event, Mail
from engine.core.ids import digest
from engine.core.moments import DAY, Instant
from engine.core.saying_no import says_more, says_no
from engine.wiring.incoming.heads import Head
from engine.wiring.incoming.joining import Joined

SOURCE: Final = "incoming"
OLDEST: Final = 30 * DAY
"""A report's own date is believed within so much before now."""

_DIAGNOSTIC_AT_MOST = 300
WRITTEN: Final = ("other", "auto_reply")
"""The kinds of mails that somebody, or a program of theirs, wrote to us."""

_BOUNCED: Final = frozenset({"dead", "doubtful", "full", "policy", "spam", "soft", "unknown"})
_MILDEST_FIRST = ("delivered", "soft", "full", "policy", "spam", "unknown", "doubtful", "dead")


class Came(Struct, frozen=True):
    """A mail that came in, read: what it says, its own head, which mail of ours it is about, and whose; empty for nobody known."""

    head: Head
    report: Report
    about: Joined | None
    now: Instant
    customer: str = ""

    @property
    def at(self) -> Instant:
        """When it was written, as far as that can be believed; else now."""
        return self.head.date if self.now - OLDEST <= self.head.date <= self.now else self.now

    @property
    def is_from_a_person(self) -> bool:
        """Whether somebody wrote it: it is no report, and no program says that it wrote it."""
        return self.report.kind == "other" and not self.head.is_automatic

    @property
    def is_a_no(self) -> bool:
        """Whether somebody asks us to write no more.

        A subject of their own says so also where a mail program wrote it for them: as they do by `mailto:`.
        """
        if self.head.is_bulk:
            return False
        by_program = self.report.kind in WRITTEN and says_no("", self.head.subject)
        return by_program or (self.is_from_a_person and says_no(self.report.text))

    @property
    def is_for_people(self) -> bool:
        """Whether somebody should read it: a person wrote it, and more than that they want no mails."""
        return self.is_from_a_person and not self.is_for_nobody and (not self.is_a_no or says_more(self.report.text))

    @property
    def kind(self) -> str:
        """What it is, in a word."""
        if self.is_a_no:
            return "no"
        if self.report.kind in WRITTEN:
            return "reply" if self.is_from_a_person else "auto_reply"
        return self.report.kind

    @property
    def is_for_nobody(self) -> bool:
        """Whether it went to many, and is about no mail of ours."""
        return self.head.is_bulk and self.about is None and self.report.kind in WRITTEN


def events(came: Came, key: bytes, own: frozenset[str]) -> Iterator[Event]:
    """Yield what follows.

    Args:
        came: the mail.
        key: the block list's, by which the token of a link tells its address.
        own: the shop's own addresses: nothing of theirs is a customer's.

    """
    report = came.report
    if came.is_for_nobody:
        return
    if came.is_a_no:
        yield from _no_of_writer(came, own)
    elif report.kind in WRITTEN:
        yield from _reply_of_writer(came, own)
    elif not report.recipients and report.kind == "complaint" and came.about is not None:
        yield _event(came, "email.complained", {})  # who complained was struck out; the mail tells
    else:
        for each in _about_us(came, [each for each in report.recipients if each.address.casefold() not in own], key):
            yield from _of_recipient(came, each, key)


def _about_us(came: Came, recipients: list[Recipient], key: bytes) -> list[Recipient]:
    """Return the recipients that are about somebody of ours.

    Of a mail of which we know whom it went to it is that one alone. Where none of them is, it was sent on to them: then
    what went best is told, without an address.
    """
    about = came.about
    if about is None or not recipients:
        return recipients
    known = {each.address: about.went_to(each.address, key) for each in recipients}
    if None in known.values():
        return recipients
    theirs = [each for each in recipients if known[each.address]]
    return theirs or [min(recipients, key=lambda each: _severity(each.verdict))]


def _of_recipient(came: Came, recipient: Recipient, key: bytes) -> Iterator[Event]:
    about, verdict, status = came.about, recipient.verdict, recipient.status
    sent_on = about is not None and about.went_to(recipient.address, key) is False
    address = "" if sent_on else recipient.address
    if not address and about is None:
        return  # nobody to find
    fields: dict[str, Any] = {"email": address}
    if verdict == "complaint":
        yield _event(came, "email.complained", fields)
    elif verdict == "delivered":
        yield _event(came, "email.delivered", fields | {"status": status})
    elif verdict in _BOUNCED:
        kind = verdict
        if verdict == "doubtful" or (verdict == "dead" and (sent_on or about is None or not about.signed)):
            kind, status = "unknown", status if status.startswith("5") else "5.0.0"  # a doubtful proof
        said = " ".join(recipient.reason.split())[:_DIAGNOSTIC_AT_MOST]
        yield _event(came, "email.bounced", fields | {"kind": kind, "status": status, "diagnostic": said})


def _no_of_writer(came: Came, own: frozenset[str]) -> Iterator[Event]:
    """Yield the "no" of who had the mail that is answered, and of the address that it is written from: either may be them."""
    if came.about is not None:
        yield _event(came, "email.unsubscribed", {})
    if came.head.writer and came.head.writer not in own:
        yield _event(came, "email.unsubscribed", {"email": came.head.writer}, by_address=True)


def _reply_of_writer(came: Came, own: frozenset[str]) -> Iterator[Event]:
    """Yield that somebody answered, or a program of theirs. Who writes to the shop of their own accord need not be known."""
    kind = "reply" if came.is_from_a_person else "auto_reply"
    if came.about is not None:
        yield _event(came, "email.replied", {"kind": kind})
    elif came.customer and came.head.writer not in own:
        yield _event(came, "email.replied", {"kind": kind, "email": came.head.writer}, by_address=True)


def _event(came: Came, type_: str, fields: dict[str, Any], *, by_address: bool = False) -> Event:
    mail = None if by_address else came.about
    effect, customer = (mail.effect_id, mail.customer) if mail is not None else ("", "")
    number = digest(came.head.identity, type_, effect, str(fields.get("email", "")))
    return Event(number, SOURCE, type_, came.at, customer, Mail(message_id=effect, **fields))


def _severity(verdict: str) -> int:
    return _MILDEST_FIRST.index(verdict) if verdict in _MILDEST_FIRST else len(_MILDEST_FIRST)
