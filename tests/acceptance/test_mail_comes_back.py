"""The whole way: a mail leaves by a real mail server, and what comes back about it arrives over LMTP."""

from __future__ import annotations

import asyncio
import smtplib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from connectors.memory import FixedClock
from engine.books.views import Views
from engine.core.customer import Customer
from engine.core.moments import DAY, HOUR, MINUTE
from engine.core.rules import Address
from tests.acceptance.embedded import Shop, live_shop
from tests.acceptance.test_mail_server_troubles import ONE_MAIL
from tests.builders import START, event, rules_of
from tests.mail_servers import Mails, mail_server

BOUNCES = "b@bounces.shop.example"
INCOMING = {
    "address": BOUNCES,
    "replies_to": "service@shop.example",
    "also_for": ["hello@shop.example"],
    "listen": {"at": "127.0.0.1:0"},
}
BOUNCE = """\
From: MAILER-DAEMON@mx.example.org
To: {to}
Subject: Undelivered Mail Returned to Sender
Message-ID: <{number}@mx.example.org>
Date: Mon, 05 Jan 2026 11:02:00 +0100
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

<{address}>: host mx.example.org said: 550 5.1.1 User unknown

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; {address}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 User unknown

--b
Content-Type: text/rfc822-headers

{headers}
--b--
"""
REPLY = """\
From: Ada <{address}>
To: hello@shop.example
Subject: Re: We miss you
Message-ID: <{number}@mail.example.org>
In-Reply-To: {answers}
Date: Mon, 05 Jan 2026 11:02:00 +0100
Content-Type: text/plain; charset=utf-8

{words}

Am 05.01.2026 schrieb Shop <hello@shop.example>:
> Wir vermissen Sie.
> Abmelden: {unsubscribe}
"""


@asynccontextmanager
async def shop_with_a_mail(tmp_path: Path) -> AsyncIterator[tuple[Shop, Mails]]:
    """A live shop that has just written to a customer."""
    clock, mails = FixedClock(START), Mails()
    async with (
        mail_server(mails) as server,
        live_shop(tmp_path, clock, rules_of(ONE_MAIL), server.port, incoming=INCOMING) as shop,
    ):
        await customer_comes(shop, "ada")
        yield shop, mails


async def customer_comes(shop: Shop, name: str) -> None:
    """Let a customer come who fits, and whatever follows."""
    at = shop.clock.now() - 61 * DAY
    await shop.program.loop.submit(
        [
            event("order.placed", at, name, order_id=name, email=f"{name}@example.org"),
            event("consent.given", at, name, f"{name} consents", purpose="marketing", proof={}),
        ],
        ["test", "test"],
    )
    shop.clock.set(shop.clock.now() + HOUR + MINUTE)
    await shop.settle()


async def comes_in(shop: Shop, mail: str, to: str) -> None:
    """Hand a mail over as a mail server would."""
    assert shop.program.incoming is not None
    port = shop.program.incoming.listening

    def give() -> None:
        with smtplib.LMTP("127.0.0.1", port, timeout=5) as client:
            client.sendmail("", [to], mail.replace("\n", "\r\n").encode())

    await asyncio.to_thread(give)
    await shop.settle()


def record(shop: Shop, name: str = "ada") -> Customer:
    """Return a customer's record."""
    with Views(shop.data) as views:
        found = views.record(name)
    assert found is not None, name
    return found


def headers_of(mails: Mails) -> str:
    """Return the headers of the last mail as a server gives them back."""
    mail = mails.mails()[-1]
    return "\n".join(f"{name}: {' '.join(str(value).split())}" for name, value in mail.items())


def all_that_was_written(folder: Path) -> bytes:
    """Return every byte of the data folder."""
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def test_a_bounce_kills_the_address_it_went_to(tmp_path: Path) -> None:
    """Joined by the envelope sender alone: nothing else in the report names our mail."""
    async with shop_with_a_mail(tmp_path) as (shop, mails):
        (taken,) = mails.taken
        assert taken.mail_from is not None
        assert taken.mail_from.startswith("b+")
        bounce = BOUNCE.format(to=taken.mail_from, address="ada@example.org", headers="Subject: x", number=1)
        await comes_in(shop, bounce, taken.mail_from)
        assert record(shop).address is Address.DEAD
        (proof,) = record(shop).proofs
        await comes_in(shop, bounce, taken.mail_from)
        assert record(shop).proofs == (proof,), "read twice it is one proof"


@pytest.mark.parametrize("change", ["token", "nothing"])
async def test_a_forged_report_kills_nobody(tmp_path: Path, change: str) -> None:
    """A token that we did not sign, or none: the report is a doubtful proof, of which one kills nobody."""
    async with shop_with_a_mail(tmp_path) as (shop, mails):
        sender = mails.taken[0].mail_from
        assert sender is not None
        local, _, domain = sender.partition("@")
        letters = {"a": "b"}
        forged = f"{local[:-6]}{letters.get(local[-6], 'a')}{local[-5:]}@{domain}" if change == "token" else BOUNCES
        assert forged != sender
        for number in range(3):
            await comes_in(
                shop, BOUNCE.format(to=forged, address="ada@example.org", headers="X: y", number=number), forged
            )
        assert record(shop).address is Address.DOUBTFUL
        assert not any(proof.clear for proof in record(shop).proofs)


