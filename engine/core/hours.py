"""The hours a send may go in: the workflow's hours and days on its clock, and outside quiet hours on the customer's.

What a wall clock shows decides, also on the days on which clocks change: an hour that comes twice is quiet twice, and one
that is missing delays nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from engine.core.moments import MINUTE, MINUTES_A_DAY, Day, Instant, Zone
from engine.core.rules import Purpose, Send, Workflow

Parts = tuple[tuple[int, int], ...]
"""Parts of a day, as minutes from midnight; each leaves out its end."""

_ALWAYS: Parts = ((0, MINUTES_A_DAY),)
_A_WEEK_AND_MORE = 9


def into_hours(
    at: Instant, own: Zone, theirs: Zone, workflow: Workflow, step: Send, quiet: tuple[int, int] | None
) -> Instant:
    """Return the first instant from `at` on inside the workflow's hours and days and outside the quiet hours.

    `own` is the zone of the customer, `theirs` that of the workflow; quiet hours are minutes since midnight.
    """
    between = _open_minutes(workflow.send_between, None)
    awake = _open_minutes(None, quiet if step.purpose is not Purpose.SERVICE else None)
    days = workflow.send_on
    for _ in range(20):  # the two calendars agree within a few turns; a set that never opens is refused by the checks
        start = _next_open(at, theirs, between, days)
        moved = _next_open(start, own, awake, ())
        if moved == at:
            return at
        at = moved
    return at


@lru_cache(maxsize=256)
def _open_minutes(between: tuple[int, int] | None, quiet: tuple[int, int] | None) -> Parts:
    """The parts of a day that are inside `between` or outside `quiet`."""
    if quiet is not None:
        begin, end = quiet
        parts = [(end, begin)] if begin > end else [(0, begin), (end, MINUTES_A_DAY)]
    elif between is not None:
        begin, end = between
        parts = [(begin, end)] if begin < end else [(0, end), (begin, MINUTES_A_DAY)]
    else:
        return _ALWAYS
    return tuple((begin, end) for begin, end in parts if begin < end)


def _next_open(at: Instant, zone: Zone, parts: Parts, days: tuple[int, ...]) -> Instant:
    if parts == _ALWAYS and not days:
        return at
    if _is_open(at, zone, parts, days):
        return at
    today = zone.day(at)
    for day in range(today, today + _A_WEEK_AND_MORE):
        if not days or zone.weekday(day) in days:
            opens = [each for each in _openings(day, zone, parts) if each > at and _is_open(each, zone, parts, days)]
            if opens:
                return min(opens)
    return at


def _is_open(at: Instant, zone: Zone, parts: Parts, days: tuple[int, ...]) -> bool:
    day, clock = zone.place(at)
    if days and zone.weekday(day) not in days:
        return False
    return any(begin * MINUTE <= clock < end * MINUTE for begin, end in parts)


def _openings(day: Day, zone: Zone, parts: Parts) -> Iterator[Instant]:
    """The instants at which a day may open: where its parts begin, and where the clock is changed into one of them."""
    firsts = [zone.at(day, begin * MINUTE) for begin, _ in parts]
    yield from firsts
    yield zone.start(day)  # where the clocks skip midnight, the day begins in the middle of a part
    change = zone.change(day)
    if change is not None:
        yield change
        again = zone.offset(change - 1) - zone.offset(change)  # where clocks go back, times of before come once more
        yield from (first + again for first in firsts if first < change <= first + again)
