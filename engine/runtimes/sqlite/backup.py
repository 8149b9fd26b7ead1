"""Backups: one file with everything the database holds, made while an engine goes on writing.

The copy is of one moment: it is made inside one reading transaction, piece by piece, so that neither waits for the other.
(Without that transaction SQLite begins anew whenever somebody writes, and would never end under load.) How far the effect
files had come is written into it, since their own note of that stays behind in the data folder.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from msgspec import Struct

from engine.books.connection import DatabaseError
from engine.books.database import open_to_read
from engine.books.queries import VERSION
from engine.core.moments import Instant

PIECE = 2_000
"""Pages copied at a time: 8 MB."""

FILES = "files"
"""The receiver that stands for the effect files."""


class BackedUp(Struct, frozen=True):
    """What a backup holds: `as_of` is the last instant that was given to a signal."""

    file: str
    bytes: int
    as_of: Instant
    customers: int
    effects: int
    schema: int


def back_up(
    folder: Path, file: Path, files_position: int, progress: Callable[[int, int], None] = lambda _, __: None
) -> BackedUp:
    """Copy the database of a data folder into a new file, which nobody but its owner can read.

    Args:
        folder: the data folder.
        file: where to; it must not be there yet.
        files_position: how far the effect files of the folder have come.
        progress: is told now and then of how many pages are done, and of how many there are.

    Raises:
        DatabaseError: there is no database, or it cannot be read.
        OSError: the file is there already, or cannot be written.

    """
    if file.exists():
        raise FileExistsError(17, "is there already; a backup is never written over another", str(file))
    beside = file.with_name(f"{file.name}.part")
    beside.unlink(missing_ok=True)
    os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with ExitStack() as undone:
        undone.callback(beside.unlink, missing_ok=True)
        with closing(open_to_read(folder)) as source, closing(sqlite3.connect(beside, isolation_level=None)) as copy:
            source.execute("begin")
            source.execute("select 1 from shop").fetchone()  # from here on the transaction sees one moment
            source.backup(copy, pages=PIECE, sleep=0, progress=lambda _, left, all_: progress(all_ - left, all_))
            source.execute("rollback")
            copy.execute("pragma journal_mode = delete")  # one file, with nothing beside it
            copy.execute("insert or replace into receiver (name, position) values (?, ?)", (FILES, files_position))
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        found = looked_into(beside)
        beside.replace(file)
        undone.pop_all()
    return BackedUp(str(file), found.bytes, found.as_of, found.customers, found.effects, found.schema)


def looked_into(file: Path) -> BackedUp:
    """Say what a backup holds, after a look at whether it is whole.

    Raises:
        DatabaseError: it is no backup of ours, is damaged, or a newer winback made it.

    """
    if not file.exists():
        raise DatabaseError(f"{file} does not exist")
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            schema = connection.execute("pragma user_version").fetchone()[0]
            problem = connection.execute("pragma quick_check(1)").fetchone()[0]
            if problem != "ok":
                raise DatabaseError(f"{file} is damaged: {problem}")
            if schema > VERSION:
                raise DatabaseError(
                    f"a newer winback made {file} (schema {schema}, this one knows {VERSION}): update it"
                )
            (as_of,) = connection.execute("select accepted from shop").fetchone() or (None,)
            customers = connection.execute("select count(*) from customer").fetchone()[0]
            effects = connection.execute("select coalesce(max(seq), 0) from effect").fetchone()[0]
    except sqlite3.Error as error:
        raise DatabaseError(f"{file} is no backup of winback: {error}") from error
    if as_of is None:
        raise DatabaseError(f"{file} holds no engine that was ever started")
    return BackedUp(str(file), file.stat().st_size, as_of, customers, effects, schema)
