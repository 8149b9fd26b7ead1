"""Codes at the checkout of the distributed engine: once for each code, whichever gateway is asked, as often as one order asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from aiohttp import web

from connectors.memory import FixedClock
from engine.books.database import open_to_write
from engine.books.postgres import Server
from engine.books.store import SqlStore
from engine.books.writer import Writer
from engine.core.coupons import Coupon, coupon_key
from engine.core.customer import Customer
from engine.core.effects import COUPON_ISSUED, Effect
from engine.core.events import DeadLetter, Event
from engine.core.moments import DAY, rfc3339
from engine.core.shop import Shop
from engine.handling import Taken
from engine.listeners.coupons import Order, Refused
from engine.wiring.distributed.codes import SharedCodes
from tests.builders import START
from tests.postgres_servers import Server as PostgresServer

CODE = "WB-7K2M9QX4TD"


class Gateways:
    """Two gateways over one PostgreSQL, and what they put into the inbox."""

    def __init__(self, url: str) -> None:
        self.events: list[Event] = []
        self.server = Server(url)
        clock = FixedClock(START)
        self.writers = [Writer(self.server, name) for name in ("one", "two")]
        self.codes = [SharedCodes(self.server, writer, self.submit, clock) for writer in self.writers]

    async def submit(self, items: Sequence[Event | DeadLetter], _: Sequence[str]) -> Sequence[Taken]:
        """Keep what was submitted."""
        self.events += [item for item in items if isinstance(item, Event)]
        return [Taken("accepted") for _ in items]


def issue(url: str) -> None:
    """Let the books have a code, as the projector brings it."""
    connection = open_to_write(Server(url))
    store = SqlStore(connection)
    store.begin()
    customer = Customer("c-1")
    store.save(None, customer)
    store.know(coupon_key(CODE), "c-1")
    data = {
        "code": CODE,
        "codes": "signed",
        "name": "ten",
        "kind": "percent",
        "value": "10%",
        "minimum_basket": "20.00 EUR",
        "valid_until": "2026-12-31",
        "starts_at": rfc3339(START),
        "ends_at": rfc3339(START + 14 * DAY),
        "terms": "",
    }
    store.put([Effect(COUPON_ISSUED, START, "c-1", "e" * 32, data)])
    store.save_shop(Shop())
    store.commit(START, START // DAY)
    connection.close()


@pytest.fixture
async def gateways(postgres: str) -> AsyncIterator[Gateways]:
    """Gateways in whose books a code was issued."""
    await asyncio.to_thread(issue, postgres)
    made = Gateways(postgres)
    yield made
    for writer in made.writers:
        await writer.close()


async def test_a_code_is_redeemed_once_whichever_gateway_is_asked(gateways: Gateways) -> None:
    """The books say `valid` to both, since they are a moment old; one row decides."""
    one, two = gateways.codes
    answers = await asyncio.gather(one.redeem(CODE, Order("o-1")), two.redeem(CODE, Order("o-2")))

    (won,) = [answer for answer in answers if isinstance(answer, Coupon)]
    (lost,) = [answer for answer in answers if isinstance(answer, Refused)]
    assert (won.state, won.used, lost.error) == ("used", True, "it was used before")
    assert [(event.type, event.customer) for event in gateways.events] == [("coupon.redeemed", "c-1")]


async def test_the_same_order_gets_the_same_answer_again(gateways: Gateways) -> None:
    """A checkout that did not hear the answer asks again; the event has the same id."""
    one, two = gateways.codes
    first, second = await one.redeem(CODE, Order("o-1")), await two.redeem(CODE.lower(), Order(" o-1 "))

    assert isinstance(first, Coupon)
    assert first == second
    assert {event.id for event in gateways.events} == {f"{CODE}.o-1"}


async def test_what_cannot_be_redeemed_leaves_no_trace(gateways: Gateways) -> None:
    """A small basket is refused and may grow; an unknown code is none."""
    one, _ = gateways.codes
    refused = await one.redeem(CODE, Order("o-1", "10.00", "EUR"))
    unknown = await one.redeem("WB-0000000000", Order("o-1"))
    coupon = await one.look_up(CODE)

    assert isinstance(refused, Refused)
    assert unknown is None
    assert coupon is not None
    assert coupon.state == "valid"
    assert isinstance(await one.redeem(CODE, Order("o-1", "20.00", "EUR")), Coupon)


async def test_without_postgresql_nobody_is_told_anything(own_postgres: PostgresServer) -> None:
    """503, and the checkout asks again."""
    gateways = Gateways(own_postgres.database())
    await asyncio.to_thread(own_postgres.kill)

    with pytest.raises(web.HTTPServiceUnavailable):
        await gateways.codes[0].look_up(CODE)
    with pytest.raises(web.HTTPServiceUnavailable):
        await gateways.codes[0].redeem(CODE, Order("o-1"))
    for writer in gateways.writers:
        await writer.close()
