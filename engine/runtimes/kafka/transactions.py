"""Changes of the books, one transaction after the other, on the one connection that says who may make them.

Whoever asks for a change hears of it after the commit. Changes that come while a transaction is under way share the next
one, so that a commit serves all who wait. When the connection breaks nothing more can be changed: its locks are gone, and
another process may have taken over. Whoever asked is told, and the part begins anew.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from engine.books.connection import BOOKS_ERRORS, DatabaseError
from engine.books.store import SqlStore
from engine.core.moments import Day, Instant
from engine.ports import Clock

MOST = 64
"""Changes in one transaction."""

T = TypeVar("T")


class _Asked:
    def __init__(self, change: Callable[[SqlStore, Instant], Any]) -> None:
        self.change = change
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.result: Any = None
        self.error: Exception | None = None


class Transactions:
    """Makes changes through a store. Use it in one asyncio loop; the store is its own until it is closed."""

    def __init__(
        self,
        store: SqlStore,
        clock: Clock,
        shop_day: Callable[[Instant], Day],
        *,
        on_commit: Callable[[], None] | None = None,
    ) -> None:
        """`shop_day` says which of the shop's days it is; `on_commit` is called in the asyncio loop after each commit."""
        self._store, self._clock, self._shop_day, self._on_commit = store, clock, shop_day, on_commit
        self._thread = ThreadPoolExecutor(1, "books")
        self._asked: deque[_Asked] = deque()
        self._work: asyncio.Task[None] | None = None
        self._last: Instant = 0
        self._failure: DatabaseError | None = None

    async def ask(self, change: Callable[[SqlStore, Instant], T], customers: Sequence[str] = ()) -> T:  # noqa: ARG002 - as the relay asks
        """Make a change in the next transaction; return what it returns after the commit.

        It must raise before it has changed anything, or not at all. The records of `customers` are not read ahead, as
        the embedded engine does: another process writes them, and whether they are new enough is asked before.

        Raises:
            DatabaseError: it was not made, or that is not known; nothing more will be.

        """
        if self._failure is not None:
            raise self._failure
        asked = _Asked(change)
        self._asked.append(asked)
        if self._work is None:
            self._work = asyncio.create_task(self._do_all())
        await asked.done
        if asked.error is not None:
            raise asked.error
        return cast("T", asked.result)

    async def close(self) -> None:
        """Make what was asked for, and let go of the store; its connection stays open."""
        if self._work is not None:
            await self._work
        self._failure = self._failure or DatabaseError("the books are closed")
        self._thread.shutdown()

    async def _do_all(self) -> None:
        while self._asked:
            batch = [self._asked.popleft() for _ in range(min(MOST, len(self._asked)))]
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._do, batch)
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
                self._fail([*batch, *self._asked], error)
                break
            if self._on_commit is not None:
                self._on_commit()
            for asked in batch:
                if not asked.done.done():  # whoever asked was cancelled; the change stands
                    asked.done.set_result(None)
        self._work = None

    def _do(self, batch: Sequence[_Asked]) -> None:
        now = self._last = max(self._clock.now(), self._last)
        try:
            self._store.begin()
            for asked in batch:
                try:
                    asked.result = asked.change(self._store, now)
                except BOOKS_ERRORS:
                    raise
                except Exception as error:  # noqa: BLE001 - it belongs to whoever asked, and not to the batch
                    asked.error = error
            self._store.commit_beside(self._shop_day(now))
        except BaseException:
            self._give_up()
            raise

    def _give_up(self) -> None:
        try:
            self._store.rollback()
        except BOOKS_ERRORS:
            return  # the session has ended, and the transaction with it

    def _fail(self, asked: Sequence[_Asked], error: Exception) -> None:
        self._asked.clear()
        self._failure = error if isinstance(error, DatabaseError) else DatabaseError(f"{type(error).__name__}: {error}")
        for each in asked:
            if not each.done.done():
                each.done.set_exception(self._failure)
