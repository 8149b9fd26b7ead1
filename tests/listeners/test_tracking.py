"""Redirects of clicks and the pixel of opens, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from engine.core.links import CLICK, OPEN, Keys, Link
from engine.core.moments import DAY
from engine.listeners import READ, Answers, Callers, Notes, Shopfront, public_app
from engine.listeners import noting as noting_module
from engine.listeners.tracking import GIF
from tests.listeners.conftest import NOW, World

Client = TestClient[web.Request, web.Application]
TARGET = "https://shop.example/tea?of=day&n=%C3%A4#leaves"
TODAY = NOW // DAY


class Raws:
    """An intake that keeps bytes as they come, and may be away for a time."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.batches: list[int] = []
        self.open = asyncio.Event()
        self.failures = 0

    async def take(self, raws: list[bytes], _: str) -> list[Any]:
        """Take in, once open."""
        await self.open.wait()
        if self.failures:
            self.failures -= 1
            raise ConnectionError("away")
        self.taken += raws
        self.batches.append(len(raws))
        return []


def pixel(keys: Keys, **changes: Any) -> str:
    """Return the path of a pixel."""
    return f"/o/{keys.seal(Link(OPEN, **({'customer': 'c1', 'purpose': '', 'effect_id': 'e1'} | changes)))}.gif"


def click(keys: Keys, **changes: Any) -> str:
    """Return the path of a link."""
    fields = {"customer": "c1", "purpose": "", "effect_id": "e1", "target": TARGET} | changes
    return f"/c/{keys.seal(Link(CLICK, **fields))}"


@pytest.fixture
def notes(world: World) -> Notes:
    """What notes the requests."""
    return Notes(world.intake(), READ)


@pytest.fixture
async def client(world: World, keys: Keys, notes: Notes) -> AsyncIterator[Client]:
    """A browser before the public listener, behind a proxy that is trusted."""
    answers = Answers(world.intake(), world.block, world.unblock, world.objections, world.clock, "https://shop.example")
    shop = Shopfront(name="Tee & Co", url="https://shop.example")
    app = public_app(keys, answers, shop, lambda: "", clock=world.clock, notes=notes)
    async with TestClient(TestServer(app)) as browser:
        yield browser


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_link_leads_where_its_author_wanted(
    world: World, keys: Keys, client: Client, notes: Notes, method: str
) -> None:
    """By GET and by HEAD, to the very address that was sealed, kept by no cache; the click comes in with what it led to."""
    response = await client.request(method, click(keys), allow_redirects=False)
    assert response.status == 302
    assert response.headers["Location"] == TARGET
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in response.headers
    await notes.settled()
    (event,) = world.events()
    assert (event.type, event.customer, event.source, event.time) == ("email.clicked", "c1", "winback", NOW)
    assert (event.data.message_id, event.data.link) == ("e1", TARGET)


async def test_the_pixel_is_a_picture(world: World, keys: Keys, client: Client, notes: Notes) -> None:
    """43 bytes of GIF, kept by no cache: the next look at the mail is seen as well."""
    response = await client.get(pixel(keys))
    assert (response.status, response.content_type) == (200, "image/gif")
    assert response.headers["Cache-Control"] == "no-store"
    assert await response.read() == GIF
    assert len(GIF) == 43
    await notes.settled()
    (event,) = world.events()
    assert (event.type, event.customer, event.data.message_id) == ("email.opened", "c1", "e1")


async def test_everything_known_of_a_request_is_handed_on(keys: Keys, world: World) -> None:
    """User agent, address, method and whether the link could be seen: whoever judges needs them. Nothing is judged here."""
    raws = Raws()
    raws.open.set()
    answers = Answers(world.intake(), world.block, world.unblock, world.objections, world.clock, "")
    app = public_app(keys, answers, Shopfront(name="S"), lambda: "", clock=world.clock, notes=Notes(raws, READ))  # type: ignore[arg-type]  # a fake
    async with TestClient(TestServer(app)) as browser:
        agent = {"User-Agent": "Scanner/1.0 \u00e4"}
        await browser.head(click(keys, hidden=True, links=4), headers=agent, allow_redirects=False)
        await browser.get(pixel(keys), headers={"User-Agent": "x" * 5_000})
    (first, second) = raws.taken
    for part in (b'"method":"HEAD"', b'"hidden":true', b'"links":4', b'"ip":"127.0.0.1"', b"Scanner/1.0"):
        assert part in first
    assert b'"method":"GET"' in second
    assert b"hidden" not in second
    assert len(second) < 1_000


async def test_every_request_is_an_event_of_its_own(world: World, keys: Keys, client: Client, notes: Notes) -> None:
    """Two clicks within one microsecond are two."""
    path = click(keys)
    for _ in range(3):
        await client.get(path, allow_redirects=False)
    await notes.settled()
    assert len({event.id for event in world.events()}) == 3


