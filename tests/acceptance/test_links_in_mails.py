"""Links of real mails: scanners that follow all of them change nothing, one click stops at once, and reading is told.

The engine is the real one with its listeners, mails leave by a real mail server, requests go over real HTTP.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from aiohttp import ClientSession, FormData
from msgspec.structs import asdict

from connectors.memory import FixedClock
from engine.books.journal import decode_signal
from engine.books.views import Views
from engine.core.customer import Customer
from engine.core.links import ANSWER, CLICK, Link
from engine.core.moments import DAY, HOUR, MINUTE
from engine.core.signals import Happened
from engine.wiring.secret import keys_of
from tests.acceptance.embedded import Shop, live_shop
from tests.builders import START, event, rules_of
from tests.listeners.test_preferences import Form
from tests.mail_servers import Mails, mail_server

PUBLIC = "http://shop.example"  # as tests.acceptance.embedded sets it
HOME = "https://shop.example"
EVERYTHING = """
workflow: everything
title: Mails with every kind of link
enter_when_all:
  - standing: lapsed
again_after: never
enter_at_most: 100 per 1d
stages:
  all:
    steps:
      - send: still_with_us
        purpose: newsletter
        asks: still
      - wait: 1d
      - send: invitation
        asks: tasting
      - wait: 1d
      - send: short_survey
        asks: why
      - wait: 30d
    end: silent
leave_when_any:
  - event: email.unsubscribed
"""
NEWSLETTERS = """
workflow: newsletters
title: A newsletter each day
enter_when_all:
  - standing: lapsed
again_after: never
enter_at_most: 100 per 1d
stages:
  all:
    steps:
      - send: whats_new
        purpose: newsletter
      - wait: 1d
      - send: still_with_us
        purpose: newsletter
        asks: still
      - wait: 30d
    end: silent
leave_when_any:
  - event: email.unsubscribed
    where: {purpose: marketing}
"""
AGENTS = ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Safari/537.36", "LinkScanner/2.0", "")


@asynccontextmanager
async def ada_waits(
    folder: Path, workflow: str, *purposes: str, mails: Mails | None = None
) -> AsyncIterator[tuple[Shop, Mails]]:
    """Yield a live shop in which ada, who allows these purposes, gets her first mail."""
    mails, clock = mails or Mails(), FixedClock(START)
    async with mail_server(mails) as server, live_shop(folder, clock, rules_of(workflow), server.port) as shop:
        consents = [
            event("consent.given", START - 61 * DAY, "ada", purpose=purpose, proof={"page": "/"})
            for purpose in purposes
        ]
        order = event("order.placed", START - 61 * DAY, "ada", email="ada@example.org")
        await shop.program.loop.submit([order, *consents])
        await shop.pass_time(START + 2 * HOUR, step=10 * MINUTE)
        yield shop, mails


@asynccontextmanager
async def ada_got(folder: Path, *purposes: str, count: int = 1) -> AsyncIterator[tuple[Shop, list[EmailMessage]]]:
    """Yield a live shop and the mails that ada got, so many of them."""
    async with ada_waits(folder, EVERYTHING, *purposes) as (shop, mails):
        await shop.pass_time(START + 2 * HOUR + (count - 1) * DAY, step=HOUR)
        assert len(mails.taken) == count
        yield shop, mails.mails()


def record(shop: Shop) -> Customer:
    """Return ada's record as of the last commit."""
    with Views(shop.data) as views:
        found = views.record("ada")
    assert found is not None
    return found


def events(shop: Shop) -> list[Any]:
    """Return the events of the journal, in order."""
    signals = (decode_signal(raw) for (raw,) in shop.rows("select signal from journal order by seq"))
    return [signal.event for signal in signals if isinstance(signal, Happened)]


def here(shop: Shop, url: str) -> str:
    """Return where a public link stands on this machine."""
    assert shop.program.public is not None, "it listens"
    return url.replace(PUBLIC, f"http://127.0.0.1:{shop.program.public.port}", 1)


def html_of(mail: EmailMessage) -> str:
    """Return the HTML part of a mail."""
    body = mail.get_body(("html",))
    assert body is not None
    return str(body.get_content())


def urls_in(mail: EmailMessage) -> set[str]:
    """Return every web address that stands anywhere in a mail: headers, text, HTML with its pictures and comments."""
    parts = [*(str(value) for value in mail.values()), html_of(mail)]
    text = mail.get_body(("plain",))
    assert text is not None
    parts.append(text.get_content())
    return {unescape(url) for part in parts for url in re.findall(r"https?://[^\s\"'<>]+", part)}


