"""A shop's life on the distributed engine: its history, `go-live`, and then days that pass in seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from engine.core.events import Event
from engine.core.moments import DAY, HOUR, Instant
from engine.runtimes.simulator.sample import sample_events
from engine.wiring.clock import SystemClock
from tests.acceptance.kafka.whole.shop import WholeShop

LIVE_DAY = 890
"""The day of the sample on which the shop goes live; soon after it many mails go and are answered."""


def tomorrow() -> int:
    """The first day that lies ahead for every clock: time goes on from there, and commands ask the machine's."""
    return SystemClock().now() // DAY + 1


class Feeding:
    """Posts the shop's events as they come about, again and again until they are acknowledged."""

    def __init__(self, shop: WholeShop, news: Sequence[Event]) -> None:
        self._shop, self._news = shop, news
        self.acknowledged: list[str] = []
        self._enough = False

    def stop(self) -> None:
        """Post no more."""
        self._enough = True

    async def run(self) -> None:
        """Post, until stopped or all are in."""
        place = 0
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
            while place < len(self._news) and not self._enough:
                now = self._shop.shop.clock.now()
                batch = [event for event in self._news[place : place + 200] if event.time <= now]
                results = await self._shop.post(http, batch) if batch else []
                if not results:
                    await asyncio.sleep(0.05)
                    continue
                assert set(results) == {"accepted"}, results
                self.acknowledged += [event.id for event in batch]
                place += len(batch)


@asynccontextmanager
async def began(
    folder: Path, *, customers: int, seed: int, workers: int, leap_every: float, **kind: Any
) -> AsyncIterator[tuple[WholeShop, Feeding]]:
    """Yield a shop that has gone live, with what will happen to it; time leaps 12 hours every `leap_every` seconds."""
    first = tomorrow()
    start: Instant = first * DAY + 9 * HOUR
    events = list(sample_events(customers, seed, start=first - LIVE_DAY))
    store = kind.pop("store", "memory")
    with WholeShop(folder, start, **kind) as shop:
        shop.begin(workers, store=store)
        await shop.take_in([event for event in events if event.time < start - HOUR])
        await shop.settled()
        await shop.say("go-live", no_suppressions=True)
        await shop.settled()
        shop.turn_clock(leap_every=leap_every)
        yield shop, Feeding(shop, [event for event in events if event.time >= start - HOUR])


@asynccontextmanager
async def live(
    folder: Path, *, leaps: int, leap_every: float, **kind: Any
) -> AsyncIterator[tuple[WholeShop, list[str]]]:
    """Yield a shop that has lived for so many half days and is settled, with the events that were acknowledged."""
    async with began(folder, leap_every=leap_every, **kind) as (shop, feeding):
        doing = asyncio.create_task(feeding.run())
        await asyncio.sleep(leaps * leap_every)
        feeding.stop()
        await doing
        shop.turn_clock()  # evenly from now on: what is to be tried again in a minute is
        await shop.settled()
        yield shop, feeding.acknowledged
