"""Decline: longer gaps and smaller baskets, against what was usual before, on the bound and beside it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.conditions import View, holds
from engine.core.customer import Customer
from engine.core.decline import compared_baskets, compared_gaps, declines
from engine.core.moments import DAY
from engine.core.rules import Declining
from tests.builders import PLAIN, START, Play, ago, folded, order


def buyer(gaps: list[int], baskets: list[int] | None = None, currency: str = "EUR") -> Customer:
    """Somebody whose order days lie so far apart, the last one today, with these baskets in whole euros."""
    days = [sum(gaps[place:]) for place in range(len(gaps) + 1)]
    amounts = baskets or [50] * len(days)
    return folded(
        *(
            order(place, START - day * DAY, f"{amount}.00", currency=currency)
            for place, (day, amount) in enumerate(zip(days, amounts, strict=True))
        )
    )


@pytest.mark.parametrize(
    ("gaps", "by", "result"),
    [
        ([20, 20, 30, 30, 30], 5000, True),
        ([20, 20, 30, 30, 29], 5000, False),
        ([20, 20, 20, 31, 30, 29], 5000, True),
        ([20, 20, 20, 20, 50], 5000, True),
        ([20, 20, 20, 20, 49], 5000, False),
        ([20, 20, 40, 40, 40], 10000, True),
        ([20, 20, 24, 24, 24], 2000, True),
        ([20, 20, 24, 24, 23], 2000, False),
        ([20, 60, 60, 60], 5000, False),
        ([30, 30, 20, 20, 20], 5000, False),
    ],
)
def test_gaps_that_grow(gaps: list[int], by: int, result: bool) -> None:  # noqa: FBT001 - a column
    """The mean of the last three is so much longer than that of all before; fewer than six order days tell nothing."""
    assert declines(buyer(gaps), "gaps", by, START, "EUR") is result


@pytest.mark.parametrize(
    ("baskets", "by", "result"),
    [
        ([30, 30, 30, 20, 20, 20], 5000, True),
        ([30, 30, 30, 20, 20, 21], 5000, False),
        ([40, 40, 40, 20, 20, 20], 10000, True),
        ([30, 30, 30, 30, 0, 0, 0], 5000, True),
        ([0, 0, 0, 0, 0, 0], 5000, False),
        ([90, 90, 20, 20, 20], 5000, False),
    ],
)
def test_baskets_that_shrink(baskets: list[int], by: int, result: bool) -> None:  # noqa: FBT001 - a column
    """The mean of those before is so much larger than that of the last three; who never paid declines in nothing."""
    assert declines(buyer([20] * (len(baskets) - 1), baskets), "baskets", by, START, "EUR") is result


def test_either_takes_one_and_both_takes_two() -> None:
    """What is asked of gaps and baskets together."""
    slower, smaller = buyer([20, 20, 30, 30, 30]), buyer([20] * 5, [30, 30, 30, 20, 20, 20])
    worse = buyer([20, 20, 30, 30, 30], [30, 30, 30, 20, 20, 20])
    found = [
        [holds(Declining(what=what), View(each, START, PLAIN)) for what in ("gaps", "baskets", "either", "both")]
        for each in (slower, smaller, worse)
    ]
    assert found == [[True, False, True, False], [False, True, True, False], [True, True, True, True]]


def test_only_the_shops_currency_and_whole_days_count() -> None:
    """Baskets in another currency are none; two orders of one day are one basket and no gap."""
    assert compared_baskets(buyer([20] * 5, currency="CHF"), START, "EUR") is None
    twice = folded(order("again", START), into=buyer([20, 20, 30, 30, 30]))
    assert compared_gaps(twice, START) == compared_gaps(buyer([20, 20, 30, 30, 30]), START)
    baskets = compared_baskets(twice, START, "EUR")
    assert baskets is not None
    assert baskets.last == 5000 * 4


@given(
    gaps=st.lists(st.integers(1, 60), min_size=5, max_size=12),
    factor=st.integers(2, 9),
    by=st.integers(1, 300).map(lambda percent: percent * 100),
)
def test_it_is_a_matter_of_proportion_and_alike_for_both(gaps: list[int], factor: int, by: int) -> None:
    """Scaled up, it is the same; and baskets decline when their inverse, the days each euro takes, would."""
    share = 1 + Fraction(by, 10_000)
    last, before = Fraction(sum(gaps[-3:]), 3), Fraction(sum(gaps[:-3]), len(gaps) - 3)
    slower = declines(buyer(gaps), "gaps", by, START, "EUR")
    assert slower is (last >= share * before)
    assert declines(buyer([each * factor for each in gaps]), "gaps", by, START, "EUR") is slower
    baskets = [50, *gaps]
    first = Fraction(sum(baskets[:-3]), len(baskets) - 3)
    assert declines(buyer([20] * len(gaps), baskets), "baskets", by, START, "EUR") is (last * share <= first)


def test_a_decline_is_noticed_with_the_order_that_shows_it() -> None:
    """Before the silence: the customer is active, and no time passes for it."""
    play = Play(
        "workflow: fading\nenter_when_all: [{declining: gaps}]\nagain_after: never\n"
        "stages: {only: {steps: [{tag: fading}], end: told}}\n"
    )
    for number, text in enumerate(("150d", "130d", "110d", "80d", "45d")):
        play.orders(time=ago(text), number=f"o-{number}")
    play.passes("1d")
    assert play.told() == []
    play.orders()
    assert play.told() == ["1d start fading", "1d tag fading", "1d end told"]
    assert play.customer().standing == "active"
