"""The books' SQL: the texts of its files, and the queries in them by name.

They are written once, in what SQLite and PostgreSQL both understand; where that cannot be, a file of the same name that
ends in `.postgres.sql` has another text for the same name (see `dialect`).
"""

from __future__ import annotations

import re
from importlib import resources
from typing import Final

VERSION = 6
"""Of the schema, kept in the database; there is one file in migrations/ for each."""

LIST_LENGTHS = (1, 16, 100)
"""How many values one `in (...)` takes. Few lengths, so that statements stay prepared; places left over hold null."""


def read_sql(name: str) -> str:
    """Return the text of one of this package's SQL files."""
    return resources.files(__package__).joinpath(*name.split("/")).read_text("utf-8")


def has_sql(name: str) -> bool:
    """Say whether there is such an SQL file."""
    return resources.files(__package__).joinpath(*name.split("/")).is_file()


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


QUERIES: Final = named_queries(read_sql("queries.sql"))
