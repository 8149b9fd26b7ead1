"""A shop that moves in: its customers and its state into the changelog, before anything was ever decided here.

A worker finds them there as it finds what another worker left. They stand before the first record of the inbox, so whatever
comes counts; a customer's timers and runs are in the record, and go on where they were. The rejected way, a signal for each
customer in the inbox, would decide two million things in order to know what was decided already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from engine.core.customer import Customer
from engine.core.moments import Instant
from engine.core.shop import Shop
from engine.runtimes.kafka.outbound import PORTION_BYTES, Outbound, Row
from engine.runtimes.kafka.partition_store import value_of
from engine.runtimes.kafka.topic_names import TopicNames
from engine.runtimes.kafka.values import PLACE_KEY, SHOP_KEY, Reached, changelog_key, encode_body, pack
from engine.runtimes.kafka.wire import partition_of

BEFORE_ALL: Final = -1
"""The offset that everything was decided at: before the first record of the inbox."""

_GENERATION: Final = 0
"""No worker's: each draws one of its own."""


class NotEmptyError(Exception):
    """Something was written here before; the message says where."""


async def must_be_empty(connection: Mapping[str, Any], topics: TopicNames, partitions: Mapping[str, int]) -> None:
    """See to it that no part has ever run on these topics, which have so many partitions.

    Raises:
        NotEmptyError: one has.
        aiokafka.errors.KafkaError: the brokers cannot be asked.

    """
    consumer = AIOKafkaConsumer(**connection, group_id=None, enable_auto_commit=False)
    await consumer.start()
    try:
        for topic in (topics.inbox, topics.changelog, topics.effects, topics.sends, topics.rules):
            ends = await consumer.end_offsets([TopicPartition(topic, number) for number in range(partitions[topic])])
            if any(ends.values()):
                raise NotEmptyError(
                    f"{topic} holds records: a shop moves into topics that nothing was written to; take another"
                    " kafka.prefix, or delete the topics and make them anew (winback topics --create)"
                )
    finally:
        await consumer.stop()


async def move_in(
    connection: Mapping[str, Any],
    topics: TopicNames,
    customers: Iterable[tuple[Customer, bytes]],
    shops: Sequence[Shop],
    accepted: Instant,
) -> int:
    """Write customers, each with the references seen last, and what each partition begins with; return how many.

    The partitions' own state is written last, so that one that is there has all its customers.

    Raises:
        aiokafka.errors.KafkaError: some may be there or not: the topics must be made anew.

    """
    outbound = Outbound(connection, client_id="winback-import-state")
    await outbound.start()
    try:
        buckets: list[list[Row]] = [[] for _ in shops]
        sizes, count = [0] * len(shops), 0
        for record, refs in customers:
            number = partition_of(record.id, len(shops))
            value = value_of(record, refs, BEFORE_ALL)
            buckets[number].append((changelog_key(_GENERATION, record.id.encode()), value, []))
            sizes[number] += len(value)
            count += 1
            if sizes[number] > PORTION_BYTES:
                await outbound.append_all(topics.changelog, number, buckets[number])
                buckets[number], sizes[number] = [], 0
        for number, shop in enumerate(shops):
            own = {SHOP_KEY: encode_body(shop), PLACE_KEY: encode_body(Reached(accepted))}
            rows: list[Row] = [
                (changelog_key(_GENERATION, key), pack(None, BEFORE_ALL, body), []) for key, body in own.items()
            ]
            await outbound.append_all(topics.changelog, number, [*buckets[number], *rows])
        return count
    finally:
        await outbound.stop()
