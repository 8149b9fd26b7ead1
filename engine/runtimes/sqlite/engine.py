"""The embedded engine without its thread: batches of work, each one transaction.

One batch is one instant. Every piece of work in it is accepted at that instant, which is read from the clock once and
never goes back, not even over a restart with a clock that was set back. Timers that were due before it ring first; those
due at that very instant ring after what has just come. Nothing of a batch is answered before its commit.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, repeat
from pathlib import Path
from typing import Any

from engine.books.customers import PORTION
from engine.books.expiry import Expiry
from engine.books.store import SqlStore
from engine.core import ids
from engine.core.events import DeadLetter, Event
from engine.core.moments import MINUTE, SECOND, Instant, zone
from engine.core.signals import TimeUp
from engine.core.whose import keys_of, unknown_at
from engine.handling import Handling, Taken
from engine.ports import Clock
from engine.runtimes.sqlite.checkpoints import Checkpoints

BATCH = 1_000
"""Events in one transaction."""

TIMERS = 500
"""Due customers in one slice."""

POISON_A_MINUTE = 50

OVERDUE_AFTER = MINUTE
"""A timer later than this was held up by a stop of the engine, not by a full second."""

OVERDUE_A_SECOND = 2_000


class EngineStopped(Exception):
    """The engine cannot go on; the message says why."""


class Arrivals:
    """Input as it came: events, and letters that are dead already. `results` are there after the batch, in order."""

    def __init__(self, items: Sequence[Event | DeadLetter], origins: Sequence[str] = ()) -> None:
        self.items = items
        self.origins = origins
        self.results: list[Taken] = []


class Asked:
    """One thing to be done in the transaction: `result` or `error` is there after the batch."""

    def __init__(self, change: Callable[[SqlStore, Instant], Any], customers: Sequence[str] = ()) -> None:
        self.change = change
        self.customers = customers
        self.result: Any = None
        self.error: Exception | None = None


Work = Arrivals | Asked

_Piece = tuple[Event | DeadLetter, str, list[Taken]] | Asked
"""An item with its origin and the list its result goes to, or a thing asked."""


class Engine:
    """Decides batches of work over one data folder. One thread at a time may use it; it holds the folder's lock not."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        folder: Path,
        handling: Handling,
        clock: Clock,
        *,
        store: SqlStore | None = None,
        overdue_a_second: int | None = OVERDUE_A_SECOND,
    ) -> None:
        """Go on where the database stands; its shop must be the one in the handling's rules.

        `overdue_a_second` paces what fell due while the engine stood still; None rings it all at once.
        """
        self.store = store or SqlStore(connection)
        self.handling = handling
        self._connection = connection
        self._clock = clock
        self._checkpoints = Checkpoints(connection, folder)
        self._expiry = Expiry(connection)
        kept = self.store.load_shop()
        self.accepted: Instant = kept[0] if kept else 0
        self.earliest = self.store.earliest()
        self._wake: Instant | None = 0
        handling.sweeping.someone_waits(self.accepted)  # a sweep, a line or a pause's end may have been under way
        self._overdue = _Pace(overdue_a_second)
        self._poisoned: deque[tuple[Instant, int]] = deque()
        self._open = True

    def now(self) -> Instant:
        """Return the instant that a batch would have now."""
        return max(self._clock.now(), self.accepted)

    def next_wake(self) -> Instant | None:
        """Return when there is something to do even if nothing comes; None if never."""
        if self.handling.rules.shop.time_stands:
            return None
        timers = self.earliest
        if timers is not None:
            timers = max(timers, self._overdue.not_before)
        known = [at for at in (timers, self._wake) if at is not None]
        return min(known, default=None)

    def run(self, batch: Sequence[Work]) -> None:
        """Do a batch of work, ring what is due, and commit.

        Raises:
            EngineStopped: the store failed, and nothing of the batch is there; or decisions fail one after the other,
                and it is. There is no going on either way.

        """
        now = self.now()
        poisoned = self.handling.poisoned
        try:
            self.store.begin()
            self._run(batch, now)
            self.store.commit(now, zone(self.handling.rules.lifecycle.timezone).day(now))
            self._checkpoints.after_commit()
        except (sqlite3.Error, OSError) as error:
            self._give_up()
            raise EngineStopped(f"the database failed, so the engine stops: {error}") from error
        except BaseException:
            self._give_up()
            raise
        self.accepted = now
        self._watch_poison(self.handling.poisoned - poisoned, now)

    def close(self) -> None:
        """Empty the write-ahead log into the database, unless that has failed. The connection stays open."""
        orderly, self._open = self._open, False
        self._checkpoints.close(empty_log=orderly)

    def _run(self, batch: Sequence[Work], now: Instant) -> None:
        store, handling = self.store, self.handling
        if self.earliest is not None and self.earliest < now and not handling.rules.shop.time_stands:
            self._ring(now - 1, now)
        pieces = _pieces(batch)
        while portion := list(islice(pieces, PORTION)):
            self._do_portion(portion, now)
        self.earliest = store.earliest()
        if not handling.rules.shop.time_stands:
            self._let_time_pass(now)
        store.save_shop(handling.rules.shop)
        if self._expiry.run(now, handling.rules.lifecycle.keep):
            self._expiry.forget_engagement(handling, store, now)

    def _let_time_pass(self, now: Instant) -> None:
        """Do a slice of the shop's own work, and ring what is due at this very instant."""
        self._wake = self.handling.advance(self.store, now)
        self.earliest = self.store.earliest()
        if self.earliest is not None and self.earliest <= now:
            self._ring(now, now)
            self.earliest = self.store.earliest()
            wake = self.handling.sweeping.wake  # who has just rung may stand in a line now
            self._wake = wake if self._wake is None else min(self._wake, wake)

    def _do_portion(self, portion: Sequence[_Piece], now: Instant) -> None:
        self._prefetch(portion)
        for piece in portion:
            if isinstance(piece, Asked):
                self._do(piece, now)
            else:
                item, origin, results = piece
                results.append(self._take(item, origin, now))
        self.store.end_portion()

    def _take(self, item: Event | DeadLetter, origin: str, now: Instant) -> Taken:
        if isinstance(item, Event):
            return self.handling.take(self.store, item, now, origin)
        self.store.bury(item, now)
        return Taken("dead_letter", reason=item.reason)

    def _do(self, asked: Asked, now: Instant) -> None:
        """Do one thing. What it raises, before it has changed anything, belongs to whoever asked and not to the batch."""
        try:
            asked.result = asked.change(self.store, now)
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError) as error:
            asked.error = error
        except (sqlite3.Error, OSError):
            raise  # the database itself
        except Exception as error:  # noqa: BLE001 - see above
            asked.error = error

    def _ring(self, until: Instant, now: Instant) -> None:
        """Ring a slice of the timers due until an instant, in (due, customer) order."""
        due = self.store.due(until, TIMERS)
        allowed = self._overdue.allow(sum(at < now - OVERDUE_AFTER for at, _ in due), now)
        if allowed is not None:
            due = due[:allowed]
        for _, customer_id in due:
            self.handling.decide(self.store, customer_id, TimeUp(), now)

    def _prefetch(self, portion: Sequence[_Piece]) -> None:
        asking = [each for piece in portion if isinstance(piece, Asked) for each in piece.customers]
        events = [piece[0] for piece in portion if not isinstance(piece, Asked) and isinstance(piece[0], Event)]
        prefetch(self.store, events, asking)

    def _watch_poison(self, poisoned: int, now: Instant) -> None:
        if not poisoned:
            return
        recent = self._poisoned
        recent.append((now, poisoned))
        while recent[0][0] <= now - MINUTE:
            recent.popleft()
        if sum(count for _, count in recent) > POISON_A_MINUTE:
            raise EngineStopped(
                f"more than {POISON_A_MINUTE} decisions failed within a minute, so the engine stops: "
                "this is no bad event but a defect; `winback dead-letters` shows what earlier ones met"
            )

    def _give_up(self) -> None:
        self._open = False
        try:
            self.store.rollback()
        except (sqlite3.Error, OSError):
            return  # what made us give up is told; the database keeps its last commit either way


