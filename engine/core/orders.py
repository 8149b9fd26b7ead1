"""The orders of one customer, and what each does to the intervals between orders: overall, and by category."""

from __future__ import annotations

from bisect import bisect_left
from decimal import ROUND_DOWN, Decimal

import msgspec

from engine.core.customer import MARKS_KEPT, ORDERS_KEPT, Customer, Folded, Order, home
from engine.core.moments import DAY, Day, Instant
from engine.core.money import DIGITS, smallest_units
from engine.core.rules import Lifecycle

Gap = tuple[str, int, int]
"""A change of the shop's reorder intervals: category (empty: overall), days, and +1 or -1."""


UNDER_WAY_AT_MOST = 90 * DAY
"""No order holds a send for longer; older ones are not kept as under way."""

_FINEST = 10_000  # parts of a unit in which a refund of no known currency is kept; no currency has more digits


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
    if not before or order.at > before[-1].at:
        customer.orders = (*before, order)
        _closed_gaps(customer, before, order, gaps)
    else:
        customer.orders = tuple(sorted((*before, order), key=lambda each: (each.at, each.ref)))
        _changed_gaps(customer, before, customer.orders, order, gaps)
    while len(customer.orders) > ORDERS_KEPT:
        _fold_oldest(customer)


def _closed_gaps(customer: Customer, before: tuple[Order, ...], order: Order, gaps: list[Gap]) -> None:
    """Note the intervals that the latest order closes: the ordinary case of what `_changed_gaps` finds for any order."""
    if before:
        last: Day | None = before[-1].day
    else:
        last = customer.folded.last_day if customer.folded else None
    if last is not None and last != order.day:  # same-day orders count once
        gaps.append(("", order.day - last, 1))
    for category in order.categories:
        last = next((each.day for each in reversed(before) if category in each.categories), None)
        if last is not None and last != order.day:
            gaps.append((category, order.day - last, 1))


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


def call_off(customer: Customer, order: Order, gaps: list[Gap]) -> None:
    """Take a cancelled order out, with its mark: it is as if it had never been placed."""
    take_out_order(customer, order, gaps)
    marks = list(customer.trail.get("order.placed", ()))
    mark = next((each for each in marks if each.at == order.at), None)
    if mark is not None:
        marks.remove(mark)
        trail = {kind: kept for kind, kept in customer.trail.items() if kind != "order.placed"}
        customer.trail = {**trail, "order.placed": tuple(marks)} if marks else trail


Refund = tuple[int, int, str]
"""Order ref, amount (-1: all of it), and currency; without one the amount is in parts of 1/10,000."""


def refund_of(number: int, amount: Decimal | None, currency: str) -> Refund:
    """Return a refund as the record keeps it until its order is known."""
    if amount is None:
        return number, -1, currency
    return number, _units(amount, currency) if currency else int(amount * _FINEST), currency


def refunded(order: Order, refund: Refund) -> Order:
    """Return what a refund leaves of an order; one in another currency leaves all."""
    _, amount, currency = refund
    if amount < 0:
        return msgspec.structs.replace(order, amount=0)
    if not currency:
        amount = _units(Decimal(amount) / _FINEST, order.currency)
    elif currency != order.currency:
        return order
    return msgspec.structs.replace(order, amount=max(0, order.amount - amount))


def _units(amount: Decimal, currency: str) -> int:
    """Return a refund in smallest units. One without a currency of its own may have a digit too many: it is cut off."""
    try:
        return smallest_units(amount, currency)
    except ValueError:
        return smallest_units(amount.quantize(Decimal(1).scaleb(-DIGITS[currency]), ROUND_DOWN), currency)


def meet_refunds(customer: Customer) -> None:
    """Take refunds that came before their order off the orders that are known by now."""
    if not customer.refunds:
        return
    known = {order.ref: order for order in customer.orders}
    met = [refund for refund in customer.refunds if refund[0] in known]
    if met:
        for refund in met:
            known[refund[0]] = refunded(known[refund[0]], refund)
        customer.orders = tuple(known[order.ref] for order in customer.orders)
        customer.refunds = tuple(refund for refund in customer.refunds if refund not in met)


def put_under_way(customer: Customer, orders: tuple[tuple[int, Instant], ...]) -> None:
    """Keep orders as under way, the latest ones, but those that were delivered before we knew of them."""
    known = customer.under_way
    arrived = {number for number, _ in orders if number in customer.delivered} if customer.delivered else set()
    if arrived:
        customer.delivered = tuple(each for each in customer.delivered if each not in arrived)
    both = {each for each in (*known, *orders) if each[0] not in arrived}
    by_time = sorted(both, key=lambda each: (each[1], each[0]))
    latest = by_time[-1][1] if by_time else 0
    customer.under_way = tuple(each for each in by_time if latest - each[1] < UNDER_WAY_AT_MOST)[-MARKS_KEPT:]


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
