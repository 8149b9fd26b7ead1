"""What the books need of a database: the few methods of sqlite3's connections that are used here, and one name for errors.

`sqlite3.Connection` has them by nature, `PostgresConnection` by adapting psycopg. SQL is written in what both understand,
with sqlite3's `?` and `:name`; transactions are begun and ended by statements (`begin immediate`, `commit`, `savepoint`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol


class DatabaseError(Exception):
    """The database cannot be used; the message says why and what to do."""


class RefusedError(DatabaseError):
    """PostgreSQL refused one statement for what it says (a key that is there already), and is well otherwise."""


BOOKS_ERRORS: Final = (sqlite3.Error, DatabaseError)
"""What a connection raises, whichever database it leads to: for `except BOOKS_ERRORS`."""


class Cursor(Protocol):
    """What one statement found or changed."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        ...

    def fetchone(self) -> Any:
        """Return the next row as a tuple, None behind the last."""
        ...

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """A connection of the books, to either database. One thread at a time may use it."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...

    def execute(self, sql: str, parameters: Any = ..., /) -> Cursor:
        """Do one statement. Raises one of BOOKS_ERRORS."""
        ...

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Cursor:
        """Do one statement for each of many rows, as fast as the database can. Raises one of BOOKS_ERRORS."""
        ...

    def close(self) -> None:
        """Close it; what was not committed is gone."""
        ...
