"""Flushes: what was decided becomes durable, and only then acknowledged. Never another order.

For each partition: effects, sends, words and dead letters; when they are in Kafka, all that changed in the table as one batch
of its changelog; when that is there, the acknowledgement. A crash between any two of them has the records decided again, to
the same effects at the same places. Decisions go on while a flush is under way; there is one flush at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from engine.runtimes.kafka.held import Held, News
from engine.runtimes.kafka.outbound import Outbound
from engine.runtimes.kafka.topic_names import TopicNames
from engine.runtimes.kafka.watchdog import Pulse, moment
from engine.runtimes.kafka.worker_meters import WorkerMeters

LINGER: Final = 0.025
"""Seconds between two flushes, in which changes to the same customers become one."""

BEAT: Final = 0.1
"""Seconds between two looks at whether the process stood still."""

ENOUGH: Final = 2_000
"""Changes after which a flush does not wait for the time."""

TOO_MUCH: Final = 12_000
"""Changes after which no more is decided until those before are durable."""

TOO_MUCH_OF_ONE: Final = 4_000
"""The same for one partition, whose changes must fit into one batch."""


class Flushing:
    """Makes what the held partitions have decided durable, for as long as it runs."""

    def __init__(
        self,
        held: Mapping[int, Held],
        outbound: Outbound,
        topics: TopicNames,
        pulse: Pulse,
        meters: WorkerMeters,
        *,
        most_pause: float,
        on_halted: Callable[[float], object],
    ) -> None:
        """Flush what is in `held`, as of each flush.

        Args:
            held: partitions by their numbers; changed by whoever takes them over and gives them up.
            outbound: the way to Kafka.
            topics: where to.
            pulse: told that this goes on.
            meters: told how it goes.
            most_pause: seconds that the process may have stood still before a flush.
            on_halted: called, with the seconds, when it stood still for longer; others may have the partitions then.

        """
        self._held, self.outbound, self._topics, self._pulse, self._meters = held, outbound, topics, pulse, meters
        self._most_pause, self._on_halted = most_pause, on_halted
        self._news, self._room, self._idle = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._room.set()
        self._flushing = False
        self._turns = 0

    async def run(self) -> None:
        """Flush until cancelled.

        Raises:
            Exception: something could not be made durable; the worker must not go on.

        """
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LINGER):
                    await self._news.wait()
            self._news.clear()  # also where there are none, or this would go round without letting anything else go on
            if any(held.news.messages for held in self._held.values()):
                await self._flush()

    async def beat(self) -> None:
        """Note again and again that the loop comes by, until cancelled; a flush may wait for Kafka much longer."""
        while True:
            self._turn()
            await asyncio.sleep(BEAT)

    def note(self) -> None:
        """Hear that something was decided."""
        waiting = [held.waiting for held in self._held.values()]
        if sum(waiting) >= ENOUGH:
            self._news.set()
        if sum(waiting) >= TOO_MUCH or max(waiting) >= TOO_MUCH_OF_ONE:
            self._news.set()
            self._room.clear()

    async def room(self) -> None:
        """Wait until there is room for more decisions."""
        await self._room.wait()

    async def everything(self) -> None:
        """Wait until all that was decided is durable."""
        while self._flushing or any(held.news.messages for held in self._held.values()):
            self._news.set()
            await asyncio.sleep(LINGER / 5)

    def _turn(self) -> None:
        """Note that the loop came by; stop where it did not for too long, before anything is written."""
        now = moment()
        pause, self._pulse.turned = now - self._pulse.turned, now
        if pause > self._most_pause:
            self._on_halted(pause)

    async def _flush(self) -> None:
        self._turn()
        began = moment()
        self._flushing = True
        work = [(held, held.take_news()) for held in self._held.values() if held.news.messages]
        self._room.set()
        async with asyncio.TaskGroup() as group:
            elsewhere = group.create_task(self._write_elsewhere([news for _, news in work]))
            for held, news in work:
                group.create_task(self._flush_one(held, news, elsewhere))
        self._flushing = False
        self._meters.flushed(moment() - began)

    async def _write_elsewhere(self, all_news: Sequence[News]) -> None:
        """Write what goes to no partition of its own, for all partitions at once: one batch after the other.

        aiokafka holds one batch for a partition, and does not keep the order of those who wait.
        """
        topics = self._topics
        for topic, rows in (
            (topics.events, [row for news in all_news for row in news.words]),
            (topics.letters, [row for news in all_news for row in news.letters]),
        ):
            if rows:
                self._turns += 1
                await self.outbound.append_all(topic, self._turns % await self.outbound.partitions(topic), rows)

    async def _flush_one(self, held: Held, news: News, elsewhere: asyncio.Task[None]) -> None:
        """Make the news of one partition durable, and acknowledge it."""
        topics, number = self._topics, held.number
        async with asyncio.TaskGroup() as group:
            for topic, rows in ((topics.effects, news.effects), (topics.sends, news.sends)):
                if rows:
                    group.create_task(self.outbound.append_all(topic, number, rows))
        await elsewhere
        self._turn()
        upto = await self.outbound.append(topics.changelog, number, [(*entry, []) for entry in news.changelog])
        held.settle(news, upto)
        self._pulse.steps += 1
        self._meters.durable(news.entries, sum(map(len, news.dirty.values())))
