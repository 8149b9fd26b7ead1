"""Hooks over real HTTP: what is forged, old, repeated, slow or too long, for every service; and what is answered."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry
from yarl import URL

from engine.books.connection import DatabaseError
from engine.core.events import Event
from engine.core.links import Keys
from engine.core.moments import MINUTE
from engine.core.objections import No
from engine.listeners import READ, Answers, Hooks, Notes, Objections, Shopfront, public_app
from engine.wiring.hook_settings import Hooks as HookSettings
from engine.wiring.hook_settings import SesHook
from engine.wiring.hooks import hooks_of, prefix_of
from engine.wiring.settings import Settings, ShopSettings
from tests.hook_senders import SENDERS, TOPIC, Call, Mailgun, Sender, environment, mac, with_certificate

Client = TestClient[web.Request, web.Application]
EVERY = pytest.mark.parametrize("sender", SENDERS.values(), ids=SENDERS)
SIGNED = pytest.mark.parametrize(
    "sender", [each for each in SENDERS.values() if each.forgeable], ids=lambda each: each.name
)
DATED = pytest.mark.parametrize("name", ["sendgrid", "mailgun", "generic"])


class Memory:
    """What is remembered of calls, and the block list."""

    def __init__(self, world: Any) -> None:
        self.world, self.calls = world, dict[tuple[str, str], bytes]()
        self.orders: dict[tuple[str, str], str] = {}

    async def note_orders(self, orders: Sequence[Event]) -> None:
        """Remember whose they are."""
        self.orders |= {(event.source, event.data.order_id): event.customer for event in orders}

    async def whose_order(self, shop: str, order: str) -> str:
        """Return whose."""
        return self.orders.get((shop, order), "")

    async def remember(self, hook: str, name: str, body: bytes) -> bool:
        """Remember a call's body by its name."""
        return self.calls.setdefault((hook, name), body) == body

    async def note(self, noes: Sequence[No]) -> None:
        """Block."""
        self.world.story.append(("noes", tuple(noes)))


@pytest.fixture
def registry() -> CollectorRegistry:
    """Where calls are counted."""
    return CollectorRegistry()


@pytest.fixture
def app(world: Any, keys: Keys, tmp_path: Path, registry: CollectorRegistry, body_seconds: float) -> web.Application:
    """The public listener, with all nine hooks on."""
    ses = SesHook(topics=(TOPIC,), certificate_file=with_certificate(tmp_path))
    settings = Settings(hooks=HookSettings(ses=ses))
    memory = Memory(world)
    hooks = Hooks(
        hooks_of(settings, environment()),
        world.intake(),
        Objections(memory.note, world.clock),
        memory,
        world.clock,
        registry,
        body_seconds=body_seconds,
    )
    answers = Answers(world.intake(), world.block, world.unblock, world.objections, world.clock, "https://shop.example")
    notes = Notes(world.intake(), READ)
    return public_app(keys, answers, Shopfront(name="Shop"), lambda: "", hooks=hooks, clock=world.clock, notes=notes)


@pytest.fixture
def body_seconds() -> float:
    """How long a call may take to arrive."""
    return 60.0


@pytest.fixture
async def client(app: web.Application) -> AsyncIterator[Client]:
    """A service before it."""
    async with TestClient(TestServer(app)) as service:
        yield service


async def post(client: Client, sender: Sender, call: Call) -> tuple[int, Any]:
    """Post a call; return status and body of the answer."""
    headers, body = call
    response = await client.post(f"/hooks/{sender.name}", data=body, headers=headers)
    return response.status, await response.json(content_type=None)


@EVERY
async def test_a_valid_call_is_taken_in(world: Any, client: Client, sender: Sender) -> None:
    """200, and its events are there; more of them as well."""
    status, said = await post(client, sender, sender.call(1, world.clock.now()))
    assert (status, [each["status"] for each in said["results"]]) == (200, ["accepted"] * len(sender.events))
    assert tuple(event.type for event in world.events()) == sender.events
    status, _ = await post(client, sender, sender.call(2, world.clock.now()))
    assert status == 200
    assert len(world.events()) == 2 * len(sender.events)


@EVERY
async def test_a_forged_call_is_refused(world: Any, client: Client, sender: Sender) -> None:
    """401 for a secret that is none, and for no signature at all."""
    assert (await post(client, sender, sender.call(1, world.clock.now(), "a-secret-of-somebody-else")))[0] == 401
    headers, body = {"Content-Type": "application/json"}, sender.body(1)
    assert (await post(client, sender, (headers, body)))[0] == 401
    assert world.story == []


@SIGNED
async def test_a_body_that_was_changed_on_the_way_is_refused(world: Any, client: Client, sender: Sender) -> None:
    """401, however small the change; where the signature covers no body, a call that was seen with another one."""
    headers, body = sender.call(1, world.clock.now())
    changed = body.replace(b"2026-01-05", b"2026-01-04").replace(b"1767607140", b"1767607141")
    assert changed != body
    if isinstance(sender, Mailgun):
        assert (await post(client, sender, (headers, body)))[0] == 200
        world.story.clear()
    assert (await post(client, sender, (headers, changed)))[0] == 401
    assert world.story == []


