"""Hand-offs as mails to a team."""

from __future__ import annotations

from functools import partial

from connectors.memory import MemorySender
from connectors.team_mail import TeamMail
from engine.core.customer import Customer
from engine.core.effects import HANDED_OFF, Effect
from engine.ports import Message, Receipt, Sent
from engine.rendering.envelope import Desk
from engine.rendering.mime import as_bytes

NOW = 1_767_607_200_000_000  # 2026-01-05 10:00 UTC
DESK = Desk(name="Shop", address="hello@shop.example", public_url="https://mail.shop.example")
DATA = {
    "hand_off": "e1",
    "team": "key_accounts",
    "may": ["call", "write"],
    "reasons": ["lapsed: 130 days without an order", "worth: 240 EUR a year"],
    "workflow": "key-accounts",
    "version": 2,
    "stage": "talk",
}
PROFILE = {
    "first_name": "Ada",
    "last_name": "Example",
    "email": "ada@example.org",
    "phone": "+49 30 1234",
    "postal": {"street": "Ring 1", "city": "Bonn"},
}
ADA = Customer("c-1042", profile={name: (value, NOW) for name, value in PROFILE.items()})


def team(sender: MemorySender, **more: tuple[str, ...]) -> TeamMail:
    """Return the receiver of the team key_accounts."""
    return TeamMail("key_accounts", "vip@shop.example", sender, lambda: DESK, "https://console.shop.example/", **more)


async def mailed(data: dict[str, object] | None = None, record: Customer | None = ADA) -> Message:
    """Hand a customer off, and return the mail that the team has."""
    sender = MemorySender()
    effect = Effect(HANDED_OFF, NOW, "c-1042", "e1", DATA | (data or {}))
    assert await team(sender).take(effect, record) == Receipt("done")
    (message,) = sender.accepted
    return message


async def test_a_team_reads_who_why_and_what_it_may_do() -> None:
    """The mail is a page to act on: person, permission, ways to reach them, reasons, story, and how to answer."""
    message = await mailed()
    assert (message.recipient, message.sender_address) == ("vip@shop.example", "hello@shop.example")
    assert message.subject == "For key_accounts: Ada Example"
    assert message.text.splitlines() == [
        "Ada Example (customer c-1042) needs a person.",
        "",
        "You may",
        "- call them",
        "- write to them",
        "",
        "Phone: +49 30 1234",
        "Mail: ada@example.org",
        "Address: Ring 1, Bonn",
        "",
        "Why",
        "- lapsed: 130 days without an order",
        "- worth: 240 EUR a year",
        "",
        "Their story: https://console.shop.example/customer?id=c-1042",
        "",
        "What came of it, so that we know how to go on: an event hand_off.answered with",
        "  hand_off: e1",
        "  result: reached, not_reached, won, later or never",
        "",
        "(workflow key-accounts, version 2, stage talk; 2026-01-05T10:00:00Z)",
    ]


async def test_what_they_may_not_do_is_not_made_easy() -> None:
    """Who may only answer is told neither number nor address."""
    text = (await mailed({"may": ["answer"]})).text
    assert "answer when they ask" in text
    assert not any(each in text for each in ("+49", "ada@", "Bonn"))


async def test_a_mail_is_the_same_at_each_attempt() -> None:
    """Two copies bear one Message-ID, and say that a program wrote them."""
    first, second = await mailed(), await mailed()
    assert first == second
    assert first.message_id == "<e1.handed_off.0@shop.example>"
    assert first.headers == {"Auto-Submitted": "auto-generated"}


async def test_a_name_cannot_write_headers() -> None:
    """What customers call themselves stays in its line and short, in a mail that can be sent."""
    record = Customer("c-1042", profile={"first_name": (f"Eve\r\nBcc: x@example.org{'x' * 5_000}", NOW)})
    message = await mailed(record=record)
    assert b"\r\nBcc:" not in as_bytes(message, NOW)
    assert len(message.subject) < 150


async def test_who_has_no_record_goes_by_their_id() -> None:
    """A customer who is gone meanwhile is still told of."""
    assert (await mailed(record=None)).subject == "For key_accounts: c-1042"


async def test_only_its_own_hand_offs_are_a_teams() -> None:
    """A hand-off to another team is none of its mail."""
    effect = Effect(HANDED_OFF, NOW, "c", "e", DATA)
    assert team(MemorySender()).takes(effect)
    assert not team(MemorySender()).takes(Effect(HANDED_OFF, NOW, "c", "e", DATA | {"team": "others"}))


async def test_what_was_not_taken_comes_again() -> None:
    """A no is about the team's mailbox, and can be cured; and a hand-off is better read twice than never."""
    effect = Effect(HANDED_OFF, NOW, "c-1042", "e1", DATA)
    for outcome in ("later", "unknown", "refused"):
        sent = Sent(outcome, "full", "4.2.2")
        receipt = await team(MemorySender(partial(_say, sent))).take(effect, ADA)
        assert (receipt.outcome, receipt.reason) == ("later", "the mail was not taken: full 4.2.2")


def _say(sent: Sent, _: Message) -> Sent:
    return sent


async def test_staging_mails_no_team_that_is_not_let() -> None:
    """`sender.only_to` holds for mails to teams, too."""
    sender = MemorySender()
    effect = Effect(HANDED_OFF, NOW, "c-1042", "e1", DATA)
    assert (await team(sender, only_to=("qa@shop.example",)).take(effect, ADA)).outcome == "later"
    assert (await team(sender, only_to=("*@SHOP.example",)).take(effect, ADA)).outcome == "done"
    assert len(sender.accepted) == 1
