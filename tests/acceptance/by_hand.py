"""The embedded engine driven by hand: no thread, a clock that is turned, and a mail server that takes everything at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import msgspec

from connectors.memory import FixedClock
from engine.books import rulebook
from engine.books.database import open_to_write
from engine.books.store import SqlStore
from engine.core.effects import SEND_REQUESTED, Effect
from engine.core.events import Event
from engine.core.moments import Instant
from engine.core.rules import RuleSet
from engine.core.signals import AnySignal, Handed, Move, ShopSignal
from engine.handling import HISTORY_AFTER, Handling, Taken
from engine.ports import Store
from engine.runtimes.sqlite.engine import Asked, Engine
from engine.runtimes.sqlite.replay import differing, replay

T = TypeVar("T")
KEY = b"the same key on both sides"
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where data lies whose thousand commits need not outlive a crash."""


class HandsOverAtOnce(Handling):
    """A handling whose mail server takes every released send before anything else is decided, as the simulator's does."""

    depth = 0

    def take(self, store: Store, event: Event, accepted: Instant, origin: str = "", *, history: bool = False) -> Taken:
        """Take in an event, then hand over what it released."""
        take = super().take
        return self._and_hand_over(store, accepted, lambda: take(store, event, accepted, origin, history=history))

    def decide(self, store: Store, customer_id: str, signal: AnySignal, now: Instant) -> None:
        """Decide a signal, then hand over what it released."""
        self._and_hand_over(store, now, lambda: super(HandsOverAtOnce, self).decide(store, customer_id, signal, now))

    def advance(self, store: Store, now: Instant) -> Instant | None:
        """Do a slice of the shop's work, then hand over what it released."""
        return self._and_hand_over(store, now, lambda: super(HandsOverAtOnce, self).advance(store, now))

    def _and_hand_over(self, store: Store, now: Instant, act: Callable[[], T]) -> T:
        self.depth += 1
        try:
            done = act()
        finally:
            self.depth -= 1
        assert isinstance(store, Outgoing)
        while not self.depth and store.released:
            effect = store.released.pop(0)
            super().decide(store, effect.customer, Handed(effect.effect_id, "done"), now)
        return done


class Outgoing(SqlStore):
    """A store that also tells which sends were released."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.released: list[Effect] = []

    def put(self, effects: Iterable[Effect]) -> None:
        """Keep the effects, and tell those released."""
        effects = list(effects)
        super().put(effects)
        self.released += [each for each in effects if each.type == SEND_REQUESTED and not each.shadow]


class Live:
    """The embedded engine over a data folder, driven by hand."""

    def __init__(self, folder: Path, clock: FixedClock) -> None:
        self.folder, self.clock = folder, clock
        self.open()

    def open(self) -> None:
        """Start the engine, as after a stop."""
        self.connection: sqlite3.Connection = open_to_write(self.folder)
        self.store = Outgoing(self.connection)
        rules = rulebook.load(self.store, self.clock.now(), key=KEY)
        self.handling = HandsOverAtOnce(rules, history_after=HISTORY_AFTER)
        self.engine = Engine(
            self.connection, self.folder, self.handling, self.clock, store=self.store, overdue_a_second=None
        )

    def close(self) -> None:
        """Stop the engine."""
        self.engine.close()
        self.connection.close()

    def run_until(self, end: Instant) -> None:
        """Let the engine do what is due before an instant, each at its time; the clock stands there afterwards."""
        while (wake := self.engine.next_wake()) is not None and wake < end:
            self.clock.set(max(wake, self.clock.now()))
            self.engine.run([])
        self.clock.set(end)

    def do(self, change: Callable[[SqlStore, Instant], Any]) -> None:
        """Make a change in a transaction."""
        asked = Asked(change)
        self.engine.run([asked])
        if asked.error is not None:
            raise asked.error

    def apply(self, rules: RuleSet, moves: tuple[Move, ...] = ()) -> rulebook.Applied:
        """Put rules in force."""
        applied: list[rulebook.Applied] = []
        self.do(lambda store, now: applied.append(rulebook.apply(self.handling, rules, store, now, moves=moves)))
        return applied[0]

    def tell(self, signal: ShopSignal) -> None:
        """Tell what concerns the shop."""
        self.do(lambda store, now: self.handling.sweeping.tell(store, signal, now))

    def effects(self) -> list[Effect]:
        """Return all effects, in the order they were decided."""
        query = "select type, time, customer, effect_id, body, ordinal, shadow from effect order by seq"
        return [
            Effect(kind, time, customer, number, msgspec.json.decode(body), ordinal, bool(shadow))
            for kind, time, customer, number, body, ordinal, shadow in self.connection.execute(query)
        ]

    def records(self) -> dict[str, bytes]:
        """Return all records as they are stored."""
        return dict(self.connection.execute("select id, record from customer"))

    def replayed(self) -> list[str]:
        """Return whose record is another one when the journal is decided once more."""
        with TemporaryDirectory(dir=IN_MEMORY) as folder:
            target: sqlite3.Connection = open_to_write(Path(folder))
            try:
                replay(self.connection, target, key=KEY)
                return differing(self.connection, target)
            finally:
                target.close()
