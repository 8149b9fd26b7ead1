"""The books on PostgreSQL: the schema, how values come and go, what goes wrong in words."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from engine.books import dialect, postgres_schema
from engine.books.columns import columns
from engine.books.connection import BOOKS_ERRORS, DatabaseError, RefusedError
from engine.books.database import open_to_read, open_to_write
from engine.books.postgres import PostgresConnection, Server
from engine.books.queries import VERSION, named_queries, read_sql
from engine.books.store import SqlStore
from engine.core.customer import Customer
from engine.core.effects import SEND_DROPPED, Effect
from engine.core.moments import DAY
from engine.core.shop import Shop

TYPES = {"INTEGER": "bigint", "TEXT": "text", "BLOB": "bytea"}
NOW = 20_000 * DAY

OF_THE_EMBEDDED_ENGINE = {"fresh", "add_fresh", "drop_fresh", "forget_fresh_of", "fresh_of"}


@pytest.fixture
def connection(server: Server) -> Iterator[PostgresConnection]:
    """New books."""
    with closing(open_to_write(server)) as opened:
        yield opened


def tables_of_sqlite() -> dict[str, list[tuple[Any, ...]]]:
    """Each shared table's columns as (name, type, may be null)."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(read_sql("schema.sql"))
        names = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        found: dict[str, list[tuple[Any, ...]]] = {}
        for name in names:
            rows = connection.execute('select name, type, "notnull" or pk from pragma_table_info(?)', (name,))
            found[name] = sorted((column, TYPES[kind], not needed) for column, kind, needed in rows)
    del found["fresh"]  # the embedded engine's alone
    return found


def test_both_schemas_have_the_same_tables(connection: PostgresConnection) -> None:
    """What schema.sql says, PostgreSQL has: the same tables, columns, types, and columns that may be null."""
    rows = connection.execute(
        "select table_name, column_name, data_type, is_nullable = 'YES' from information_schema.columns "
        "where table_schema = 'winback'"
    ).fetchall()
    found: dict[str, list[tuple[Any, ...]]] = {}
    for table, *column in rows:
        found.setdefault(table, []).append(tuple(column))
    wanted = tables_of_sqlite()
    assert len(wanted) > 20
    assert {name: sorted(found[name]) for name in wanted} == wanted


def test_keys_and_indexes_are_the_same(connection: PostgresConnection) -> None:
    """Primary keys, unique columns and indexes of both schemas are over the same columns of the same tables."""
    with closing(sqlite3.connect(":memory:")) as other:
        other.executescript(read_sql("schema.sql"))
        wanted = {
            name for (name,) in other.execute("select name from sqlite_master where type = 'index' and sql <> ''")
        }
    rows = connection.execute("select indexname from pg_indexes where schemaname = 'winback'").fetchall()
    assert wanted <= {name for (name,) in rows}
    unique = connection.execute(
        "select count(*) from pg_constraint join pg_class on pg_class.oid = conrelid "
        "where connamespace = 'winback'::regnamespace and contype in ('u', 'p') "
        "and relname in (select value from json_each(?))",
        (json.dumps(list(tables_of_sqlite())),),
    ).fetchone()[0]
    shared = read_sql("schema.sql").partition("-- Of the embedded")[0]
    assert unique == len(re.findall(r"\b(?:primary key|unique)\b", re.sub(r"--[^\n]*", "", shared)))


@pytest.mark.parametrize("name", dialect.FILES)
def test_every_query_fits_the_schema(connection: PostgresConnection, name: str) -> None:
    """Each named query can be planned by PostgreSQL against the schema as it is."""
    for query, written in named_queries(read_sql(f"{name}.sql")).items():
        if query in OF_THE_EMBEDDED_ENGINE:
            continue
        text = dialect.translated(written.replace("(?*)", "(?, ?)"))
        named = set(re.findall(r"%\((\w+)\)s", text))
        values: Any = dict.fromkeys(named) if named else [None] * text.count("%s")
        assert connection._connection.execute(f"explain {text}".encode(), values).fetchall(), query


def test_what_is_done_for_many_rows_at_once_does_the_same(connection: PostgresConnection) -> None:
    """A statement over columns has a place for each of the rows' values, and PostgreSQL can plan it."""
    shared, batches = (
        {**named_queries(read_sql("queries.sql")), **named_queries(read_sql("distributed.sql"))},
        named_queries(read_sql("batches.postgres.sql")),
    )
    for name, text in batches.items():
        batched = dialect.batched(shared[name])
        assert batched is not None
        assert len(batched[1]) == shared[name].count("?") == text.count("?"), name
        row = [{"bigint": 1, "text": "x", "bytea": b"x"}[kind] for kind in batched[1]]
        connection.execute("begin")
        other = [{"bigint": 2, "text": "y", "bytea": b"y"}[kind] for kind in batched[1]]
        assert connection.executemany(shared[name], [row, other]).rowcount == 2 * name.startswith(
            ("insert", "enter", "join", "add", "fold", "note")
        )
        connection.execute("rollback")
    assert dialect.batched(shared["add_tally"]) is None


