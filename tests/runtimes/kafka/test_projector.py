"""The projector on a real broker and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from msgspec.structs import replace

from connectors.memory import FixedClock
from engine.books import rulebook, shop_words
from engine.books.connection import DatabaseError
from engine.books.database import open_to_write
from engine.books.postgres import PostgresConnection, Server
from engine.books.views import Views
from engine.core.moments import SECOND, Instant
from engine.core.signals import AnySignal, DayClosed, Granted, PauseSet, RulesChanged
from engine.runtimes.kafka.brokers import Brokers
from engine.runtimes.kafka.desk import Bureau, Desk
from engine.runtimes.kafka.projector import Place, run_projector
from engine.runtimes.kafka.rules_topic import RulesReader
from engine.runtimes.kafka.shop_store import ShopStore
from engine.runtimes.kafka.topic_names import TopicNames
from engine.runtimes.kafka.wire import Entry, decode_record
from engine.wiring.distributed.parts import keep_going
from tests.acceptance.shipped import shipped
from tests.builders import START, event
from tests.distributed_shop import KEY, TOPICS, DistributedShop
from tests.postgres_servers import Server as PostgresServer

PARTITIONS = 3
WITHIN = 20.0  # seconds


@pytest.fixture
async def place(kafka: str, prefix: str, postgres: str) -> Place:
    """Topics of one's own on the run's broker, and empty books."""
    place = Place(
        server=Server(postgres),
        clients={"bootstrap_servers": kafka},
        topics=TopicNames.of(prefix),
        partitions=PARTITIONS,
    )
    topics = place.topics
    single = {topics.rules, topics.letters}
    names = [topics.effects, topics.changelog, topics.letters, topics.inbox, topics.rules]
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 1 if name in single else PARTITIONS, 1) for name in names])
    finally:
        await admin.close()
    return place


def put_in_force(desk: Desk, store: ShopStore, now: Instant) -> None:
    """What a projector begins with: the shipped rules, where there are none."""
    if not desk.rules.shop.epoch:
        rulebook.apply(desk, shipped(), store, now, who="first start")


@asynccontextmanager
async def projecting(place: Place) -> AsyncIterator[asyncio.Task[None]]:
    """A projector at work; a clock that stands is its time of day."""
    up = asyncio.Event()
    running = asyncio.create_task(run_projector(place, FixedClock(START), key=KEY, up=up.set, begin=put_in_force))
    waiting = asyncio.create_task(up.wait())
    try:
        await asyncio.wait([running, waiting], timeout=WITHIN, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        yield running
    finally:
        waiting.cancel()
        running.cancel()
        with suppress(asyncio.CancelledError, DatabaseError, BaseExceptionGroup):
            await running


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds; asks ten times a second."""
    deadline = time.monotonic() + WITHIN
    while not holds():
        assert time.monotonic() < deadline, "it does not come to hold"
        await asyncio.sleep(0.1)


async def written(place: Place, shop: DistributedShop) -> None:
    """Write to the broker what a shop in memory has written to its topics."""
    names = {TOPICS.effects: place.topics.effects, TOPICS.changelog: place.topics.changelog}
    async with AIOKafkaProducer(**place.clients) as producer:
        for (topic, partition), log in shop.topics.items():
            for told in log:
                headers = list(told.headers)
                await producer.send(names[topic], told.value, told.key, partition=partition, headers=headers)


async def entries(place: Place, partition: int, last: type[AnySignal]) -> list[Entry]:
    """The entries of a partition's inbox up to the first of a kind, but for what was granted."""
    found: list[Entry] = []
    async with AIOKafkaConsumer(**place.clients, auto_offset_reset="earliest") as consumer:
        source = TopicPartition(place.topics.inbox, partition)
        consumer.assign([source])
        async with asyncio.timeout(WITHIN):
            while not any(isinstance(each.decoded(), last) for each in found):
                came = decode_record((await consumer.getone(source)).value).entries
                found += (each for each in came if not isinstance(each.decoded(), Granted))
    return found


@pytest.fixture
def connection(place: Place) -> Iterator[PostgresConnection]:
    """A connection of a test's own to the books."""
    with closing(open_to_write(place.server)) as opened:
        yield opened


def bought(connection: PostgresConnection) -> DistributedShop:
    """A shop in memory where five customers have ordered; nothing of it is in the books."""
    shop = DistributedShop(connection, START, partitions=PARTITIONS)
    for number in range(5):
        shop.clock.advance(SECOND)
        shop.happens(event("order.placed", shop.clock.now(), f"c{number}", order_id=str(number), total="10.00"))
    return shop


