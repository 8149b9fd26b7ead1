"""Seasons: days on which the shop does not sell are no idle days for a lapse."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.cadence import Thresholds
from engine.core.moments import Day, day_number, iso_day
from engine.core.rules import Season
from engine.core.seasons import count, nth_day
from engine.core.standing import evidence, judge
from tests.builders import PLAIN, Play, at, day_of, folded, order

SUMMER = Season(name="summer", begins=(4, 1), ends=(9, 30))
WINTER = Season(name="winter", begins=(11, 15), ends=(1, 31))


@pytest.mark.parametrize(
    ("seasons", "last_order", "lapsed"),
    [
        ((), "2025-09-20", "2025-11-20"),
        ((SUMMER,), "2025-06-01", "2025-08-01"),  # within one season: as without
        ((SUMMER,), "2025-09-20", "2026-05-21"),  # ten days in September, the 51st of the next season
        ((SUMMER,), "2025-12-24", "2026-05-31"),  # the first day that counts is 1 April
        ((WINTER,), "2025-12-20", "2026-12-03"),  # 42 days until the end of January, the 19th from 15 November on
        ((SUMMER, WINTER), "2025-09-20", "2026-01-04"),
    ],
)
def test_a_lapse_counts_days_in_season(seasons: tuple[Season, ...], last_order: str, lapsed: str) -> None:
    """Lapsed from the start of the first day with more than 60 idle days in season."""
    lifecycle = replace(PLAIN, seasons=seasons)
    customer = folded(order(1, at(f"{last_order} 12:00")))
    judged = judge(customer, at(lapsed), lifecycle, Thresholds(overall=60))
    assert (judged.standing, judged.since) == ("lapsed", at(lapsed))
    before = judge(customer, at(lapsed) - 1, lifecycle, Thresholds(overall=60))
    assert (before.standing, before.next_doubt) == ("active", at(lapsed))


def test_the_evidence_says_how_many_days_counted() -> None:
    """Calendar days, and those in season."""
    customer = folded(order(1, at("2025-09-20 12:00")))
    said = evidence(customer, at("2026-05-01 12:00"), replace(PLAIN, seasons=(SUMMER,)), Thresholds(overall=60))
    assert said[0] == "last order on 2025-09-20, 223 idle days of which 41 in season, 60 are not yet a lapse"


def test_nobody_lapses_while_the_shop_is_closed() -> None:
    """The timer rings in the season, not before."""
    play = Play(lifecycle=replace(PLAIN, seasons=(SUMMER,)), start=at("2025-09-20 12:00"))
    play.orders()
    play.until(at("2026-05-20 12:00"))
    assert play.customer().standing == "active"
    play.until(at("2026-05-21"))
    assert play.customer().standing == "lapsed"


MONTH_DAYS = st.dates(date(2024, 1, 1), date(2024, 12, 31)).map(lambda day: (day.month, day.day))


@given(
    ends=st.lists(st.tuples(MONTH_DAYS, MONTH_DAYS), min_size=1, max_size=3),
    after=st.dates(date(2023, 1, 1), date(2027, 12, 31)),
    number=st.integers(1, 400),
)
def test_the_days_are_those_that_a_walk_counts(
    ends: list[tuple[tuple[int, int], tuple[int, int]]], after: date, number: int
) -> None:
    """Day by day, over the new year and 29 February, in several seasons that may overlap."""
    seasons = tuple(Season(name=str(place), begins=begin, ends=end) for place, (begin, end) in enumerate(ends))

    def is_in(day: date) -> bool:
        today = (day.month, day.day)
        return any(begin <= today <= end if begin <= end else today >= begin or today <= end for begin, end in ends)

    start: Day = day_of(after.isoformat())
    found = nth_day(seasons, start, number)
    day, left, walked = after, number, 0
    while left and walked < 4000:
        day, walked = day + timedelta(days=1), walked + 1
        left -= is_in(day)
    if not left:
        assert iso_day(found) == day.isoformat()
        assert count(seasons, start, found) == number


def test_a_season_that_hardly_ever_comes_is_not_waited_for() -> None:
    """One that is 29 February alone: after a hundred years nobody counts on."""
    rare = (Season(name="leap", begins=(2, 29), ends=(2, 29)),)
    assert iso_day(nth_day(rare, day_number(2025, 1, 1), 2)) == "2032-02-29"
    assert iso_day(nth_day(rare, day_number(2025, 1, 1), 400)) == "2125-01-01"
