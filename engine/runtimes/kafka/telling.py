"""What the sender tells the engine: how sends ended, and what mail servers said of addresses.

The embedded relay decides about an ending in the transaction that puts it on record. Here the record lives with a worker, so
that transaction writes a word instead, and the word is told through `winback.results` until Kafka has it. It may be told
twice; its mark, or an event's id, says so.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from hashlib import blake2b

from aiokafka import AIOKafkaProducer

from engine.books import handover
from engine.books.connection import Connection
from engine.books.handover import ToTell
from engine.books.store import SqlStore
from engine.core.events import Event
from engine.core.moments import Instant
from engine.core.reading import encode
from engine.core.signals import Handed, TurnedAway
from engine.ports import Store
from engine.runtimes.kafka.transactions import Transactions
from engine.runtimes.kafka.words import KIND_HEADER, encode_word, told

PAGE = 500
"""Words in hand at a time."""

POLL = 0.25  # seconds of real time between looks at what is to be told, when nobody says there is something

EVENT_HEADERS = [("content-type", b"application/cloudevents+json")]


class Teller:
    """Decides nothing: it notes what is to be told, in the transaction it is given."""

    def decide(self, store: Store, customer_id: str, signal: Handed, now: Instant) -> None:
        """Note how a send ended."""
        value, headers = encode_word(told(customer_id, signal, mark=mark_of_ending(signal, now)))
        handover.tell(_connection(store), customer_id, dict(headers)[KIND_HEADER].decode(), value)

    def take(self, store: Store, event: Event, accepted: Instant, origin: str = "") -> None:  # noqa: ARG002 - the face of Handling
        """Note an event; it comes to the engine as those of the shop's mail service do."""
        handover.tell(_connection(store), event.customer, "", encode(event))

    def look_if_moved(self, store: Store, customer_id: str, now: Instant) -> None:
        """Do nothing: whether a run was moved is seen in the customer's record, once the books have it."""

    def turned_away(self, store: Store, customer_id: str, signal: TurnedAway, now: Instant) -> None:
        """Note that a server put off a customer's mail for what it thinks of us: their partition counts it for the ramp."""
        mark = blake2b(f"turned away\0{signal.effect_id}\0{now}".encode(), digest_size=8).digest()
        value, headers = encode_word(told(customer_id, signal, mark=mark))
        handover.tell(_connection(store), customer_id, dict(headers)[KIND_HEADER].decode(), value)


def _connection(store: Store) -> Connection:
    assert isinstance(store, SqlStore), "the sender works over the books"
    return store.connection


def mark_of_ending(signal: Handed, now: Instant) -> bytes:
    """Return the eight bytes by which a repetition of this word is known; one send may end as `again` many times."""
    said = f"{signal.effect_id}\0{signal.outcome}\0{now}"
    return blake2b(said.encode(), digest_size=8).digest()


class Telling:
    """Brings words to `winback.results`, in order."""

    def __init__(self, books: Transactions, producer: AIOKafkaProducer, topic: str) -> None:
        self._books, self._producer, self._topic = books, producer, topic
        self._news = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """Say that there may be something to tell."""
        self._news.set()

    def stop(self) -> None:
        """Tell what there is, and end."""
        self._stopping = True
        self._news.set()

    async def run(self) -> None:
        """Tell until `stop`.

        Raises:
            DatabaseError: the books cannot be used any more.
            aiokafka.errors.KafkaError: the brokers cannot be reached. What was not told is told after the next start.

        """
        while True:
            words = await self._books.ask(lambda store, _: handover.to_tell(store.connection, PAGE))
            if words:
                await self._tell(words)
            elif self._stopping:
                return
            else:
                self._news.clear()  # not before the look, which is a commit as well: it would be news of itself
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), POLL)

    async def _tell(self, words: list[ToTell]) -> None:
        on_their_way = [
            await self._producer.send(
                self._topic,
                word.value,
                key=word.customer.encode(),
                headers=[(KIND_HEADER, word.kind.encode())] if word.kind else EVENT_HEADERS,
            )
            for word in words
        ]
        await asyncio.gather(*on_their_way)
        await self._books.ask(lambda store, _: handover.told(store.connection, words))
