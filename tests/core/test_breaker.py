"""The breaker's judgement: from what counts on marketing stops, and how seldom it does where all is well."""

from __future__ import annotations

from random import Random

import pytest

from engine.core.breaker import (
    CERTAINTY,
    Breaker,
    MailDay,
    begun_anew,
    by_reputation,
    judged,
    summed,
    warnings,
    with_failure,
    with_mail,
)
from engine.core.events import Reputation
from engine.core.moments import SECOND
from engine.core.ramp import at_least
from engine.core.rules import BreakerRule
from tests.builders import at

RULE = BreakerRule()
TODAY = 20_000
NOBODY = frozenset[str]()


def of(*days: MailDay) -> Breaker:
    """The counts of these days."""
    return Breaker(0, days)


@pytest.mark.parametrize(
    ("count", "among", "least"), [(81, 263, 0.2553), (15, 148, 0.0624), (0, 20, 0.0), (1, 29, 0.0061)]
)
def test_the_interval_is_the_published_one(count: int, among: int, least: float) -> None:
    """The lower bounds that Newcombe (1998, Statistics in Medicine 17, table I) gives for Wilson's method at 95 %."""
    assert at_least(count, among, CERTAINTY) == pytest.approx(least, abs=0.00005)


@pytest.mark.parametrize(
    ("family", "day", "stops"),
    [
        ("gmx", MailDay(TODAY, 200, complaints=3), "3 complaints of 200"),
        ("gmx", MailDay(TODAY, 200, complaints=2), ""),  # fewer than three say nothing
        ("gmx", MailDay(TODAY, 900, complaints=3), ""),  # it may be less than 0.3 %
        ("gmx", MailDay(TODAY, 20_000, complaints=60), ""),  # at the limit, not surely over it
        ("gmx", MailDay(TODAY, 20_000, complaints=80), "80 complaints"),
        ("gmx", MailDay(TODAY, 20, bounces=10), "10 dead addresses"),
        ("gmx", MailDay(TODAY, 20, bounces=9), ""),
        (
            "gmail",
            MailDay(TODAY, 500, bounces=17),
            "17 dead addresses",
        ),
        ("gmail", MailDay(TODAY, 500, bounces=16), ""),
        ("gmail", MailDay(TODAY, 100, policy=6), "6 refusals"),
        ("gmail", MailDay(TODAY, 99, policy=60), ""),
        ("gmail", MailDay(TODAY, 1_000, unsubscribes=35), "35 unsubscribes"),
        ("gmail", MailDay(TODAY, 1_000, unsubscribes=22), ""),
        ("gmail", MailDay(TODAY - 7, 20, bounces=20), ""),  # eight days ago
    ],
)
def test_counts_and_what_stops(family: str, day: MailDay, stops: str) -> None:
    """So many of so many: what stops is that family, and the reason says the numbers."""
    trip = judged({family: of(day)}, RULE, TODAY, NOBODY)
    if not stops:
        assert trip is None
    else:
        assert trip is not None
        assert (trip.scope, trip.name) == ("family", family)
        assert trip.why.startswith(stops)


def test_complaints_count_over_mails_where_they_are_reported() -> None:
    """Gmail tells nobody who complains: its thousands do not thin out what the others report."""
    quiet, loud = of(MailDay(TODAY, 100_000)), of(MailDay(TODAY, 250, complaints=2))
    assert judged({"gmail": quiet, "gmx": loud}, RULE, TODAY, NOBODY) is None
    both = {"gmail": quiet, "gmx": loud, "yahoo": of(MailDay(TODAY, 100, complaints=2))}
    trip = judged(both, RULE, TODAY, NOBODY)
    assert trip is not None
    assert (trip.scope, trip.why) == ("marketing", "4 complaints of 350 (1.14 %, at most 0.3 %), mails of 7 days")


def test_a_bad_list_does_not_hide_behind_a_good_week() -> None:
    """A large day is judged on its own."""
    week = [MailDay(TODAY - ago, 50_000, complaints=20) for ago in range(6, 0, -1)]
    assert judged({"gmx": of(*week, MailDay(TODAY, 2_000, complaints=2))}, RULE, TODAY, NOBODY) is None
    assert judged({"gmx": of(*week, MailDay(TODAY, 2_000, complaints=20))}, RULE, TODAY, NOBODY) is not None


def test_a_second_bad_family_stops_all() -> None:
    """Where one family is paused already, it is not the provider: marketing stops as a whole."""
    trip = judged({"gmx": of(MailDay(TODAY, 20, bounces=10))}, RULE, TODAY, frozenset({"gmail"}))
    assert trip is not None
    assert (trip.scope, trip.name) == ("marketing", "")
    assert judged({"gmail": of(MailDay(TODAY, 20, bounces=10))}, RULE, TODAY, frozenset({"gmail"})) is None


