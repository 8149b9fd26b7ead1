"""Locks of those who may work one at a time, on a real PostgreSQL."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from engine.books import locks
from engine.books.connection import DatabaseError
from engine.books.database import open_to_write
from engine.books.postgres import PostgresConnection, Server


@pytest.fixture
def one(server: Server) -> Iterator[PostgresConnection]:
    """A connection that writes."""
    with closing(open_to_write(server)) as opened:
        yield opened


@pytest.fixture
def two(server: Server) -> Iterator[PostgresConnection]:
    """Another one."""
    with closing(open_to_write(server)) as opened:
        yield opened


def cut_off(connection: PostgresConnection, by: PostgresConnection) -> None:
    """End a connection's session, as a restart or a fault of the net would."""
    (pid,) = connection.execute("select pg_backend_pid()").fetchone()
    by.execute("select pg_terminate_backend(?::int, 5000)", (pid,))


def test_one_holds_a_lock_at_a_time(one: PostgresConnection, two: PostgresConnection) -> None:
    """Who comes second is refused until the first lets go; a lock of another name is nobody's business."""
    with locks.holding(one, "projector"):
        assert locks.holds(one, "projector")
        assert not locks.holds(two, "projector")
        assert not locks.take(two, "projector")
        assert locks.take(two, "sender")
        with pytest.raises(DatabaseError, match="another projector"), locks.holding(two, "projector"):
            pass
    assert locks.take(two, "projector")


def test_a_lock_is_not_counted(one: PostgresConnection, two: PostgresConnection) -> None:
    """Taken twice and let go once it is free: whoever asks again after a doubt does no harm."""
    assert locks.take(one, "sender")
    assert locks.take(one, "sender")
    locks.release(one, "sender")
    assert locks.take(two, "sender")


def test_who_loses_the_session_can_write_nothing(one: PostgresConnection, two: PostgresConnection) -> None:
    """With the session goes the lock, what was not committed, and the way to write: another may go on at once."""
    assert locks.take(one, "sender")
    one.execute("begin")
    one.execute("insert into blocked (key, at) values (?, ?)", (b"half done", 1))
    cut_off(one, by=two)
    with pytest.raises(DatabaseError):
        one.execute("commit")
    assert one.broken
    assert locks.take(two, "sender")
    for late in ("insert into blocked (key, at) values ('late', 1)", "begin"):
        with pytest.raises(DatabaseError):
            one.execute(late)
    assert two.execute("select count(*) from blocked").fetchone() == (0,)
