"""The store port in memory: an honest fake, and the back-test's store. Kept by the same contract suite as SQLite's."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Callable, Iterable

from engine.core.customer import Customer
from engine.core.effects import SEND_REQUESTED, Effect
from engine.core.events import DeadLetter
from engine.core.moments import Instant
from engine.core.shop import Shop
from engine.core.signals import AnySignal


class MemoryStore:
    """Records are values that nobody changes in place, so keeping them is enough.

    Effects go to `sink`, one by one; released sends also into `outbox`, for whoever plays the mail server. The journal
    is kept only when asked for.
    """

    def __init__(self, sink: Callable[[Effect], None] | None = None, *, journalled: bool = False) -> None:
        self.customers: dict[str, Customer] = {}
        self.effects: list[Effect] = []
        self.outbox: list[Effect] = []
        self.journalled: list[tuple[str, AnySignal, Instant]] | None = [] if journalled else None
        self.dead_letters: list[DeadLetter] = []
        self.shop: Shop | None = None
        self._sink = sink or self.effects.append
        self._keys: dict[str, str] = {}
        self._seen: set[bytes] = set()
        self.due_times: list[tuple[Instant, str]] = []  # a heap; entries that no longer hold are left in it
        self._lines: dict[str, set[str]] = {}
        self._ids: list[str] | None = None

    def load(self, customer_id: str) -> Customer | None:
        """Return the record, None where there is none."""
        return self.customers.get(customer_id)

    def save(self, before: Customer | None, after: Customer) -> None:
        """Keep the record, its due time and its places in lines."""
        self.customers[after.id] = after
        if before is None:
            self._ids = None
        if after.next_due is not None and (before is None or before.next_due != after.next_due):
            heapq.heappush(self.due_times, (after.next_due, after.id))
        if before is None or before.waiting is not after.waiting:
            self._line_up(before.waiting if before else (), after)

    def _line_up(self, before: tuple[str, ...], after: Customer) -> None:
        for name in before:
            if name not in after.waiting:
                self._lines[name].discard(after.id)
        for name in after.waiting:
            self._lines.setdefault(name, set()).add(after.id)

    def find(self, key: str) -> str | None:
        """Return who is known under a key."""
        return self._keys.get(key)

    def know(self, key: str, customer_id: str) -> None:
        """Remember a key; the newest owner wins."""
        self._keys[key] = customer_id

    def seen(self, customer_id: str, ref: bytes, now: Instant) -> bool:
        """Say whether the reference was seen before, and remember it."""
        if ref in self._seen:
            return True
        self._seen.add(ref)
        return False

    def put(self, effects: Iterable[Effect]) -> None:
        """Hand effects to the sink, and released sends to the outbox."""
        for effect in effects:
            self._sink(effect)
            if effect.type == SEND_REQUESTED and not effect.shadow:
                self.outbox.append(effect)

    def journal(self, customer_id: str, signal: AnySignal, now: Instant) -> None:
        """Keep the signal, if a journal was asked for."""
        if self.journalled is not None:
            self.journalled.append((customer_id, signal, now))

    def bury(self, letter: DeadLetter, now: Instant) -> bool:
        """Keep a dead letter, once."""
        if any((each.raw, each.origin) == (letter.raw, letter.origin) for each in self.dead_letters):
            return False
        self.dead_letters.append(letter)
        return True

    def save_shop(self, shop: Shop) -> None:
        """Keep the shop's state."""
        self.shop = shop

    def due(self, now: Instant, limit: int) -> list[tuple[Instant, str]]:
        """Return who is due, in (due, customer) order."""
        found: list[tuple[Instant, str]] = []
        while self.due_times and self.due_times[0][0] <= now and len(found) < limit:
            entry = heapq.heappop(self.due_times)
            if self.customers[entry[1]].next_due == entry[0] and entry not in found[-1:]:
                found.append(entry)
        for entry in found:
            heapq.heappush(self.due_times, entry)
        return found

    def next_due(self) -> tuple[Instant, str] | None:
        """Return the earliest due time and whose it is; entries that no longer hold are left behind on the way."""
        due = self.due_times
        while due:
            at, customer_id = due[0]
            if self.customers[customer_id].next_due == at:
                return due[0]
            heapq.heappop(due)
        return None

    def line(self, workflow: str, limit: int) -> list[str]:
        """Return who waits, the latest reaction first, then by id."""
        return heapq.nsmallest(
            limit, self._lines.get(workflow, ()), key=lambda each: (-self.customers[each].last_reaction, each)
        )

    def line_length(self, workflow: str) -> int:
        """Return how many wait."""
        return len(self._lines.get(workflow, ()))

    def in_workflow(self, workflow: str, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        """Return those in a workflow, in the order of stage and id."""
        there = {
            (run.stage, each.id) for each in self.customers.values() for run in each.runs if run.workflow == workflow
        }
        return heapq.nsmallest(limit, (place for place in there if place > after))

    def scan(self, after: str, limit: int) -> list[str]:
        """Return ids that follow `after`, in order."""
        if self._ids is None:
            self._ids = sorted(self.customers)
        place = bisect_right(self._ids, after)
        return self._ids[place : place + limit]
