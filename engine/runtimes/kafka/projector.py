"""The projector: effects, snapshots and dead letters out of Kafka into the books; and, beside it, the shop's office.

One is at work at a time: a lock of PostgreSQL's says which, and the books are written through the connection that holds it.
Whoever else is started waits until it is free. The office has a connection of its own, so that a pause does not wait for
what is being written; who may change the shop's state is decided by the lock on that, and telling a word twice does no
harm.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from typing import Final, Protocol, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Gauge

from engine.books import locks
from engine.books.database import open_to_write
from engine.books.erasures import Erasures
from engine.books.positions import Position, Source
from engine.books.postgres import PostgresConnection, Server
from engine.core.moments import SECOND, Instant
from engine.handling import HISTORY_AFTER
from engine.ports import Clock
from engine.runtimes.kafka.desk import Bureau, Desk
from engine.runtimes.kafka.office import Office
from engine.runtimes.kafka.producing import Connection, Producing
from engine.runtimes.kafka.projecting import Consumed, Projector
from engine.runtimes.kafka.publishing import Publisher, documents_to_publish, next_words, note_rules, note_words
from engine.runtimes.kafka.rules_topic import MOST_BYTES
from engine.runtimes.kafka.shop_store import ShopStore
from engine.runtimes.kafka.topic_names import TopicNames

T = TypeVar("T")

LOCK: Final = "projector"

AT_ONCE: Final = 2_000
"""Records in one transaction; while it lasts, commands wait."""

FETCH_MS: Final = 200
POLL: Final = 0.1
"""Seconds of real time after which words that nobody was told yet are looked for: a pause is everywhere within a second."""

COMBINE_EVERY: Final = 0.5
"""Seconds of real time after which the shop as a whole is reckoned anew."""

WORK_EVERY: Final = 1.0
WAIT_FOR_LOCK: Final = 0.5
LARGEST: Final = 32 * 1024 * 1024

log = structlog.get_logger(__name__)


class Place(Struct, frozen=True, kw_only=True):
    """Where a projector works. `clients` connects to the brokers."""

    server: Server
    clients: Connection
    topics: TopicNames
    partitions: int


class Ask(Protocol):
    """Makes a change at the desk in one transaction, and returns what it returns after the commit."""

    def __call__(self, change: Callable[[ShopStore, Instant], T], /) -> Awaitable[T]:
        """Make the change."""
        ...


class Meters:
    """What Prometheus is told of the projector."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.records = Counter("winback_projector_records", "Records written into the books", registry=registry)
        self.behind = Gauge("winback_projector_behind", "Records that wait to be written", registry=registry)
        self.as_of = Gauge(
            "winback_books_as_of_seconds", "Instant up to which all partitions are in the books", registry=registry
        )
        self.words = Counter("winback_shop_words", "Words of the shop told to partitions", registry=registry)


