"""The gateway: the shop's topics, our own words and HTTP go in, and come out in the inbox, each for its partition."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack

from msgspec import Struct

from engine.core.events import DeadLetter, Event
from engine.core.moments import Instant
from engine.handling import Taken
from engine.runtimes.kafka.identifying import Identities, Whose
from engine.runtimes.kafka.inbox import Inbox, until_next_second
from engine.runtimes.kafka.letters import Letters
from engine.runtimes.kafka.producing import Connection, Producing
from engine.runtimes.kafka.sources import ReadRecord, Sources
from engine.runtimes.kafka.taking import Erased, Listed, Taking


class Topics(Struct, frozen=True):
    """The topics a gateway writes, and its group."""

    inbox: str
    partitions: int
    dead_letters: str
    group: str


class Figures(Struct, frozen=True):
    """What a watchdog and the metrics look at, since the process began.

    `records` and `durable` entries are in the inbox; `in_hand` is bytes on their way.
    """

    events: int
    words: int
    letters: int
    looked_up: int
    read: int
    tombstones: int
    skipped: int
    records: int
    durable: int
    in_hand: int
    identities_away: bool


class Gateway:
    """Runs in one asyncio loop; `submit` is used there."""

    def __init__(
        self,
        connection: Connection,
        topics: Topics,
        readers: Mapping[str, ReadRecord],
        identities: Identities,
        listed: Listed,
        key: bytes,
        now: Callable[[], Instant],
        erased: Erased | None = None,
    ) -> None:
        """Make one; nothing runs yet.

        Args:
            connection: how the brokers are reached.
            topics: where it writes, and its group.
            readers: how each source topic is read.
            identities: who is known under which key.
            listed: what imported suppressions say of addresses.
            key: signs our message ids.
            now: reads the clock.
            erased: the list of those who were erased.

        """
        self._now = now
        self._topics = topics
        self._producing = Producing(connection, client_id="winback-gateway")
        self._inbox = Inbox(self._producing, topics.inbox, topics.partitions, now)
        self._whose = Whose(identities, key, asyncio.get_running_loop().time)
        letters = Letters(self._producing, topics.dead_letters)
        self._taking = Taking(self._inbox, self._whose, letters.bury, listed, now, erased)
        self._sources = Sources(connection, topics.group, readers, self._taking, now)
        self._stack = AsyncExitStack()
        self._ticks: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to take in.

        Raises:
            KafkaError: no broker answers, or they refuse us.

        """
        self._stack.push_async_callback(self._producing.stop)
        self._stack.push_async_callback(self._sources.stop)
        try:
            await self._producing.start()
            await self._sources.start()
        except BaseException:
            await self._stack.aclose()
            raise
        self._ticks = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """Take in no more, and wait until what was taken in is in Kafka."""
        if self._ticks is not None:
            self._ticks.cancel()
        await self._stack.aclose()

    async def ended(self) -> None:
        """Wait until there is no going on.

        Raises:
            SourcesFailedError: a source cannot be read on.
            ProducerStoppedError: Kafka refuses our records for good.

        """
        ends = {asyncio.ensure_future(each.ended()) for each in (self._inbox, self._sources)}
        done, others = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for each in others:
            each.cancel()
        for each in done:
            each.result()

    async def submit(self, items: Sequence[Event | DeadLetter], origins: Sequence[str] = ()) -> list[Taken]:
        """Take in events and dead letters; return what became of each when they are in Kafka, in their order.

        Whether an event was known is told by the worker alone, so all that are events are `accepted`.

        Raises:
            ProducerStoppedError: they are not taken in, or it is not known; bring them again.

        """
        given = await self._taking.take(items, origins or [""] * len(items))
        await given.durable()
        return given.results

    def figures(self) -> Figures:
        """Return what there has been."""
        counts, read = self._taking.counts, self._sources.figures
        return Figures(
            events=counts.events,
            words=counts.words,
            letters=counts.letters,
            looked_up=counts.looked_up,
            read=read.records,
            tombstones=read.tombstones,
            skipped=read.skipped,
            records=self._inbox.records,
            durable=self._inbox.entries,
            in_hand=self._inbox.in_hand,
            identities_away=self._whose.away_since is not None,
        )

    def lags(self) -> dict[tuple[str, int], int]:
        """Return how many records of each source partition that is ours are not taken in yet."""
        return self._sources.lags()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(until_next_second(self._now()))
            self._inbox.tick()