def test_columns_come_as_their_rows_were(connection: PostgresConnection) -> None:
    """Numbers of 64 bits, truths, texts, bytes and nulls are the same when they were sent as columns."""
    rows = [
        (1, NOW, "ä€\U0001f600", "t", "e1", 2**62, True, "{}"),
        (2, -(2**62), "", "t", "e2", -1, False, "x" * 100_000),
    ]
    add = named_queries(read_sql("queries.sql"))["add_effect"]
    assert connection.executemany(add, rows).rowcount == 2
    assert connection.execute("select * from effect order by seq").fetchall() == rows
    with pytest.raises(ValueError, match="zip"):
        connection.executemany(add, [rows[0][:-1]] * 2)
    kinds = ["bigint", "text", "bytea"]
    sent = columns([(None, None, None), (7, "a", b"\0\xff"), (None, "", b"")], kinds)
    text = "select * from unnest(?::bigint[], ?::text[], ?::bytea[])"
    assert connection.execute(text, sent).fetchall() == [(None, None, None), (7, "a", b"\0\xff"), (None, "", b"")]


def test_values_come_back_as_they_went(connection: PostgresConnection) -> None:
    """Bytes are bytes, whole numbers have 64 bits whatever their size, a truth is 1, a sum is whole, null is None."""
    connection.execute("create temporary table kept (a bigint, b bytea, c text, d bigint)")
    rows = [(2**62, b"\0\xff%s", "ä'\\?", None), (-1, b"", "", 7), (True, b"x", ":c", False)]
    connection.executemany("insert into kept values (?, ?, ?, ?)", rows)
    assert connection.execute("select * from kept").fetchall() == rows
    total = connection.execute("select sum(d) from kept").fetchone()[0]
    assert (total, type(total)) == (7, int)


def test_texts_are_in_the_order_of_their_bytes(connection: PostgresConnection) -> None:
    """Ids are in the order that Python and SQLite have, whatever the database's own collation is."""
    names = ["b", "B", "ä", "a-1", "a1", "Z", "é", "z", "_", "€", "\U0001f600", "\uffee"]
    connection.executemany("insert into line (workflow, reaction, customer) values ('w', 0, ?)", [(n,) for n in names])
    found = connection.execute("select customer from line order by customer").fetchall()
    assert [name for (name,) in found] == sorted(names)


def test_a_transaction_is_whole_or_nothing(server: Server, connection: PostgresConnection) -> None:
    """What was not committed nobody sees; a savepoint takes back a part; a refused statement is told as such."""
    with closing(open_to_read(server)) as reader:
        connection.execute("begin immediate")
        connection.execute("insert into blocked (key, at) values (?, ?)", (b"one", 1))
        connection.execute("savepoint change")
        with pytest.raises(RefusedError, match="duplicate key"):
            connection.execute("insert into blocked (key, at) values (?, ?)", (b"one", 2))
        connection.execute("rollback to change")
        assert connection.in_transaction
        assert reader.execute("select count(*) from blocked").fetchone() == (0,)
        connection.execute("commit")
        assert reader.execute("select key, at from blocked").fetchall() == [(b"one", 1)]


def test_writing_is_durable_whatever_the_server_is_set_to(server: Server) -> None:
    """A commit is on disk when it is said to be, also where the database's own setting is not to wait for that."""
    with closing(open_to_write(server)) as connection:
        (name,) = connection.execute("select current_database()").fetchone()
        connection.execute(f'alter database "{name}" set synchronous_commit to off')
    with closing(open_to_write(server)) as connection:
        assert connection.execute("show synchronous_commit").fetchone() == ("on",)
        assert connection.execute("show plan_cache_mode").fetchone() == ("force_custom_plan",)


def test_readers_cannot_write(server: Server, connection: PostgresConnection) -> None:
    """A connection that reads refuses every change."""
    assert connection.execute("select 1").fetchone() == (1,)
    with closing(open_to_read(server)) as reader, pytest.raises(DatabaseError, match="read-only"):
        reader.execute("delete from blocked")


def test_errors_show_no_values(connection: PostgresConnection) -> None:
    """PostgreSQL shows the row beside an error; what we say of it, which comes into logs, does not."""
    insert = "insert into identity (key, customer) values (?, ?)"
    connection.execute(insert, (b"k", "ada@example.org"))
    with pytest.raises(BOOKS_ERRORS) as told:
        connection.execute(insert, (b"k", "ada@example.org"))
    assert "ada" not in str(told.value)
    with pytest.raises(DatabaseError):
        connection.execute("no statement")