@EVERY
async def test_a_replayed_call_changes_nothing(world: Any, client: Client, sender: Sender) -> None:
    """200, since services bring again what they think was lost; nothing happens twice."""
    call = sender.call(1, world.clock.now())
    for status in ("accepted", "duplicate", "duplicate"):
        answered, said = await post(client, sender, call)
        assert (answered, {each["status"] for each in said["results"]}) == (200, {status})
    assert len(world.events()) == len(sender.events)


@EVERY
async def test_the_old_secret_is_good_while_it_is_named(world: Any, client: Client, sender: Sender) -> None:
    """Secrets are changed without a break."""
    status, _ = await post(client, sender, sender.call(1, world.clock.now(), sender.secrets[1]))
    assert status == 200
    assert len(world.events()) == len(sender.events)


@EVERY
async def test_a_call_in_two_parts_is_one(world: Any, client: Client, sender: Sender) -> None:
    """Chunked, with a pause in the middle, it is read to its end."""
    headers, body = sender.call(1, world.clock.now())

    async def parts() -> AsyncIterator[bytes]:
        yield body[: len(body) // 2]
        await asyncio.sleep(0.05)
        yield body[len(body) // 2 :]

    response = await client.post(f"/hooks/{sender.name}", data=parts(), headers=headers)
    assert response.status == 200
    assert len(world.events()) == len(sender.events)


@EVERY
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
async def test_five_megabytes_of_rubbish_are_refused(
    world: Any, client: Client, sender: Sender, *, chunked: bool
) -> None:
    """413, by the length that is said or as soon as there is too much; the listener goes on."""
    rubbish = b"\x00\xff rubbish " * 500_000
    headers, _ = sender.call(1, world.clock.now())

    async def parts() -> AsyncIterator[bytes]:
        for at in range(0, len(rubbish), 100_000):
            yield rubbish[at : at + 100_000]

    data = parts() if chunked else io.BytesIO(rubbish)
    response = await client.post(f"/hooks/{sender.name}", data=data, headers=headers)
    assert response.status == 413
    assert (await post(client, sender, sender.call(1, world.clock.now())))[0] == 200
    assert len(world.events()) == len(sender.events)


@EVERY
@pytest.mark.parametrize("body", [b"", b"no JSON", b'"text"', b"[1, 2]", b"{" * 3_000, b'{"a": "\xff"}', b"\xff\xfe{}"])
async def test_what_cannot_be_read_is_answered_so(world: Any, client: Client, sender: Sender, body: bytes) -> None:
    """400, or what the signature in it lacks: 401; where it is JSON of another shape, nothing of it is taken in."""
    try:
        call = sender.signed(body, sender.secrets[0], world.clock.now())
    except (KeyError, TypeError):  # it holds no place for a signature
        call = ({"Content-Type": "application/json"}, body)
    status, _ = await post(client, sender, call)
    assert status in ((200, 400) if sender.name == "generic" else (400, 401))
    assert world.events() == []


@DATED
async def test_what_was_signed_too_long_ago_is_refused(world: Any, client: Client, name: str) -> None:
    """401 more than five minutes from our clock, before or after; the settings may allow more."""
    sender = SENDERS[name]
    for minutes, status in ((-6, 401), (6, 401), (-4, 200), (4, 200)):
        assert (await post(client, sender, sender.call(1, world.clock.now() + minutes * MINUTE)))[0] == status


async def test_a_hook_that_is_off_is_not_there(world: Any, keys: Keys) -> None:
    """404 as for any path that is none; and no hook is on by itself."""
    assert hooks_of(Settings(), {}) == []
    answers = Answers(world.intake(), world.block, world.unblock, world.objections, world.clock, "https://shop.example")
    notes = Notes(world.intake(), READ)
    app = public_app(keys, answers, Shopfront(name="Shop"), lambda: "", clock=world.clock, notes=notes)
    async with TestClient(TestServer(app)) as service:
        assert (await service.post("/hooks/shopify", data=b"{}")).status == 404


async def test_a_get_is_no_call(client: Client) -> None:
    """405: there is nothing to be seen."""
    assert (await client.get("/hooks/shopify")).status == 405


async def test_shopware_registers_its_app(world: Any, client: Client) -> None:
    """It asks for a proof, signed with the app's secret, and signs with the secret it is told from then on."""
    secret = SENDERS["shopware"].secrets[0]
    query = "shop-id=s1&shop-url=https%3A%2F%2Fshop.example&timestamp=1767607080"
    headers = {"shopware-app-signature": mac(secret, query.encode()).hex()}
    url = URL(f"/hooks/shopware?{query}", encoded=True)
    said = await (await client.get(url, headers=headers)).json()
    assert said["proof"] == mac(secret, b"s1https://shop.exampleWinback").hex()
    assert len(said["secret"]) == 64
    assert (await client.get(url, headers={"shopware-app-signature": "00"})).status == 401
    assert (await client.get("/hooks/shopware")).status == 401
    sender = SENDERS["shopware"]
    confirmed = json.dumps(
        {"apiKey": "k", "secretKey": "s", "shopUrl": "https://shop.example", "shopId": "s1"}
    ).encode()
    for body in (confirmed, sender.body(1)):
        assert (await post(client, sender, sender.signed(body, said["secret"], world.clock.now())))[0] == 200
    assert [event.type for event in world.events()] == ["order.placed"]


@pytest.mark.parametrize("body_seconds", [0.1])
async def test_a_call_that_comes_too_slowly_is_let_go(world: Any, client: Client) -> None:
    """408 when its time is over."""
    headers, body = SENDERS["shopify"].call(1, world.clock.now())
    for_ever = asyncio.Event()

    async def parts() -> AsyncIterator[bytes]:
        yield body[:10]
        await for_ever.wait()

    response = await client.post("/hooks/shopify", data=parts(), headers=headers)
    assert response.status == 408
    assert world.events() == []


async def test_a_no_is_on_the_block_list_before_its_event(world: Any, client: Client) -> None:
    """And before the answer: with the address, and since when it was said."""
    sender = SENDERS["sendgrid"]
    said = [{"email": "Ada@example.org", "timestamp": 1_767_607_140, "event": "spamreport", "sg_event_id": "s1"}]
    body = json.dumps(said).encode()
    assert (await post(client, sender, sender.signed(body, sender.secrets[0], world.clock.now())))[0] == 200
    assert [what for what, _ in world.story] == ["noes", "event"]
    (no,) = world.story[0][1]
    assert (no.address, no.at) == ("Ada@example.org", 1_767_607_140_000_000)


async def test_what_names_an_order_alone_is_of_whose_order_it_is(world: Any, client: Client) -> None:
    """A refund names no customer: the one who was told of the order has it; of an unknown order it is a dead letter."""
    sender = SENDERS["shopify"]
    paid = {"kind": "refund", "status": "success", "amount": "10.00", "currency": "EUR"}
    refund = {"id": 5, "order_id": 820_001, "created_at": "2026-01-05T10:59:00+01:00", "transactions": [paid]}
    headers, body = sender.signed(json.dumps(refund).encode(), sender.secrets[0], world.clock.now())
    headers["X-Shopify-Topic"] = "refunds/create"
    _, said = await post(client, sender, (headers, body))
    assert [each["status"] for each in said["results"]] == ["dead_letter"]
    await post(client, sender, sender.call(1, world.clock.now()))
    _, said = await post(client, sender, (headers, body))
    assert [each["status"] for each in said["results"]] == ["accepted"]
    assert [(event.type, event.customer) for event in world.events()][1:] == [("order.refunded", "shopify:7001")]


async def test_what_cannot_be_stored_is_to_come_again(world: Any, client: Client) -> None:
    """503 while the engine fails, so that the service brings it again."""
    sender = SENDERS["shopify"]
    world.broken = "the disk is full"
    assert (await post(client, sender, sender.call(1, world.clock.now())))[0] == 503
    world.broken = ""
    assert (await post(client, sender, sender.call(1, world.clock.now())))[0] == 200


@pytest.mark.parametrize(
    ("error", "said"),
    [(DatabaseError("postgresql://winback@db is away"), "the books are away"), (OSError("no answer"), "no answer")],
)
async def test_what_is_away_is_said_without_naming_it(
    world: Any, client: Client, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    """503, so that it comes again; which server it is concerns nobody outside."""

    async def away(*_: object) -> bool:
        raise error

    monkeypatch.setattr(Memory, "remember", away)
    sender = SENDERS["mailgun"]
    status, answer = await post(client, sender, sender.call(1, world.clock.now()))
    assert (status, answer) == (503, {"error": f"{said}: bring it again"})


async def test_calls_and_events_are_counted_by_hook(world: Any, client: Client, registry: CollectorRegistry) -> None:
    """By name and answer, without a word of what they said."""
    sender = SENDERS["sendgrid"]
    await post(client, sender, sender.call(1, world.clock.now()))
    await post(client, sender, sender.call(1, world.clock.now(), "somebody-else"))
    counted = {
        status: registry.get_sample_value("winback_hook_calls_total", {"hook": "sendgrid", "status": status})
        for status in ("200", "401")
    }
    assert counted == {"200": 1, "401": 1}
    events = registry.get_sample_value("winback_hook_events_total", {"hook": "sendgrid", "status": "accepted"})
    assert events == 2


def test_ids_are_apart_where_there_are_several_shops() -> None:
    """Each shop's name stands before its ids, polled shops included; one shop alone needs none."""
    said = {"WINBACK_HOOKS_SHOPIFY_SECRETS": "x", "WINBACK_HOOKS_SENDGRID_SECRETS": "y"}
    assert prefix_of("shopify", Settings(), said) == ""
    polled = Settings(shop=ShopSettings.model_validate({"kind": "woocommerce", "poll": "15min"}))
    assert prefix_of("shopify", polled, said) == "shopify:"
    assert prefix_of("woocommerce", polled, said) == "woocommerce:"
