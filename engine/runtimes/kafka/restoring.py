"""Restores: a partition's table, read back from its changelog into a shelf.

Faust has a reader of its own for this. It takes every record through its queues one by one, goes on after a record that it
could not apply, and knows four ways of waiting for ever. This one reads in portions, with any number of partitions at a time,
and ends with an exception where it does not end with everything.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import Struct

from engine.runtimes.kafka.shelf import ChangelogEntry, Shelf

_AT_ONCE: Final = 2_000  # records between two looks at what else there is to do
_PATIENCE_MS: Final = 1_000
_FETCH_BYTES: Final = 4 * 1024 * 1024


class CannotRestore(Exception):
    """What the changelog or the inbox holds cannot be gone on from; the message says where and why."""


class Ends(Struct, frozen=True):
    """The first and the next offset of a partition of the inbox, as of the restore."""

    first: int
    following: int


async def restore(
    connection: Mapping[str, Any],
    changelog: str,
    inbox: str,
    shelves: Mapping[int, Shelf],
    *,
    progress: Callable[[int], None],
) -> dict[int, Ends]:
    """Read what the shelves have not yet of their partitions' changelog; return what the inbox holds of each.

    Args:
        connection: what reaches the brokers.
        changelog: the topic of the table.
        inbox: the topic decided from; its ends are read after the partitions have been taken over.
        shelves: one for each partition.
        progress: hears how many records were read since it was called last.

    Raises:
        CannotRestore: an entry is none of ours, or the changelog is not the one the shelf was read from.
        aiokafka.errors.KafkaError: the brokers cannot be asked.

    """
    consumer = AIOKafkaConsumer(
        **connection, group_id=None, enable_auto_commit=False, max_partition_fetch_bytes=_FETCH_BYTES
    )
    await consumer.start()
    try:
        ends = await _ends(consumer, inbox, shelves)
        await _read(consumer, changelog, shelves, progress)
    finally:
        await consumer.stop()
    return ends


async def _ends(consumer: AIOKafkaConsumer, inbox: str, shelves: Mapping[int, Shelf]) -> dict[int, Ends]:
    places = [TopicPartition(inbox, number) for number in shelves]
    first, following = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    return {place.partition: Ends(first[place], following[place]) for place in places}


async def _read(
    consumer: AIOKafkaConsumer, changelog: str, shelves: Mapping[int, Shelf], progress: Callable[[int], None]
) -> None:
    left = {TopicPartition(changelog, number): shelf for number, shelf in shelves.items()}
    consumer.assign(list(left))
    first, ends = await consumer.beginning_offsets(list(left)), await consumer.end_offsets(list(left))
    for place, shelf in left.items():
        at = shelf.read_from()
        if at > ends[place]:
            raise CannotRestore(
                f"partition {place.partition} of {changelog} ends at {ends[place]}, and this worker's disk has read it up to"
                f" {at}: the topic is another one; remove the worker's folder if that is meant"
            )
        consumer.seek(place, max(at, first[place]))
    left = {place: shelf for place, shelf in left.items() if max(shelf.read_from(), first[place]) < ends[place]}
    while left:
        found = await consumer.getmany(*left, timeout_ms=_PATIENCE_MS, max_records=_AT_ONCE)
        for place, records in found.items():
            try:
                entries = [(each.key, each.value) for each in records]
                await write_meanwhile(left[place].restore, entries, records[-1].offset + 1)
            except (ValueError, TypeError, struct.error) as error:
                where = f"{changelog}, partition {place.partition}, offsets {records[0].offset} to {records[-1].offset}"
                raise CannotRestore(f"{where}: {error}: nobody but our workers may write there") from error
            progress(len(records))
        # A position moves past what compaction has taken away; the offset of the last record does not.
        left = {place: shelf for place, shelf in left.items() if await consumer.position(place) < ends[place]}


async def write_meanwhile(
    write: Callable[[list[ChangelogEntry], int], None], entries: list[ChangelogEntry], upto: int
) -> None:
    """Write to a shelf while the loop turns: a disk may take seconds over a write, in which the group must hear of us.

    Who is cancelled meanwhile waits for its end; nobody closes a shelf under it.
    """
    writing = asyncio.ensure_future(asyncio.to_thread(write, entries, upto))
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait([writing])
        raise
