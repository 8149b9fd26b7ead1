"""The database file: opening it safely, bringing it up to date, and the queries by name.

Every connection that writes has WAL, synchronous=FULL (a lost "done" would be a second mail) and explicit transactions.
Readers open connections of their own, which cannot write.
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
from contextlib import ExitStack, closing
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Self

FILE_NAME = "winback.sqlite3"
LOCK_NAME = "engine.lock"
VERSION = 3
"""Of the schema, kept in the database as `user_version`; there is one file in migrations/ for each."""

LIST_LENGTHS = (1, 16, 100)
"""How many values one `in (...)` takes. Few lengths, so that statements stay prepared; places left over hold null."""

_CACHE_KIB = 64 * 1024
_BUSY_MS = 10_000


class DatabaseError(Exception):
    """The database cannot be used; the message says why and what to do."""


def read_sql(name: str) -> str:
    """Return the text of one of this package's SQL files."""
    return resources.files(__package__).joinpath(*name.split("/")).read_text("utf-8")


def named_queries(text: str) -> dict[str, str]:
    """Return the queries of a file by name: each begins at a line `-- name: its_name`."""
    queries: dict[str, str] = {}
    for name, body in re.findall(r"^-- name: (\w+)\n(.*?)(?=^-- name: |\Z)", text, re.MULTILINE | re.DOTALL):
        if name in queries:
            raise ValueError(f"two queries are named {name}")
        queries[name] = "\n".join(line for line in body.splitlines() if line and not line.startswith("--"))
    return queries


def for_lists(query: str) -> dict[int, str]:
    """Return a query that has a `(?*)` for each length of list."""
    return {length: query.replace("(?*)", "(" + ",".join("?" * length) + ")") for length in LIST_LENGTHS}


QUERIES = named_queries(read_sql("queries.sql"))


def open_to_write(folder: Path, kind: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    """Open the database of a data folder, made or brought up to date where needed.

    Raises:
        DatabaseError: the folder cannot be written, the file is no database of ours, or a newer winback made it.

    """
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


def open_to_read(folder: Path) -> sqlite3.Connection:
    """Open the database of a data folder for reading only; an engine may be writing to it.

    Raises:
        DatabaseError: there is none, it cannot be read, or its schema is not this version's.

    """
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
