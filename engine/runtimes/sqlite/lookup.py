"""Reading many rows at once, by lists of values of one length, so that the statement stays prepared."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

from engine.runtimes.sqlite.database import LIST_LENGTH, QUERIES


def in_lists(connection: sqlite3.Connection, query: str, values: Collection[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a named query for all values; each row once, in no order."""
    rest = iter(values)
    while part := list(islice(rest, LIST_LENGTH)):
        part += [None] * (LIST_LENGTH - len(part))
        yield from connection.execute(QUERIES[query], part).fetchall()
