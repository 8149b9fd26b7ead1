"""Books in either database: every rule about them holds in both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.books.connection import Connection
from engine.books.database import Where, open_to_write
from engine.books.postgres import Server


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Where:
    """Where new books are to be: a folder, or a server with an empty database."""
    return Server(request.getfixturevalue("postgres")) if request.param == "postgres" else tmp_path


@pytest.fixture
def connection(where: Where) -> Iterator[Connection]:
    """A connection that writes new books."""
    with closing(open_to_write(where)) as opened:
        yield opened


@pytest.fixture
def server(postgres: str) -> Server:
    """A PostgreSQL server with an empty database."""
    return Server(postgres)
