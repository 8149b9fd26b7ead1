"""Reading and writing the books beside a loop, on both databases where both have it, and through a server's restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing

import pytest

from engine.books import ledger, locks
from engine.books.connection import Connection, DatabaseError
from engine.books.database import Where, open_to_read, open_to_write
from engine.books.postgres import Server
from engine.books.reader import Reader
from engine.books.writer import Writer
from tests.postgres_servers import Server as Postgres


@pytest.fixture
def place(where: Where) -> Where:
    """New books in one of the databases."""
    open_to_write(where).close()
    return where


@pytest.fixture
async def writer(postgres: str) -> AsyncIterator[Writer]:
    """A writer of new books."""
    made = Writer(Server(postgres))
    yield made
    await made.close()


def cut_off_all(where: Server) -> None:
    """End everybody's sessions, as a restart of the server would."""
    with closing(open_to_write(where)) as connection:
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )


def count(connection: Connection) -> int:
    """How many keys are on the block list."""
    return int(connection.execute("select count(*) from blocked").fetchone()[0])


async def test_a_reader_sees_what_was_committed(place: Where) -> None:
    """A question is answered as of the last commit, in a thread of its own, on either database."""
    reader = Reader(place, "reader")
    with closing(open_to_write(place)) as connection:
        assert await reader.read(count) == 0
        connection.execute("begin immediate")
        ledger.block(connection, [b"key"], 5)
        assert await reader.read(count) == 0
        connection.execute("commit")
        assert await reader.read(count) == 1
    await reader.close()


async def test_a_change_is_made_whole_or_not_at_all(postgres: str, writer: Writer) -> None:
    """What a change returns comes after the commit; one that raises leaves nothing, and the next one is made."""
    with closing(open_to_write(Server(postgres))) as seen:

        def half(connection: Connection) -> None:
            ledger.block(connection, [b"half"], 5)
            raise ValueError("not the rest")

        with pytest.raises(ValueError, match="rest"):
            await writer.write(half)
        with pytest.raises(DatabaseError):
            await writer.write(lambda connection: connection.execute("no statement"))
        assert await writer.write(count) == 0
        await writer.write(lambda connection: ledger.block(connection, [b"key"], 5))
        assert count(seen) == 1


async def test_a_restart_between_two_changes_is_not_noticed(postgres: str, writer: Writer) -> None:
    """The session that was cut off while nobody used it is replaced, for a change and for a question alike."""
    await writer.write(lambda connection: ledger.block(connection, [b"one"], 5))
    with closing(open_to_read(Server(postgres))) as reader:
        assert count(reader) == 1
        cut_off_all(Server(postgres))
        await writer.write(lambda connection: ledger.block(connection, [b"two"], 5))
        assert count(reader) == 2


async def test_a_restart_during_a_change_is_told(postgres: str, writer: Writer) -> None:
    """What was half done is gone, whoever asked is told in words, and may ask again."""

    def cut_short(connection: Connection) -> None:
        ledger.block(connection, [b"one"], 5)
        cut_off_all(Server(postgres))
        ledger.block(connection, [b"two"], 5)

    await writer.write(count)
    with pytest.raises(DatabaseError, match="PostgreSQL at"):
        await writer.write(cut_short)
    assert await writer.write(count) == 0


async def test_a_server_that_is_away_is_told(own_postgres_is_away: Server) -> None:
    """Nothing hangs: a reader and a writer say that the server cannot be reached."""
    reader, writer = Reader(own_postgres_is_away, "reader"), Writer(own_postgres_is_away)
    with pytest.raises(DatabaseError, match="cannot be reached"):
        await reader.read(count)
    with pytest.raises(DatabaseError, match="cannot be reached"):
        await writer.write(count)
    await reader.close()
    await writer.close()


@pytest.fixture
def own_postgres_is_away() -> Server:
    """Where nobody listens."""
    return Server("postgresql://winback@127.0.0.1:1/none")


async def test_a_server_that_is_killed_and_started_again_loses_nothing(own_postgres: Postgres) -> None:
    """What was committed is there and nothing else; reader and writer go on by themselves, whoever held a lock does not."""
    place = Server(own_postgres.database())
    holder, reader, writer = open_to_write(place), Reader(place, "reader"), Writer(place)
    assert locks.take(holder, "projector")
    holder.execute("begin")
    ledger.block(holder, [b"under way"], 5)
    await writer.write(lambda connection: ledger.block(connection, [b"committed"], 5))
    assert await reader.read(count) == 1
    own_postgres.kill()
    with pytest.raises(DatabaseError, match="PostgreSQL at"):
        await writer.write(count)
    own_postgres.start()
    assert await reader.read(count) == 1
    assert await writer.write(count) == 1
    with pytest.raises(DatabaseError):
        holder.execute("commit")
    with closing(open_to_write(place)) as successor:
        assert locks.take(successor, "projector")
    for each in (reader, writer):
        await each.close()