def test_what_left_before_a_pause_was_lifted_counts_no_more() -> None:
    """Counts begin anew at the instant; late complaints about earlier mails of the same day are not counted."""
    lifted = begun_anew({"gmx": of(MailDay(TODAY, 20, bounces=10))}, "marketing", "", 1_000)["gmx"]
    lifted = with_mail(lifted, 2_000, TODAY, 1)
    assert with_failure(lifted, "complaints", "old", 500, TODAY) is lifted
    assert with_mail(lifted, 500, TODAY, 1) is lifted
    assert with_failure(lifted, "complaints", "new", 2_000, TODAY).days == (MailDay(TODAY, 1, complaints=1),)


def test_one_mail_fails_once_in_one_way() -> None:
    """What several accounts under one address hear of a mail counts once; a mail that came back is not counted at all."""
    breaker = with_mail(Breaker(), 1, TODAY, 1)
    once = with_failure(breaker, "bounces", "m", 1, TODAY)
    assert with_failure(once, "bounces", "m", 1, TODAY) is once
    assert with_mail(once, 1, TODAY, -1).days == (MailDay(TODAY, 0, bounces=1),)


def test_parts_are_added_up_and_old_news_left_out() -> None:
    """A part that has not heard that counts began anew says nothing of them."""
    parts = [
        Breaker(5, (MailDay(1, 3, policy=1),)),
        Breaker(5, (MailDay(1, 2), MailDay(2, 4))),
        Breaker(0, (MailDay(1, 9),)),
    ]
    assert summed(parts, 5) == Breaker(5, (MailDay(1, 5, policy=1), MailDay(2, 4)))


@pytest.mark.parametrize(
    ("said", "stops"),
    [
        (Reputation("gmail", "2026-01-05", 0.003), "gmail"),
        (Reputation("Google", "2026-01-05", 0.0029), ""),
        (Reputation("gmail.com", "2026-01-05", None, "LOW"), "gmail"),
        (Reputation("outlook.com", "2026-01-05", 0.0, "bad"), "microsoft"),
        (Reputation("gmail", "2026-01-05", 0.0, "medium"), ""),
        (Reputation("gmail", "2026-01-04", 0.01), ""),  # of a day before the last pause was lifted
    ],
)
def test_what_a_provider_says_of_us(said: Reputation, stops: str) -> None:
    """A share of spam at the limit, or a bad name, stops mail to that provider."""
    lifted = {"gmail": Breaker(at("2026-01-04 12:00"))}
    trip = by_reputation(said, RULE, lifted)
    assert (trip.name if trip else "") == stops


def test_it_warns_before_it_stops() -> None:
    """Over `warn:` people are told, with the numbers."""
    counts = {"gmx": of(MailDay(TODAY, 2_000, complaints=3)), "yahoo": of(MailDay(TODAY, 9_000, complaints=3))}
    assert warnings(counts, RULE, TODAY) == ["3 complaints of 2,000 (0.15 %, at most 0.1 %) to gmx in 7 days"]
    assert judged(counts, RULE, TODAY, NOBODY) is None


NORMAL = {"complaints": 0.0005, "bounces": 0.005, "policy": 0.003, "unsubscribes": 0.006}
BAD = {"complaints": 0.02, "bounces": 0.15, "policy": 0.01, "unsubscribes": 0.03}
SHARES = {"gmail": 0.35, "gmx": 0.3, "others": 0.15, "microsoft": 0.1, "telekom": 0.06, "yahoo": 0.04}


def mails_until_it_stops(rates: dict[str, float], seed: int, mails: int, a_day: int) -> int:
    """Let so many mails leave, each failing by chance, asked after each failure; return how many left (all: never stopped)."""
    random, breakers = Random(seed), {name: Breaker() for name in SHARES}
    families = random.choices(list(SHARES), list(SHARES.values()), k=mails)
    for number, name in enumerate(families):
        day, chance = TODAY + number // a_day, random.random()
        breakers[name] = with_mail(breakers[name], number * SECOND, day, 1)
        for how, rate in rates.items():
            if how == "complaints" and name in ("gmail", "telekom"):
                continue
            if 0 <= chance < rate:
                breakers[name] = with_failure(breakers[name], how, f"m{number}", number * SECOND, day)
                if judged(breakers, RULE, day, NOBODY) is not None:
                    return number + 1
            chance -= rate
    return mails


@pytest.mark.parametrize("seed", range(20))
def test_a_bad_list_stops_soon(seed: int) -> None:
    """Of 15 % dead addresses and 2 % complaints not 300 mails leave."""
    assert mails_until_it_stops(BAD, seed, 5_000, 1_000) < 300


@pytest.mark.parametrize("seed", range(5))
def test_a_good_list_goes_on(seed: int) -> None:
    """100,000 mails at usual rates leave without a false alarm."""
    assert mails_until_it_stops(NORMAL, seed, 100_000, 2_000) == 100_000


@pytest.mark.long
def test_a_million_mails_of_a_good_list_go_on() -> None:
    """A million mails at usual rates leave without a false alarm."""
    assert mails_until_it_stops(NORMAL, 0, 1_000_000, 10_000) == 1_000_000
