"""The list of places where something of a person lies: it knows every table, and what it promises is done."""

from __future__ import annotations

import re

import pytest

from engine.books import dialect
from engine.books.erasures import QUERIES
from engine.books.personal import NOBODYS, TABLES, Place
from engine.books.queries import read_sql

_TABLE = re.compile(r"create table (\w+) \((.*?)\n\)", re.DOTALL)
_COLUMN = re.compile(r"^    (\w+) \w+", re.MULTILINE)
_NO_COLUMN = {"primary", "unique", "check"}


def columns() -> dict[str, set[str]]:
    """The tables of both databases, with their columns."""
    texts = [re.sub(r"--[^\n]*", "", text) for text in (read_sql("schema.sql"), dialect.schema())]
    return {
        name: {each for each in _COLUMN.findall(body) if each not in _NO_COLUMN}
        for text in texts
        for name, body in _TABLE.findall(text)
    }


def test_every_table_is_in_the_list() -> None:
    """Whoever adds a table says whether something of a person lies in it."""
    listed = [*(each.name for each in TABLES), *(each.name for each in NOBODYS)]
    assert len(listed) == len(set(listed))
    assert set(columns()) | {"schema_version"} == set(listed)


@pytest.mark.parametrize("place", TABLES, ids=lambda each: each.name)
def test_every_column_is_in_the_list(place: Place) -> None:
    """Each column is somebody's or nobody's, and how it is erased is said."""
    assert {*place.personal, *place.plain} == columns()[place.name]
    assert place.personal
    assert place.erased


def test_tables_without_persons_name_none() -> None:
    """A column by the name of customer makes a table one of persons."""
    there = columns()
    for each in NOBODYS:
        assert "customer" not in there.get(each.name, set()), each.name


def test_what_is_found_by_customer_is_asked_by_customer() -> None:
    """Each table with a customer's name in it has a query that finds or wipes by it."""
    asked = " ".join(QUERIES.values()) + read_sql("queries.sql")
    for place in TABLES:
        if "customer" in place.personal:
            assert re.search(rf"(from|into|update) {place.name}\b", asked), place.name
