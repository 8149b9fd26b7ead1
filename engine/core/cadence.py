"""The reorder interval: how many days pass between two orders of one customer, over all customers.

Kept as integer counts per length, so it is exact, independent of the order of arrival, mergeable, and can take an
interval out again (a cancelled order, or one that arrives late between two others). One order per customer and day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

import msgspec
from msgspec import Struct

from engine.core.rules import LapseRule, Lifecycle

CATEGORY_INTERVALS = 200
"""A category has an interval of its own from so many closed intervals on."""

QUANTILES = ("0.05", "0.1", "0.25", "0.5", "0.75", "0.8", "0.9", "0.95", "0.99")


class Intervals(Struct):
    """Closed intervals: their number, their sum in days, and how many there are of each length."""

    count: int = 0
    total: int = 0
    lengths: dict[int, int] = {}

    def change(self, days: int, by: int = 1) -> None:
        """Add an interval of so many days (by=1), or take one out (by=-1)."""
        self.count += by
        self.total += by * days
        left = self.lengths.get(days, 0) + by
        if left:
            self.lengths[days] = left
        else:
            self.lengths.pop(days, None)

    def merge(self, other: Intervals) -> None:
        """Add all intervals of another shop, partition or half."""
        for days, number in other.lengths.items():
            self.change_many(days, number)

    def change_many(self, days: int, number: int) -> None:
        """Add `number` intervals of one length."""
        self.count += number
        self.total += number * days
        self.lengths[days] = self.lengths.get(days, 0) + number

    @property
    def mean(self) -> Fraction | None:
        """The mean in days, exactly; None without an interval."""
        return Fraction(self.total, self.count) if self.count else None

    def quantile(self, share: Fraction) -> Fraction | None:
        """The quantile in days, interpolated linearly between order statistics (Hyndman and Fan's type 7)."""
        if not self.count:
            return None
        place = share * (self.count - 1)
        below = place.numerator // place.denominator
        low, high = self._ranked(below, min(below + 1, self.count - 1))
        return low + (place - below) * (high - low)

    def _ranked(self, first: int, second: int) -> tuple[int, int]:
        """The lengths at two ranks, counted from 0, `first <= second`."""
        found: list[int] = []
        passed = 0
        for days in sorted(self.lengths):
            passed += self.lengths[days]
            while len(found) < 2 and (first, second)[len(found)] < passed:
                found.append(days)
        return found[0], found[1]


class Cadence(Struct):
    """The intervals of all customers, and those within each product category."""

    overall: Intervals = msgspec.field(default_factory=Intervals)
    categories: dict[str, Intervals] = {}

    def change(self, category: str, days: int, by: int) -> None:
        """Add or take out an interval; the empty category is the overall one."""
        intervals = self.overall if not category else self.categories.setdefault(category, Intervals())
        intervals.change(days, by)


class Thresholds(Struct, frozen=True):
    """After how many idle days a customer has lapsed, for one shop day: idle days must be strictly more.

    `unset` forms (no interval known yet) are the ceiling. `categories` has only those with enough intervals.
    """

    overall: int = 400
    one_time: int = 400
    categories: dict[str, int] = {}
    own_factor: tuple[int, int] | None = None  # `2 x own_interval`: the customer's own mean, times this

    def by_name(self) -> dict[str, int]:
        """Return the thresholds by category, with the shop's own under the empty name."""
        return {**self.categories, "": self.overall, "(one time)": self.one_time}


def thresholds(cadence: Cadence, lifecycle: Lifecycle) -> Thresholds:
    """Close the reorder interval: return the thresholds that its present state gives."""
    rule = lifecycle.lapsed_after
    one_time = lifecycle.one_time_buyers
    overall = threshold(rule, cadence.overall, lifecycle)
    categories = (
        {
            name: threshold(rule, intervals, lifecycle)
            for name, intervals in sorted(cadence.categories.items())
            if intervals.count >= CATEGORY_INTERVALS
        }
        if rule.by_category
        else {}
    )
    return Thresholds(
        overall=overall,
        one_time=overall if one_time is None else threshold(one_time, cadence.overall, lifecycle),
        categories=categories,
        own_factor=rule.number if rule.of == "own_interval" else None,
    )


def threshold(rule: LapseRule, intervals: Intervals, lifecycle: Lifecycle) -> int:
    """Return the largest number of idle days that is not yet a lapse, between the floor and the ceiling.

    `idle > x` for a fraction x is `idle > floor(x)` for whole days, so the floor of the exact fraction is enough. A
    customer's own interval stands in for itself elsewhere; here, without one, the reorder interval is meant.
    """
    if rule.of == "days":
        return int(rule.fraction)  # said outright: floor and ceiling are for what is measured
    measured = intervals.quantile(rule.fraction) if rule.of == "quantile" else intervals.mean
    if measured is None:
        return lifecycle.lapsed_at_most
    if rule.of != "quantile":
        measured *= rule.fraction
    return bounded(measured, lifecycle)


def bounded(measured: Fraction, lifecycle: Lifecycle) -> int:
    """Return a measured length as whole days between `lapsed_at_least` and `lapsed_at_most`."""
    return max(lifecycle.lapsed_at_least, min(lifecycle.lapsed_at_most, measured.numerator // measured.denominator))


def gaps(days: Iterable[int]) -> list[int]:
    """Return the intervals between order days, which are given in order; equal days are one order."""
    found: list[int] = []
    last: int | None = None
    for day in days:
        if last is not None and day != last:
            found.append(day - last)
        last = day
    return found


def summary(cadence: Intervals, order_days: int, idle_by_customer: Mapping[str, tuple[int, bool]]) -> dict[str, object]:
    """Return what `winback cadence` says: intervals, and who is inactive now.

    `idle_by_customer` gives each customer's idle days and whether they ordered on more than one day. Inactive is idle
    strictly more than twice the mean, compared in integers: `idle x count > 2 x total`.
    """
    count, total = cadence.count, cadence.total
    inactive = [repeated for idle, repeated in idle_by_customer.values() if count and idle * count > 2 * total]
    mean = cadence.mean
    quantiles = {name: cadence.quantile(Fraction(name)) for name in QUANTILES}
    return {
        "customers": len(idle_by_customer),
        "orders": order_days,
        "intervals": count,
        "sum_days": total,
        "mean_days": None if mean is None else total / count,
        "median_days": _number(quantiles["0.5"]),
        "quantiles": {name: _number(value) for name, value in quantiles.items()},
        "threshold_days": None if mean is None else 2 * total / count,
        "inactive": len(inactive),
        "inactive_repeaters": sum(inactive),
        "inactive_one_time": len(inactive) - sum(inactive),
    }


def _number(value: Fraction | None) -> float | int | None:
    if value is None:
        return None
    return value.numerator if value.denominator == 1 else float(value)