class InThread:
    """A connection that writes, in a thread of its own."""

    def __init__(self, server: Server, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, name)
        self._server = server
        self.connection: PostgresConnection | None = None

    async def open(self) -> PostgresConnection:
        """Connect; the books are made or brought up to date where needed.

        Raises:
            DatabaseError: they cannot be used.

        """
        self.connection = await self.do(lambda: open_to_write(self._server))
        return self.connection

    async def do(self, work: Callable[[], T]) -> T:
        """Do something there, and return what it returns."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        """End what is under way, and close."""
        if self.connection is not None:
            await self.do(self.connection.close)
        self._thread.shutdown()


async def run_projector(
    place: Place,
    clock: Clock,
    *,
    key: bytes,
    up: Callable[[], None],
    begin: Callable[[Desk, ShopStore, Instant], None],
    beside: Callable[[Desk, Ask], Awaitable[None]] | None = None,
    history_after: int | None = HISTORY_AFTER,
    meters: Meters | None = None,
    erasures: Erasures | None = None,
) -> None:
    """Project, and do the office's work, until cancelled.

    Args:
        place: where.
        clock: the time of day, for the office.
        key: makes codes unguessable.
        up: called when all that it needs is there, and it alone is at work.
        begin: what the office does first, in its first transaction: puts the first rules in force where there are none.
        beside: goes on beside it, and may change what is the shop's own.
        history_after: microseconds after which what came is history.
        meters: what Prometheus is told.
        erasures: the list of the erased; taken over from the books when there are some.

    Raises:
        DatabaseError, aiokafka.errors.KafkaError: PostgreSQL or the brokers went away; begin again.
        ValueError: a record in our topics is none of ours.

    """
    async with AsyncExitStack() as stack:
        meters = meters or Meters(CollectorRegistry())
        books, desk = InThread(place.server, "books"), InThread(place.server, "office")
        for each in (books, desk):
            stack.push_async_callback(each.close)
        connection = await books.open()
        await _alone(books, connection)
        if erasures is not None:
            await books.do(partial(erasures.load, connection))
        projector = await books.do(lambda: Projector(ShopStore(connection, place.partitions), place.topics, erasures))
        bureau = Bureau(ShopStore(await desk.open(), place.partitions), clock, key=key, history_after=history_after)
        await desk.do(lambda: bureau.ask(lambda store, now: begin(bureau.desk, store, now)))
        producing = Producing(place.clients, client_id="winback-office", compression="gzip")
        stack.push_async_callback(producing.stop)
        await producing.start()
        consumer = await _consumer(place, projector.positions, stack)
        publisher = Publisher(producing, place.topics, place.partitions)
        up()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_project(consumer, projector, books, meters))
            tasks.create_task(_do_the_offices_work(Office(bureau), publisher, desk, meters))
            if beside is not None:
                tasks.create_task(_as_task(beside(bureau.desk, _asking(bureau, desk))))


def _asking(bureau: Bureau, desk: InThread) -> Ask:
    async def ask(change: Callable[[ShopStore, Instant], T]) -> T:
        return await desk.do(lambda: bureau.ask(change))

    return ask


async def _as_task(work: Awaitable[None]) -> None:
    await work


async def _alone(books: InThread, connection: PostgresConnection) -> None:
    """Wait until no other projector is at work."""
    said = False
    while not await books.do(partial(locks.take, connection, LOCK)):
        if not said:
            log.info("another projector is at work: waiting for it to end")
            said = True
        await asyncio.sleep(WAIT_FOR_LOCK)


async def _consumer(place: Place, positions: Mapping[Source, Position], stack: AsyncExitStack) -> AIOKafkaConsumer:
    """Return a consumer that reads on from where the books have come to."""
    topics = place.topics
    sources = [TopicPartition(topics.letters, 0)]
    for topic in (topics.effects, topics.changelog):
        sources += (TopicPartition(topic, number) for number in range(place.partitions))
    consumer = AIOKafkaConsumer(
        **place.clients,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=max(LARGEST, MOST_BYTES),
    )
    stack.push_async_callback(consumer.stop)
    await consumer.start()
    consumer.assign(sources)
    for source, first in (await consumer.beginning_offsets(sources)).items():
        kept = positions.get((source.topic, source.partition), Position())
        if first > kept.offset and source.topic == topics.effects:
            log.error("effects are gone before the books had them", partition=source.partition, upto=first)
        consumer.seek(source, max(first, kept.offset))
    return consumer


async def _project(consumer: AIOKafkaConsumer, projector: Projector, books: InThread, meters: Meters) -> None:
    combined, is_stale = float("-inf"), True
    while True:
        found = await consumer.getmany(timeout_ms=FETCH_MS, max_records=AT_ONCE)
        consumed: Sequence[Consumed] = [record for records in found.values() for record in records]
        combine = time.monotonic() - combined >= COMBINE_EVERY
        if consumed or (is_stale and combine):
            await books.do(partial(projector.project, consumed, combine=combine))
            combined, is_stale = (time.monotonic(), False) if combine else (combined, True)
            meters.records.inc(len(consumed))
            meters.as_of.set(projector.as_of() / SECOND)
        meters.behind.set(await _behind(consumer))


async def _behind(consumer: AIOKafkaConsumer) -> int:
    """Return how many records wait, as far as the brokers have told."""
    waiting = 0
    for source in consumer.assignment():
        end = consumer.highwater(source)
        waiting += 0 if end is None else max(0, end - await consumer.position(source))
    return waiting


async def _do_the_offices_work(office: Office, publisher: Publisher, desk: InThread, meters: Meters) -> None:
    connection = desk.connection
    assert connection is not None, "it is opened before anything is done there"
    worked = float("-inf")
    while True:
        if time.monotonic() - worked >= WORK_EVERY:
            await desk.do(office.work)
            worked = time.monotonic()
        words = await desk.do(partial(next_words, connection))
        documents = await desk.do(partial(documents_to_publish, connection))  # after the words: see there
        await publisher.put_rules(documents)
        await desk.do(partial(note_rules, connection, documents))
        await publisher.put_words(words)
        await desk.do(partial(note_words, connection, words))
        meters.words.inc(len(words))
        if not words:
            await asyncio.sleep(POLL)