def test_long_lists_come_in_portions(connection: PostgresConnection) -> None:
    """A list is as of its beginning, others may be asked for while it is gone through, and it may be left early."""
    connection.executemany(
        "insert into blocked (key, at) values (?, ?)", [(bytes([n // 256, n % 256]), n) for n in range(2500)]
    )
    rows = connection.each("select at from blocked order by at")
    assert next(rows) == (0,)
    connection.execute("delete from blocked where at > 2000")
    assert connection.execute("select count(*) from blocked").fetchone() == (2001,)
    assert sum(1 for _ in rows) == 2499
    early = connection.each("select at from blocked where at >= ?", (1,))
    assert next(early)[0] >= 1
    early.close()  # type: ignore[attr-defined]  # it is a generator
    assert connection.execute("select 1").fetchone() == (1,)


def test_many_may_start_at_once(server: Server) -> None:
    """Several processes that find no books make them once."""
    failed: list[BaseException] = []

    def start() -> None:
        try:
            open_to_write(server).close()
        except DatabaseError as error:
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with closing(open_to_read(server)) as reader:
        assert postgres_schema.version_of(reader) == VERSION


def test_other_versions_are_refused(server: Server, connection: PostgresConnection) -> None:
    """What a newer version made is neither written nor read; where no books are, the message says what makes them."""
    connection.execute("update schema_version set version = ?", (VERSION + 1,))
    with pytest.raises(DatabaseError, match="newer winback"):
        open_to_write(server)
    with pytest.raises(DatabaseError, match="schema"):
        open_to_read(server)
    connection.execute("drop schema winback cascade")
    with pytest.raises(DatabaseError, match="projector"):
        open_to_read(server)


def test_a_server_that_is_not_there_is_told_without_its_password() -> None:
    """The message says where, and shows no secret."""
    server = Server("postgresql://winback:secret-word@127.0.0.1:1/books")
    with pytest.raises(DatabaseError, match=r"127\.0\.0\.1:1/books cannot be reached") as told:
        open_to_write(server)
    assert "secret-word" not in f"{told.value}{server}{server!r}"
    with pytest.raises(DatabaseError, match="cannot be reached"):
        open_to_read(Server("postgresql://winback@127.0.0.1:nonsense/books"))


def test_effects_of_several_processes_have_numbers_in_the_order_of_their_commits(server: Server) -> None:
    """Who follows the log by number misses nothing: a number is drawn by one transaction at a time."""
    with closing(open_to_write(server)) as one, closing(open_to_write(server)) as two:
        first, second = SqlStore(one), SqlStore(two)
        first.begin()
        first.put([Effect(SEND_DROPPED, NOW, "ada", "e1", {"reason": "x"})])
        done = threading.Event()

        def later() -> None:
            second.begin()
            second.put([Effect(SEND_DROPPED, NOW, "bob", "e2", {"reason": "x"})])
            second.commit(NOW)
            done.set()

        thread = threading.Thread(target=later)
        thread.start()
        assert not done.wait(0.2)
        first.save(None, Customer("ada"))
        first.commit(NOW)
        thread.join(10)
        assert one.execute("select seq, customer from effect order by seq").fetchall() == [(1, "ada"), (2, "bob")]
        assert one.execute("select sum(count) from tally").fetchone() == (2,)


def test_a_store_sees_what_another_process_committed(server: Server) -> None:
    """Nothing is kept from one transaction to the next: lines, records, owners and numbers are as they are by then."""
    with closing(open_to_write(server)) as one, closing(open_to_write(server)) as two:
        stores = [SqlStore(one), SqlStore(two)]
        for turn in range(6):
            store = stores[turn % 2]
            store.begin()
            assert store.line_length("w") == len(store.line("w", 9)) == turn
            assert store.find("mail:a@example.org") == (f"c{turn - 1}" if turn else None)
            assert (store.load(f"c{turn - 1}") is not None) is bool(turn)
            store.know("mail:a@example.org", f"c{turn}")
            store.save(None, Customer(f"c{turn}", waiting=("w",)))
            store.put([Effect(SEND_DROPPED, NOW, f"c{turn}", f"e{turn}", {})])
            store.commit(NOW)
        assert one.execute("select count(*), max(num) from customer").fetchone() == (6, 6)
        assert one.execute("select count(*), max(seq) from effect").fetchone() == (6, 6)


def test_time_never_goes_back(connection: PostgresConnection) -> None:
    """Of several processes that commit, the latest instant stays on record."""
    store = SqlStore(connection)
    store.begin()
    store.save_shop(Shop())
    store.commit(NOW)
    for accepted, kept in ((NOW - 5, NOW), (NOW + 5, NOW + 5)):
        store.begin()
        store.commit(accepted)
        assert store.load_shop() == (kept, Shop())
