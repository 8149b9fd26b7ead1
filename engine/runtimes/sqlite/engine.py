"""The embedded engine without its thread: batches of work, each one transaction.

One batch is one instant. Every piece of work in it is accepted at that instant, which is read from the clock once and
never goes back, not even over a restart with a clock that was set back. What rings when, `engine.handling.timekeeping`
says. Nothing of a batch is answered before its commit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, repeat
from pathlib import Path
from typing import Any

from engine.books.customers import PORTION
from engine.books.expiry import Expiry, forget_engagement
from engine.books.store import SqlStore
from engine.core import ids
from engine.core.events import DeadLetter, Event
from engine.core.moments import Instant, zone
from engine.core.whose import keys_of, unknown_at
from engine.handling import Handling, Taken
from engine.handling.timekeeping import OVERDUE_A_SECOND, POISON_A_MINUTE, Pace, PoisonWatch, Timekeeping
from engine.ports import Clock
from engine.runtimes.sqlite.checkpoints import Checkpoints

BATCH = 1_000
"""Events in one transaction."""


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
        self._time = Timekeeping(handling, Pace(overdue_a_second))
        self._time.earliest = self.store.earliest()
        handling.sweeping.someone_waits(self.accepted)  # a sweep, a line or a pause's end may have been under way
        self._poison = PoisonWatch()
        self._open = True

    @property
    def earliest(self) -> Instant | None:
        """The next due time of all customers, as of the last batch."""
        return self._time.earliest

    def now(self) -> Instant:
        """Return the instant that a batch would have now."""
        return max(self._clock.now(), self.accepted)

    def next_wake(self) -> Instant | None:
        """Return when there is something to do even if nothing comes; None if never."""
        return self._time.next_wake()

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

    def empty_log(self) -> bool:
        """Move everything from the write-ahead log into the database and cut it to nothing; False where a reader is in the way.

        What was overwritten or deleted stands in the log until then.
        """
        return self._checkpoints.empty()

    def close(self) -> None:
        """Empty the write-ahead log into the database, unless that has failed. The connection stays open."""
        orderly, self._open = self._open, False
        self._checkpoints.close(empty_log=orderly)

    def _run(self, batch: Sequence[Work], now: Instant) -> None:
        store, handling = self.store, self.handling
        self._time.before(store, now)
        pieces = _pieces(batch)
        while portion := list(islice(pieces, PORTION)):
            self._do_portion(portion, now)
        self._time.after(store, now)
        store.save_shop(handling.rules.shop)
        if self._expiry.run(now, handling.rules.lifecycle.keep):
            forget_engagement(handling, store, now)

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
        return self.handling.take_letter(self.store, item, now)

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

    def _prefetch(self, portion: Sequence[_Piece]) -> None:
        asking = [each for piece in portion if isinstance(piece, Asked) for each in piece.customers]
        events = [piece[0] for piece in portion if not isinstance(piece, Asked) and isinstance(piece[0], Event)]
        prefetch(self.store, events, asking)

    def _watch_poison(self, poisoned: int, now: Instant) -> None:
        if self._poison.is_too_much(poisoned, now):
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