@dataclass
class Scanner:
    """A program that follows every link that it finds, by GET and HEAD, with several user agents, and the pages' links too."""

    shop: Shop
    session: ClientSession
    seen: dict[str, int] = field(default_factory=dict)

    async def follow(self, urls: set[str]) -> None:
        """Follow links, and those of the pages that they lead to, until there are no new ones."""
        waiting = sorted(url for url in urls if url.startswith(f"{PUBLIC}/"))
        while waiting:
            url = waiting.pop()
            if url in self.seen:
                continue
            waiting += [found for found in await self._look(url) if found not in self.seen]

    async def _look(self, url: str) -> list[str]:
        found: set[str] = set()
        for agent in AGENTS:
            for method in ("HEAD", "GET"):
                async with self.session.request(
                    method, here(self.shop, url), allow_redirects=False, headers={"User-Agent": agent}
                ) as answer:
                    self.seen[url] = answer.status
                    text = (await answer.read()).decode("latin-1")
                    found |= {urljoin(url, unescape(each)) for each in re.findall(r'(?:href|action)="([^"]+)"', text)}
                    assert "Set-Cookie" not in answer.headers
        return [each for each in found if each.startswith(f"{PUBLIC}/")]


def what_was_said(customer: Customer) -> dict[str, Any]:
    """Return a record without what tells of opens and clicks: the rest is what a scanner must not change."""
    said = asdict(customer)
    said["trail"] = {
        kind: marks for kind, marks in said["trail"].items() if kind not in ("email.opened", "email.clicked")
    }
    return said


async def test_a_scanner_that_follows_every_link_changes_nothing(tmp_path: Path) -> None:
    """Headers, text and HTML of mails with every kind of link, by GET and HEAD, and all that the pages lead to.

    Nobody is unsubscribed, confirmed or answered, and nobody is taken for a reader: that links were followed is all there is.
    """
    async with ada_got(tmp_path, "marketing", "newsletter", "tracking", count=3) as (shop, mails):
        before, known = what_was_said(record(shop)), len(events(shop))
        urls = set().union(*map(urls_in, mails))
        effect_id = str(mails[0]["Message-ID"]).strip("<>").partition("@")[0]
        answer = keys_of(shop.program.settings, {}).links.seal(
            Link(ANSWER, "ada", "newsletter", effect_id, asks="still")
        )
        urls |= {f"{PUBLIC}/answer/{answer}?answer={said}" for said in ("yes", "no")}
        async with ClientSession() as session:
            scanner = Scanner(shop, session)
            await scanner.follow(urls)
        await shop.settle()
        await shop.pass_time(shop.clock.now() + 10 * MINUTE, step=MINUTE)  # by then clicks count, were they people's

        pages = {url.removeprefix(f"{PUBLIC}/").partition("/")[0] for url in scanner.seen}
        assert pages == {"u", "confirm", "answer", "question", "survey", "preferences", "c", "o"}
        assert {status for url, status in scanner.seen.items() if "/c/" not in url} == {200}
        assert {status for url, status in scanner.seen.items() if "/c/" in url} == {302}
        assert what_was_said(record(shop)) == before
        told = {each.type for each in events(shop)[known:]}
        assert told == {"email.opened", "email.clicked"}
        assert shop.rows("select count(*) from blocked") == [(0,)]
        assert shop.rows("select count(*) from dead_letter") == [(0,)]


async def test_reading_is_told_where_it_was_consented_to(tmp_path: Path) -> None:
    """A click leads on to the very address in the template and is known of that mail; so is an open."""
    async with ada_got(tmp_path, "newsletter", "marketing", "tracking") as (shop, (mail,)):
        effect_id = str(mail["Message-ID"]).strip("<>").partition("@")[0]
        keys = keys_of(shop.program.settings, {}).links
        tracked = re.findall(rf'href="({PUBLIC}/c/([\w-]+))"([^>]*)', html_of(mail))
        assert tracked
        async with ClientSession() as session:
            for url, token, attributes in tracked:
                link = keys.open(token, CLICK)
                assert (link.customer, link.effect_id, link.hidden) == ("ada", effect_id, "display:none" in attributes)
                async with session.get(here(shop, url), allow_redirects=False) as answer:
                    assert (answer.status, answer.headers["Location"]) == (302, link.target)
                    assert link.target.startswith(HOME)
            (pixel,) = re.findall(rf'src="({PUBLIC}/o/[\w-]+\.gif)"', html_of(mail))
            async with session.get(here(shop, pixel)) as answer:
                assert answer.content_type == "image/gif"
        assert sum(link.hidden for _, token, _ in tracked for link in [keys.open(token, CLICK)]) == 1
        await shop.program.public.stop()  # type: ignore[union-attr]  # it listens; now nothing waits to be taken in
        await shop.settle()
        told = [(each.type, each.customer, each.data.message_id) for each in events(shop) if each.source == "winback"]
        assert told == [("email.clicked", "ada", effect_id)] * len(tracked) + [("email.opened", "ada", effect_id)]


async def test_without_consent_links_are_plain(tmp_path: Path) -> None:
    """No pixel, and every link is the one in the template; our own pages are there all the same."""
    async with ada_got(tmp_path, "newsletter", "marketing") as (_, (mail,)):
        assert f"{PUBLIC}/c/" not in html_of(mail)
        assert f"{PUBLIC}/o/" not in html_of(mail)
        assert f'href="{HOME}"' in html_of(mail)
        assert f'href="{PUBLIC}/preferences/' in html_of(mail)


