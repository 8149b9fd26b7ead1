"""Who subscribes is asked whether it was they, on the whole engine: the check mail, its link, and the proof that is left."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from msgspec.structs import replace

from connectors.memory import FixedClock
from engine.books.views import Views
from engine.core.moments import DAY, HOUR, rfc3339
from engine.core.reading import encode
from engine.core.rules import Mode
from engine.trace import story
from engine.wiring.consent_mails import mails_of
from tests.acceptance.embedded import Shop, live_shop
from tests.acceptance.shipped import shipped, switched
from tests.builders import START, event
from tests.mail_servers import Mails, mail_server

ADA = "ada@example.org"
FORM = {"wording": "Yes, send me the newsletter", "page": "https://shop.example/newsletter", "ip": "203.0.113.9"}


@asynccontextmanager
async def the_shop(folder: Path) -> AsyncIterator[tuple[Shop, Mails, aiohttp.ClientSession]]:
    """Yield a live shop that runs confirm-newsletter as it ships, its mail server, and a browser."""
    rules = switched(shipped(Mode.DRAFT, warm_up=None), "confirm-newsletter", mode=Mode.LIVE)
    rules = replace(rules, workflows={name: replace(each, version=1) for name, each in rules.workflows.items()})
    mails, clock = Mails(), FixedClock(START)
    async with (
        mail_server(mails) as server,
        live_shop(folder / "data", clock, rules, server.port) as shop,
        aiohttp.ClientSession() as browser,
    ):
        yield shop, mails, browser


async def tell(shop: Shop, browser: aiohttp.ClientSession, kind: str, **data: Any) -> None:
    """Tell the shop something by HTTP, as its form or its help desk would, and let it do what follows."""
    shop.clock.advance(HOUR)
    raw = encode(event(kind, shop.clock.now(), "", **data))
    async with browser.post(
        shop.ops("/events"), data=raw, headers={"Content-Type": "application/cloudevents+json"}
    ) as answer:
        assert answer.status == 202, await answer.text()
    await shop.settle()


def link_in(mails: Mails) -> str:
    """Return the path of the confirmation in the last mail."""
    body = mails.mails()[-1].get_body(("plain",))
    assert body is not None
    (found,) = re.findall(r"https?://\S+", body.get_content())
    return "/confirm/" + str(found).rpartition("/confirm/")[2]


def told_of(shop: Shop) -> Any:
    """Return the story of whoever has the address now."""
    with Views(shop.data) as views:
        customer = views.found(ADA)
        assert customer is not None
        effects = views.effects_of(customer.id)
        return story(customer, effects, views.rules(), shop.clock.now(), mail_of=mails_of(views, effects))


async def test_a_subscription_counts_when_it_is_confirmed_and_the_proof_says_all_of_it(tmp_path: Path) -> None:
    """Form, check mail and confirmation, each with its time and words; a scanner that follows the link confirms nothing."""
    async with the_shop(tmp_path) as (shop, mails, browser):
        await tell(shop, browser, "newsletter.subscribed", email=ADA, proof=FORM)
        subscribed = shop.clock.now()
        (mail,) = mails.mails()
        assert mail["List-Unsubscribe"] is None, "there is nothing to unsubscribe from"
        assert told_of(shop).gate["newsletter/email"].allowed is False
        assert shop.program.public is not None
        page = f"http://127.0.0.1:{shop.program.public.port}{link_in(mails)}"
        shop.clock.advance(HOUR)
        for method in ("GET", "HEAD"):
            async with browser.request(method, page) as shown:
                assert shown.status == 200
        await shop.settle()
        assert told_of(shop).gate["newsletter/email"].reason == "no_permission"
        async with browser.post(page) as done:
            assert done.status == 200
        await shop.settle()
        told = told_of(shop)
        await shop.pass_time(START + 20 * DAY, step=DAY)
    gate = told.gate["newsletter/email"]
    assert (gate.allowed, gate.basis, gate.since) == (True, "express", rfc3339(subscribed + HOUR))
    assert told.gate["marketing/email"].reason == "no_permission"
    asked_for, asked, confirmed = told.consents
    assert (asked_for.what, asked_for.at, asked_for.proof) == ("requested", rfc3339(subscribed), FORM)
    assert (asked.what, asked.at, asked.mail.message_id) == ("asked", rfc3339(subscribed), mail["Message-ID"])
    assert "{{ links.confirm }}" in asked.mail.wording
    assert len(asked.mail.wording_sha256) == 64
    assert (confirmed.what, confirmed.at) == ("confirmed", rfc3339(subscribed + HOUR))
    assert confirmed.proof["ip"] == "127.0.0.1"
    assert "receive the newsletter" in confirmed.proof["wording"]
    assert confirmed.mail == asked.mail
    assert len(mails.taken) == 1, "who confirmed is not asked again"


async def test_who_does_not_answer_is_asked_once_more_and_then_left_alone(tmp_path: Path) -> None:
    """However often the form is filled in; nobody who did not confirm may be written to."""
    async with the_shop(tmp_path) as (shop, mails, browser):
        for _ in range(3):
            await tell(shop, browser, "newsletter.subscribed", email=ADA, proof=FORM)
            await shop.pass_time(shop.clock.now() + 6 * DAY, step=6 * HOUR)
        assert len(mails.taken) == 2
        assert told_of(shop).gate["newsletter/email"].allowed is False


async def test_a_confirmation_lifts_an_old_no_to_the_newsletter_and_no_other(tmp_path: Path) -> None:
    """The block list lets go of the newsletter alone: marketing stays stopped, on the list and in the record."""
    async with the_shop(tmp_path) as (shop, mails, browser):
        await tell(shop, browser, "email.unsubscribed", email=ADA)
        (before,) = shop.rows("select count(*) from blocked")
        await tell(shop, browser, "newsletter.subscribed", email=ADA, proof=FORM)
        assert shop.program.public is not None
        shop.clock.advance(HOUR)
        async with browser.post(f"http://127.0.0.1:{shop.program.public.port}{link_in(mails)}") as done:
            assert done.status == 200
        await shop.settle()
        gate = told_of(shop).gate
        (after,) = shop.rows("select count(*) from blocked")
    assert gate["newsletter/email"].allowed
    assert gate["marketing/email"].reason == "stopped"
    assert (before[0] % 2, after[0]) == (0, before[0] // 2)
