"""Records into Kafka, whatever it takes: a batch is there, whole and in order, when `append` returns.

The producer is idempotent and waits for all copies, so a broker that is away, or moves its partitions, costs time and
nothing else: it tries on for as long as it takes. Some errors end a producer for good all the same (a broker that has
forgotten it, a batch that lay too long while nobody led its partition). Then another one takes its place and the batch is
sent again: it may be there twice, never not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
)

log = structlog.get_logger(__name__)

Connection = dict[str, Any]
"""What every Kafka client of ours needs to reach the brokers: bootstrap_servers, security_protocol and the like."""

MOST_BYTES: Final = 32 * 1024 * 1024
"""What a batch may weigh, as our topics are made to take it."""

_FOR_GOOD = (InvalidTopicError, TopicAuthorizationFailedError, SaslAuthenticationFailed)
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
_AGAIN_AFTER = 0.5  # seconds
_SENDS_ON = 24 * 3600.0  # a batch that waits this long for a leader is given up, and with it the producer

Row = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]
"""Key, value and headers of one record."""


class TooLargeError(ValueError):
    """The topic does not take a batch of this size."""


class ProducerStoppedError(RuntimeError):
    """The broker will not take our records, however often they are sent; the message says why."""


class Producing:
    """A producer that outlives its errors. `append` may be called by many at once, each for another partition."""

    def __init__(self, connection: Connection, *, client_id: str = "winback", compression: str | None = None) -> None:
        """`compression` is gzip, snappy, lz4 or zstd; all but gzip need the package cramjam."""
        self._make: Callable[[], AIOKafkaProducer] = lambda: AIOKafkaProducer(
            **connection,
            client_id=client_id,
            acks="all",
            enable_idempotence=True,
            compression_type=compression,
            max_batch_size=MOST_BYTES,
            max_request_size=MOST_BYTES,
            retry_backoff_ms=300,  # aiokafka logs several lines at each try, for as long as a broker is away
        )
        self._producer: AIOKafkaProducer | None = None
        self._renewing = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Reach the brokers.

        Raises:
            KafkaError: none of them answers, or they refuse us.

        """
        self._producer = await self._started()

    async def stop(self) -> None:
        """Wait for what is under way, and go."""
        if self._producer is not None:
            await self._producer.stop()
        await asyncio.gather(*self._closing)

    async def append(self, topic: str, partition: int, rows: Sequence[Row]) -> None:
        """Return when these records are in Kafka, in this order and next to each other.

        Raises:
            TooLargeError: they are more than the topic takes at once.
            ProducerStoppedError: there is no use in trying on.

        """
        while True:
            producer = self._producer
            assert producer is not None, "not started"
            try:
                batch = producer.create_batch()
                for key, value, headers in rows:
                    if batch.append(key=key, value=value, timestamp=None, headers=list(headers)) is None:
                        raise TooLargeError(f"more than {MOST_BYTES:,} bytes for {topic} at once")
                batch.close()
                await (await producer.send_batch(batch, topic, partition=partition))
            except _TOO_LARGE as error:
                raise TooLargeError(f"{topic} takes no record of this size: {error}") from None
            except _FOR_GOOD as error:
                raise ProducerStoppedError(f"{topic}: {type(error).__name__}: {error}") from error
            except KafkaError as error:
                log.warning("records did not get into Kafka, they are sent again", topic=topic, error=repr(error))
                await self._renew(producer)
            else:
                return

    async def _renew(self, failed: AIOKafkaProducer) -> None:
        """Take another producer in the place of one that has failed, unless somebody has done so meanwhile."""
        async with self._renewing:
            await asyncio.sleep(_AGAIN_AFTER)
            if self._producer is not failed:
                return
            while True:
                try:
                    self._producer = await self._started()
                    break
                except _FOR_GOOD as error:
                    raise ProducerStoppedError(f"{type(error).__name__}: {error}") from error
                except KafkaError:
                    await asyncio.sleep(_AGAIN_AFTER)
            closing = asyncio.create_task(_closed(failed))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def _started(self) -> AIOKafkaProducer:
        producer = self._make()
        # A batch that gets too old while its partition has no leader would take a sequence number and never be sent,
        # which ends the producer; the request timeout cannot be the measure of that age, so it gets one of its own.
        producer._message_accumulator._batch_ttl = _SENDS_ON  # noqa: SLF001 - aiokafka 0.14 has no other way
        try:
            await producer.start()
        except BaseException:
            await _closed(producer)
            raise
        return producer


async def _closed(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(10):
            await producer.stop()
    except (KafkaError, TimeoutError, OSError):
        return  # what it had is being sent by another
