"""Reading many rows at once, by lists of values of one length, so that the statement stays prepared."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

from engine.books.database import LIST_LENGTHS, QUERIES, for_lists

_LONGEST = LIST_LENGTHS[-1]
_QUERIES = {name: for_lists(QUERIES[name]) for name in ("load", "find", "seen")}


def in_lists(connection: sqlite3.Connection, query: str, values: Collection[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a named query for all values; each row once, in no order."""
    rest = iter(values)
    while part := list(islice(rest, _LONGEST)):
        length = next(length for length in LIST_LENGTHS if length >= len(part))
        part += [None] * (length - len(part))
        yield from connection.execute(_QUERIES[query][length], part).fetchall()