class _Pace:
    """How many overdue timers may ring now: so many a second, and never more than a second's worth at once."""

    def __init__(self, a_second: int | None) -> None:
        self._a_second = a_second
        self._tokens = float(a_second or 0)
        self._last: Instant = 0
        self.not_before: Instant = 0

    def allow(self, overdue: int, now: Instant) -> int | None:
        """Return how many may ring; None for all of them."""
        if self._a_second is None or not overdue:
            return None
        self._tokens = min(float(self._a_second), self._tokens + (now - self._last) / SECOND * self._a_second)
        self._last = now
        allowed = min(overdue, int(self._tokens))
        self._tokens -= allowed
        if allowed == overdue:
            return None
        self.not_before = now + SECOND // 20
        return allowed


def _pieces(batch: Sequence[Work]) -> Iterator[_Piece]:
    for work in batch:
        if isinstance(work, Asked):
            yield work
        else:
            origins = work.origins or repeat("", len(work.items))
            yield from zip(work.items, origins, repeat(work.results, len(work.items)), strict=True)


def prefetch(store: SqlStore, events: Iterable[Event], customers: Iterable[str] = ()) -> None:
    """Read at once what taking in these events will ask the store for, and these customers' records."""
    wanted = [*customers]
    keys: list[str] = []
    refs: list[bytes] = []
    for event in events:
        _note_wants(event, wanted, keys, refs)
    store.prefetch((), keys, refs)
    wanted += filter(None, map(store.find, keys))
    store.prefetch(wanted)


def _note_wants(event: Event, customers: list[str], keys: list[str], refs: list[bytes]) -> None:
    """Note what `Handling.take` will ask the store for. Nothing but speed depends on getting it right."""
    if event.customer:
        customers.append(event.customer)
        if event.type == "profile.updated" and (address := event.email.strip().casefold()):
            keys.append(f"mail:{address}")
    else:
        keys += keys_of(event)
        if unknown := unknown_at(event):
            customers.append(unknown)
    refs.append(ids.event_ref(event.source, event.id))
