"""The virtual clock: events and timers of a made-up or remembered world, in order, over the same handling as live.

At one instant events go before the shop's own work, and that before timers; mails are handed over at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from engine.core.customer import Customer
from engine.core.effects import Effect
from engine.core.events import Event
from engine.core.moments import Instant
from engine.core.rulebook import Rules
from engine.core.signals import Handed, TimeUp
from engine.handling import Handling, Taken
from engine.runtimes.simulator.store import MemoryStore

_FAR = 1 << 62


class World:
    """One shop on a virtual clock. `take` events in the order of their time; `run_until` lets time pass."""

    def __init__(
        self,
        rules: Rules,
        *,
        sink: Callable[[Effect], None] | None = None,
        newcomer: Callable[[str], Customer] = Customer,
        journalled: bool = False,
        history_after: int | None = None,
        store: MemoryStore | None = None,
        distinct: bool = False,
    ) -> None:
        self.store = store or MemoryStore(sink, journalled=journalled)
        self.handling = Handling(rules, history_after=history_after, newcomer=newcomer, distinct=distinct)
        self.now: Instant = 0

    def play(self, events: Iterable[Event]) -> int:
        """Take in events that are sorted by time, letting time pass between them; return how many were duplicates."""
        duplicates = 0
        store, handling = self.store, self.handling
        due, sweeping = store.due_times, handling.sweeping
        for event in events:
            at = event.time
            if (due and due[0][0] < at) or sweeping.wake < at or sweeping.day_ends < at:
                self.run_until(at)
            self.now = at
            if handling.take(store, event, at).status == "duplicate":
                duplicates += 1
            if store.outbox:
                self._hand_over(at)
        return duplicates

    def take(self, event: Event, accepted: Instant) -> Taken:
        """Take in one event, accepted now."""
        self.now = accepted
        taken = self.handling.take(self.store, event, accepted)
        if self.store.outbox:
            self._hand_over(accepted)
        return taken

    def run_until(self, end: Instant) -> None:
        """Let time pass: everything due before `end` is done; what is due at `end` waits for its events."""
        while True:
            due = self.store.next_due()
            timer = _FAR if due is None else due[0]
            work = self._next_work()
            if min(work, timer) >= end:
                return
            self.now = max(self.now, min(work, timer))
            if work <= timer:
                self.handling.advance(self.store, self.now)
            elif due is not None:
                self.handling.decide(self.store, due[1], TimeUp(), self.now)
            if self.store.outbox:
                self._hand_over(self.now)

    def settle(self) -> None:
        """Hand over what was released by a signal that came from outside."""
        self._hand_over(self.now)

    def _next_work(self) -> Instant:
        """When the shop's own work is wanted next; the closing of a day only matters once there was a first."""
        sweeping = self.handling.sweeping
        return min(sweeping.wake, sweeping.day_ends or _FAR)

    def _hand_over(self, now: Instant) -> None:
        """Play the mail server: every released send is taken at once."""
        outbox = self.store.outbox
        while outbox:
            effect = outbox.pop(0)
            self.handling.decide(self.store, effect.customer, Handed(effect.effect_id, "done"), now)
