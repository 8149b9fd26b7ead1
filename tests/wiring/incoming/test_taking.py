"""Taking one mail in: what is durable when, who is told, and what happens when something is away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from connectors.incoming import NotNowError
from connectors.memory import FixedClock
from engine.core.events import DeadLetter, Event
from engine.core.objections import No
from engine.core.reading import Reader
from engine.handling import Taken
from engine.listeners import Intake, Objections
from engine.ports import Message, Sent
from engine.rendering.envelope import Desk
from engine.wiring.incoming import taking
from engine.wiring.incoming.handing_over import HandingOver
from engine.wiring.incoming.taking import IncomingMail
from engine.wiring.incoming.telling import Came
from tests.builders import START
from tests.wiring.incoming.test_telling import EFFECT, OWN, PROOFS, SECRETS, SENT_FROM, person

DESK = Desk(name="Shop", address="hello@shop.example", public_url="https://shop.example")


class World:
    """Everything around one way in, told in order. `away` names what cannot be used now."""

    def __init__(self, *, only_to: tuple[str, ...] = (), known: dict[str, str] | None = None) -> None:
        self.story: list[tuple[str, Any]] = []
        self.away = ""
        self.known = known or {}
        clock = FixedClock(START)
        self.mail = IncomingMail(
            SECRETS,
            Intake(Reader().read, self.submit, clock),
            Objections(self.note, clock),
            self.submit,
            self.find,
            HandingOver("service@shop.example", self, lambda: DESK, "http://127.0.0.1:8081", only_to),  # type: ignore[arg-type]  # it only sends
            clock,
            own=OWN,
            counted=lambda kind: self.story.append(("counted", kind)),
        )

    async def submit(self, items: Sequence[Event | DeadLetter], _: Sequence[str]) -> list[Taken]:
        """Take events in."""
        self._there("engine")
        self.story += [("letter" if isinstance(each, DeadLetter) else each.type, each) for each in items]
        return [Taken("accepted") for _ in items]

    async def note(self, noes: Sequence[No]) -> None:
        """Put them on the block list."""
        self._there("books")
        self.story.append(("blocked", tuple(noes)))

    async def find(self, key: str) -> str:
        """Know customers."""
        self._there("books")
        return self.known.get(key, "")

    async def send(self, message: Message) -> Sent:
        """Take the mail to the people."""
        if self.away == "mail server":
            return Sent("later", "unreachable")
        self.story.append(("people", message))
        return Sent("done")

    async def takes(self, raw: str) -> list[str]:
        """Let a mail come in; return what happened, in order."""
        self.story.clear()
        await self.mail.take(raw.replace("\n", "\r\n").encode(), (), "incoming/test")
        return [what for what, _ in self.story]

    def _there(self, what: str) -> None:
        if self.away == what:
            raise ConnectionError(f"{what} away")


async def test_a_no_is_on_the_block_list_before_anything_else() -> None:
    """Of the customer who had the mail and of the address; then the events."""
    world = World()
    assert await world.takes(person("Bitte keine Werbung mehr", to=SENT_FROM)) == [
        "blocked",
        "email.unsubscribed",
        "email.unsubscribed",
        "counted",
    ]
    noes = world.story[0][1]
    assert [(no.customer, no.address) for no in noes] == [("ada", ""), ("", "ada@example.org")]


async def test_a_complaint_takes_the_same_way() -> None:
    """It is a "no", whoever brings it."""
    raw = (
        PROOFS["the envelope sender"]
        .replace("delivery-status", "feedback-report")
        .replace(
            "Reporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; ada@example.org\nAction: failed\nStatus: 5.1.1\n"
            "Diagnostic-Code: smtp; 550 5.1.1 User unknown",
            "Feedback-Type: abuse\nUser-Agent: isp/1\nVersion: 1",
        )
    )
    assert await World().takes(raw) == ["blocked", "email.complained", "counted"]


async def test_a_no_with_more_to_it_reaches_a_person_too() -> None:
    """They are stopped first."""
    words = "Bitte abmelden. Und wo bleibt meine Bestellung 123? Ich warte seit drei Wochen, und niemand antwortet mir."
    world = World()
    assert await world.takes(person(words)) == ["blocked", "email.unsubscribed", "people", "counted"]
    assert "stopped already" in world.story[2][1].text


async def test_the_people_can_answer_by_answering() -> None:
    """Reply-To is the customer; the mail says who they are, and that a program wrote it."""
    world = World(known={f"message:{EFFECT}": "ada"})
    raw = person("Wie groß ist sie?", more=f"In-Reply-To: <{EFFECT}@shop.example>\n")
    assert await world.takes(raw) == ["email.replied", "people", "counted"]
    message = world.story[1][1]
    assert (message.recipient, message.headers["Reply-To"]) == ("service@shop.example", "ada@example.org")
    assert message.headers["Auto-Submitted"] == "auto-generated"
    assert "Wie groß ist sie?" in message.text
    assert "customer ada" in message.text
    assert message.envelope_sender == ""


@pytest.mark.parametrize("away", ["engine", "books", "mail server"])
async def test_what_cannot_be_done_now_is_done_when_the_mail_comes_again(away: str) -> None:
    """The mail is not taken then, so it stays where it was; what had been done before is done again, and is the same."""
    world = World()
    world.away = away
    words = "Bitte abmelden. Und wo bleibt meine Bestellung 123? Ich warte seit drei Wochen, und niemand antwortet mir."
    with pytest.raises(NotNowError):
        await world.takes(person(words, to=SENT_FROM))
    if away == "mail server":
        assert next(what for what, _ in world.story) == "blocked", "the no counts whatever becomes of the words"
    world.away = ""
    assert (await world.takes(person(words, to=SENT_FROM)))[-2:] == ["people", "counted"]


async def test_a_mail_that_breaks_us_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the dead letters, so that those behind it are taken; while that cannot be, it comes again."""

    def broken(*_: object) -> Came:
        raise RecursionError

    monkeypatch.setattr(taking, "came_in", broken)
    world = World()
    assert await world.takes(person("x")) == ["letter", "counted"]
    letter = world.story[0][1]
    assert "RecursionError" in letter.reason
    assert "ada" not in letter.reason
    world.away = "engine"
    with pytest.raises(NotNowError):
        await world.takes(person("x"))


async def test_staging_keeps_the_words_until_the_people_may_have_mail() -> None:
    """`sender.only_to` holds for them as for everybody."""
    with pytest.raises(NotNowError, match="only_to"):
        await World(only_to=("*@elsewhere.example",)).takes(person("Wie groß ist sie?"))


async def test_what_says_nothing_to_us_is_counted_and_no_more() -> None:
    """Newsletters, and automatic answers of strangers."""
    assert await World().takes(person("Buy!", more="List-Id: <news.example.net>\n")) == ["counted"]
    assert await World().takes(person("Away", more="Auto-Submitted: auto-replied\n")) == ["counted"]
