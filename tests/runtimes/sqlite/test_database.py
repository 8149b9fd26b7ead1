"""The database file: its schema, its versions, its lock."""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.books import database
from engine.books.connection import DatabaseError
from engine.books.database import FILE_NAME, Lock, migrate, open_to_read, open_to_write, update
from engine.books.queries import QUERIES, VERSION, named_queries, read_sql


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A new database."""
    with closing(open_to_write(tmp_path)) as opened:
        yield opened


def shape(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    """What a schema says, without its comments and its layout."""
    rows = connection.execute("select type, name, tbl_name, coalesce(sql, '') from sqlite_master order by 1, 2")
    return [(*row[:3], " ".join(re.sub(r"--[^\n]*", "", row[3]).split())) for row in rows]


def test_migrations_lead_to_the_schema() -> None:
    """A database brought here by every migration does not differ from a new one."""
    with closing(sqlite3.connect(":memory:")) as new, closing(sqlite3.connect(":memory:")) as old:
        new.executescript(read_sql("schema.sql"))
        for step in range(1, VERSION + 1):
            old.executescript(read_sql(f"migrations/{step:04}.sql"))
        assert shape(old) == shape(new)
        assert len(shape(new)) > 20


def test_an_older_database_is_brought_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """From an older version only the steps that are missing are done, and the version is noted with them."""
    texts = {"schema.sql": "create table a (x);", "migrations/0002.sql": "create table b (x);"}
    monkeypatch.setattr(database, "read_sql", texts.__getitem__)
    with closing(sqlite3.connect(":memory:")) as connection:
        monkeypatch.setattr(database, "VERSION", 1)
        migrate(connection)
        monkeypatch.setattr(database, "VERSION", 2)
        migrate(connection)
        migrate(connection)
        assert [row[1] for row in shape(connection)] == ["a", "b"]
        assert connection.execute("pragma user_version").fetchone() == (2,)


def test_a_folder_is_updated_before_anybody_reads_it(tmp_path: Path) -> None:
    """Reading knows the present schema alone, so whoever starts an engine updates the file first; not beside another."""
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as older:
        for step in range(1, VERSION):
            older.executescript(read_sql(f"migrations/{step:04}.sql"))
        older.execute(f"pragma user_version = {VERSION - 1}")
    with pytest.raises(DatabaseError, match="start the engine once"):
        open_to_read(tmp_path)
    with Lock(tmp_path), pytest.raises(DatabaseError, match="in use by another engine"):
        update(tmp_path)
    update(tmp_path)
    open_to_read(tmp_path).close()


def test_a_broken_migration_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that fails half-way leaves the database as it was."""
    monkeypatch.setattr(database, "read_sql", {"schema.sql": "create table a (x); create table a (x);"}.__getitem__)
    with closing(sqlite3.connect(":memory:")) as connection:
        with pytest.raises(sqlite3.Error):
            migrate(connection)
        assert shape(connection) == []


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    """What a newer version made is neither written nor read."""
    with closing(open_to_write(tmp_path)) as connection:
        connection.execute(f"pragma user_version = {VERSION + 1}")
    with pytest.raises(DatabaseError, match="newer winback"):
        open_to_write(tmp_path)
    with pytest.raises(DatabaseError, match="schema"):
        open_to_read(tmp_path)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """A file that is something else ends in a message with its name."""
    (tmp_path / FILE_NAME).write_text("no database at all, but long enough to be looked at as if it were one" * 9)
    with pytest.raises(DatabaseError, match=FILE_NAME):
        open_to_write(tmp_path)


def test_writing_is_durable(connection: sqlite3.Connection) -> None:
    """A connection that writes has WAL and synchronous=FULL, and begins no transaction by itself."""
    assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
    assert connection.execute("pragma synchronous").fetchone() == (2,)
    assert connection.isolation_level is None


def test_readers_cannot_write(tmp_path: Path, connection: sqlite3.Connection) -> None:
    """A connection that reads sees what was committed, and nothing can be written through it."""
    connection.execute("insert into blocked values (x'00', 1)")
    with closing(open_to_read(tmp_path)) as reader:
        assert reader.execute("select at from blocked").fetchall() == [(1,)]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("delete from blocked")


def test_reading_where_nothing_is_says_so(tmp_path: Path) -> None:
    """Without a database the message says what to do, and none is made."""
    with pytest.raises(DatabaseError, match="--data"):
        open_to_read(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_every_query_fits_the_schema(connection: sqlite3.Connection) -> None:
    """Each named query can be prepared against the schema as it is."""
    for name, written in QUERIES.items():
        query = written.replace("(?*)", "(?, ?)")
        named = set(re.findall(r":(\w+)", query))
        values = dict.fromkeys(named) if named else [None] * query.count("?")
        assert connection.execute(f"explain {query}", values).fetchall(), name


def test_queries_have_names_of_their_own() -> None:
    """Two queries of one name are an error."""
    with pytest.raises(ValueError, match="one"):
        named_queries("-- name: one\nselect 1\n-- name: one\nselect 2\n")


def test_the_due_query_reads_the_index_alone(connection: sqlite3.Connection) -> None:
    """Due timers are found by the partial index, in its order, without a sort and without reading records."""
    for name in ("due", "earliest"):
        plan = " ".join(
            str(row[3])
            for row in connection.execute(f"explain query plan {QUERIES[name]}", [1, 1][: QUERIES[name].count("?")])
        )
        assert "COVERING INDEX customer_due" in plan
        assert "TEMP B-TREE" not in plan


def test_a_second_engine_is_refused(tmp_path: Path) -> None:
    """While one process holds a data folder's lock another cannot take it, and learns which process that is."""
    script = f"from pathlib import Path; from engine.books.database import Lock; Lock(Path({str(tmp_path)!r}))"
    with Lock(tmp_path):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert "in use by another engine (process " in done.stderr
        with pytest.raises(DatabaseError, match="in use"):
            Lock(tmp_path)
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
