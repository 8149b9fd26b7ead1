"""Reading a topic to its end as it was: gaps, stalls and what comes meanwhile, with a client that follows a script."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from kafka import TopicPartition
from kafka.errors import UnsupportedCodecError

from connectors.bus.topics import PATIENCE, Topic, TopicError


class Given(NamedTuple):
    """A record as the client gives it."""

    partition: int
    offset: int
    key: bytes | None = None
    value: bytes | None = b"{}"
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = 0


@dataclass
class Client:
    """A client of one topic of two partitions: each poll gives what the script says, and goes as far."""

    script: list[list[Given] | Exception]
    begins: tuple[int, int] = (0, 0)
    ends: tuple[int, int] = (3, 0)
    gaps: dict[int, int] = field(default_factory=dict)
    positions: dict[TopicPartition, int] = field(default_factory=dict)
    polls: int = 0

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """The partitions of a topic; None where there is none."""
        return {0, 1} if topic == "orders" else None

    def assign(self, places: Iterable[TopicPartition]) -> None:
        """Take partitions."""
        self.positions = dict.fromkeys(places, 0)

    def beginning_offsets(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Where partitions begin."""
        return {place: self.begins[place.partition] for place in places}

    def end_offsets(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Where partitions end."""
        return {place: self.ends[place.partition] for place in places}

    def seek(self, place: TopicPartition, offset: int) -> None:
        """Go to an offset."""
        self.positions[place] = offset

    def position(self, place: TopicPartition) -> int:
        """The offset that is read next."""
        return self.positions[place]

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        """Give what comes next."""
        assert timeout_ms > 0
        self.polls += 1
        step = self.script.pop(0) if self.script else []
        if isinstance(step, Exception):
            raise step
        found: dict[TopicPartition, list[Any]] = {}
        for each in step:
            place = TopicPartition("orders", each.partition)
            found.setdefault(place, []).append(each)
            self.positions[place] = self.gaps.get(each.offset, each.offset + 1)
        return found


def read(client: Client, last: int | None = None, told: list[str] | None = None) -> list[tuple[int, int]]:
    """Read the topic; return place and offset of each record."""
    topic = Topic(client, "orders", (told if told is not None else []).append)
    return [(each.partition, each.offset) for each in topic.records(last)]


def test_a_topic_is_read_to_its_end_as_it_was() -> None:
    """What is appended while it is read is left out, even when it comes in one piece with what was there."""
    client = Client([[Given(0, 0), Given(1, 0)], [Given(0, 1), Given(0, 2), Given(0, 3)]], ends=(3, 1))

    assert read(client) == [(0, 0), (1, 0), (0, 1), (0, 2)]


def test_gaps_are_passed_over() -> None:
    """Compaction and the markers of transactions leave offsets without records, at the very end too."""
    client = Client([[Given(0, 4)]], begins=(4, 0), ends=(9, 0), gaps={4: 9})

    assert read(client) == [(0, 4)]


def test_the_last_records_are_counted_by_partition() -> None:
    """With `last` each partition is read from so many offsets before its end, from its beginning if it is shorter."""
    client = Client([], begins=(0, 6), ends=(10, 8))
    topic = Topic(client, "orders", list[str]().append)

    iterator = topic.records(last=3)
    with pytest.raises(TopicError):
        next(iterator)

    assert client.positions == {TopicPartition("orders", 0): 7, TopicPartition("orders", 1): 6}


def test_an_empty_topic_is_not_waited_for() -> None:
    """Where nothing is, nothing is asked for."""
    client = Client([], ends=(0, 0))

    assert read(client) == []
    assert client.polls == 0


def test_a_topic_that_stalls_is_given_up_with_its_place() -> None:
    """When no more comes it is said after a while, and in the end that and how far it was read; what came was given."""
    client, told = Client([[Given(0, 0)]]), list[str]()

    with pytest.raises(TopicError, match=r"no more records come; read up to 0@1 of 3"):
        read(client, told=told)

    assert client.polls == PATIENCE + 2
    assert told[0] == "waiting for records of orders: none for 5 s"


@pytest.mark.parametrize(("codec", "package"), [("zstd", "zstandard"), ("lz4", "lz4"), ("snappy", "python-snappy")])
def test_a_codec_that_cannot_be_unpacked_is_named(codec: str, package: str) -> None:
    """The message names the codec and the package that is missing."""
    client = Client([UnsupportedCodecError(f"Libraries for {codec} compression codec not found")])

    with pytest.raises(TopicError, match=f"compressed with {codec}, which cannot be unpacked here: install {package}"):
        read(client)


def test_a_topic_that_is_not_there_is_said() -> None:
    """There is no silent empty history of a topic that nobody has."""
    with pytest.raises(TopicError, match="there is no topic ordres"):
        Topic(Client([]), "ordres", list[str]().append)
