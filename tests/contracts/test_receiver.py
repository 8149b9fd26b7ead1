"""What every receiver of effects does alike: webhooks, mails to teams, and the honest fake."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from connectors.memory import FixedClock, MemoryReceiver, MemorySender
from connectors.team_mail import TeamMail
from connectors.webhooks import Webhook, WebhookSettings
from engine.core.customer import Customer
from engine.core.effects import HANDED_OFF, Effect
from engine.listeners.serving import serve
from engine.ports import Receiver
from engine.rendering.envelope import Desk

NOW = 1_767_607_200_000_000
DESK = Desk(name="Shop", address="hello@shop.example", public_url="https://mail.shop.example")
Taken = Callable[[], list[str]]


@pytest.fixture(params=["webhook", "team", "memory"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Receiver, Taken]]:
    """A receiver, and the ids of the effects that have arrived at its other end."""
    if request.param == "memory":
        memory = MemoryReceiver(types=(HANDED_OFF,))
        yield memory, lambda: [effect.id for effect in memory.taken]
    elif request.param == "team":
        sender = MemorySender()
        team = TeamMail("care", "care@shop.example", sender, lambda: DESK, "http://localhost")
        yield team, lambda: [message.effect_id for message in sender.accepted]
    else:
        heard: list[str] = []

        async def take(asked: web.Request) -> web.Response:
            heard.append(asked.headers["webhook-id"])
            return web.Response(status=204)

        app = web.Application()
        app.router.add_post("/", take)
        tool = await serve(app, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{tool.port}/"
        said = WebhookSettings(name="webhooks.tool", url=url, secrets=(b"s" * 32,), types=frozenset({HANDED_OFF}))
        webhook = Webhook(said, FixedClock(NOW))
        yield webhook, lambda: heard
        await webhook.close()
        await tool.stop()


def effect(number: int = 1) -> Effect:
    """Return a hand-off."""
    return Effect(HANDED_OFF, NOW, f"c{number}", f"e{number}", {"team": "care", "may": ["call"], "reasons": ["x"]})


async def test_done_means_taken_under_the_effects_id(pair: tuple[Receiver, Taken]) -> None:
    """An effect that ends as done is at the other end, with the key to know it again by; so is each attempt."""
    receiver, taken = pair
    assert receiver.takes(effect())
    for _ in range(2):
        assert (await receiver.take(effect(), Customer("c1"))).outcome == "done"
    assert taken() == [effect().id, effect().id]


async def test_a_customer_without_a_record_is_no_trouble(pair: tuple[Receiver, Taken]) -> None:
    """Who is gone meanwhile has no record; what was decided is told all the same."""
    receiver, taken = pair
    assert (await receiver.take(effect(), None)).outcome == "done"
    assert len(taken()) == 1


async def test_it_has_a_name_and_types_that_leave(pair: tuple[Receiver, Taken]) -> None:
    """They are what deliveries and status know it by."""
    receiver, _ = pair
    assert receiver.name
    assert HANDED_OFF in receiver.types
    assert receiver.at_once >= 1


async def test_close_may_be_called_twice(pair: tuple[Receiver, Taken]) -> None:
    """Closing is final and harmless."""
    receiver, _ = pair
    await receiver.take(effect(), None)
    await receiver.close()
    await receiver.close()
