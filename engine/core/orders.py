"""The orders of one customer, and what each does to the intervals between orders: overall, and by category."""

from __future__ import annotations

from bisect import bisect_left
from decimal import ROUND_DOWN, Decimal

import msgspec

from engine.core.customer import ORDERS_KEPT, Customer, Folded, Order, home
from engine.core.moments import Day
from engine.core.money import DIGITS, smallest_units
from engine.core.rules import Lifecycle

Gap = tuple[str, int, int]
"""A change of the shop's reorder intervals: category (empty: overall), days, and +1 or -1."""


def order_days(customer: Customer) -> list[Day]:
    """The days of the orders kept exactly, and before them the last folded one, in order; days may repeat."""
    days = [order.day for order in customer.orders]
    return days if customer.folded is None else [customer.folded.last_day, *days]


def insert_order(customer: Customer, order: Order, gaps: list[Gap]) -> None:
    """Put an order in its place by time, on the caller's own copy, and note how that changes the intervals."""
    before = customer.orders
    if customer.folded is not None and order.at <= customer.folded.last_at:
        customer.folded = _into_sums(customer.folded, order)  # its neighbours are no longer known: money without a gap
        return
    if not before or (order.at, order.ref) >= (before[-1].at, before[-1].ref):
        orders = (*before, order)
    else:
        orders = tuple(sorted((*before, order), key=lambda each: (each.at, each.ref)))
    _changed_gaps(customer, before, orders, order, gaps)
    customer.orders = orders
    while len(customer.orders) > ORDERS_KEPT:
        _fold_oldest(customer)


def take_out_order(customer: Customer, order: Order, gaps: list[Gap]) -> None:
    """Take an order out of the caller's own copy, and note how that changes the intervals."""
    before = customer.orders
    customer.orders = tuple(each for each in before if each.ref != order.ref)
    _changed_gaps(customer, before, customer.orders, order, gaps)


def _changed_gaps(
    customer: Customer, before: tuple[Order, ...], after: tuple[Order, ...], order: Order, gaps: list[Gap]
) -> None:
    """Note how one order, put in or taken out, changes the intervals: overall, and within each of its categories."""
    bound = customer.folded.last_day if customer.folded else None
    longer, by = (after, 1) if len(after) > len(before) else (before, -1)
    _neighbours(
        sorted({each.day for each in longer}), [e.day for e in longer].count(order.day), order, bound, "", by, gaps
    )
    for category in order.categories:
        days = [each.day for each in longer if category in each.categories]
        _neighbours(sorted(set(days)), days.count(order.day), order, None, category, by, gaps)


def _neighbours(
    days: list[Day], on_that_day: int, order: Order, bound: Day | None, category: str, by: int, gaps: list[Gap]
) -> None:
    if on_that_day > 1 or order.day == bound:
        return  # same-day orders count once
    place = bisect_left(days, order.day)
    earlier = days[place - 1] if place else bound
    later = days[place + 1] if place + 1 < len(days) else None
    if earlier is not None and later is not None:
        gaps.append((category, later - earlier, -by))
    if earlier is not None:
        gaps.append((category, order.day - earlier, by))
    if later is not None:
        gaps.append((category, later - order.day, by))


def _fold_oldest(customer: Customer) -> None:
    oldest, *rest = customer.orders
    customer.folded = _into_sums(customer.folded or Folded(0, 0, oldest.at, oldest.day, 0, -1, {}), oldest)
    customer.orders = tuple(rest)


def _into_sums(sums: Folded, order: Order) -> Folded:
    revenue = {**sums.revenue, order.currency: sums.revenue.get(order.currency, 0) + order.amount}
    if order.day <= sums.last_day:
        return msgspec.structs.replace(sums, orders=sums.orders + 1, revenue=revenue)
    return Folded(sums.orders + 1, sums.days + 1, sums.first_at, sums.first_day, order.at, order.day, revenue)


def refund_amount(amount: Decimal, currency: str) -> int:
    """Return a refund in smallest units. One without a currency of its own may have a digit too many: it is cut off."""
    try:
        return smallest_units(amount, currency)
    except ValueError:
        return smallest_units(amount.quantize(Decimal(1).scaleb(-DIGITS[currency]), ROUND_DOWN), currency)


def redate(customer: Customer, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    """Put the orders on the days of a new zone: all their intervals are taken out and put in again."""
    there = home(customer, lifecycle)
    orders = customer.orders
    moved = tuple(msgspec.structs.replace(order, day=there.day(order.at)) for order in orders)
    if moved == orders:
        return
    for order in orders:
        take_out_order(customer, order, gaps)
    for order in moved:
        insert_order(customer, order, gaps)
