"""Orders that no webhook told: asked for page by page, told as by webhooks, and nothing is missed or counted twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from connectors.hooks import ORDERS_OF, Shop
from connectors.memory import FixedClock
from connectors.shops import NotNowError, Orders, Page
from engine.core.moments import DAY, HOUR, MINUTE, Instant
from engine.core.reading import Reader
from engine.handling import Taken
from engine.listeners import Intake
from engine.wiring.polling import FIRST, OVERLAP, Places, Polling
from tests.hook_senders import SENDERS
from tests.order_servers import SERVERS, Changed, shopify_order
from tests.shop_servers import running

NOW = 1_767_607_200_000_000  # 2026-01-05 10:00 UTC
EVERY = pytest.mark.parametrize("kind", SERVERS)


def told_by_webhook(kind: str, number: int) -> Any:
    """Return an order as the shop's webhook tells it."""
    said = SENDERS[kind].said(number)
    return said["data"]["payload"]["order"] if kind == "shopware" else said


def listed(kind: str, number: int) -> Any:
    """Return the same order as the shop lists it."""
    return shopify_order(number) if kind == "shopify" else told_by_webhook(kind, number)


def many(kind: str, count: int) -> Changed:
    """Return orders that were changed half an hour ago."""
    return {f"{number:04}": ("2026-01-05T09:30:00", listed(kind, number)) for number in range(count)}


class Notes:
    """What was taken in, and how far the shop was asked."""

    def __init__(self) -> None:
        self.clock = FixedClock(NOW)
        self.places: dict[str, Instant] = {}
        self.taken: list[str] = []
        self.orders: list[str] = []

    async def load(self, shop: str) -> Instant | None:
        """Return how far."""
        return self.places.get(shop)

    async def save(self, shop: str, until: Instant) -> None:
        """Note it."""
        self.places[shop] = until

    async def note_orders(self, orders: Any) -> None:
        """Remember whose they are."""
        self.orders += [event.data.order_id for event in orders]

    async def submit(self, items: Any, origins: Any) -> list[Taken]:
        """Take in."""
        assert len(items) == len(origins)
        results = [Taken("duplicate" if item.id in self.taken else "accepted") for item in items]
        self.taken += [item.id for item in items]
        return results

    def polling(self, orders: Orders, kind: str = "woocommerce") -> Polling:
        """Return what asks."""
        intake = Intake(Reader().read, self.submit, self.clock)
        return Polling(orders, Shop(kind), intake, Places(self.load, self.save, self.note_orders), self.clock)


@EVERY
async def test_every_order_comes_page_by_page(kind: str) -> None:
    """More than two pages of them, each once; the next round asks for what is new and for the overlap."""
    orders, notes = many(kind, 117), Notes()
    async with running(SERVERS[kind](orders)) as shop:
        client: Any = shop.client()
        polling = notes.polling(client, kind)
        await polling.round()
        assert len(set(notes.taken)) == len(notes.taken) == 117
        assert notes.places == {kind: NOW}
        assert len(notes.orders) == 117
        notes.clock.set(NOW + HOUR)
        orders["9999"] = ("2026-01-05T10:30:00", listed(kind, 9_999))
        await polling.round()
        assert len(notes.taken) == 118
        await client.close()


@EVERY
def test_an_order_is_told_in_the_same_words_by_webhook_and_by_asking(kind: str) -> None:
    """Under the same ids, so that whichever comes second changes nothing."""
    if kind == "shopify":
        from connectors.shops.shopify_orders import as_told  # noqa: PLC0415 - one shop of three writes orders in two ways

        asked = as_told(shopify_order(3))
    else:
        asked = listed(kind, 3)
    tell = ORDERS_OF[kind]
    by_asking = [json.loads(each) for each in tell(Shop(kind), asked)]
    by_webhook = [json.loads(each) for each in tell(Shop(kind), told_by_webhook(kind, 3))]
    assert [each["id"] for each in by_asking] == [each["id"] for each in by_webhook] != []
    assert [each["data"] for each in by_asking] == [each["data"] for each in by_webhook]
    reader = Reader()
    times = [[reader.read(json.dumps(each).encode()).event for each in told] for told in (by_asking, by_webhook)]
    assert times[0] == times[1]


class Fails:
    """A shop that answers as told, one page after the other."""

    def __init__(self, *answers: Page | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[Instant, str]] = []

    async def orders(self, since: Instant, place: str = "") -> Page:
        """Answer."""
        self.asked.append((since, place))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        """Nothing is open."""


async def test_a_round_begins_a_while_before_the_last_one_began() -> None:
    """So what was changed while it ran, or by a clock that is behind ours, is not missed; the first goes back three days."""
    shop, notes = Fails(Page(()), Page(())), Notes()
    await notes.polling(shop).round()
    notes.clock.set(NOW + HOUR)
    await notes.polling(shop).round()
    assert [since for since, _ in shop.asked] == [NOW - FIRST, NOW - OVERLAP]


async def test_a_round_that_breaks_off_is_asked_for_again() -> None:
    """What was read stays, and the next round begins where this one did."""
    order = told_by_webhook("woocommerce", 1)
    shop, notes = Fails(Page((order,), "2"), NotNowError("503"), Page((order,), "2"), Page(())), Notes()
    with pytest.raises(NotNowError):
        await notes.polling(shop).round()
    assert notes.places == {}
    assert len(notes.taken) == 1
    await notes.polling(shop).round()
    assert notes.places == {"woocommerce": NOW}
    assert {since for since, _ in shop.asked} == {NOW - FIRST}


async def test_a_shop_that_throttles_is_waited_for() -> None:
    """It says how long; longer than a round may take it is left for the next one."""
    shop, notes = Fails(NotNowError("429", 1_000), Page(())), Notes()
    await notes.polling(shop).round()
    assert notes.places == {"woocommerce": NOW}
    with pytest.raises(NotNowError):
        await notes.polling(Fails(NotNowError("429", DAY))).round()


@EVERY
@pytest.mark.parametrize(
    "trouble", [lambda: web.Response(status=503), lambda: web.Response(status=401), lambda: web.Response(text="<html>")]
)
async def test_a_shop_that_cannot_be_asked_is_no_failure(kind: str, trouble: Callable[[], web.Response]) -> None:
    """It is said why, and asked again in the next round."""
    notes = Notes()
    async with running(SERVERS[kind](many(kind, 1))) as shop:
        shop.troubles += [trouble(), trouble()]
        client: Any = shop.client()
        with pytest.raises(NotNowError):
            await notes.polling(client, kind).round()
        shop.troubles.clear()
        await notes.polling(client, kind).round()
        await client.close()
    assert len(notes.taken) == 1
    assert MINUTE < OVERLAP
