"""Reading many rows: by lists of values of one length, so that the statement stays prepared, and lists that are long."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

from engine.books.connection import Connection
from engine.books.postgres import PostgresConnection
from engine.books.queries import LIST_LENGTHS, QUERIES, for_lists

_LONGEST = LIST_LENGTHS[-1]
_QUERIES = {name: for_lists(QUERIES[name]) for name in ("load", "find", "seen")}


def in_lists(connection: Connection, query: str, values: Collection[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a named query for all values; each row once, in no order."""
    rest = iter(values)
    while part := list(islice(rest, _LONGEST)):
        length = next(length for length in LIST_LENGTHS if length >= len(part))
        part += [None] * (length - len(part))
        yield from connection.execute(_QUERIES[query][length], part).fetchall()


def each(connection: Connection, query: str, values: Any = ()) -> Iterator[Any]:
    """Yield the rows of a query that may be as many as there are customers, without holding them all."""
    if isinstance(connection, PostgresConnection):
        return connection.each(query, values)
    return iter(connection.execute(query, values))
