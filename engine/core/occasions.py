"""Occasions: days that come again each year, by the calendar, by Easter, by a weekday, or of the customer's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from engine.core.customer import Customer
from engine.core.fields import first_order, last_order
from engine.core.moments import Day, day_number, iso_day
from engine.core.rules import Occasion

_FIRST_YEAR, _LAST_YEAR = 1, 9998
_TRIES = 40
"""How many of an occasion's years are looked at: a fifth Sunday of a month may be missing for some of them."""

_OWN_DAY = re.compile(r"(?:(\d{4})-|--)?(\d{2})-(\d{2})")
"""1990-05-17, and where the year is not known --05-17 (ISO 8601:2000) or 05-17."""


def next_day(occasion: Occasion, customer: Customer, from_day: Day) -> Day | None:
    """Return the first day of the occasion from a day on, that day included; None where it never comes."""
    if occasion.kind != "customer":
        return _next_for_all(occasion, from_day)
    return next((day for day in _days(occasion, customer, from_day, 1) if day >= from_day), None)


@lru_cache(maxsize=4096)
def _next_for_all(occasion: Occasion, from_day: Day) -> Day | None:
    """The same day for everybody: a sweep asks it a million times."""
    nobody = Customer("")
    return next((day for day in _days(occasion, nobody, from_day, 1) if day >= from_day), None)


def last_day(occasion: Occasion, customer: Customer, to_day: Day) -> Day | None:
    """Return the last day of the occasion up to a day, that day included; None where it never was."""
    return next((day for day in _days(occasion, customer, to_day, -1) if day <= to_day), None)


def _days(occasion: Occasion, customer: Customer, near: Day, step: int) -> Iterator[Day]:
    """The occasion's days around and after (step 1) or before (-1) a day, in that order."""
    base = first = occasion.since or _FIRST_YEAR
    own: tuple[int, int, int] | None = None
    if occasion.kind == "customer":
        own = _own_day(occasion.field, customer)
        if own is None:
            return
        if own[0]:  # an anniversary: the day itself is none
            base, first = occasion.since or own[0], max(first, own[0] + 1)
    year = int(iso_day(near)[:4]) - step  # a day that is counted from Easter may lie in the year before or after
    year = max(year, first) if step > 0 else year
    year += step * (step * (base - year) % occasion.every)
    for _ in range(_TRIES):
        if not first <= year <= _LAST_YEAR:
            return
        day = _in_year(occasion, year) if own is None else _on(year, own[1], own[2])
        if day is not None:
            yield day
        year += step * occasion.every


def _own_day(field: str, customer: Customer) -> tuple[int, int, int] | None:
    """Return year (0: not known), month and day of a customer's own day."""
    known = {"first_order": first_order, "last_order": last_order}.get(field)
    if known is None:
        text = str(customer.value(field) or "")
    else:
        day = known(customer)
        text = "" if day is None else iso_day(day)
    return _parsed(text)


@lru_cache(maxsize=16_384)
def _parsed(text: str) -> tuple[int, int, int] | None:
    found = _OWN_DAY.match(text)
    if found is None:
        return None
    year, month, number = (int(part or 0) for part in found.groups())
    try:
        day_number(2000, month, number)  # a leap year: 29 February is a birthday
    except ValueError:
        return None
    return year, month, number


@lru_cache(maxsize=4096)
def _in_year(occasion: Occasion, year: int) -> Day | None:
    if occasion.kind == "easter":
        return easter(year) + occasion.offset
    if occasion.kind == "weekday":
        return _nth_weekday(year, occasion.month, occasion.weekday, occasion.nth)
    return _on(year, occasion.month, occasion.day)


def _on(year: int, month: int, day: int) -> Day:
    """The day in a year; 29 February falls on the 28th where there is none."""
    try:
        return day_number(year, month, day)
    except ValueError:
        return day_number(year, month, day - 1)


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> Day | None:
    """The nth such weekday of a month (Monday 0), below 0 from its end; None where the month has not so many."""
    begin, end = day_number(year, month, 1), day_number(year + month // 12, month % 12 + 1, 1)
    if nth > 0:
        day = begin + (weekday - begin - 3) % 7 + 7 * (nth - 1)  # 1970-01-01 was a Thursday
    else:
        day = end - 1 - (end - 1 + 3 - weekday) % 7 + 7 * (nth + 1)
    return day if begin <= day < end else None


@lru_cache(maxsize=1024)
def easter(year: int) -> Day:
    """Return Easter Sunday of the Gregorian calendar.

    The anonymous algorithm of Nature, 20 April 1876, as Meeus gives it (Astronomical Algorithms, 1991, chapter 8).
    """
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (b - (b + 8) // 25 + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    shift = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * shift) // 451
    month, day = divmod(h + shift - 7 * m + 114, 31)
    return day_number(year, month, day + 1)
