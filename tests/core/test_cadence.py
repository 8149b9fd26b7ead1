"""The reorder interval: exact, independent of the order of arrival, and able to take an interval out again."""

from __future__ import annotations

import statistics
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.cadence import (
    CATEGORY_INTERVALS,
    Cadence,
    Intervals,
    gaps,
    summary,
    threshold,
    thresholds,
)
from engine.core.customer import ORDERS_KEPT, Customer
from engine.core.facts import fold
from engine.core.fields import field_value
from engine.core.moments import DAY
from engine.core.orders import Gap
from engine.core.rules import LapseRule, Lifecycle
from tests.builders import PLAIN, START, event, order

LENGTHS = st.lists(st.integers(1, 400), min_size=1, max_size=60)


def intervals_of(lengths: list[int]) -> Intervals:
    """Closed intervals of these lengths."""
    intervals = Intervals()
    for days in lengths:
        intervals.change(days)
    return intervals


@given(LENGTHS, st.fractions(0, 1, max_denominator=1000))
def test_a_quantile_is_numpys(lengths: list[int], share: Fraction) -> None:
    """Interpolated linearly between order statistics, exactly."""
    found = intervals_of(lengths).quantile(share)
    assert found is not None
    assert float(found) == pytest.approx(float(np.quantile(lengths, float(share))), abs=1e-9)


@given(LENGTHS)
def test_mean_and_median_are_exact(lengths: list[int]) -> None:
    """The mean is a fraction, the median that of the standard library."""
    intervals = intervals_of(lengths)
    assert intervals.mean == Fraction(sum(lengths), len(lengths))
    assert intervals.quantile(Fraction(1, 2)) == Fraction(statistics.median(lengths))


@given(LENGTHS, LENGTHS, st.data())
def test_intervals_can_be_taken_out_and_halves_merged(one: list[int], two: list[int], data: st.DataObject) -> None:
    """What was put in and taken out leaves nothing, and two halves make the whole."""
    whole = intervals_of(one)
    for days in data.draw(st.permutations(two)):
        whole.change(days)
    half = intervals_of(two)
    other = intervals_of(one)
    other.merge(half)
    assert other == whole
    for days in data.draw(st.permutations(two)):
        whole.change(days, -1)
    assert whole == intervals_of(one)


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        (LapseRule("days", (20, 1)), 20),  # said outright: neither floor nor ceiling
        (LapseRule("days", (500, 1)), 500),
        (LapseRule("reorder_interval", (2, 1)), 93),  # 2 x 46.67
        (LapseRule("reorder_interval", (1, 2)), 30),  # the floor
        (LapseRule("reorder_interval", (20, 1)), 400),  # the ceiling
        (LapseRule("quantile", (1, 2)), 40),
        (LapseRule("quantile", (85, 100)), 68),
        (LapseRule("own_interval", (2, 1)), 93),
    ],
)
def test_each_form_of_the_rule(rule: LapseRule, days: int) -> None:
    """Whole days that are no lapse yet, between floor and ceiling where it is measured."""
    assert threshold(rule, intervals_of([20, 40, 80]), Lifecycle()) == days


def test_without_an_interval_it_is_the_ceiling() -> None:
    """Nothing measured yet: as late as possible."""
    assert threshold(LapseRule("reorder_interval", (2, 1)), Intervals(), Lifecycle()) == 400


def test_a_category_counts_from_two_hundred_intervals_on() -> None:
    """With one fewer it has none of its own."""
    cadence = Cadence()
    cadence.overall.change_many(100, 1_000)
    cadence.categories = {"tea": Intervals(), "pots": Intervals()}
    cadence.categories["tea"].change_many(20, CATEGORY_INTERVALS)
    cadence.categories["pots"].change_many(20, CATEGORY_INTERVALS - 1)
    by_category = Lifecycle(lapsed_after=LapseRule("reorder_interval", (2, 1), by_category=True))
    assert thresholds(cadence, by_category).categories == {"tea": 40}
    assert thresholds(cadence, Lifecycle()).categories == {}


def test_inactive_is_strictly_more_than_twice_the_mean() -> None:
    """Equal is not more, also when the mean is no whole number."""
    told = summary(intervals_of([10, 11]), 5, {"a": (21, True), "b": (22, True), "c": (22, False), "d": (20, False)})
    assert (told["inactive"], told["inactive_repeaters"], told["inactive_one_time"]) == (2, 1, 1)
    assert told["threshold_days"] == 21.0


@given(st.lists(st.integers(0, 50), max_size=40))
def test_intervals_of_a_history_are_those_between_its_days(days: list[int]) -> None:
    """Equal days are one order."""
    assert gaps(sorted(days)) == [
        later - sooner for sooner, later in zip(sorted(set(days)), sorted(set(days))[1:], strict=False)
    ]


def test_intervals_stay_exact_beyond_what_is_kept() -> None:
    """Orders over a thousand are folded into sums; their intervals, days and money stay what they were."""
    customer, changes = Customer("ada"), list[Gap]()
    number = ORDERS_KEPT + 60
    days = [day + day // 7 for day in range(number // 2)]  # two orders a day
    for place in range(number):
        fold(customer, order(place, START + days[place // 2] * DAY + place % 2), PLAIN, None, changes)
    left = Counter({(c, d): 0 for c, d, _ in changes})
    for category, length, by in changes:
        left[category, length] += by
    assert +left == Counter(("", each) for each in gaps(days))
    assert len(customer.orders) == ORDERS_KEPT
    assert field_value(customer, "orders", START, PLAIN) == number
    assert field_value(customer, "order_days", START, PLAIN) == len(days)
    assert field_value(customer, "revenue", START, PLAIN) == number * 5000
    fold(customer, event("order.cancelled", START, order_id=str(number - 1)), PLAIN, None, changes)
    fold(customer, event("order.cancelled", START, order_id=str(number - 2)), PLAIN, None, changes)
    assert sum(by * length for _, length, by in changes) == days[-2] - days[0]
