"""Reading the books beside an asyncio loop: in a thread of its own with a connection of its own, which waits for no commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from engine.books.connection import Connection
from engine.books.database import Where, open_to_read

T = TypeVar("T")


class Reader:
    """A connection that is opened at the first question. `name` is the thread's."""

    def __init__(self, where: Where, name: str) -> None:
        self._where = where
        self._thread = ThreadPoolExecutor(1, name)
        self._connection: Connection | None = None

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Return what a query finds.

        Raises:
            DatabaseError: the books cannot be opened or, on PostgreSQL, not be read; SQLite raises its own errors.

        """

        def read() -> T:
            if self._connection is None:  # a connection belongs to the thread that opened it
                self._connection = open_to_read(self._where)
            return query(self._connection)

        return await asyncio.get_running_loop().run_in_executor(self._thread, read)

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self.read(lambda connection: connection.close())
        self._thread.shutdown()
