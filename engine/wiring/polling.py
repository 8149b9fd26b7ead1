"""Asking the shop now and then for orders that no webhook told: some shops do not try again, and none does for ever.

What comes is told in the same words as by its webhooks, under the same ids, so what was known already changes nothing. The
shop's clock may differ from ours and a change may be seen late, so each round begins a while before the last one began.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Count
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import structlog
from aiohttp import web
from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter

from connectors.hooks import ORDERS_OF, Shop
from connectors.shops import NotNowError, Orders, Page
from engine.books.connection import DatabaseError
from engine.core.events import Event
from engine.core.moments import DAY, MINUTE, SECOND, Instant
from engine.listeners import Intake
from engine.listeners.intake import new_orders
from engine.ports import Clock
from engine.wiring.assembling import task
from engine.wiring.hooks import prefix_of
from engine.wiring.settings import Settings
from engine.wiring.shops import orders_of

OVERLAP = 10 * MINUTE
FIRST = 3 * DAY
"""How far the first round goes back: what is older is history, and is imported."""

LONGEST_WAIT = 5 * MINUTE
"""That a shop may make a round wait; else it is given up, and the next one begins where this one did."""

log = structlog.get_logger(__name__)


class Places(Struct, frozen=True):
    """How it is remembered up to when a shop was asked: `load` returns it (None at first), `save` returns after the commit."""

    load: Callable[[str], Awaitable[Instant | None]]
    save: Callable[[str, Instant], Awaitable[None]]
    note_orders: Callable[[Sequence[Event]], Awaitable[None]]
    """Remembers whose orders are, for later calls of hooks that name an order alone."""


class Polling:
    """Asks one shop."""

    def __init__(
        self,
        orders: Orders,
        shop: Shop,
        intake: Intake,
        places: Places,
        clock: Clock,
        registry: CollectorRegistry | None = None,
        *,
        every: int = 15 * MINUTE,
    ) -> None:
        """`every` is in microseconds."""
        self._every = every
        self._orders, self._shop, self._intake, self._places, self._clock = orders, shop, intake, places, clock
        self._tell: Callable[[Shop, dict[str, Any]], Iterator[bytes]] = ORDERS_OF[shop.source]
        what = "Events of orders that the shop was asked for, by what became of them"
        self._events = Counter("winback_polled_events", what, ["status"], registry=registry)
        self._rounds = Counter("winback_polls", "Rounds of asking the shop, by outcome", ["outcome"], registry=registry)

    async def run(self) -> None:
        """Ask now and then, now first, until cancelled."""
        while True:
            try:
                await self.round()
                self._rounds.labels("done").inc()
            except (NotNowError, DatabaseError, web.HTTPServiceUnavailable) as error:  # the shop, or our side of it
                self._rounds.labels("later").inc()
                why = getattr(error, "text", None) or str(error)
                log.warning("orders of the shop cannot be asked for now", shop=self._shop.source, why=why)
            except Exception:
                self._rounds.labels("failed").inc()
                log.exception("orders of the shop could not be taken in", shop=self._shop.source)
            await asyncio.sleep(self._every / SECOND)

    async def round(self) -> None:
        """Take in what was changed since the last round.

        Raises:
            NotNowError: the shop cannot be asked now. What was read stays, and the next round begins where this one did.

        """
        begun = self._clock.now()
        until = await self._places.load(self._shop.source)
        since = begun - FIRST if until is None else until - OVERLAP
        place = ""
        while True:
            page = await self._page(since, place)
            raws = [raw for order in page.orders for raw in self._tell(self._shop, order)]
            if raws:
                await self._take(raws)
            if not (place := page.after):
                break
        await self._places.save(self._shop.source, begun)

    async def _take(self, raws: Sequence[bytes]) -> None:
        read: list[Event] = []

        async def first(events: Sequence[Event]) -> None:
            read.extend(events)

        results = await self._intake.take(raws, f"poll/{self._shop.source}", first)
        if orders := new_orders(read, results):
            await self._places.note_orders(orders)
        for status, count in Count(each.status for each in results).items():
            self._events.labels(status).inc(count)

    async def _page(self, since: Instant, place: str) -> Page:
        """Return a page; a shop that says how long to wait is asked once more after that."""
        try:
            return await self._orders.orders(since, place)
        except NotNowError as error:
            if error.retry_after is None or error.retry_after > LONGEST_WAIT:
                raise
            await asyncio.sleep(error.retry_after / SECOND)
            return await self._orders.orders(since, place)


def keep_polling(
    settings: Settings,
    environment: Mapping[str, str],
    intake: Intake,
    places: Places,
    clock: Clock,
    registry: CollectorRegistry | None,
    stack: AsyncExitStack,
) -> None:
    """Ask the shop of the settings for as long as the stack lasts, where it is to be asked.

    Raises:
        SettingsError: something is missing, all of it told.

    """
    said = settings.shop
    if said.poll is None or settings.practice is not None:
        return
    orders = orders_of(said, environment)
    stack.push_async_callback(orders.close)
    kind = str(said.kind)
    shop = Shop(kind, prefix_of(kind, settings, environment))
    polling = Polling(orders, shop, intake, places, clock, registry, every=said.poll.roughly)
    task(stack, polling.run())
