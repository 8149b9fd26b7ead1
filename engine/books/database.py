"""Where the books are, and opening them safely: SQLite in a data folder, or PostgreSQL; brought up to date by writers.

Every connection that writes is durable at each commit (a lost "done" would be a second mail) and has explicit
transactions. Readers open connections of their own, which cannot write.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Self, overload

from engine.books import postgres_schema
from engine.books.connection import Connection, DatabaseError
from engine.books.postgres import PostgresConnection, Server
from engine.books.queries import VERSION, read_sql

FILE_NAME = "winback.sqlite3"
LOCK_NAME = "engine.lock"
_CACHE_KIB = 64 * 1024
_BUSY_MS = 10_000


Where = Path | Server
"""Where books are: the data folder of an embedded engine, or the distributed engine's PostgreSQL."""


def present(where: Where) -> bool:
    """Say whether there may be books: in a folder they are a file, on a server only opening them tells."""
    return isinstance(where, Server) or (where / FILE_NAME).exists()


@overload
def open_to_write(where: Path, kind: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection: ...
@overload
def open_to_write(where: Server) -> PostgresConnection: ...
@overload
def open_to_write(where: Where) -> Connection: ...
def open_to_write(where: Where, kind: type[sqlite3.Connection] = sqlite3.Connection) -> Connection:
    """Open books to write them, made or brought up to date where needed. `kind` is of a connection to a data folder.

    Raises:
        DatabaseError: the database cannot be written, is none of ours, or a newer winback made it.

    """
    if isinstance(where, Path):
        return _open_file_to_write(where, kind)
    connection = PostgresConnection(where, writes=True)
    with ExitStack() as refused:
        refused.callback(connection.close)
        postgres_schema.bring_up_to_date(connection)
        refused.pop_all()
    return connection


@overload
def open_to_read(where: Path) -> sqlite3.Connection: ...
@overload
def open_to_read(where: Server) -> PostgresConnection: ...
@overload
def open_to_read(where: Where) -> Connection: ...
def open_to_read(where: Where) -> Connection:
    """Open books for reading only; an engine may be writing to them.

    Raises:
        DatabaseError: there are none, they cannot be read, or their schema is not this version's.

    """
    if isinstance(where, Path):
        return _open_file_to_read(where)
    connection = PostgresConnection(where, writes=False)
    with ExitStack() as refused:
        refused.callback(connection.close)
        postgres_schema.check(connection)
        refused.pop_all()
    return connection


def _open_file_to_write(folder: Path, kind: type[sqlite3.Connection]) -> sqlite3.Connection:
    path = folder / FILE_NAME
    with ExitStack() as refused:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Only one thread uses the connection at a time, but not always the same one: a loop hands it to its own.
            connection = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, cached_statements=256, factory=kind
            )
            refused.callback(connection.close)
            _configure(connection)
            migrate(connection)
        except (OSError, sqlite3.Error) as error:
            raise DatabaseError(f"{path} cannot be opened: {error}") from error
        refused.pop_all()
    return connection


def _open_file_to_read(folder: Path) -> sqlite3.Connection:
    path = folder / FILE_NAME
    if not path.exists():
        raise DatabaseError(f"{path} does not exist: nothing was taken in yet, or --data names another folder")
    with ExitStack() as refused:
        try:
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
            refused.callback(connection.close)
            connection.execute(f"pragma busy_timeout = {_BUSY_MS}")
            found = connection.execute("pragma user_version").fetchone()[0]
        except sqlite3.Error as error:
            raise DatabaseError(f"{path} cannot be read: {error}") from error
        if found != VERSION:
            raise DatabaseError(
                f"{path} has schema {found}, this winback reads {VERSION}: start the engine once, or update it"
            )
        refused.pop_all()
    return connection


def update(folder: Path) -> None:
    """Bring the database of a data folder that an older winback made to the present schema; without one do nothing.

    Whoever is about to run an engine reads the folder first, and reading knows the present schema alone.

    Raises:
        DatabaseError: an engine uses the folder, or the database cannot be used.

    """
    path = folder / FILE_NAME
    if not path.exists():
        return
    with closing(sqlite3.connect(path)) as connection:
        try:
            found = connection.execute("pragma user_version").fetchone()[0]
        except sqlite3.Error as error:
            raise DatabaseError(f"{path} cannot be opened: {error}") from error
    if found < VERSION:
        with Lock(folder):
            open_to_write(folder).close()


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to the present schema: an empty one from schema.sql, an older one step by step.

    Raises:
        DatabaseError: a newer winback made it.

    """
    found = connection.execute("pragma user_version").fetchone()[0]
    if found > VERSION:
        raise DatabaseError(f"a newer winback made this database (schema {found}, this one knows {VERSION}): update it")
    if found == VERSION:
        return
    steps = [f"migrations/{step:04}.sql" for step in range(found + 1, VERSION + 1)] if found else ["schema.sql"]
    script = "\n".join(read_sql(step) for step in steps)
    try:
        connection.executescript(f"begin immediate;\n{script}\npragma user_version = {VERSION};\ncommit;")
    except sqlite3.Error:
        connection.rollback()
        raise


def _configure(connection: sqlite3.Connection) -> None:
    for pragma in (
        f"busy_timeout = {_BUSY_MS}",
        "journal_mode = wal",
        "synchronous = full",
        "fullfsync = on",  # macOS alone heeds it: fsync there does not reach the disk
        f"cache_size = -{_CACHE_KIB}",
        "secure_delete = on",  # what is deleted is overwritten, and not merely free
        "wal_autocheckpoint = 0",  # a thread of its own does that, see checkpoints.py
        "temp_store = memory",
    ):
        connection.execute(f"pragma {pragma}")


class Lock:
    """Keeps a second engine off a data folder, for as long as this process lives."""

    def __init__(self, folder: Path) -> None:
        """Take the lock.

        Raises:
            DatabaseError: another process holds it, or the folder cannot be written.

        """
        path = folder / LOCK_NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+", encoding="ascii")
        except OSError as error:
            raise DatabaseError(f"{path} cannot be written: {error}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise DatabaseError(f"{folder} is in use by another engine (process {holder}): stop it first") from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let others in."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