async def test_what_workers_write_gets_into_the_books(place: Place, connection: PostgresConnection) -> None:
    """Effects and records come out of Kafka into PostgreSQL, each once, also when the projector is started again."""
    shop = bought(connection)
    async with projecting(place):
        await written(place, shop)
        with Views(place.server) as views:
            await until(lambda: all(views.record(f"c{number}") for number in range(5)))
    async with projecting(place):
        await written(place, shop)
        await asyncio.sleep(1)
        with Views(place.server) as views:
            assert len(views.effects_after(0, 100)) == sum(
                len(log) for (topic, _), log in shop.topics.items() if topic == TOPICS.effects
            )


async def test_rules_are_in_kafka_before_any_partition_is_told_of_them(place: Place) -> None:
    """The first start puts the files in force: their document, then the word of it, then the day's thresholds."""
    async with projecting(place):
        told = [await entries(place, partition, DayClosed) for partition in range(PARTITIONS)]
        async with RulesReader(place.topics.rules, place.clients) as reader:
            assert set(reader.document(1).rule_set.workflows) == set(shipped().workflows)
    for each in told:
        kinds = [type(entry.decoded()) for entry in each]
        assert kinds == [RulesChanged, DayClosed]
        assert [int.from_bytes(entry.mark, "big") for entry in each] == [1, 2]


async def test_a_pause_is_in_every_inbox_within_a_second(place: Place, connection: PostgresConnection) -> None:
    """What a command says at the desk is told to all partitions at once."""
    async with projecting(place):
        await until(lambda: not shop_words.to_publish(connection, 1))
        bureau = Bureau(ShopStore(connection, PARTITIONS), FixedClock(START), key=KEY)
        pause = PauseSet("engine", "", "a test", "ada")
        began = time.monotonic()
        bureau.ask(lambda store, now: bureau.desk.sweeping.tell(store, pause, now))
        await until(lambda: not shop_words.to_publish(connection, 1))
        took = time.monotonic() - began
        told = [(await entries(place, partition, PauseSet))[-1] for partition in range(PARTITIONS)]
    assert [entry.decoded() for entry in told] == [pause] * PARTITIONS
    assert took < 1.0


async def test_a_second_projector_waits_for_the_first_to_end(place: Place, connection: PostgresConnection) -> None:
    """Two never write the books at once; the second goes on where the first ended."""
    async with projecting(place):
        second = asyncio.create_task(_second(place))
        await asyncio.sleep(1.5)
        assert not second.done()
    await asyncio.wait_for(second, WITHIN)
    assert connection.execute("select count(*) from rule_set").fetchone() == (1,)


async def _second(place: Place) -> None:
    """Run a projector until it is up."""
    up = asyncio.Event()
    running = asyncio.create_task(run_projector(place, FixedClock(START), key=KEY, up=up.set, begin=put_in_force))
    await up.wait()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_postgresql_killed_while_books_are_written_leaves_nothing_out_and_nothing_twice(
    place: Place, own_postgres: PostgresServer
) -> None:
    """What was being written when the server went away is written once it is back: whole transactions, each once."""
    place = replace(place, server=Server(own_postgres.database()))
    with closing(open_to_write(place.server)) as connection:
        shop = DistributedShop(connection, START, partitions=PARTITIONS)
        shop.apply(shipped())
        for number in range(600):
            shop.clock.advance(SECOND)
            shop.happens(
                event("order.placed", shop.clock.now(), f"c{number % 200}", order_id=str(number), total="10.00")
            )
    stop = asyncio.Event()
    brokers = Brokers(addresses=tuple(place.clients["bootstrap_servers"].split(",")))

    async def once(up: Callable[[], None]) -> None:
        await run_projector(place, FixedClock(START), key=KEY, up=up, begin=put_in_force)

    running = asyncio.create_task(keep_going(once, brokers, stop, reach_within=WITHIN))
    writing = asyncio.create_task(written(place, shop))
    for _ in range(3):
        await asyncio.sleep(1.0)
        own_postgres.kill()
        own_postgres.start()
    await writing
    decided = sum(len(log) for (topic, _), log in shop.topics.items() if topic == TOPICS.effects)
    with Views(place.server) as views:
        await until(lambda: len(views.effects_after(0, 10_000)) >= decided)
        await until(lambda: len(list(views.everybody())) == 200)
        assert len(views.effects_after(0, 10_000)) == decided
        assert {name: views.record(name) for name in ("c1", "c199")} == {
            name: next(found for worker in shop.workers if (found := worker.load(name))) for name in ("c1", "c199")
        }
    stop.set()
    await running
