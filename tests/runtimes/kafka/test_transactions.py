"""Changes of the books on one connection: together, in order, and not at all once it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import closing

import pytest

from engine.books.connection import DatabaseError
from engine.books.database import open_to_write
from engine.books.postgres import PostgresConnection, Server
from engine.books.store import SqlStore
from engine.core.moments import DAY, Instant
from engine.runtimes.kafka.transactions import Transactions

NOW = 20_000 * DAY


class Clock:
    """A clock that is set by hand."""

    at = NOW

    def now(self) -> Instant:
        """Return the present instant."""
        return self.at


@pytest.fixture
async def made(postgres: str) -> AsyncIterator[tuple[Transactions, PostgresConnection, Clock, list[int]]]:
    """Transactions over new books, the connection, the clock, and a list that grows with each commit."""
    clock, commits = Clock(), list[int]()
    with closing(open_to_write(Server(postgres))) as connection:
        books = Transactions(SqlStore(connection), clock, lambda now: now // DAY, on_commit=lambda: commits.append(1))
        yield books, connection, clock, commits
        await books.close()


def block(key: bytes) -> Callable[[SqlStore, Instant], Instant]:
    """Return a change that leaves a trace."""

    def change(store: SqlStore, now: Instant) -> Instant:
        store.connection.execute("insert into blocked (key, at) values (?, ?)", (key, now))
        return now

    return change


Made = tuple[Transactions, PostgresConnection, Clock, list[int]]


async def test_changes_that_wait_together_share_a_commit(made: Made) -> None:
    """While one transaction is under way the next one gathers; time never goes back."""
    books, connection, clock, commits = made
    assert await books.ask(block(b"a")) == NOW
    clock.at = NOW - 5
    assert set(await asyncio.gather(*(books.ask(block(bytes([each]))) for each in range(20)))) == {NOW}
    assert len(commits) == 2
    assert connection.execute("select count(*) from blocked").fetchone()[0] == 21


async def test_what_a_change_raises_belongs_to_whoever_asked(made: Made) -> None:
    """The others of the same transaction are made."""
    books, connection, _, _ = made

    def refuse(_store: SqlStore, _now: Instant) -> None:
        raise LookupError("no")

    results = await asyncio.gather(
        books.ask(block(b"a")), books.ask(refuse), books.ask(block(b"b")), return_exceptions=True
    )
    assert isinstance(results[1], LookupError)
    assert connection.execute("select count(*) from blocked").fetchone()[0] == 2


async def test_after_the_session_is_lost_nothing_is_changed_any_more(made: Made, postgres: str) -> None:
    """Its locks are gone, and another process may be at work: whoever asks is told, and nothing is tried anew."""
    books, connection, _, _ = made
    with closing(open_to_write(Server(postgres))) as other:
        pid = connection.execute("select pg_backend_pid()").fetchone()[0]
        other.execute("select pg_terminate_backend(?::int)", (pid,))
        with pytest.raises(DatabaseError):
            await books.ask(block(b"a"))
        with pytest.raises(DatabaseError):
            await books.ask(block(b"b"))
        assert other.execute("select count(*) from blocked").fetchone()[0] == 0
