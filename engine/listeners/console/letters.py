"""The local mailbox as pages: a list to search, and one message as its reader would see it.

A message's HTML is shown in a sandboxed frame of its own: it was made from customers' data, and runs nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence
from email.message import EmailMessage
from typing import Final, Protocol
from urllib.parse import urlencode

from engine.core.moments import Instant
from engine.listeners.console.frame import nothing, page
from engine.listeners.console.links import letter_at
from engine.listeners.console.markup import Html, h
from engine.listeners.console.visit import Visit

PAGE: Final = 100
FRAME_POLICY: Final = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data: https:; style-src 'unsafe-inline'; frame-ancestors 'self'"
_SHOWN: Final = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
)


class Letter(Protocol):
    """One message of the mailbox."""

    @property
    def id(self) -> str:
        """Its id in addresses of pages."""
        ...

    @property
    def at(self) -> Instant:
        """When it was written."""
        ...

    @property
    def recipient(self) -> str:
        """Who it is for."""
        ...

    @property
    def subject(self) -> str:
        """Its subject."""
        ...


class Letters(Protocol):
    """What the pages need of a mailbox."""

    def letters(self, search: str = "", limit: int = 100, skip: int = 0) -> tuple[Sequence[Letter], int]:
        """Return the newest messages that hold the words, and how many there are of them."""
        ...

    def read(self, letter_id: str) -> bytes | None:
        """Return a message as it was written, None where there is none of this id."""
        ...

    def letter_of(self, effect_id: str) -> str | None:
        """Return the id of the message that a send became, None where it is not here."""
        ...


def letters_page(visit: Visit, found: Sequence[Letter], total: int, search: str, skip: int) -> str:
    """Return the list."""
    rows = [
        h.li(
            h.a(
                h.span(letter.recipient, class_="to"),
                h.span(letter.subject, class_="subject"),
                visit.clock(letter.at),
                href=letter_at(letter.id),
            )
        )
        for letter in found
    ]
    label = visit.say("letters.search")
    form = h.form(
        h.input(type="search", name="q", value=search, aria_label=label, placeholder=label, maxlength=200),
        h.button(visit.say("search.button")),
        class_="search",
        role="search",
    )
    empty = visit.say("letters.none.found" if search else "letters.none")
    return page(
        visit,
        visit.say("page.mailbox"),
        form,
        h.ol(rows, class_="letters card") if rows else nothing(empty),
        _turns(visit, total, search, skip),
        under="mailbox",
        lede=visit.say("letters.total", n=total),
    )


def _turns(visit: Visit, total: int, search: str, skip: int) -> Html | None:
    def at(place: int) -> str:
        return "/mailbox?" + urlencode({"q": search, "skip": place})

    newer = h.a(visit.say("letters.newer"), href=at(max(skip - PAGE, 0)), rel="prev") if skip else h.span()
    older = h.a(visit.say("letters.older"), href=at(skip + PAGE), rel="next") if skip + PAGE < total else None
    return h.nav(newer, older, class_="turns", aria_label=visit.say("list.turn")) if skip or older else None


def letter_page(visit: Visit, letter_id: str, mail: EmailMessage) -> str:
    """Return one message."""
    named = [h.div(h.dt(name), h.dd(str(mail[name]))) for name in _SHOWN if mail[name] is not None]
    text = h.section(h.h2(visit.say("letter.text")), h.pre(part(mail, "plain"), tabindex="0"), class_="card")
    return page(
        visit,
        str(mail["subject"] or visit.say("letter.no_subject")),
        h.dl(named, class_="facts card"),
        _frame(visit, letter_id) if part(mail, "html") else None,
        text,
        under="mailbox",
        lede=h.a(visit.say("letters.back"), href="/mailbox"),
    )


def _frame(visit: Visit, letter_id: str) -> Html:
    return h.div(
        h.iframe(
            sandbox="allow-popups allow-popups-to-escape-sandbox",
            title=visit.say("letter.frame"),
            src=f"{letter_at(letter_id)}/html",
        ),
        class_="card frame",
    )


def part(mail: EmailMessage, kind: str) -> str:
    """Return the text of a message, `plain` or `html`; empty where it has none."""
    body = mail.get_body((kind,))
    return str(body.get_content()) if body is not None else ""
