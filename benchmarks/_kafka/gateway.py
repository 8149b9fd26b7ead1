"""Our gateway: single events of a topic into an inbox of its own, until all of them are durable there.

RULES is not looked at. FOLDER's name tells installations apart. With a seventh argument the topic holds the shop's own
JSON, mapped by the connectors.yaml of that path; with DSN in the environment identities are asked of that PostgreSQL.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import uvloop
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from connectors.bus import MappedTopic, Row, read_record
from engine.books.identity_service import IdentityService
from engine.books.postgres import Server
from engine.core.customer import Customer
from engine.core.moments import Instant
from engine.core.reading import Read, Reader
from engine.language.files import read_files
from engine.runtimes.kafka.gateway import Gateway, Topics
from engine.runtimes.kafka.identifying import IdentitiesInMemory
from engine.runtimes.kafka.sources import ReadRecord, SourceRecord

PARTITIONS = int(os.environ.get("PARTITIONS", "32"))


def reader(topic: str, mapping: str) -> ReadRecord:
    """Return how records of the topic are read."""
    read = Reader().read

    def cloud_event(record: SourceRecord, origin: str, now: Instant) -> Read:
        return read_record(record.value, record.headers, origin, now, read)

    if not mapping:
        return cloud_event
    mapped = MappedTopic(read_files({"connectors.yaml": Path(mapping).read_bytes()}).connectors[topic], read)

    def of_the_shop(record: SourceRecord, origin: str, now: Instant) -> Read:
        return mapped.read(Row(record.value, record.key, record.headers, record.timestamp), origin, now)

    return of_the_shop


async def nothing_listed(_: Sequence[str]) -> Mapping[str, Customer]:
    """No address is on a list."""
    return {}


async def take_in(brokers: str, topic: str, count: int, folder: str, mapping: str) -> None:
    """Take in so many events, and say how long that took."""
    connection = {"bootstrap_servers": brokers}
    prefix = Path(folder).name
    admin = AIOKafkaAdminClient(**connection)
    await admin.start()
    await admin.create_topics([NewTopic(f"{prefix}.inbox", PARTITIONS, 1), NewTopic(f"{prefix}.letters", 1, 1)])
    await admin.close()
    dsn = os.environ.get("DSN", "")
    identities = IdentityService(Server(dsn)) if dsn else IdentitiesInMemory()
    gateway = Gateway(
        connection,
        Topics(f"{prefix}.inbox", PARTITIONS, f"{prefix}.letters", prefix),
        {topic: reader(topic, mapping)},
        identities,
        nothing_listed,
        b"k" * 32,
        lambda: time.time_ns() // 1_000,
    )
    await gateway.start()
    while not gateway.figures().read:  # noqa: ASYNC110 - figures are looked at, as a watchdog does
        await asyncio.sleep(0.001)
    began, spent = time.perf_counter(), time.process_time()
    while gateway.figures().durable < count:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.002)
    took, worked = time.perf_counter() - began, time.process_time() - spent
    figures = gateway.figures()
    assert figures.letters == 0, "the sample holds no bad line"
    print(json.dumps({"seconds": took, "events": count, "sends": 0, "processor": worked}))
    await gateway.stop()


if __name__ == "__main__":
    uvloop.run(take_in(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[5], (*sys.argv, "")[6]))
