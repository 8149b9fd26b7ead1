"""Time between what comes in: which timers ring before it and which after, and how fast those that are overdue.

The discipline of one batch, for every runtime. All of a batch is accepted at one instant. Timers that were due before it
ring first, then what has come is decided, then a slice of the shop's own work; those due at that very instant ring last.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from engine.core.moments import MINUTE, SECOND, Instant
from engine.core.signals import TimeUp
from engine.handling.handler import Handling
from engine.ports import Store

TIMERS = 500
"""Due customers in one slice, of a runtime that comes back for the next at once."""

OVERDUE_AFTER = MINUTE
"""A timer later than this was held up by a stop of the engine, not by a full second."""

OVERDUE_A_SECOND = 2_000

POISON_A_MINUTE = 50


class TimedStore(Store, Protocol):
    """A store that knows what is due next."""

    def earliest(self) -> Instant | None:
        """Return the next due time of all customers, None where nothing is due ever."""
        ...


class Pace:
    """How many overdue timers may ring now: so many a second, and never more than a second's worth at once."""

    def __init__(self, a_second: int | None = OVERDUE_A_SECOND) -> None:
        """Allow so many a second; None allows all of them."""
        self._a_second = a_second
        self.tokens = float(a_second or 0)
        self.last: Instant = 0
        self.not_before: Instant = 0

    def allow(self, overdue: int, now: Instant) -> int | None:
        """Return how many may ring; None for all of them."""
        if self._a_second is None or not overdue:
            return None
        self.tokens = min(float(self._a_second), self.tokens + (now - self.last) / SECOND * self._a_second)
        self.last = now
        allowed = min(overdue, int(self.tokens))
        self.tokens -= allowed
        if allowed == overdue:
            return None
        self.not_before = now + SECOND // 20
        return allowed


class Timekeeping:
    """Rings timers over a store, and does the shop's own work, around what comes in at an instant."""

    def __init__(self, handling: Handling, pace: Pace, *, timers: int = TIMERS) -> None:
        """Ring up to `timers` customers before a batch and as many after it, the overdue ones at a pace."""
        self.handling = handling
        self.pace = pace
        self.earliest: Instant | None = None
        self.wake: Instant | None = 0
        self._timers = timers

    def next_wake(self) -> Instant | None:
        """Return when there is something to do even if nothing comes; None if never."""
        if self.handling.rules.shop.time_stands:
            return None
        timers = self.earliest
        if timers is not None:
            timers = max(timers, self.pace.not_before)
        known = [at for at in (timers, self.wake) if at is not None]
        return min(known, default=None)

    def before(self, store: TimedStore, now: Instant) -> None:
        """Ring what was due before this instant, ahead of what has come."""
        if self.earliest is not None and self.earliest < now and not self.handling.rules.shop.time_stands:
            self._ring(store, now - 1, now)

    def after(self, store: TimedStore, now: Instant) -> None:
        """Do a slice of the shop's own work, and ring what is due at this very instant."""
        self.earliest = store.earliest()
        if self.handling.rules.shop.time_stands:
            return
        self.wake = self.handling.advance(store, now)
        self.earliest = store.earliest()
        if self.earliest is not None and self.earliest <= now:
            self._ring(store, now, now)
            self.earliest = store.earliest()
            wake = self.handling.sweeping.wake  # who has just rung may stand in a line now
            self.wake = wake if self.wake is None else min(self.wake, wake)

    def _ring(self, store: TimedStore, until: Instant, now: Instant) -> None:
        """Ring a slice of the timers due until an instant, in (due, customer) order."""
        due = store.due(until, self._timers)
        allowed = self.pace.allow(sum(at < now - OVERDUE_AFTER for at, _ in due), now)
        if allowed is not None:
            due = due[:allowed]
        for _, customer_id in due:
            self.handling.decide(store, customer_id, TimeUp(), now)


class PoisonWatch:
    """Says when failing decisions are no bad events any more but a defect: more than 50 within a minute."""

    def __init__(self) -> None:
        self._recent: deque[tuple[Instant, int]] = deque()

    def is_too_much(self, failed: int, now: Instant) -> bool:
        """Note how many decisions have failed just now; say whether there were too many within the last minute."""
        if not failed:
            return False
        recent = self._recent
        recent.append((now, failed))
        while recent[0][0] <= now - MINUTE:
            recent.popleft()
        return sum(count for _, count in recent) > POISON_A_MINUTE
