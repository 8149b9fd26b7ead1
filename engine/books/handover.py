"""What passes between Kafka's topics and the sender's tables: released sends come in, words go out in order.

Functions over a connection inside the sender's transaction. What the sender has to tell the engine is written in the
transaction it belongs to, and told until Kafka has it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from engine.books.connection import Connection
from engine.books.positions import decided_at
from engine.books.queries import named_queries, read_sql
from engine.books.store import outbox_row
from engine.core.effects import Effect

QUERIES: Final = named_queries(read_sql("handover.sql"))

_INDEX_BITS: Final = 20
"""Of a release's number: a record of the inbox makes fewer effects than that holds."""


class ToTell(Struct, frozen=True):
    """Something to tell the engine: the value of a record about a customer, and the kind of word it is (empty: an event)."""

    seq: int
    customer: str
    kind: str
    value: bytes


def number_of(offset: int, index: int) -> int:
    """Return the number of a release: a later one of the same customer's has a greater one."""
    return offset << _INDEX_BITS | index


def is_current(connection: Connection, customer: str, number: int) -> bool:
    """Say whether the books have a customer's record as of the release of this number, or later."""
    return decided_at(connection, [customer]).get(customer, -1) >= number >> _INDEX_BITS


def release(connection: Connection, sends: Iterable[tuple[int, Effect, str]]) -> None:
    """Put sends into the outbox, each with its release's number and its data as JSON."""
    connection.executemany(QUERIES["release"], [outbox_row(effect, number, body) for number, effect, body in sends])


def tell(connection: Connection, customer: str, kind: str, value: bytes) -> None:
    """Note what is to be told about a customer."""
    connection.execute(QUERIES["tell"], (customer, kind, value))


def to_tell(connection: Connection, limit: int) -> list[ToTell]:
    """Return what is to be told, in order."""
    return [ToTell(*row) for row in connection.execute(QUERIES["to_tell"], (limit,))]


def told(connection: Connection, words: Iterable[ToTell]) -> None:
    """Forget what Kafka has: these, and all before them."""
    last = max((word.seq for word in words), default=0)
    connection.execute(QUERIES["told"], (last,))


def untold(connection: Connection) -> int:
    """Return how much is still to be told."""
    return int(connection.execute(QUERIES["untold"]).fetchone()[0])
