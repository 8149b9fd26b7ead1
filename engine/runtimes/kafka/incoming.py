"""Sends on their way in: from `winback.sends` into the outbox, each once.

How far each partition was taken in is kept in the transaction that fills the outbox, with the place of the last send: what a
worker decides anew after a crash has no later place than that. The partitions are assigned by hand, since only the process
that holds the sender's lock reads them; so it need not wait until Kafka has noticed that the one before it is dead.
Offsets are committed as well, for whoever looks at the lag of the group.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from engine.books import handover, positions
from engine.books.handover import number_of
from engine.books.positions import Position, Source
from engine.books.store import SqlStore
from engine.core.effects import SEND_REQUESTED, Effect
from engine.core.events import DeadLetter
from engine.core.moments import Instant
from engine.runtimes.kafka.effect_records import decode_effect
from engine.runtimes.kafka.projecting import Consumed
from engine.runtimes.kafka.transactions import Transactions
from engine.runtimes.kafka.wire import PLACE_HEADER, Place, place_of

MOST: Final = 500
"""Records taken in with one transaction."""

WAIT_MS: Final = 500

log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode


class Incoming:
    """Takes in sends, until it is cancelled. `on_new` hears when there are some."""

    def __init__(
        self, consumer: AIOKafkaConsumer, topic: str, partitions: int, books: Transactions, on_new: Callable[[], None]
    ) -> None:
        self._consumer, self._books, self._on_new = consumer, books, on_new
        self._topic, self._partitions = topic, partitions

    async def run(self) -> None:
        """Take in sends.

        Raises:
            DatabaseError: the books cannot be used any more.
            aiokafka.errors.KafkaError: the brokers cannot be used.

        """
        await self._go_on_where_the_books_are()
        while True:
            found = await self._consumer.getmany(timeout_ms=WAIT_MS, max_records=MOST)
            records = [record for each in found.values() for record in each]
            if records and await self._take_in(records):
                self._on_new()

    async def _go_on_where_the_books_are(self) -> None:
        places = [TopicPartition(self._topic, partition) for partition in range(self._partitions)]
        self._consumer.assign(places)
        known = await self._books.ask(lambda store, _: positions.positions(store.connection))
        for place in places:
            position = known.get((place.topic, place.partition))
            if position is not None:
                self._consumer.seek(place, position.offset)

    async def _take_in(self, records: Sequence[Consumed]) -> int:
        new = await self._books.ask(lambda store, now: take_in(store, records, now))
        await self._consumer.commit()
        return new


def take_in(store: SqlStore, records: Sequence[Consumed], now: Instant) -> int:
    """Put what records of `winback.sends` hold into the outbox; return how many sends were new."""
    known = positions.positions(store.connection)
    moved: dict[Source, Position] = {}
    sends: list[tuple[int, Effect, str]] = []
    for record in records:
        source = (record.topic, record.partition)
        position = moved.get(source) or known.get(source) or Position()
        if record.offset < position.offset:
            continue
        place, send = position.place, _send_in(store, record, now)
        if send is not None and (send[0].offset, send[0].index) > place:
            place = (send[0].offset, send[0].index)
            if send[1].type == SEND_REQUESTED and not send[1].shadow:
                sends.append((number_of(*place), send[1], _encode(send[1].data).decode()))
        moved[source] = Position(record.offset + 1, place)
    handover.release(store.connection, sends)
    positions.move(store.connection, moved)
    return len(sends)


def _send_in(store: SqlStore, record: Consumed, now: Instant) -> tuple[Place, Effect] | None:
    """Return the place and the send of a record; what no worker of ours wrote is kept among the dead letters."""
    try:
        return place_of(dict(record.headers)[PLACE_HEADER]), decode_effect(record.value or b"", record.headers)
    except (KeyError, ValueError, struct.error, msgspec.MsgspecError) as error:
        origin = f"{record.topic}/{record.partition}/{record.offset}"
        log.warning("a record is no send of ours", origin=origin)
        reason = f"no send of ours ({type(error).__name__}): only workers write to this topic"
        store.bury(DeadLetter(record.value or b"", reason, origin), now)
        return None
