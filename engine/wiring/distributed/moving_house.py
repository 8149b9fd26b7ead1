"""Moving house from and to Kafka: what is checked, and what stands in the topics beside the books."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, closing
from typing import Any

from msgspec import structs

from engine.books import locks, partition_shops
from engine.books.connection import DatabaseError
from engine.books.database import open_to_write
from engine.books.partition_shops import PartitionShop
from engine.books.postgres import PostgresConnection, Server
from engine.books.state_file import Manifest, Progress, StateReader, StateWriter
from engine.books.tables import rows_of, tables
from engine.core import customer as records
from engine.core.customer import Customer
from engine.core.signals import PauseSet
from engine.ports import Clock
from engine.runtimes.kafka.administration import Administration, administration
from engine.runtimes.kafka.desk import Bureau
from engine.runtimes.kafka.moving_in import move_in, must_be_empty
from engine.runtimes.kafka.moving_out import Source, Topics, is_quiet, left_to_do, refs_kept, refs_seen
from engine.runtimes.kafka.shop_store import ShopStore
from engine.runtimes.kafka.splitting import split
from engine.runtimes.kafka.topic_names import TopicNames
from engine.wiring.distributed.brokers import brokers_of
from engine.wiring.distributed.gateway import GROUP as GATEWAYS
from engine.wiring.distributed.topics import require_topics
from engine.wiring.moving_house import (
    DISTRIBUTED,
    FILES,
    REFS,
    codes_put_back,
    fill_tables,
    finish,
    must_be_unused,
    shop_in,
    write_refs,
    write_tables,
)
from engine.wiring.secret import Secrets, keys_of
from engine.wiring.settings import Settings

ALONE = ("projector", "sender")
"""Whose locks are held meanwhile: so neither runs."""


async def out_of_kafka(
    settings: Settings, environment: Mapping[str, str], secrets: Secrets, writer: StateWriter
) -> Manifest:
    """Write what a distributed engine holds; all that came in must be decided, in the books and told, and no part may run.

    Raises:
        DatabaseError: a part runs, or something is still under way; the message says what is to be done.
        BrokersError, aiokafka.errors.KafkaError: the brokers cannot be asked.

    """
    require_topics(settings, environment, within=settings.kafka.reach_within)
    brokers, names = brokers_of(settings, environment), TopicNames.of(settings.kafka.prefix)
    with administration(brokers, within=settings.kafka.reach_within) as asked:
        partitions = _partitions(asked, names)
        group = f"{settings.kafka.prefix}-{GATEWAYS}"
        read = {
            (each.topic, each.partition): each.read or 0
            for each in asked.progress(settings.kafka.prefix)
            if each.group == group
        }
    async with AsyncExitStack() as stack:
        connection = stack.enter_context(closing(open_to_write(_server(settings))))
        _be_alone(connection)
        topics = Topics(brokers.client_options(), names, partitions)
        stack.push_async_callback(topics.stop)
        await topics.start()
        await _nothing_left(topics, connection, read)
        connection.script("begin transaction isolation level repeatable read")
        seen = await refs_seen(topics)
        write_tables(connection, writer, instead={"seen": _seen(connection, seen)})
        write_refs(writer, await refs_kept(topics))
        last = connection.execute("select coalesce(max(seq), 0) from effect").fetchone()[0]
        writer.write(FILES, ("position",), (), [(last,)])
        return finish(connection, secrets, writer, DISTRIBUTED)


async def _nothing_left(topics: Topics, connection: PostgresConnection, read: Mapping[Source, int]) -> None:
    if not await is_quiet(topics):
        raise DatabaseError(
            f"something still comes into {topics.names.inbox}: stop winback gateway, then the other parts"
        )
    left = await left_to_do(topics, connection, read)
    if left:
        raise DatabaseError(
            "\n".join(["something is still under way, and would be lost:", *(f"  {each}" for each in left)])
            + "\nwithout winback gateway, let the other parts do what is left; then stop them, and export"
        )


def _seen(connection: PostgresConnection, seen: dict[bytes, int]) -> Iterator[tuple[bytes, int]]:
    """Yield references with their days: those that came with the shop once, and those of the inbox."""
    table = next(each for each in tables() if each.name == "seen")
    found = {bytes(ref): day for ref, day in rows_of(connection, table)}
    yield from sorted({**seen, **found}.items())


async def into_kafka(
    settings: Settings, environment: Mapping[str, str], reader: StateReader, progress: Progress
) -> dict[str, int]:
    """Fill topics and books that were never used; return the rows by part.

    The customers go into the changelog first: until the books are committed nobody begins with them.

    Raises:
        DatabaseError: a part runs, or the books are not empty.
        NotEmptyError: the topics are not empty.
        BrokersError, aiokafka.errors.KafkaError: the brokers cannot be used.

    """
    require_topics(settings, environment, within=settings.kafka.reach_within)
    brokers = brokers_of(settings, environment)
    names, shop = TopicNames.of(settings.kafka.prefix), shop_in(reader)
    shops, accepted = split(shop, settings.kafka.partitions), reader.manifest.as_of
    with administration(brokers, within=settings.kafka.reach_within) as asked:
        partitions = _partitions(asked, names)
    with closing(open_to_write(_server(settings))) as connection:
        _be_alone(connection)
        must_be_unused(connection, connection.server)
        await must_be_empty(brokers.client_options(), names, partitions)
        moved = await move_in(brokers.client_options(), names, _customers(reader), shops, accepted)
        progress("changelog", moved)
        connection.execute("begin immediate")
        rows = fill_tables(connection, reader, progress, changed={"pool_code": codes_put_back(shop)})
        for number, part in enumerate(shops):
            partition_shops.save(connection, PartitionShop(number, at=accepted, shop=part))
        connection.execute("commit")
    return rows


def _partitions(asked: Administration, names: TopicNames) -> dict[str, int]:
    topics = structs.asdict(names).values()
    return {topic: found.partitions for topic, found in asked.found(topics).items()}


def _customers(reader: StateReader) -> Iterator[tuple[Customer, bytes]]:
    refs: dict[str, bytes] = dict(reader.rows(REFS))
    place = reader.manifest.parts["customer"].columns.index("record")
    for row in reader.rows("customer"):
        record = records.decode(row[place])
        yield record, refs.get(record.id, b"")


def pause_here(settings: Settings, environment: Mapping[str, str], clock: Clock, why: str, who: str) -> None:
    """Let nothing leave from here any more, should a part be started again by accident.

    Raises:
        DatabaseError: PostgreSQL cannot be used.

    """
    with closing(open_to_write(_server(settings))) as connection:
        store = ShopStore(connection, settings.kafka.partitions)
        bureau = Bureau(store, clock, key=keys_of(settings, environment).codes)
        bureau.ask(lambda store, now: bureau.desk.sweeping.tell(store, PauseSet("engine", "", why, who), now))


def _be_alone(connection: PostgresConnection) -> None:
    for part in ALONE:
        if not locks.take(connection, part):
            raise DatabaseError(f"winback {part} runs: stop it first")


def _server(settings: Settings) -> Server:
    where: Any = settings.books
    assert isinstance(where, Server), "the engine is the distributed one"
    return where
