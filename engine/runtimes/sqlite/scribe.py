"""Small changes from several tasks, made durable together.

Each change waits for its own commit, but the commit waits for nobody: while one runs, the next changes gather, and go
into the next one. So a lone change costs one fsync, and a hundred at once cost hardly more.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
Change = Callable[[sqlite3.Connection], T]
_Waiting = tuple[Change[Any], asyncio.Future[Any]]


class Scribe:
    """Writes through one connection, in a thread of its own, in the order the changes came."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(1, "scribe")
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, change: Change[T]) -> T:
        """Make a change and return what it returns, once it is durable.

        A change that raises is taken back alone; the others of its commit stay. What it raised is raised here.

        Raises:
            sqlite3.Error: it could not be made durable.

        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        return await done

    async def read(self, query: Change[T]) -> T:
        """Return what a query finds, of what is durable now."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, query, self._connection)

    async def close(self) -> None:
        """Finish what waits, then close the connection."""
        if self._writing is not None:
            await self._writing
        self._thread.shutdown()
        self._connection.close()

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                results = await loop.run_in_executor(self._thread, self._commit, [change for change, _ in batch])
            except sqlite3.Error as error:
                results = [error] * len(batch)
            for (_, done), result in zip(batch, results, strict=True):
                if done.done():  # whoever asked was cancelled; the change stands
                    continue
                if isinstance(result, Exception):
                    done.set_exception(result)
                else:
                    done.set_result(result)

    def _commit(self, changes: list[Change[Any]]) -> list[Any]:
        self._connection.execute("begin immediate")
        try:
            results = [self._one(change) for change in changes]
            self._connection.execute("commit")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("rollback")
            raise
        return results

    def _one(self, change: Change[Any]) -> Any:
        self._connection.execute("savepoint one")
        try:
            result = change(self._connection)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked for the change, not to the others
            self._connection.execute("rollback to one")
            result = error
        self._connection.execute("release one")
        return result
