"""What a worker writes to Kafka: batches, each appended whole or not at all, and in the order they were given.

It never sends anything anew by itself: the client repeats what was not answered, under a sequence number that lets the
broker leave out what it has. When that ends with an error the worker ends, and decides from the same place again. For a
batch of the changelog sent by a second producer could come in after the one that follows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.codec import has_zstd

MOST_BYTES: Final = 32 * 1024 * 1024
"""What a flush of one partition may weigh."""

PORTION_BYTES: Final = 768 * 1024
"""What goes to the other topics at once: their brokers take a megabyte, unless they are told otherwise."""

_WAITS_FOR: Final = 24 * 3600.0
"""Seconds that a batch waits for its partition's leader. The watchdog is less patient, and says more."""

Row = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]
"""Key, value and headers of a record."""


class TooMuch(Exception):
    """A flush does not fit into one batch."""


class Outbound:
    """One producer for everything. The partitions of a flush are written at the same time."""

    def __init__(self, connection: Mapping[str, Any], *, client_id: str) -> None:
        self._producer = AIOKafkaProducer(
            **connection,
            client_id=client_id,
            acks="all",
            enable_idempotence=True,
            # four times as fast as lz4, which aiokafka does at its highest level, and a sixth smaller
            compression_type="zstd" if has_zstd() else None,
            max_batch_size=MOST_BYTES,
            max_request_size=MOST_BYTES,
        )
        self._partitions: dict[str, int] = {}

    async def start(self) -> None:
        """Reach the brokers.

        Raises:
            aiokafka.errors.KafkaError: they cannot be reached.

        """
        # A batch that is given up while its partition has no leader has used up a sequence number, which ends the producer.
        self._producer._message_accumulator._batch_ttl = _WAITS_FOR  # noqa: SLF001 - aiokafka 0.14 has no other way
        await self._producer.start()

    async def stop(self) -> None:
        """Wait for what is under way, and let go of the brokers."""
        await self._producer.stop()

    async def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has."""
        if topic not in self._partitions:
            self._partitions[topic] = len(await self._producer.partitions_for(topic))
        return self._partitions[topic]

    async def append(self, topic: str, partition: int, rows: Iterable[Row]) -> int:
        """Write a batch; return the offset that follows it once all copies have it.

        Raises:
            TooMuch: it is larger than a batch may be.
            aiokafka.errors.KafkaError: it may be there or not.

        """
        batch = self._producer.create_batch()
        for key, value, headers in rows:
            if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                raise TooMuch(f"{topic}, partition {partition}: more than {MOST_BYTES:,} bytes at once")
        count: int = batch.record_count()
        batch.close()
        written = await (await self._producer.send_batch(batch, topic, partition=partition))
        return int(written.offset) + count

    async def append_all(self, topic: str, partition: int, rows: Sequence[Row]) -> None:
        """Write records in batches that any broker takes.

        Raises:
            aiokafka.errors.KafkaError: some may be there or not.

        """
        for portion in portions(rows):
            await self.append(topic, partition, portion)


def portions(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Yield the rows in portions of at most `PORTION_BYTES`; a larger record has one of its own."""
    begin = size = 0
    for at, row in enumerate(rows):
        weight = sum(len(each) for each in row[:2] if each) + sum(len(value) + 24 for _, value in row[2]) + 24
        if at > begin and size + weight > PORTION_BYTES:
            yield rows[begin:at]
            begin, size = at, 0
        size += weight
    if rows:
        yield rows[begin:]
