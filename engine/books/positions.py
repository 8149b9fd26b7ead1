"""How far the books have come: in each topic, and with each customer's record.

Kept in the same transaction as what was read, so that everything gets from a topic into the books exactly once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from engine.books.connection import Connection
from engine.books.queries import named_queries, read_sql

QUERIES: Final = named_queries(read_sql("distributed.sql"))

NO_PLACE: Final = (-1, -1)
"""Before the first place of a partition."""


class Position(Struct, frozen=True):
    """The offset to be read next, and the place (offset and index) up to which decisions of the partition are there."""

    offset: int = 0
    place: tuple[int, int] = NO_PLACE


Source = tuple[str, int]
"""A topic's partition."""


def positions(connection: Connection) -> dict[Source, Position]:
    """Return how far each topic has come; what is not there was never read."""
    rows = connection.execute(QUERIES["positions"])
    return {(topic, partition): Position(offset, (at, index)) for topic, partition, offset, at, index in rows}


def move(connection: Connection, moved: Mapping[Source, Position]) -> None:
    """Note how far some topics have come."""
    rows = [(*source, position.offset, *position.place) for source, position in moved.items()]
    connection.executemany(QUERIES["move_position"], rows)


def decided_at(connection: Connection, customers: Sequence[str]) -> dict[str, int]:
    """Return the inbox offset at which the record of each of these customers was decided, of those that have one."""
    return dict(connection.execute(QUERIES["decided_at"], (list(customers),)).fetchall())


def note_decided_at(connection: Connection, rows: Iterable[tuple[str, int]]) -> None:
    """Note the inbox offset at which records were decided."""
    connection.executemany(QUERIES["note_decided_at"], rows)