async def test_the_unsubscribe_link_in_the_returned_headers_proves_it_too(tmp_path: Path) -> None:
    """Where the envelope sender was lost on the way."""
    async with shop_with_a_mail(tmp_path) as (shop, mails):
        await comes_in(
            shop, BOUNCE.format(to=BOUNCES, address="ada@example.org", headers=headers_of(mails), number=1), BOUNCES
        )
        assert record(shop).address is Address.DEAD


async def test_a_mail_that_was_sent_on_kills_nobody(tmp_path: Path) -> None:
    """The address it was forwarded to is dead; theirs may not be."""
    async with shop_with_a_mail(tmp_path) as (shop, mails):
        sender = str(mails.taken[0].mail_from)
        await comes_in(
            shop, BOUNCE.format(to=sender, address="ada.old@elsewhere.example", headers="X: y", number=1), sender
        )
        assert record(shop).address is Address.DOUBTFUL


async def test_a_reply_goes_to_a_person_and_our_own_footer_is_no_no(tmp_path: Path) -> None:
    """Marketing waits for a week, nobody is unsubscribed, and the words are in no table."""
    async with shop_with_a_mail(tmp_path) as (shop, mails):
        mail = mails.mails()[0]
        link = str(mail["List-Unsubscribe"]).strip("<>").split(">")[0]
        said = REPLY.format(
            address="ada@example.org",
            number=1,
            answers=mail["Message-ID"],
            unsubscribe=link,
            words="Ist die Jacke noch in Blau da?",
        )
        await comes_in(shop, said, "hello@shop.example")
        handed = mails.mails()[-1]
        assert handed["To"] == "service@shop.example"
        assert handed["Reply-To"] == "ada@example.org"
        assert "Ist die Jacke noch in Blau da?" in handed.get_content()
        assert "customer ada" in handed.get_content()
        now = record(shop)
        assert not now.stopped
        assert now.replied_at
        assert shop.rows("select count(*) from effect where type = 'winback.handed_off'") == [(1,)]
        assert b"Jacke noch in Blau" not in all_that_was_written(tmp_path)
        await comes_in(shop, handed.as_string(), "hello@shop.example")
        assert len(mails.taken) == 2, "our own mail to the people makes no loop"


@pytest.mark.parametrize("words", ["Abmelden bitte!", "Bitte keine Werbung mehr.", "unsubscribe"])
async def test_a_no_stops_what_lies_in_the_outbox_within_a_second(tmp_path: Path, words: str) -> None:
    """The mail server is slow, a mail waits for it; the reply comes first."""
    clock, mails = FixedClock(START), Mails()
    shut = True
    mails.at_message = lambda _: "451 4.3.0 later" if shut else None
    async with (
        mail_server(mails) as server,
        live_shop(tmp_path, clock, rules_of(ONE_MAIL), server.port, incoming=INCOMING) as shop,
    ):
        await shop.program.loop.submit(
            [
                event("order.placed", START - 61 * DAY, "ada", order_id="a", email="ada@example.org"),
                event("consent.given", START - 61 * DAY, "ada", "consents", purpose="marketing", proof={}),
            ],
            ["test", "test"],
        )
        shop.clock.set(START + HOUR + MINUTE)
        await shop.settled_but_for_mail()
        assert shop.rows("select count(*) from outbox") == [(1,)]
        began = time.perf_counter()
        reply = REPLY.format(address="ada@example.org", number=1, answers="<x@y>", unsubscribe="", words=words)
        assert shop.program.incoming is not None
        port = shop.program.incoming.listening

        def give() -> None:
            with smtplib.LMTP("127.0.0.1", port, timeout=5) as client:
                client.sendmail("ada@example.org", ["hello@shop.example"], reply.replace("\n", "\r\n").encode())

        await asyncio.to_thread(give)
        assert time.perf_counter() - began < 1
        assert set(record(shop).stopped) >= {"marketing", "newsletter"}
        assert shop.rows("select count(*) from blocked")[0][0] >= 4
        shut = False
        for _ in range(40):
            shop.clock.advance(10 * MINUTE)
            await shop.settled_but_for_mail()
            await asyncio.sleep(0.02)
        await shop.settle()
        assert not mails.taken


async def test_the_listener_is_no_relay(tmp_path: Path) -> None:
    """It takes mail for its own addresses alone."""
    async with shop_with_a_mail(tmp_path) as (shop, _):
        for to in ("ada@example.org", "b@elsewhere.example", "other@bounces.shop.example"):
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                await comes_in(shop, "Subject: x\n\ny\n", to)
