"""A shop that moves out: whether everything that came in is decided and in the books, and what only the topics hold.

The books have the records and the shop; what stands in the topics alone are the references by which a repeated event is
known: the last of each customer in the changelog, all that are still kept in the inbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from engine.books import handover, partition_shops, positions, shop_words
from engine.books.connection import Connection
from engine.core.ids import event_ref
from engine.core.moments import DAY, Day, rfc3339
from engine.core.signals import Happened
from engine.runtimes.kafka.topic_names import TopicNames
from engine.runtimes.kafka.values import head_of, kept_in, split_key
from engine.runtimes.kafka.wire import SHOP, decode_record

LISTENED: Final = 3.0
"""Seconds of real time for which nothing must come into the inbox: a gateway that runs writes a tick each second."""

_PATIENCE_MS: Final = 1_000

Source = tuple[str, int]


class Topics:
    """The topics as they are, to be read from their beginnings to their ends of now."""

    def __init__(self, connection: Mapping[str, Any], names: TopicNames, partitions: Mapping[str, int]) -> None:
        """`partitions` says how many each topic has."""
        self.names, self._partitions = names, partitions
        self._consumer = AIOKafkaConsumer(
            **connection, group_id=None, enable_auto_commit=False, max_partition_fetch_bytes=32 * 1024 * 1024
        )

    async def start(self) -> None:
        """Reach the brokers."""
        await self._consumer.start()

    async def stop(self) -> None:
        """Let go of them."""
        await self._consumer.stop()

    async def ends(self, topic: str) -> dict[Source, int]:
        """Return the offset that comes next, of each partition."""
        places = [TopicPartition(topic, number) for number in range(self._partitions[topic])]
        found = await self._consumer.end_offsets(places)
        return {(place.topic, place.partition): end for place, end in found.items()}

    async def records(self, topic: str) -> AsyncIterator[Any]:
        """Yield all records of a topic."""
        ends = {TopicPartition(*source): end for source, end in (await self.ends(topic)).items()}
        self._consumer.assign(list(ends))
        await self._consumer.seek_to_beginning(*ends)
        while left := [place for place, end in ends.items() if await self._consumer.position(place) < end]:
            for records in (await self._consumer.getmany(*left, timeout_ms=_PATIENCE_MS)).values():
                for record in records:
                    yield record


async def is_quiet(topics: Topics) -> bool:
    """Say whether nothing comes into the inbox any more, after listening for as long as it takes a gateway to write a tick."""
    before = await topics.ends(topics.names.inbox)
    await asyncio.sleep(LISTENED)
    return before == await topics.ends(topics.names.inbox)


async def left_to_do(topics: Topics, connection: Connection, committed: Mapping[Source, int]) -> list[str]:
    """Say what is still under way, empty when all that came in is decided, in the books, and told.

    `committed` are the offsets up to which gateways have read their topics.
    """
    names, found = topics.names, []
    shops = partition_shops.shops(connection)
    inbox = await topics.ends(names.inbox)
    undecided = {
        number: end - 1 - (shops[number].reached if number in shops else -1) for (_, number), end in inbox.items()
    }
    if waiting := sum(undecided.values()):
        found.append(
            f"{names.inbox}: {waiting:,} records are not decided yet, or not in the books: let worker and projector run"
        )
    known = positions.positions(connection)
    for topic in (names.effects, names.changelog, names.letters, names.sends):
        behind = sum(
            end - known[source].offset if source in known else end for source, end in (await topics.ends(topic)).items()
        )
        if behind:
            found.append(f"{topic}: {behind:,} records are not in the books yet: let projector and sender run")
    for topic in (names.events, names.results):
        behind = sum(max(0, end - committed.get(source, 0)) for source, end in (await topics.ends(topic)).items())
        if behind:
            found.append(f"{topic}: {behind:,} records were not read yet: let winback gateway run")
    if unsaid := shop_words.to_publish(connection, 1):
        found.append(
            f"what commands changed since {rfc3339(unsaid[0].at)} is not told to the partitions yet: let winback projector run"
        )
    if untold := handover.untold(connection):
        found.append(f"{untold:,} endings of sends are not told yet: let winback sender run")
    return found


async def refs_kept(topics: Topics) -> dict[str, bytes]:
    """Return the references that were seen last of each customer, as the changelog has them."""
    found: dict[str, tuple[int, bytes]] = {}
    async for record in topics.records(topics.names.changelog):
        if record.value is None:
            continue
        _, key = split_key(record.key)
        if key.startswith(b"\xff"):
            continue
        customer, offset = key.decode(), head_of(record.value).offset
        if customer not in found or offset >= found[customer][0]:
            found[customer] = offset, kept_in(record.value).refs
    return {customer: refs for customer, (_, refs) in found.items() if refs}


async def refs_seen(topics: Topics) -> dict[bytes, Day]:
    """Return the references of all events that the inbox still holds, each with the day it came."""
    found: dict[bytes, Day] = {}
    async for record in topics.records(topics.names.inbox):
        try:
            decided = decode_record(record.value or b"")
        except msgspec.DecodeError:
            continue  # it was a dead letter
        for entry in decided.entries:
            if entry.customer == SHOP or entry.mark:
                continue
            try:
                signal = entry.decoded()
            except msgspec.DecodeError:
                continue
            if isinstance(signal, Happened):
                found.setdefault(event_ref(signal.event.source, signal.event.id), decided.at // DAY)
    return found
