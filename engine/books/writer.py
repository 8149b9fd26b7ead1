"""Writing the books on PostgreSQL beside an asyncio loop: small changes, each a transaction of its own.

For what may be written by any process at any time, such as a "no" on a public page. What one process alone may write goes
through the connection that holds its lock (`locks`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from engine.books.connection import Connection, DatabaseError
from engine.books.database import open_to_write
from engine.books.postgres import PostgresConnection, Server

T = TypeVar("T")


class Writer:
    """A connection in a thread of its own, made at the first change, and anew after the server was away."""

    def __init__(self, server: Server, name: str = "writer") -> None:
        self._server = server
        self._thread = ThreadPoolExecutor(1, name)
        self._connection: PostgresConnection | None = None

    async def write(self, change: Callable[[Connection], T]) -> T:
        """Make a change in a transaction of its own; return what it returns after the commit.

        A change that raises leaves nothing, and what it raised is raised here.

        Raises:
            DatabaseError: the server is away; where it went during the commit, the change may have been made.

        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._write, change)

    def _write(self, change: Callable[[Connection], T]) -> T:
        connection = self._begun()
        try:
            result = change(connection)
            connection.execute("commit")
        except BaseException:
            with suppress(DatabaseError):
                if connection.in_transaction:
                    connection.execute("rollback")
            raise
        return result

    def _begun(self) -> PostgresConnection:
        """Return the connection with a transaction open; one that was cut off since the last change is replaced."""
        if self._connection is not None:
            try:
                self._connection.execute("begin")
            except DatabaseError:
                if not self._connection.broken:
                    raise
            else:
                return self._connection
        self._connection = open_to_write(self._server)
        self._connection.execute("begin")
        return self._connection

    async def close(self) -> None:
        """Close the connection."""

        def close() -> None:
            if self._connection is not None:
                self._connection.close()

        await asyncio.get_running_loop().run_in_executor(self._thread, close)
        self._thread.shutdown()
