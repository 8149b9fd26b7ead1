"""A gateway on a real broker: topics of a test, a gateway in this process or in one of its own, and what came out.

`python -m tests.gateway_harness BOOTSTRAP PREFIX SOURCE,... [POSTGRES]` runs one until it is killed.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from msgspec import Struct

from connectors.bus import read_record
from connectors.bus.binding import is_tombstone
from engine.books.identity_service import IdentityService
from engine.books.postgres import Server
from engine.core.customer import Customer
from engine.core.events import DeadLetter
from engine.core.moments import Instant
from engine.core.reading import Read, Reader
from engine.runtimes.kafka.gateway import Gateway, Topics
from engine.runtimes.kafka.identifying import Identities, IdentitiesInMemory
from engine.runtimes.kafka.letters import decode_letter
from engine.runtimes.kafka.sources import Headers, SourceRecord
from engine.runtimes.kafka.wire import Entry, Record, decode_record

KEY = b"k" * 32
PARTITIONS = 8


class Bus(Struct):
    """The topics of one test."""

    bootstrap: str
    prefix: str
    partitions: int = PARTITIONS

    @property
    def names(self) -> Topics:
        """What a gateway writes."""
        return Topics(f"{self.prefix}.inbox", self.partitions, f"{self.prefix}.dead-letters", f"{self.prefix}-gateway")

    async def make(
        self, sources: Mapping[str, int], *, ours: bool = True, settings: Mapping[str, str] | None = None
    ) -> None:
        """Make topics: `sources` with their partitions, and those that a gateway writes."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            large = {"max.message.bytes": "33554432", **(settings or {})}
            wanted = {self.names.inbox: self.partitions, self.names.dead_letters: 1} if ours else {}
            wanted |= sources
            await admin.create_topics([NewTopic(name, count, 1, topic_configs=large) for name, count in wanted.items()])
        finally:
            await admin.close()

    @asynccontextmanager
    async def producer(self, **options: object) -> AsyncIterator[AIOKafkaProducer]:
        """Write as the shop does."""
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, max_request_size=32 * 1024 * 1024, **options)
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def fill(self, topic: str, rows: Sequence[tuple[int, bytes | None]], **options: object) -> None:
        """Put values into partitions of a topic, in order."""
        async with self.producer(**options) as producer:
            for partition, value in rows:
                await producer.send(topic, value=value, key=b"k" if value is None else None, partition=partition)

    async def read(self, topic: str, partitions: int) -> list[list[tuple[bytes, Headers]]]:
        """Return the values and headers of each partition, as of now."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, max_partition_fetch_bytes=33554432)
        await consumer.start()
        try:
            places = [TopicPartition(topic, number) for number in range(partitions)]
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            ends = await consumer.end_offsets(places)
            found: list[list[tuple[bytes, Headers]]] = [[] for _ in places]
            while any([await consumer.position(place) < ends[place] for place in places]):
                for place, records in (await consumer.getmany(timeout_ms=200)).items():
                    found[place.partition] += [(record.value, record.headers) for record in records]
            return found
        finally:
            await consumer.stop()

    async def inbox(self) -> list[list[Record]]:
        """Return the records of each partition of the inbox."""
        found = await self.read(self.names.inbox, self.partitions)
        return [[decode_record(value) for value, _ in records] for records in found]

    async def entries(self) -> list[list[Entry]]:
        """Return the entries of each partition of the inbox, in order."""
        return [[entry for record in records for entry in record.entries] for records in await self.inbox()]

    async def letters(self) -> list[DeadLetter]:
        """Return the dead letters."""
        ((*found,),) = await self.read(self.names.dead_letters, 1)
        return [decode_letter(value, headers)[0] for value, headers in found]

    async def wait_for(self, entries: int, within: float = 60.0) -> list[list[Entry]]:
        """Return the entries of each partition when there are so many, or more."""
        deadline = time.monotonic() + within
        while True:
            try:
                found = await self.entries()
            except KafkaError:
                found = []
            if sum(map(len, found)) >= entries:
                return found
            assert time.monotonic() < deadline, f"{sum(map(len, found))} of {entries} entries within {within:.0f} s"
            await asyncio.sleep(0.1)

    def gateway(self, sources: Sequence[str], identities: Identities | None = None) -> Gateway:
        """Return a gateway in this process, not started yet."""
        reader = Reader()

        def read(record: SourceRecord, origin: str, now: Instant) -> Read:
            if is_tombstone(record.value, record.headers):
                return Read()
            return read_record(record.value, record.headers, origin, now, reader.read)

        connection = {"bootstrap_servers": self.bootstrap}
        readers = dict.fromkeys(sources, read)
        identities = identities or IdentitiesInMemory()
        return Gateway(connection, self.names, readers, identities, nothing_listed, KEY, present)

    def process(self, sources: Sequence[str], postgres: str = "") -> subprocess.Popen[bytes]:
        """Return a gateway in a process of its own."""
        command = [
            sys.executable,
            "-m",
            "tests.gateway_harness",
            self.bootstrap,
            self.prefix,
            ",".join(sources),
            postgres,
        ]
        return subprocess.Popen(command)


async def nothing_listed(_: Sequence[str]) -> Mapping[str, Customer]:
    """No address is on a list of suppressions."""
    return {}


def present() -> Instant:
    """The time of day: a real broker has a real clock."""
    return time.time_ns() // 1_000  # noqa: TID251 - processes of a test on a real broker run in real time


async def _main(bootstrap: str, prefix: str, sources: str, postgres: str) -> None:
    identities = IdentityService(Server(postgres)) if postgres else None
    gateway = Bus(bootstrap, prefix).gateway(sources.split(","), identities)
    await gateway.start()
    await gateway.ended()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
