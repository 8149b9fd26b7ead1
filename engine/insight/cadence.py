"""What `winback cadence` says: the reorder interval of a shop, and who is inactive by it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.core.cadence import CATEGORY_INTERVALS, Cadence, summary
from engine.core.customer import Customer, home
from engine.core.moments import Instant, iso_day, zone
from engine.core.rules import Lifecycle


def cadence_of(
    customers: Iterable[Customer], cadence: Cadence, now: Instant, lifecycle: Lifecycle, *, by_category: bool = False
) -> dict[str, Any]:
    """Return the figures of a shop's cadence.

    Args:
        customers: all records; those without an order are not counted.
        cadence: the intervals closed so far.
        now: the last instant anything is known of; idle days are counted up to its day, in each customer's own zone.
        lifecycle: its time zone is the shop's.
        by_category: add the same figures of the intervals within each product category.

    """
    idle: dict[str, tuple[int, bool]] = {}
    order_days = 0
    first: Instant | None = None
    for customer in customers:
        folded, orders = customer.folded, customer.orders
        if folded is None and not orders:
            continue
        days = {order.day for order in orders}
        last = max([*days, *([folded.last_day] if folded else [])])
        count = len(days) + (folded.days - (folded.last_day in days) if folded else 0)
        order_days += count
        idle[customer.id] = (home(customer, lifecycle).day(now) - last, count > 1)
        begin = folded.first_at if folded else orders[0].at
        first = begin if first is None else min(first, begin)
    there = zone(lifecycle.timezone)
    found = summary(cadence.overall, order_days, idle)
    found["first_day"] = None if first is None else iso_day(there.day(first))
    found["last_day"] = None if first is None else iso_day(there.day(now))
    if by_category:
        found["categories"] = {
            name: _of_category(cadence, name) for name in sorted(cadence.categories) if cadence.categories[name].count
        }
    return found


_ABOUT_INTERVALS = ("intervals", "sum_days", "mean_days", "median_days", "quantiles", "threshold_days")


def _of_category(cadence: Cadence, name: str) -> dict[str, Any]:
    intervals = cadence.categories[name]
    figures = summary(intervals, 0, {})
    enough = {"own_interval": intervals.count >= CATEGORY_INTERVALS}  # else the shop's holds for `by: category`
    return {key: figures[key] for key in _ABOUT_INTERVALS} | enough
