"""What a sender is tested with: topics, released sends as a worker writes them, and what it told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from engine.books.journal import decode_signal
from engine.core.effects import SEND_REQUESTED, Effect
from engine.core.moments import Instant
from engine.core.shop import Shop
from engine.core.signals import Handed
from engine.runtimes.kafka.administration import administration
from engine.runtimes.kafka.brokers import Brokers
from engine.runtimes.kafka.effect_records import encode_effect
from engine.runtimes.kafka.topic_names import TopicNames
from engine.runtimes.kafka.topics import demands
from engine.runtimes.kafka.wire import Place, partition_of
from engine.runtimes.kafka.words import Told, decode_word, kind_in

PARTITIONS = 2
LIVE = Shop(live_since=1, gone_live=True)


def make_topics(bootstrap: str, prefix: str) -> TopicNames:
    """Make the topics of an installation as `winback topics --create` does: a part begins over nothing less."""
    names = TopicNames.of(prefix)
    with administration(Brokers(addresses=(bootstrap,))) as it:
        it.create(demands(names, PARTITIONS), copies=1)
    return names


def send(number: int, now: Instant, **changes: Any) -> Effect:
    """Return a released send, complete as its worker composes it."""
    customer = f"c{number}"
    data = {
        "purpose": "service",
        "customer": {"id": customer, "email": f"{customer}@d.example"},
        "template": "hello",
        "workflow": "greet",
        "subject": f"Hello {number}",
        "text": "Thank you.\n",
        "html": "",
        "headers": {"Auto-Submitted": "auto-generated"},
        "message_id": f"<e{number}@shop.example>",
        **changes,
    }
    return Effect(SEND_REQUESTED, now, customer, f"e{number}", data)


async def release(
    bootstrap: str, topic: str, sends: Iterable[Effect], *, offset: int = 0, shop: Shop = LIVE, times: int = 1
) -> None:
    """Write sends as workers do: each at a place of its own, key and partition those of the customer."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        for _ in range(times):
            for number, effect in enumerate(sends):
                place = Place(partition_of(effect.customer, PARTITIONS), offset + number, 0)
                value, headers = encode_effect(effect, place, shop)
                await producer.send(topic, value, effect.customer.encode(), place.partition, headers=headers)
        await producer.flush()
    finally:
        await producer.stop()


async def told(bootstrap: str, topic: str) -> list[tuple[str, bytes, Handed]]:
    """Return what was told so far of how sends ended: customer, mark and signal, of each partition in order."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    found: list[tuple[str, bytes, Handed]] = []
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    if kind_in(record.headers) is None:
                        continue
                    word = decode_word(record.value, record.headers)
                    assert isinstance(word, Told)
                    signal = decode_signal(word.signal)
                    assert isinstance(signal, Handed)
                    found.append((word.customer, word.mark, signal))
    finally:
        await consumer.stop()
    return found
