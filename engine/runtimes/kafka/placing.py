"""Whether records stand where murmur2 of their customer says: the check that finds a foreign writer, or another hash.

Clients differ in how they choose a partition: Java, kafka-python and aiokafka by murmur2, librdkafka by CRC32 unless it is
told otherwise. A customer whose records stand in two partitions would have two records and two chains of sends.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec
from msgspec import Struct

from engine.runtimes.kafka.topic_names import TopicNames
from engine.runtimes.kafka.topics import TopicProblem
from engine.runtimes.kafka.values import split_key
from engine.runtimes.kafka.wire import SHOP, decode_record, partition_of

LOOKED_AT_EACH: Final = 50
"""How many of the last records of each partition are looked at."""

Key = bytes | None
Value = bytes | None


class Standing(Struct, frozen=True):
    """A record as it stands in a topic."""

    partition: int
    offset: int
    key: Key
    value: Value


def ours(names: TopicNames) -> dict[str, Callable[[Standing], Iterable[str]]]:
    """Return the topics that only winback writes, and how to tell which customers a record of each is about.

    The functions raise ValueError or msgspec.DecodeError where a record is none of ours.
    """
    return {names.inbox: _of_inbox, names.effects: _of_key, names.sends: _of_key, names.changelog: _of_changelog}


def misplaced(
    topic: str, records: Iterable[Standing], partitions: int, customers: Callable[[Standing], Iterable[str]]
) -> TopicProblem | None:
    """Return what is wrong with the places of some records of a topic, None where each stands where it must.

    The customers are not named: what is wrong with a topic goes to logs.
    """
    wrong: list[str] = []
    for record in records:
        try:
            right = {partition_of(customer, partitions) for customer in customers(record)}
        except (ValueError, msgspec.MsgspecError, struct.error):
            return _foreign(topic, record)
        wrong += [f"{record.partition}@{record.offset} (belongs on {each})" for each in right - {record.partition}]
    if not wrong:
        return None
    return TopicProblem(
        topic,
        "error",
        f"{len(wrong)} of the last records stand on another partition than murmur2 of their customer: {', '.join(wrong[:3])}",
        "stop whoever writes there beside winback (librdkafka hashes by CRC32 unless partitioner is murmur2_random); if"
        " the number of partitions was changed, take another kafka.prefix",
    )


def _foreign(topic: str, record: Standing) -> TopicProblem:
    return TopicProblem(
        topic,
        "error",
        f"the record {record.partition}@{record.offset} is none that winback wrote",
        "stop whoever writes there beside winback: events go to the topic of events, or to POST /events",
    )


def _of_key(record: Standing) -> Iterator[str]:
    if record.key is None:
        raise ValueError("no key")
    yield record.key.decode()


def _of_inbox(record: Standing) -> Iterator[str]:
    if record.value is None:
        raise ValueError("no value")
    return (entry.customer for entry in decode_record(record.value).entries if entry.customer != SHOP)


def _of_changelog(record: Standing) -> Iterator[str]:
    if record.key is None:
        raise ValueError("no key")
    _, key = split_key(record.key)
    if not key.startswith(b"\xff"):  # the partition's own state
        yield key.decode()
