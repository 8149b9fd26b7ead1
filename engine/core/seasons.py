"""Seasons: the times of the year in which a shop sells. Days outside all of them are not counted as idle."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, timedelta
from functools import lru_cache

from engine.core.moments import Day, day_number, iso_day
from engine.core.rules import Season

_YEARS = 100
"""A season that is one 29 February takes many years for a few days; after so many nobody waits any longer."""


def nth_day(seasons: tuple[Season, ...], after: Day, number: int) -> Day:
    """Return the `number`-th day of the seasons after a day: the one with so many idle days since."""
    year = int(iso_day(after)[:4])
    for each in range(year, year + _YEARS):
        days = _days(seasons, each)
        passed = bisect_right(days, after)
        if len(days) - passed >= number:
            return days[passed + number - 1]
        number -= len(days) - passed
    return day_number(year + _YEARS, 1, 1)


def count(seasons: tuple[Season, ...], after: Day, until: Day) -> int:
    """Return how many days of the seasons lie after a day, up to another one, that one included."""
    years = range(int(iso_day(after)[:4]), int(iso_day(until)[:4]) + 1)
    known = [_days(seasons, year) for year in years]
    return sum(bisect_right(days, until) - bisect_right(days, after) for days in known)


@lru_cache(maxsize=512)
def _days(seasons: tuple[Season, ...], year: int) -> tuple[Day, ...]:
    """The days of a year that lie in any season, both ends in it."""
    begin, one = date(year, 1, 1), timedelta(days=1)
    days = [begin + place * one for place in range((date(year + 1, 1, 1) - begin).days)]
    inside = [day for day in days if any(_is_in(season, (day.month, day.day)) for season in seasons)]
    return tuple(day_number(day.year, day.month, day.day) for day in inside)


def _is_in(season: Season, day: tuple[int, int]) -> bool:
    if season.begins <= season.ends:
        return season.begins <= day <= season.ends
    return day >= season.begins or day <= season.ends  # it goes over the new year
