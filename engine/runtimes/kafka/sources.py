"""Reading source topics: each partition by one task, in order, and committed when what came from it is durable.

A gateway that dies has what it had in hand read again by the next one: at least once. While one piece of a partition must
wait (for PostgreSQL, for a broker that is away), so does the rest of that partition, and nothing else: its records stay in
Kafka, since no more of them are fetched.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from msgspec import Struct

from engine.core.events import DeadLetter
from engine.core.moments import Instant
from engine.core.reading import Read
from engine.runtimes.kafka.producing import Connection
from engine.runtimes.kafka.taking import Given, Piece, Taking
from engine.runtimes.kafka.words import NoWordError, decode_word, kind_in

log = structlog.get_logger(__name__)

Headers = Sequence[tuple[str, bytes]]


class SourceRecord(Protocol):
    """A record of a source topic. Without a value it is a tombstone, or an event without data."""

    @property
    def value(self) -> bytes | None:
        """What it says."""
        ...

    @property
    def key(self) -> bytes | None:
        """Its key."""
        ...

    @property
    def headers(self) -> Headers:
        """What stands beside the value."""
        ...

    @property
    def timestamp(self) -> int:
        """When it was written, in milliseconds since 1970."""
        ...


ReadRecord = Callable[[SourceRecord, str, Instant], Read]
"""Reads a record: with its origin, and now. Neither an event nor a dead letter: it is not for us."""

PARCEL: Final = 500
"""Records of a partition that are taken in at a time."""

MOST_PARCELS: Final = 20
"""Parcels of a partition that may be under way; more are not read until the first of them is durable."""

COMMIT_EVERY: Final = 1.0
"""Seconds between two commits."""

_WAIT_TO_HAND_OVER = 5.0  # seconds that a partition's parcels have to become durable when another gateway takes it over
_A_DAY_MS = 24 * 3600 * 1000


class SourcesFailedError(RuntimeError):
    """A source topic cannot be read on; the message says which and why."""


class Figures(Struct):
    """What has been read since the process began."""

    records: int = 0
    tombstones: int = 0
    skipped: int = 0
    commits: int = 0


class _Parcel(Struct):
    next_offset: int
    given: Given


class Sources(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """Reads topics as a member of a group, so that several gateways share their partitions."""

    def __init__(
        self,
        connection: Connection,
        group: str,
        readers: Mapping[str, ReadRecord],
        taking: Taking,
        now: Callable[[], Instant],
        *,
        session_timeout: float = 10.0,
        client_id: str = "winback-gateway",
    ) -> None:
        """`readers` says for each topic how its records are read; words of ours are known by their headers on any."""
        self._readers, self._taking, self._now = readers, taking, now
        self._consumer = AIOKafkaConsumer(
            **connection,
            group_id=group,
            client_id=client_id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(session_timeout * 1000),
            heartbeat_interval_ms=int(session_timeout * 300),
            max_poll_interval_ms=_A_DAY_MS,  # a partition that waits for PostgreSQL is no dead member
            max_partition_fetch_bytes=4 * 1024 * 1024,
            retry_backoff_ms=300,
            fetch_max_wait_ms=100,  # one request a broker at a time: an empty partition would keep the full ones waiting
            isolation_level="read_committed",
            metadata_max_age_ms=30_000,  # a topic that is made later is noticed so soon
        )
        self._tasks: dict[TopicPartition, asyncio.Task[None]] = {}
        self._under_way: dict[TopicPartition, deque[_Parcel]] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._committing: asyncio.Task[None] | None = None
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.figures = Figures()

    async def start(self) -> None:
        """Join the group and begin to read.

        Raises:
            KafkaError: no broker answers, or they refuse us.

        """
        self._consumer.subscribe(sorted(self._readers), listener=self)
        await self._consumer.start()
        missing = [topic for topic in self._readers if not self._consumer.partitions_for_topic(topic)]
        if missing:
            log.warning("topics that are to be read are not there: they are read once they are", topics=missing)
        self._committing = asyncio.create_task(self._commit_now_and_then())

    async def stop(self) -> None:
        """Read no more, commit what is durable, and leave the group."""
        if self._committing is not None:
            self._committing.cancel()
        await self._let_go(list(self._tasks))
        try:
            await self._consumer.stop()
        except KafkaError as error:
            log.warning("the group was left without a word", error=repr(error))

    async def ended(self) -> None:
        """Wait until a source cannot be read on.

        Raises:
            SourcesFailedError: it came to that.
            ProducerStoppedError: or the inbox takes no more.

        """
        await asyncio.shield(self._failed)

    def lags(self) -> dict[tuple[str, int], int]:
        """Return how many records each partition of ours has that are not taken in for good, where any were read."""
        known = ((tp, self._consumer.highwater(tp), self._committed.get(tp)) for tp in self._tasks)
        return {(tp.topic, tp.partition): end - at for tp, end, at in known if end is not None and at is not None}

    # The group's changes ---------------------------------------------------------------------------------------------

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Begin to read partitions."""
        for tp in assigned:
            self._under_way[tp] = deque()
            self._tasks[tp] = asyncio.create_task(self._follow(tp), name=f"{tp.topic}/{tp.partition}")
            self._tasks[tp].add_done_callback(self._ended)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Stop reading partitions; others go on from what is committed here."""
        await self._let_go(list(revoked))

    async def _let_go(self, partitions: Sequence[TopicPartition]) -> None:
        tasks = [task for tp in partitions if (task := self._tasks.pop(tp, None)) is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        waiting = [
            asyncio.ensure_future(each.given.durable()) for tp in partitions for each in self._under_way.get(tp, ())
        ]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=_WAIT_TO_HAND_OVER)
            for each in late:
                each.cancel()
        await self._commit()
        for tp in partitions:
            self._under_way.pop(tp, None)
            self._committed.pop(tp, None)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self._failed.done():
            self._failed.set_exception(error)

    # Reading ---------------------------------------------------------------------------------------------------------

    async def _follow(self, tp: TopicPartition) -> None:
        """Read a partition for as long as it is ours."""
        read = self._readers[tp.topic]
        under_way = self._under_way[tp]
        while True:
            records = await self._next(tp)
            if not records:
                continue
            self._committed.setdefault(tp, records[0].offset)
            pieces, origins = self._pieces(tp, records, read)
            given = await self._taking.take(pieces, origins)
            under_way.append(_Parcel(records[-1].offset + 1, given))
            if len(under_way) > MOST_PARCELS:
                await under_way[0].given.durable()

    async def _next(self, tp: TopicPartition) -> Sequence[Any]:
        try:
            records: Sequence[Any] = (await self._consumer.getmany(tp, timeout_ms=1000, max_records=PARCEL)).get(tp, ())
        except (KafkaError, NotImplementedError) as error:
            if getattr(error, "retriable", False):
                log.warning("a partition could not be read, it is tried again", topic=tp.topic, error=repr(error))
                await asyncio.sleep(0.5)
                return ()
            raise SourcesFailedError(f"{tp.topic}/{tp.partition} cannot be read: {_in_words(error)}") from error
        return records

    def _pieces(self, tp: TopicPartition, records: Sequence[Any], read: ReadRecord) -> tuple[list[Piece], list[str]]:
        pieces: list[Piece] = []
        origins: list[str] = []
        begin, now = f"{tp.topic}/{tp.partition}/", self._now()
        for record in records:
            origin = f"{begin}{record.offset}"
            before = len(pieces)
            if record.headers and kind_in(record.headers) is not None:
                pieces.append(_word(record.value, record.headers, origin))
            else:
                found = _read(read, record, origin, now)
                pieces += [piece for piece in (found.event, found.dead) if piece is not None]
            added = len(pieces) - before
            self.figures.tombstones += not added and record.value is None
            self.figures.skipped += not added and record.value is not None
            origins += [origin] * added
        self.figures.records += len(records)
        return pieces, origins

    # Commits ---------------------------------------------------------------------------------------------------------

    async def _commit_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_EVERY)
            await self._commit()

    async def _commit(self) -> None:
        """Commit what is durable; where that fails it is done next time, or whoever has the partition reads it again."""
        offsets = {}
        for tp, under_way in self._under_way.items():
            while under_way and all(each.done() for each in under_way[0].given.waits):
                if any(each.cancelled() or each.exception() for each in under_way[0].given.waits):
                    break
                offsets[tp] = under_way.popleft().next_offset
        self._committed |= offsets
        offsets = {tp: offset for tp, offset in self._committed.items() if tp in self._under_way}
        if not offsets or offsets == self._last_commit:
            return
        try:
            await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError, KafkaError) as error:
            log.warning("offsets were not committed; what is read again changes nothing", error=repr(error))
        else:
            self._last_commit = offsets
            self.figures.commits += 1

    _last_commit: dict[TopicPartition, int] | None = None


def _word(value: bytes | None, headers: Headers, origin: str) -> Piece:
    try:
        return decode_word(value or b"", headers)
    except NoWordError as error:
        return DeadLetter(value or b"", str(error), origin)


def _read(read: ReadRecord, record: SourceRecord, origin: str, now: Instant) -> Read:
    try:
        return read(record, origin, now)
    except Exception as error:  # noqa: BLE001 - poison is not an outage: one record is set aside, the rest goes on
        return Read(None, DeadLetter(record.value or b"", f"reading it failed: {type(error).__name__}", origin))


def _in_words(error: Exception) -> str:
    if isinstance(error, NotImplementedError) or type(error).__name__ == "UnsupportedCodecError":
        return "its records are compressed in a way that needs the package cramjam: install winback[kafka] anew"
    return f"{type(error).__name__}: {error}"
