"""The reorder intervals of an order history, or of what an engine holds: the same code, so the same figures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.core.cadence import Cadence, Intervals, summary
from engine.core.customer import Customer
from engine.core.events import DeadLetter, Event
from engine.core.fields import field_value, last_order
from engine.core.moments import Day, iso_day
from engine.core.reading import TOO_LATE
from engine.core.rulebook import Rules
from engine.core.rules import Lifecycle, RuleSet
from engine.core.shop import Shop
from engine.handling import Handling
from engine.runtimes.simulator.store import MemoryStore


def of_history(items: Iterable[Event | DeadLetter], rules: RuleSet) -> tuple[dict[str, Any], dict[str, Intervals]]:
    """Return the figures of a history, whatever its order, and the intervals by category."""
    alone = RuleSet(lifecycle=rules.lifecycle, own_events=rules.own_events)
    shop = Shop(live_since=TOO_LATE)  # all of it is history: facts alone
    handling, store = Handling(Rules(alone, shop, key=b"")), MemoryStore(lambda _: None)
    for item in items:
        if isinstance(item, Event):
            handling.take(store, item, TOO_LATE)
    return of_customers(store.customers.values(), shop.cadence, rules.lifecycle), shop.cadence.categories


def of_customers(customers: Iterable[Customer], cadence: Cadence, lifecycle: Lifecycle) -> dict[str, Any]:
    """Return the figures of customers whose intervals are known, seen from the day of the last order of all."""
    last_days: dict[str, tuple[Day, bool]] = {}
    order_days = 0
    first: Day | None = None
    for customer in customers:
        last = last_order(customer)
        if last is None:
            continue
        days: int = field_value(customer, "order_days", 0, lifecycle)
        began: Day = field_value(customer, "first_order", 0, lifecycle)
        order_days += days
        first = began if first is None else min(first, began)
        last_days[customer.id] = last, days > 1
    newest = max((last for last, _ in last_days.values()), default=None)
    idle = {each: ((newest or 0) - last, repeated) for each, (last, repeated) in last_days.items()}
    figures = summary(cadence.overall, order_days, idle)
    figures["first_day"] = None if first is None else iso_day(first)
    figures["last_day"] = None if newest is None else iso_day(newest)
    return figures


def of_intervals(intervals: Intervals) -> dict[str, Any]:
    """Return the figures of one category's intervals."""
    wanted = ("intervals", "sum_days", "mean_days", "median_days", "quantiles", "threshold_days")
    figures = summary(intervals, 0, {})
    return {name: figures[name] for name in wanted}
