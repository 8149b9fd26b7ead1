"""Who may do what only one process may: a lock in PostgreSQL that lives as long as the session that took it.

The work is written through the connection that holds the lock. So whoever loses the session, by a fault of the net or a
restart of the server, has lost the right and the means to write in the same moment, and another may go on.

A pooler in front of PostgreSQL must give out sessions, not transactions: the lock would stay behind in its session.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from engine.books.connection import DatabaseError
from engine.books.postgres import SCHEMA, PostgresConnection

_TAKE = "select pg_try_advisory_lock(hashtextextended(?, 0))"
_RELEASE = "select pg_advisory_unlock(hashtextextended(?, 0))"
_HELD = """
select exists(
    select 1 from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and granted
    and (classid::bigint << 32 | objid::bigint) = hashtextextended(?, 0)
)
"""


def take(connection: PostgresConnection, name: str) -> bool:
    """Take the lock of a name if it is free, and say whether it is ours now. It is not taken twice.

    Raises:
        DatabaseError: the server is away.

    """
    if holds(connection, name):
        return True
    return bool(connection.execute(_TAKE, (_named(name),)).fetchone()[0])


def holds(connection: PostgresConnection, name: str) -> bool:
    """Say whether this connection holds the lock of a name.

    Raises:
        DatabaseError: the server is away, and the lock with it.

    """
    return bool(connection.execute(_HELD, (_named(name),)).fetchone()[0])


def release(connection: PostgresConnection, name: str) -> None:
    """Let go of the lock of a name.

    Raises:
        DatabaseError: the server is away, and the lock with it.

    """
    connection.execute(_RELEASE, (_named(name),))


@contextmanager
def holding(connection: PostgresConnection, name: str) -> Iterator[None]:
    """Hold the lock of a name.

    Raises:
        DatabaseError: another process holds it, or the server is away.

    """
    if not take(connection, name):
        raise DatabaseError(f"another {name} is at work on {connection.server}: there can be one at a time")
    try:
        yield
    finally:
        if not connection.broken:
            release(connection, name)


def _named(name: str) -> str:
    return f"{SCHEMA}.{name}"
