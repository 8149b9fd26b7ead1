"""The books on PostgreSQL: where the server is, and a connection to it with the face of sqlite3's.

psycopg comes with the extra `kafka` and is imported when a connection is made, so that the embedded engine needs none.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from msgspec import Struct

from engine.books import dialect
from engine.books.columns import columns
from engine.books.connection import Cursor, DatabaseError, RefusedError

if TYPE_CHECKING:
    import psycopg

SCHEMA = "winback"
"""The schema that holds our tables, so that they stand beside a shop's own."""

AT_ONCE = 1_000
"""Rows that a long list is fetched by."""

_SESSION = {
    "application_name": "winback",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "tcp_user_timeout": "15000",  # milliseconds until a server that answers nothing is given up
}

T = TypeVar("T")


class Server(Struct, frozen=True, repr_omit_defaults=True):
    """A PostgreSQL database, by its URL; printed it shows no password."""

    url: str

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        return f"PostgreSQL at {(parts.netloc or 'this machine').rpartition('@')[2]}{parts.path}"

    def __repr__(self) -> str:
        return f"<{self}>"


class PostgresConnection:
    """A connection with the face of sqlite3's. SQL is translated once a text (`dialect`).

    One that reads opens anew by itself where the server was away; one that writes never does: what was not committed is
    gone then, and so are the locks that said who may write.
    """

    def __init__(self, server: Server, *, writes: bool) -> None:
        """Connect.

        Raises:
            DatabaseError: the server cannot be reached or lets nobody in, or psycopg is not installed.

        """
        self.server = server
        self._writes = writes
        self._cursors = count()
        self._connection = _connect(server, writes=writes)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._connection.info.transaction_status in _OPEN

    @property
    def broken(self) -> bool:
        """Whether the session has ended, and what it held with it."""
        return bool(self._connection.closed)

    def execute(self, sql: str, parameters: Any = (), /) -> Cursor:
        """Do one statement.

        Raises:
            DatabaseError: it cannot be done; a RefusedError where it is the statement's own fault.

        """
        query = dialect.translated(sql)
        return self._do(lambda connection: connection.execute(query, parameters, binary=True))

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Cursor:
        """Do one statement for each row: in one for all of them, or all sent before the first answer is read.

        Raises:
            DatabaseError: as `execute`.

        """
        rows, batched, query = list(parameters), dialect.batched(sql), dialect.translated(sql)
        if len(rows) == 1:
            return self.execute(sql, rows[0])
        if batched and rows:
            at_once, whole = batched[0], columns(rows, batched[1])
            return self._do(lambda connection: connection.execute(at_once, whole, binary=True))

        def do(connection: psycopg.Connection[Any]) -> psycopg.Cursor[Any]:
            cursor = connection.cursor(binary=True)
            cursor.executemany(query, rows)
            return cursor

        return self._do(do)

    def each(self, sql: str, parameters: Any = (), /) -> Iterator[Any]:
        """Yield the rows of a long list, as of now, fetched a portion at a time.

        Raises:
            DatabaseError: as `execute`.

        """
        query = dialect.translated(sql)

        def begin(connection: psycopg.Connection[Any]) -> psycopg.ServerCursor[Any]:
            cursor = connection.cursor(f"list_{next(self._cursors)}", withhold=True)
            return cursor.execute(query, parameters, binary=True)

        cursor = self._do(begin)
        try:
            while rows := self._do(lambda _: cursor.fetchmany(AT_ONCE)):
                yield from rows
        finally:
            if not self.broken:
                cursor.close()

    def script(self, statements: str) -> None:
        """Do several statements that have no values.

        Raises:
            DatabaseError: as `execute`.

        """
        self._do(lambda connection: connection.execute(statements.encode()))

    def close(self) -> None:
        """Close it; what was not committed is gone."""
        self._connection.close()

    def _do(self, work: Callable[[psycopg.Connection[Any]], T]) -> T:
        import psycopg  # noqa: PLC0415 - see above

        try:
            return work(self._connection)
        except psycopg.Error as error:
            if self._writes or not self.broken:
                raise in_words(self.server, error) from error
        self._connection = _connect(self.server, writes=False)  # reading twice does no harm
        try:
            return work(self._connection)
        except psycopg.Error as error:
            raise in_words(self.server, error) from error


_OPEN = (1, 2, 3)  # libpq's PQTRANS_ACTIVE, INTRANS and INERROR


def _connect(server: Server, *, writes: bool) -> psycopg.Connection[Any]:
    _need_psycopg()
    import psycopg  # noqa: PLC0415 - see above

    from engine.books import adapting  # noqa: PLC0415 - it imports psycopg

    try:
        connection = psycopg.connect(_session(server), autocommit=True)
        adapting.adapt(connection)
        connection.execute(_FOR_WRITING if writes else _FOR_READING)
    except (psycopg.Error, ValueError) as error:
        raise DatabaseError(f"{server} cannot be reached: {_said(error)}") from None
    if connection.info.parameter_status("server_encoding") != "UTF8":
        connection.close()
        raise DatabaseError(f"{server} is not in UTF8: make a database with `create database … encoding 'UTF8'`")
    return connection


async def connect_beside_a_loop(server: Server) -> psycopg.AsyncConnection[Any]:
    """Connect for writing, for questions that are awaited; its SQL is psycopg's own.

    Raises:
        DatabaseError: the server cannot be reached or lets nobody in, or psycopg is not installed.

    """
    _need_psycopg()
    import psycopg  # noqa: PLC0415 - see above

    try:
        connection = await psycopg.AsyncConnection.connect(_session(server), autocommit=True)
        await connection.execute(_FOR_WRITING)
    except (psycopg.Error, ValueError) as error:
        raise DatabaseError(f"{server} cannot be reached: {_said(error)}") from None
    return connection


def _need_psycopg() -> None:
    try:
        importlib.import_module("psycopg")
    except ImportError as error:
        raise DatabaseError(f"PostgreSQL needs the extra `kafka`: pip install 'winback[kafka]' ({error})") from None


def _session(server: Server) -> str:
    """Return how to connect: as the URL says and, where it does not, as we do it."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo  # noqa: PLC0415 - see above

    said = conninfo_to_dict(server.url)
    return make_conninfo(server.url, **{name: value for name, value in _SESSION.items() if name not in said})


_PATH = f"set search_path to {SCHEMA}; set jit to off;"
_FOR_READING = (
    f"{_PATH} set default_transaction_read_only to on; set default_transaction_isolation to 'repeatable read'"
)
# A lost "done" would be a second mail, so a commit is on disk when it is said to be. A plan that was kept since a table
# was empty would read it whole for every batch until somebody analyses it: planning anew takes a tenth of a batch's time.
_FOR_WRITING = (
    f"{_PATH} set plan_cache_mode to force_custom_plan; "
    "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'"
)


def in_words(server: Server, error: psycopg.Error) -> DatabaseError:
    """Return what went wrong in words, without the values that PostgreSQL shows beside it."""
    import psycopg  # noqa: PLC0415 - see above

    kind = RefusedError if isinstance(error, psycopg.IntegrityError | psycopg.DataError) else DatabaseError
    return kind(f"{server}: {error.diag.message_primary or _said(error)}")


def _said(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
