"""Putting events of our own finding into `winback.events`, as the shop puts its own: CloudEvents, keyed by the customer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiokafka import AIOKafkaProducer

from engine.core.events import Event
from engine.core.reading import encode
from engine.runtimes.kafka.producing import Connection


async def put_events(connection: Connection, topic: str, events: Iterable[Event]) -> None:
    """Put events into the topic, those of a customer in their order, and return when all are there.

    Raises:
        aiokafka.errors.KafkaError: not all are there, or it is not known: put them again.

    """
    producer = AIOKafkaProducer(**connection, acks="all", enable_idempotence=True, compression_type="gzip", linger_ms=5)
    try:
        await producer.start()
        sent = [await producer.send(topic, encode(event), _key(event)) for event in events]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def _key(event: Event) -> bytes | None:
    """Return what keeps a customer's events in order: their id, else the address."""
    return (event.customer or event.email).encode() or None
