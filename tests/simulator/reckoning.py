"""An oracle for standings by `2 x reorder_interval`: the rules read again, day by day, without any of our code.

The interval is closed at the start of each shop day from the orders of the days before and holds for that day; a
threshold is the floor of twice the mean, between 30 and 400; a customer has lapsed at the start of the first day with
strictly more idle days; orders of that very instant go first; the next order ends it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

FLOOR, CEILING = 30, 400

Change = tuple[int, str, str, str]
"""Day, customer, from, to."""


@dataclass
class Reckoning:
    """Feed it day after day."""

    count: int = 0
    total: int = 0
    last: dict[str, int] = field(default_factory=dict)
    lapsed: set[str] = field(default_factory=set)
    changes: Counter[Change] = field(default_factory=Counter)
    thresholds: list[int] = field(default_factory=list)

    def day(self, day: int, at_its_start: Iterable[str], during: Iterable[str]) -> None:
        """Live one day: who ordered at its very start, and who did so later."""
        threshold = max(FLOOR, min(CEILING, 2 * self.total // self.count)) if self.count else CEILING
        self.thresholds.append(threshold)
        gaps = [gap for customer in at_its_start if (gap := self._order(day, customer))]
        for customer, last in self.last.items():
            if customer not in self.lapsed and day - last > threshold:
                self.lapsed.add(customer)
                self.changes[day, customer, "active", "lapsed"] += 1
        gaps += [gap for customer in during if (gap := self._order(day, customer))]
        self.count += len(gaps)
        self.total += sum(gaps)

    def _order(self, day: int, customer: str) -> int:
        """Take an order; return the interval it closes, 0 where it closes none."""
        if customer in self.lapsed:
            self.lapsed.remove(customer)
            self.changes[day, customer, "lapsed", "active"] += 1
        elif customer not in self.last:
            self.changes[day, customer, "prospect", "active"] += 1
        before, self.last[customer] = self.last.get(customer, day), day
        return day - before


def reckoned(at_start: Mapping[int, list[str]], during: Mapping[int, list[str]]) -> Reckoning:
    """Live all days from the first order to the last."""
    reckoning = Reckoning()
    days = [*at_start, *during]
    for day in range(min(days), max(days) + 1):
        reckoning.day(day, at_start.get(day, []), during.get(day, []))
    return reckoning