async def test_what_has_run_out_leads_to_the_shop_and_tells_nothing(
    world: World, keys: Keys, client: Client, notes: Notes
) -> None:
    """A day after its last an old link shows a friendly page; an old pixel is a picture still; nothing is noted."""
    last_day = click(keys, expires=TODAY)
    assert (await client.get(last_day, allow_redirects=False)).status == 302
    over = await client.get(click(keys, expires=TODAY - 1), allow_redirects=False)
    text = await over.text()
    assert over.status == 410
    assert "This link has run out" in text
    assert 'href="https://shop.example"' in text
    assert (await client.get(pixel(keys, expires=TODAY - 1))).status == 200
    await notes.settled()
    assert [event.type for event in world.events()] == ["email.clicked"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_only_looking_is_possible(world: World, keys: Keys, client: Client, method: str) -> None:
    """Other methods are refused, and nothing is noted."""
    for path in (click(keys), pixel(keys)):
        assert (await client.request(method, path, allow_redirects=False)).status == 405
    assert world.story == []


@pytest.mark.parametrize(
    "extra",
    ["?url=https://evil.example", "?next=//evil.example", "?target=javascript:alert(1)", "/https://evil.example"],
)
async def test_no_request_changes_where_a_link_leads(keys: Keys, client: Client, extra: str) -> None:
    """Nothing but the token says where to: not the query, not a longer path."""
    response = await client.get(click(keys) + extra, allow_redirects=False)
    assert response.headers.get("Location", TARGET) == TARGET
    assert response.status == (404 if extra.startswith("/") else 302)


@pytest.mark.parametrize("token", ["xyzzy", "A" * 90, "A" * 3_000, "https:%2f%2fevil.example", "%2e%2e"])
async def test_what_is_no_token_leads_nowhere(world: World, client: Client, token: str) -> None:
    """Neither as a link nor as a pixel: 404, and no word of what was asked for."""
    for path in (f"/c/{token}", f"/o/{token}.gif"):
        response = await client.get(path, allow_redirects=False)
        assert response.status == 404
        assert "Location" not in response.headers
        assert token not in await response.text()
    assert world.story == []


async def test_kinds_cannot_be_swapped(keys: Keys, client: Client) -> None:
    """A pixel's token leads nowhere, and a link's is no pixel, nor an unsubscribe."""
    link, picture = click(keys)[3:], pixel(keys)[3:-4]
    for path in (f"/c/{picture}", f"/o/{link}.gif", f"/u/{link}", f"/preferences/{link}", f"/confirm/{picture}"):
        assert (await client.get(path, allow_redirects=False)).status == 404


async def test_nobodys_links_lead_on_and_note_nothing(world: World, keys: Keys, client: Client, notes: Notes) -> None:
    """A test mail's link works, and tells of nobody."""
    assert (await client.get(click(keys, customer=""), allow_redirects=False)).status == 302
    assert (await client.get(pixel(keys, customer=""))).status == 200
    await notes.settled()
    assert world.story == []


async def test_a_redirect_does_not_wait_for_the_engine(keys: Keys, world: World) -> None:
    """While nothing can be taken in links lead on at once; what they told comes in afterwards, in batches, in order."""
    raws = Raws()
    raws.failures = 1
    answers = Answers(world.intake(), world.block, world.unblock, world.objections, world.clock, "")
    app = public_app(keys, answers, Shopfront(name="S"), lambda: "", clock=world.clock, notes=Notes(raws, READ))  # type: ignore[arg-type]  # a fake
    async with TestClient(TestServer(app)) as browser:
        async with asyncio.timeout(5):
            for number in range(5):
                response = await browser.get(click(keys, effect_id=f"e{number}"), allow_redirects=False)
                assert response.status == 302
        assert raws.taken == []
        raws.open.set()
    assert [f'"message_id":"e{number}"'.encode() in raw for number, raw in enumerate(raws.taken)] == [True] * 5
    assert sum(raws.batches) == 5
    assert len(raws.batches) < 5


async def test_what_cannot_wait_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound, and at a stop while the engine is away, what is lost is counted and logged: none goes silently."""
    monkeypatch.setattr(noting_module, "DRAINED_WITHIN", 0.05)
    raws, registry = Raws(), CollectorRegistry()
    notes = Notes(raws, READ, registry, at_most=3)  # type: ignore[arg-type]  # a fake
    async with notes.under_way():
        for number in range(5):
            notes.note(b"%d" % number)
        assert registry.get_sample_value("winback_public_to_note") == 3
        assert registry.get_sample_value("winback_public_not_noted_total") == 2
    assert raws.taken == []
    assert registry.get_sample_value("winback_public_not_noted_total") == 5


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        ((), "203.0.113.7", "127.0.0.1"),
        (("127.0.0.0/8",), "203.0.113.7", "203.0.113.7"),
        (("127.0.0.0/8",), "198.51.100.9, 203.0.113.7", "203.0.113.7"),
        (("127.0.0.0/8", "10.0.0.0/8"), "198.51.100.9, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        (("127.0.0.0/8", "10.0.0.0/8"), "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        (("127.0.0.0/8",), "203.0.113.7:4711", "203.0.113.7"),
        (("127.0.0.0/8",), "[2001:db8::7]:4711", "2001:db8::7"),
        (("127.0.0.0/8",), "2001:db8::7", "2001:db8::7"),
        (("127.0.0.0/8",), "::ffff:203.0.113.7", "203.0.113.7"),
        (("127.0.0.0/8",), "unknown", "127.0.0.1"),
        (("127.0.0.0/8",), "<script>, 203.0.113.7", "203.0.113.7"),
        (("127.0.0.0/8",), "203.0.113.7, _hidden", "127.0.0.1"),
        (("127.0.0.0/8",), "", "127.0.0.1"),
        (("192.0.2.0/24",), "203.0.113.7", "127.0.0.1"),
    ],
)
async def test_whose_address_it_is(trusted: tuple[str, ...], forwarded: str, address: str) -> None:
    """What a caller says of itself is not believed; what a trusted proxy adds is, from the end on."""
    callers = Callers([ip_network(each) for each in trusted])

    async def tell(request: web.Request) -> web.Response:
        return web.Response(text=callers.address(request))

    app = web.Application()
    app.router.add_get("/", tell)
    async with TestClient(TestServer(app)) as browser:
        response = await browser.get("/", headers={"X-Forwarded-For": forwarded} if forwarded else {})
        assert await response.text() == address
