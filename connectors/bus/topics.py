"""A topic read from its beginning, or from near its end, to the end as it was when reading began: for tools, not for the engine.

By kafka-python, and as no member of a group: nothing is committed, so a topic may be read as often as one likes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import UnsupportedCodecError
from msgspec import Struct

POLL_MS: Final = 500
PATIENCE: Final = 60
"""Polls in a row that may bring nothing before a topic is given up: half a minute."""

_NEEDS: Final = {"snappy": "python-snappy", "lz4": "lz4", "zstd": "zstandard"}


class TopicError(Exception):
    """A topic cannot be read, or only in part; what could be read has been given before."""


class TopicRecord(Struct, frozen=True):
    """A record of a topic; `timestamp` is when it was written, in milliseconds."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    timestamp: int = 0


class Topic:
    """One topic: `with topic(options, name) as it: for record in it.records(): ...`."""

    def __init__(self, consumer: KafkaConsumer, name: str, told: Callable[[str], None]) -> None:
        self.name = name
        self._consumer, self._told = consumer, told
        self._places = [TopicPartition(name, number) for number in sorted(consumer.partitions_for_topic(name) or ())]
        if not self._places:
            raise TopicError(f"there is no topic {name}")
        consumer.assign(self._places)
        self._begins, self._ends = consumer.beginning_offsets(self._places), consumer.end_offsets(self._places)

    @property
    def offsets(self) -> int:
        """How many offsets lie between the beginning and the end: as many records, or some less (compaction, markers)."""
        return sum(self._ends[place] - self._begins[place] for place in self._places)

    def records(self, last: int | None = None) -> Iterator[TopicRecord]:
        """Yield the records up to the end as it was when the topic was opened: in order within each partition.

        Args:
            last: of each partition no more than these; left out, all.

        Raises:
            TopicError: they are compressed with what cannot be unpacked here, or no more come; the message says where.
            kafka.errors.KafkaError: the brokers refuse.

        """
        for place in self._places:
            begin = self._begins[place]
            self._consumer.seek(place, begin if last is None else max(begin, self._ends[place] - last))
        idle = 0
        while behind := self._behind():
            taken = self._polled()
            idle = 0 if taken else idle + 1
            if idle > PATIENCE:
                raise TopicError(f"no more records come; read up to {', '.join(behind)}")
            if idle and idle % 10 == 0:
                self._told(f"waiting for records of {self.name}: none for {idle * POLL_MS // 1000} s")
            for place, records in taken.items():
                for each in records:
                    if each.offset < self._ends[place]:
                        yield TopicRecord(
                            each.partition, each.offset, each.key, each.value, each.headers, each.timestamp
                        )

    def _behind(self) -> list[str]:
        """Return which partitions are not read to their end, and how far they are, as people write it."""
        return [
            f"{place.partition}@{at} of {self._ends[place]}"
            for place in self._places
            if (at := self._consumer.position(place)) < self._ends[place]
        ]

    def _polled(self) -> dict[TopicPartition, list[Any]]:
        try:
            polled: dict[TopicPartition, list[Any]] = self._consumer.poll(timeout_ms=POLL_MS)
        except UnsupportedCodecError as error:
            codec = next((name for name in _NEEDS if name in str(error)), "")
            needs = f": install {_NEEDS[codec]}" if codec else ""
            raise TopicError(
                f"its records are compressed with {codec or error}, which cannot be unpacked here{needs}"
            ) from None
        return polled


@contextmanager
def topic(options: Mapping[str, Any], name: str, *, told: Callable[[str], None] = lambda _: None) -> Iterator[Topic]:
    """Open a topic.

    Args:
        options: that connect a client of kafka-python.
        name: the topic's.
        told: hears what is waited for.

    Raises:
        TopicError: there is no such topic.
        kafka.errors.KafkaError: the brokers do not answer, or refuse.

    """
    # What was written in a transaction that was given up is nothing that happened.
    consumer = KafkaConsumer(
        **options,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    try:
        yield Topic(consumer, name, told)
    finally:
        consumer.close()
