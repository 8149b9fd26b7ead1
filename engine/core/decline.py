"""Decline (R37): a customer who orders less and less, noticed before the silence.

The last three are compared with all before them, by their means:

- gaps, the days between two order days: `mean(last 3) >= (1 + by) x mean(before)`;
- baskets, the money of an order day, net, in the shop's currency: `mean(last 3) x (1 + by) <= mean(before)`.

Both say the same of the money that comes in by day: with the other unchanged, it is down to 1 / (1 + by) of what was
usual; that makes them symmetric. So with `by: 50%` gaps are half as long again, or baskets two thirds of what they were.
(Baskets down by `by` itself would let 100 % mean nothing at all, and 50 % twice the loss that it is for gaps.)

Only closed gaps count: the one that is open is what lapsing is for. So a decline changes with orders alone. It takes six
order days, so that three gaps stand against two at least. Orders kept one by one are looked at, which is the latest
1,000. All in integers.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from engine.core.customer import Customer
from engine.core.moments import Instant
from engine.core.rules import WHOLE, Share

LEAST_DAYS = 6
LAST = 3


class Compared(Struct, frozen=True):
    """The last three of something, summed, and the sum and number of those before."""

    last: int
    before: int
    count: int

    def grown(self, by: Share) -> bool:
        """Say whether the last are greater by that share."""
        return self.last * self.count * WHOLE >= (WHOLE + by) * self.before * LAST

    def shrunk(self, by: Share) -> bool:
        """Say whether the last are so much smaller that those before are greater by that share."""
        return self.before > 0 and self.last * self.count * (WHOLE + by) <= WHOLE * self.before * LAST

    def in_words(self, said: Callable[[int], str]) -> str:
        """Say both means, rounded down."""
        return f"{said(self.last // LAST)} on average against {said(self.before // self.count)} before"


def compared_gaps(customer: Customer, now: Instant) -> Compared | None:
    """Compare the customer's closed gaps in days by an instant, None where there are too few."""
    days = sorted({order.day for order in customer.orders if order.at <= now})
    if len(days) < LEAST_DAYS:
        return None
    since = days[-1 - LAST]
    return Compared(days[-1] - since, since - days[0], len(days) - 1 - LAST)


def compared_baskets(customer: Customer, now: Instant, currency: str) -> Compared | None:
    """Compare what the customer's order days brought by an instant, in smallest units, None where there are too few."""
    by_day: dict[int, int] = {}
    for order in customer.orders:
        if order.at <= now and order.currency == currency:
            by_day[order.day] = by_day.get(order.day, 0) + order.amount
    if len(by_day) < LEAST_DAYS:
        return None
    baskets = [by_day[day] for day in sorted(by_day)]
    return Compared(sum(baskets[-LAST:]), sum(baskets[:-LAST]), len(baskets) - LAST)


def declines(customer: Customer, what: str, by: Share, now: Instant, currency: str) -> bool:
    """Say whether `gaps`, `baskets`, `either` or `both` show a decline by an instant."""
    gaps = compared_gaps(customer, now)
    longer = gaps is not None and gaps.grown(by)
    if what == "gaps" or (what == "either" and longer) or (what == "both" and not longer):
        return longer
    baskets = compared_baskets(customer, now, currency)
    return baskets is not None and baskets.shrunk(by)
