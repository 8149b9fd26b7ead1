"""Looking at who may be mailed: at everybody, or where they are many at some who are spread evenly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from engine.books.views import Views
from engine.core import customer as records
from engine.core.moments import Instant
from engine.insight.mailing import Counting, Mailing

MOST: Final = 20_000
"""Customers who are looked at: half a second. Of as many, one in a hundred is told to within a seventh of itself (95 %)."""

BLOCK: Final = 100
"""Those of a sample lie together in blocks, since each block costs a few pages read."""


def mailing(views: Views, now: Instant, most: int = MOST) -> Mailing:
    """Return who may be mailed now and who may not; see `Mailing`."""
    counting = Counting(views.rules().lifecycle, now)
    customers = sum(count for _, _, count in views.all("groups"))
    last = int(views.one("last_customer")[0])
    for after, until in _portions(last, most):
        for (record,) in views.all("portion", after, until):
            counting.see(records.decode(record))
    return counting.counted(customers)


def _portions(last: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield the numbers between which those lie who are looked at; the first is not among them."""
    if last <= most:
        yield 0, last
        return
    blocks = max(1, most // BLOCK)
    for number in range(blocks):
        begin = number * last // blocks
        yield begin, begin + min(BLOCK, most)
