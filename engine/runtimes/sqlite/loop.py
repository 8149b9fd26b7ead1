"""The embedded engine's loop: an asyncio face over one thread that writes.

Whoever brings work waits until it is durable. While one batch is decided and committed the next one gathers, so a lone
event is answered after one commit, and a thousand at once cost hardly more.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from msgspec import Struct

from engine.books.connection import Connection
from engine.books.store import SqlStore
from engine.core.events import DeadLetter, Event
from engine.core.moments import SECOND, Instant
from engine.core.signals import AnySignal, ShopSignal
from engine.handling import Taken
from engine.runtimes.sqlite.engine import BATCH, Arrivals, Asked, Engine, EngineStopped, Work

T = TypeVar("T")

MOST_WAITING = 20_000
"""Events that may wait; whoever brings more waits before they are taken."""

LINGER = 0.005
"""Seconds of real time that a batch gathers after its first piece of work."""

POLL = 0.25
"""Seconds of real time after which a clock that leaps is looked at again."""


class Figures(Struct, frozen=True):
    """What a watchdog looks at. Times are seconds of real time, `None` for never."""

    waiting: int
    lag: float  # how long the oldest waiting piece of work has waited
    since_commit: float | None
    commits: int
    events: int
    poisoned: int
    earliest: Instant | None


class _Waiting(Struct):
    work: Work
    size: int
    since: float
    done: asyncio.Future[None]


class Loop:
    """Runs an engine in a thread. Start it and stop it in one asyncio loop, and use it there."""

    def __init__(
        self,
        engine: Engine,
        *,
        linger: float = LINGER,
        most_waiting: int = MOST_WAITING,
        on_commit: Callable[[], None] | None = None,
    ) -> None:
        """`on_commit` is called in the asyncio loop after each commit: there may be news in the outbox."""
        self._engine = engine
        self._linger, self._most_waiting = linger, most_waiting
        self._on_commit = on_commit
        self._queue: deque[_Waiting] = deque()
        self._bell = threading.Condition()
        self._size = 0
        self._room = asyncio.Event()
        self._room.set()
        self._stopping = False
        self._failure: EngineStopped | None = None
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._last_commit: float | None = None
        self._commits = self._events = 0

    # The face --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin: what fell due meanwhile rings now."""
        self._asyncio = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._asyncio.create_future()
        self._thread.start()

    async def stop(self) -> None:
        """Do what waits, ring nothing more, and empty the write-ahead log.

        Raises:
            EngineStopped: it could not.

        """
        with self._bell:
            self._stopping = True
            self._bell.notify()
        await asyncio.shield(self._ended)

    async def ended(self) -> None:
        """Wait until the engine has stopped, in order or not.

        Raises:
            EngineStopped: it failed; the message says why.

        """
        await asyncio.shield(self._ended)

    async def submit(self, items: Sequence[Event | DeadLetter], origins: Sequence[str] = ()) -> list[Taken]:
        """Take in events and dead letters; return what became of each after the commit, in their order.

        Waits while too much waits already.

        Raises:
            EngineStopped: they are not taken in, or it is not known; bring them again.

        """
        parts = [Arrivals(items[at : at + BATCH], origins[at : at + BATCH]) for at in range(0, len(items), BATCH)]
        waiting = []
        for part in parts:
            while self._size >= self._most_waiting:
                self._room.clear()
                await self._room.wait()
            waiting.append(self._put(part, len(part.items)))
        await asyncio.gather(*waiting)
        return [taken for part in parts for taken in part.results]

    async def take(self, event: Event) -> None:
        """Take in one event of our own; return after the commit."""
        await self.submit([event])

    async def signal(self, customer_id: str, signal: AnySignal) -> None:
        """Decide one signal about a customer; return after the commit."""
        decide = self._engine.handling.decide
        await self.ask(lambda store, now: decide(store, customer_id, signal, now), [customer_id])

    async def tell(self, signal: ShopSignal) -> None:
        """Decide what concerns the shop as a whole; return after the commit."""
        await self.ask(lambda store, now: self._engine.handling.sweeping.tell(store, signal, now))

    async def write(self, change: Callable[[Connection], T]) -> T:
        """Make a change of the outbox, the ledger or the block list, in the same transaction as all else.

        A change that raises is taken back alone; what it raised is raised here.
        """
        return await self.ask(lambda store, _: _taken_back_alone(store.connection, change))

    async def ask(self, change: Callable[[SqlStore, Instant], T], customers: Sequence[str] = ()) -> T:
        """Make a change through the store, in the next transaction; return what it returns after the commit.

        It runs in the engine's thread. It must raise before it has changed anything, or not at all. `customers` are
        those it will load.

        Raises:
            EngineStopped: it was not made, or it is not known.

        """
        asked = Asked(change, customers)
        await self._put(asked, 1)
        if asked.error is not None:
            raise asked.error
        return cast("T", asked.result)

    def wake(self) -> None:
        """Look at the clock again: it may have leapt."""
        with self._bell:
            self._bell.notify()

    def figures(self) -> Figures:
        """Return what a watchdog looks at."""
        now = time.monotonic()
        oldest = self._queue[0].since if self._queue else now
        return Figures(
            waiting=self._size,
            lag=now - oldest,
            since_commit=None if self._last_commit is None else now - self._last_commit,
            commits=self._commits,
            events=self._events,
            poisoned=self._engine.handling.poisoned,
            earliest=self._engine.earliest,
        )

    def _put(self, work: Work, size: int) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._bell:
            if self._failure is not None or self._stopping:
                done.set_exception(self._failure or EngineStopped("the engine is stopping"))
                return done
            self._queue.append(_Waiting(work, size, time.monotonic(), done))
            self._size += size
            self._bell.notify()
        return done

    # The thread ------------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        failure: BaseException | None = None
        try:
            while (batch := self._gather()) is not None:
                self._run(batch)
            self._engine.close()
        except BaseException as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            failure = error
        self._end(failure)

    def _gather(self) -> list[_Waiting] | None:
        """Wait for work or for something to be due; return it, None when there is nothing more to do."""
        with self._bell:
            while not self._queue:
                if self._stopping:
                    return None
                if (wait := self._seconds_to_wake()) <= 0:
                    return []
                self._bell.wait(wait)
            # Only events gather: whoever asks for something, the relay above all, goes on only after the answer.
            if self._linger and self._size < BATCH and not self._stopping and self._events_wait():
                self._bell.wait_for(lambda: self._size >= BATCH or self._stopping, self._linger)
            batch: list[_Waiting] = []
            size = 0
            while self._queue and size + self._queue[0].size <= BATCH:
                batch.append(self._queue.popleft())
                size += batch[-1].size
            self._size -= size
            return batch

    def _events_wait(self) -> bool:
        return any(isinstance(waiting.work, Arrivals) for waiting in self._queue)

    def _seconds_to_wake(self) -> float:
        wake = self._engine.next_wake()
        return POLL if wake is None else min(POLL, (wake - self._engine.now()) / SECOND)

    def _run(self, batch: list[_Waiting]) -> None:
        try:
            self._engine.run([waiting.work for waiting in batch])
        except BaseException as error:
            self._call(_fail, batch, _as_stopped(error))
            raise
        self._last_commit = time.monotonic()
        self._commits += 1
        self._events += sum(waiting.size for waiting in batch if isinstance(waiting.work, Arrivals))
        self._call(self._answer, batch)

    def _answer(self, batch: list[_Waiting]) -> None:
        """Tell those who wait that their work is durable. Runs in the asyncio loop."""
        for waiting in batch:
            if not waiting.done.done():  # whoever asked was cancelled; the work stands
                waiting.done.set_result(None)
        self._room.set()
        if self._on_commit is not None:
            self._on_commit()

    def _end(self, failure: BaseException | None) -> None:
        with self._bell:
            self._failure = _as_stopped(failure) if failure else EngineStopped("the engine has stopped")
            left, self._size = list(self._queue), 0
            self._queue.clear()
        self._call(self._tell_the_end, left, failure)

    def _tell_the_end(self, left: list[_Waiting], failure: BaseException | None) -> None:
        assert self._failure is not None, "it was set before this was called"
        _fail(left, self._failure)
        self._room.set()
        if failure is None:
            self._ended.set_result(None)
        else:
            self._failure.__cause__ = failure
            self._ended.set_exception(self._failure)

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call something in the asyncio loop, unless that has ended meanwhile."""
        if not self._asyncio.is_closed():
            self._asyncio.call_soon_threadsafe(function, *arguments)


def _fail(batch: list[_Waiting], failure: EngineStopped) -> None:
    for waiting in batch:
        if not waiting.done.done():
            waiting.done.set_exception(failure)


def _as_stopped(error: BaseException) -> EngineStopped:
    if isinstance(error, EngineStopped):
        return error
    return EngineStopped(f"the engine stops, since it does not know how to go on: {type(error).__name__}: {error}")


def _taken_back_alone(connection: Connection, change: Callable[[Connection], T]) -> T:
    connection.execute("savepoint change")
    try:
        result = change(connection)
    except BaseException:
        connection.execute("rollback to change")
        connection.execute("release change")
        raise
    connection.execute("release change")
    return result
