"""The tables that both databases have, as they are moved from one to the other: columns, kinds, and rows by the thousand.

What they are is asked of schema.sql itself, so a table that is added there moves too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import cache
from itertools import islice
from typing import Any, Final

from msgspec import Struct

from engine.books.connection import Connection
from engine.books.postgres import PostgresConnection
from engine.books.queries import read_sql

FRESH: Final = "fresh"
"""The embedded engine's alone: the newest rows of `identity` and `seen`, which are moved with those."""

AT_ONCE: Final = 1_000
"""Rows that are written together."""

_WITH_FRESH: Final = {
    "identity": """
        select key, customer from identity where key not in (select key from fresh where customer is not null)
        union all
        select key, customer from fresh as newest where customer is not null
            and seq = (select max(seq) from fresh where key = newest.key and customer is not null)
        order by key""",
    "seen": """
        select key, min(day) from (select ref as key, day from seen union all
            select key, day from fresh where day is not null) group by key order by key""",
}


class Table(Struct, frozen=True):
    """A table: its columns in order, which of them hold bytes, by which it is ordered, and which the database numbers."""

    name: str
    columns: tuple[str, ...]
    blobs: frozenset[str]
    key: tuple[str, ...]
    numbered: str = ""


@cache
def tables() -> tuple[Table, ...]:
    """Return all tables, in the order of schema.sql."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(read_sql("schema.sql"))
        names = connection.execute("select name from sqlite_master where type = 'table' order by rowid").fetchall()
        return tuple(_table(connection, name) for (name,) in names if name != FRESH and not name.startswith("sqlite_"))


def _table(connection: sqlite3.Connection, name: str) -> Table:
    rows = connection.execute("select name, type, pk from pragma_table_info(?)", (name,)).fetchall()
    key = tuple(column for column, _, place in sorted(rows, key=lambda row: row[2]) if place)
    integer_keys = [column for column, kind, place in rows if place and kind.lower() == "integer"]
    numbered = integer_keys[0] if len(key) == 1 and integer_keys and name != "shop" else ""
    blobs = frozenset(column for column, kind, _ in rows if kind.lower() == "blob")
    return Table(name, tuple(column for column, _, _ in rows), blobs, key, numbered)


def rows_of(connection: Connection, table: Table) -> Iterator[tuple[Any, ...]]:
    """Yield a table's rows in the order of its key, those of `fresh` among them."""
    if isinstance(connection, PostgresConnection):
        yield from connection.each(_select(table))
    else:
        yield from connection.execute(_WITH_FRESH.get(table.name) or _select(table))


def fill(connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> int:
    """Write rows into an empty table, in the transaction under way; return how many."""
    places = ", ".join("?" * len(table.columns))
    insert = f"insert into {table.name} ({', '.join(table.columns)}) values ({places})"  # noqa: S608 - names of schema.sql
    written, left = 0, iter(rows)
    while page := list(islice(left, AT_ONCE)):
        connection.executemany(insert, page)
        written += len(page)
    if table.numbered and isinstance(connection, PostgresConnection):
        _number_on(connection, table)
    return written


def is_empty(connection: Connection, name: str) -> bool:
    """Say whether a table has no rows."""
    return connection.execute(f"select 1 from {name} limit 1").fetchone() is None  # noqa: S608 - as above


def _select(table: Table) -> str:
    return f"select {', '.join(table.columns)} from {table.name} order by {', '.join(table.key)}"  # noqa: S608 - as above


def _number_on(connection: PostgresConnection, table: Table) -> None:
    """Let PostgreSQL go on counting where the rows end; a column that it does not number itself is left alone."""
    column, name = table.numbered, table.name
    found = connection.execute("select pg_get_serial_sequence(?, ?)", (f"winback.{name}", column)).fetchone()[0]
    if found is not None:
        last = f"select setval(?::regclass, coalesce(max({column}), 1), max({column}) is not null) from {name}"  # noqa: S608 - as above
        connection.execute(last, (found,))
