"""A history made ready for the virtual clock: sorted by time, each event once, whatever order the files had.

Short histories are sorted in memory. A long one is sorted in pieces that go to a temporary file and are merged while
the clock runs, so that memory is needed for the customers and not for all that ever happened to them.
"""

from __future__ import annotations

import heapq
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Final

from engine.core.events import DeadLetter, Event
from engine.core.moments import Instant
from engine.core.reading import encode

MOST_IN_MEMORY: Final = 600_000
"""Events sorted at once; they take about 800 bytes each."""

DEAD_LETTERS_KEPT: Final = 100
_BLOCK: Final = 2_000
_STEP: Final = 20_000

Progress = Callable[[str, int, int], None]
"""Told now and then what is being done (`reading`, `replaying`), how many events are done, and of how many (0: unknown)."""


def by_time(event: Event) -> tuple[Instant, str, str]:
    """The order of a back-test: time, then source, then id."""
    return event.time, event.source, event.id


class Past:
    """What happened before `until`, by time. Gather it, ask what it knows, then iterate over it, once.

    `first` and `last` are the instants of the first and last event, 0 without one. `left_out` counts events from
    `until` on. `knows_consent`, `knows_addresses` and `knows_reading` say whether any event speaks of these at all.
    `duplicates` is complete after the iteration.
    """

    def __init__(self, until: Instant | None = None, *, most_in_memory: int = MOST_IN_MEMORY) -> None:
        self.read = self.left_out = self.dead_letters = self.duplicates = 0
        self.first: Instant = 0
        self.last: Instant = 0
        self.knows_consent = self.knows_addresses = self.knows_reading = False
        self.some_dead_letters: list[DeadLetter] = []
        self._until = until
        self._most = most_in_memory
        self._events: list[Event] = []
        self._pieces: list[IO[bytes]] = []

    def gather(self, items: Iterable[Event | DeadLetter], progress: Progress) -> None:
        """Take in all there is, in any order."""
        done = 0
        for done, item in enumerate(items, 1):
            if isinstance(item, DeadLetter):
                self.bury(item)
            elif self._until is not None and item.time >= self._until:
                self.left_out += 1
            else:
                self._learn(item)
                self._events.append(item)
                if len(self._events) >= self._most:
                    self._put_aside()
            if done % _STEP == 0:
                progress("reading", done, 0)
        progress("reading", done, done)

    def bury(self, letter: DeadLetter) -> None:
        """Count a dead letter; the first ones are kept to be shown."""
        self.dead_letters += 1
        if len(self.some_dead_letters) < DEAD_LETTERS_KEPT:
            self.some_dead_letters.append(letter)

    def _learn(self, event: Event) -> None:
        at, kind = event.time, event.type
        if not self.read:
            self.first = self.last = at
        elif at < self.first:
            self.first = at
        elif at > self.last:
            self.last = at
        self.read += 1
        if not self.knows_addresses and event.email:
            self.knows_addresses = True
        if not self.knows_consent and kind.startswith("consent."):
            self.knows_consent = True
        if not self.knows_reading and kind in ("email.clicked", "email.opened", "email.replied", "customer.logged_in"):
            self.knows_reading = True

    def _put_aside(self) -> None:
        """Write a sorted piece to a temporary file."""
        self._events.sort(key=by_time)
        piece = tempfile.TemporaryFile(prefix="winback-")  # noqa: SIM115 - it lives until the merge has read it
        for start in range(0, len(self._events), _BLOCK):
            pickle.dump(self._events[start : start + _BLOCK], piece, pickle.HIGHEST_PROTOCOL)
        piece.seek(0)
        self._pieces.append(piece)
        self._events = []

    def __iter__(self) -> Iterator[Event]:
        """Yield the events by time, each (source, id) once."""
        self._events.sort(key=by_time)
        pieces = [_read_back(piece) for piece in self._pieces]
        return self._distinct(heapq.merge(*pieces, self._events, key=by_time) if pieces else iter(self._events))

    def _distinct(self, events: Iterator[Event]) -> Iterator[Event]:
        """Leave out repetitions: of two that say different things at one time the same one stays, whichever came first."""
        seen: dict[str, set[str]] = {}
        held: Event | None = None
        for event in events:
            known = seen.get(event.source)
            if known is None:
                known = seen[event.source] = set()
            if event.id not in known:
                known.add(event.id)
                if held is not None:
                    yield held
                held = event
                continue
            self.duplicates += 1
            if held is not None and by_time(held) == by_time(event) and held != event:
                held = min(held, event, key=encode)
        if held is not None:
            yield held


def _read_back(piece: IO[bytes]) -> Iterator[Event]:
    with piece:
        while True:
            try:
                block = pickle.load(piece)  # noqa: S301 - our own unnamed file, written a moment ago
            except EOFError:
                return
            yield from block