@pytest.mark.parametrize("multipart", [False, True], ids=["urlencoded", "multipart"])
async def test_one_click_stops_what_lies_in_the_outbox(tmp_path: Path, *, multipart: bool) -> None:
    """RFC 8058, by a mail service's robot: 200 within a second, no redirect, no cookie; nothing of that kind leaves after it."""
    async with ada_waits(tmp_path, NEWSLETTERS, "newsletter") as (shop, mails):
        assert len(mails.taken) == 1
        (mail,) = mails.mails()
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        (url,) = re.findall("<(https?://[^>]+)>", str(mail["List-Unsubscribe"]))
        mails.at_recipient = lambda _: "451 4.3.0 come back later"
        shop.clock.set(START + DAY + 3 * HOUR)
        await shop.settled_but_for_mail()
        assert shop.rows("select count(*) from outbox") == [(1,)]

        form = FormData({"List-Unsubscribe": "One-Click"}, default_to_multipart=multipart)
        async with ClientSession(headers={"User-Agent": "Mail-Robot/1.0 (bot)"}) as session:
            for _ in range(2):  # once more changes nothing
                asked = time.monotonic()
                async with session.post(here(shop, url), data=form, allow_redirects=False) as answer:
                    assert answer.status == 200
                    assert "Set-Cookie" not in answer.headers
                assert time.monotonic() - asked < 1.0
                form = FormData({"List-Unsubscribe": "One-Click"}, default_to_multipart=multipart)
        mails.at_recipient = lambda _: None
        await shop.pass_time(START + 5 * DAY, step=HOUR)
        assert len(mails.taken) == 1
        assert shop.rows("select count(*) from outbox") == [(0,)]
        assert sorted(record(shop).stopped) == ["newsletter"]


async def test_a_customers_choice_is_kept_and_explained(tmp_path: Path) -> None:
    """At most once a quarter: the page keeps it, the next mail waits for it, and the run says why."""
    async with ada_got(tmp_path, "newsletter", "marketing") as (shop, (mail,)):
        (url,) = set(re.findall(rf"{PUBLIC}/preferences/[\w-]+", html_of(mail)))
        async with ClientSession() as session:
            async with session.get(here(shop, url)) as answer:
                fields = Form(await answer.text()).fields
            assert {("get", "newsletter"), ("get", "marketing"), ("frequency", "usual")} <= set(fields)
            form = [(name, "quarterly" if name == "frequency" else value) for name, value in fields]
            async with session.post(here(shop, url), data=form) as answer:
                assert answer.status == 200
            async with session.get(here(shop, url)) as answer:
                assert ("frequency", "quarterly") in Form(await answer.text()).fields
        await shop.pass_time(START + DAY + 4 * HOUR, step=HOUR)
        (run,) = record(shop).runs
        assert (run.doing, run.reason) == ("deferred", "cap: the customer wants at most 1 per 90d")


async def test_a_withdrawal_holds_for_mails_already_sent(tmp_path: Path) -> None:
    """Whoever lets us see no more what they read is not seen in old mails either: links lead on, and nothing is kept of it."""
    async with ada_got(tmp_path, "newsletter", "tracking") as (shop, (mail,)):
        urls = [url for url in urls_in(mail) if url.startswith((f"{PUBLIC}/c/", f"{PUBLIC}/o/"))]
        (page,) = set(re.findall(rf"{PUBLIC}/preferences/[\w-]+", html_of(mail)))
        async with ClientSession() as session:
            async with session.get(here(shop, page)) as answer:
                fields = [each for each in Form(await answer.text()).fields if each != ("get", "tracking")]
            async with session.post(here(shop, page), data=fields) as answer:
                assert answer.status == 200
            known = len(events(shop))
            for url in urls:
                async with session.get(here(shop, url), allow_redirects=False) as answer:
                    assert answer.status in (200, 302)
        await shop.program.public.stop()  # type: ignore[union-attr]  # it listens; now nothing waits to be taken in
        await shop.settle()
        assert events(shop)[known:] == []
        assert shop.rows("select count(*) from dead_letter") == [(0,)]


async def test_the_page_of_who_was_merged_is_that_of_who_goes_on(tmp_path: Path) -> None:
    """A link in a mail to a record that was given up shows, and changes, the choices of the one it was merged into."""
    async with ada_got(tmp_path, "newsletter") as (shop, (mail,)):
        (url,) = set(re.findall(rf"{PUBLIC}/preferences/[\w-]+", html_of(mail)))
        consent = event("consent.given", START - DAY, "bea", purpose="marketing", proof={"page": "/"})
        await shop.program.loop.submit([consent, event("customer.merged", shop.clock.now(), "ada", into="bea")])
        async with ClientSession() as session:
            async with session.get(here(shop, url)) as answer:
                fields = Form(await answer.text()).fields
            assert {("get", "newsletter"), ("get", "marketing")} <= set(fields)
            async with session.post(here(shop, url), data={"all": "stop"}) as answer:
                assert answer.status == 200
        with Views(shop.data) as views:
            bea = views.record("bea")
        assert bea is not None
        assert sorted(bea.stopped) == ["marketing", "newsletter"]
