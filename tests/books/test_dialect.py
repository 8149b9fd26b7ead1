"""The books' SQL as PostgreSQL has it, made without a server."""

import re
import sqlite3
from contextlib import closing

import pytest

from engine.books import dialect
from engine.books.queries import has_sql, named_queries, read_sql


@pytest.mark.parametrize(
    ("sqlite", "postgres"),
    [
        ("select a from b where c = ?", "select a from b where c = %s"),
        ("where a = :name and b = :name", "where a = %(name)s and b = %(name)s"),
        ("where a like 'receiver %' and b = '?:c'", "where a like 'receiver %%' and b = '?:c'"),
        ("select 'it''s ?', ?", "select 'it''s ?', %s"),
        ("select a % 2, ?::text", "select a %% 2, %s::text"),
        ("begin immediate", "begin"),
        (
            "where a in (select value from json_each(:types))",
            "where a in (select value from jsonb_array_elements_text((%(types)s)::jsonb) as listed (value))",
        ),
    ],
)
def test_a_statement_is_translated(sqlite: str, postgres: str) -> None:
    """Places for values, the sign of psycopg's own in texts, and lists as JSON are what differs in every statement."""
    assert dialect.translated(sqlite) == postgres


def test_what_no_rule_can_translate_has_a_text_of_its_own() -> None:
    """Each text that is PostgreSQL's own stands for a query that there is, and is what a connection does for it."""
    found = 0
    for name in dialect.FILES:
        if has_sql(f"{name}.postgres.sql"):
            shared = named_queries(read_sql(f"{name}.sql"))
            for query, own in named_queries(read_sql(f"{name}.postgres.sql")).items():
                assert (
                    dialect.translated(shared[query])
                    == dialect.translated(own)
                    != dialect._TOKEN.sub(dialect._one, shared[query])
                )
                found += 1
    assert found >= 5


def test_a_text_of_its_own_stands_for_one_query() -> None:
    """It is found by the text it stands for, so no other query may have that text."""
    texts = [text for name in dialect.FILES for text in named_queries(read_sql(f"{name}.sql")).values()]
    for text in dialect._overrides():
        assert texts.count(text) == 1, text


def test_the_schema_keeps_no_word_of_sqlites() -> None:
    """Types, strict tables and rowids are SQLite's; texts are compared by their bytes on both sides."""
    made = dialect.schema().partition("alter table")[0]
    for word in ("strict", "rowid", " blob", " integer", "fresh"):
        assert word not in made
    assert not re.search(r" text(?! collate)", made)


def test_the_embedded_part_is_small() -> None:
    """Only the newest identities and an index are SQLite's alone: all other tables are the same by name."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(
            read_sql("schema.sql")
            .partition(dialect._EMBEDDED_ONLY)[2]
            .replace("create index", "create table effect (time, type, body); create index")
        )
        names = connection.execute(
            "select name from sqlite_master where type = 'table' and name <> 'effect'"
        ).fetchall()
    assert names == [("fresh",)]
