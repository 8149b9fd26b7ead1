"""Instants of which each counts for some time: from when on enough of them count, and until when.

What conditions with `within:` and `since:` have in common. Instants ahead of the clock (a shop's may be faster than
ours, and a late event is judged in the past) begin to count when their time has come.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence

from engine.core.conditions.view import NEVER, View
from engine.core.moments import Instant, Length

Until = Callable[[Instant], Instant]
"""Until when an instant counts, that end left out."""


def lasting(length: Length | None, view: View) -> Until:
    """Return how long an instant counts: a length on the customer's clock, or for ever."""
    if length is None:
        return lambda _: NEVER
    return lambda at: view.zone.after(at, length)


def counts_from(times: Sequence[Instant], until: Until, now: Instant, least: int = 1) -> Instant:
    """Return the first instant from `now` on at which the `least`-th latest of the times by then still counts."""
    past = bisect_right(times, now)
    if past >= least and now < until(times[past - least]):
        return now
    for place in range(max(past, least - 1), len(times)):
        if times[place] < until(times[place + 1 - least]):
            return times[place]
    return NEVER


def counts_until(times: Sequence[Instant], until: Until, now: Instant, least: int = 1) -> Instant:
    """Return when that ends, where it is so at `now`."""
    past = bisect_right(times, now)
    end = until(times[past - least])
    for place in range(past, len(times)):
        if times[place] > end:
            break
        end = max(end, until(times[place + 1 - least]))
    return end


def first(turns: Iterable[Instant], is_so: Callable[[Instant], bool]) -> Instant:
    """Return the first of the instants, which are in order, at which it is so."""
    return next((at for at in turns if is_so(at)), NEVER)
