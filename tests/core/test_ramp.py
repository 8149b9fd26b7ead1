"""The ramp of one family: what it allows, when it grows, and when it steps back."""

from math import comb

from hypothesis import given
from hypothesis import strategies as st

from engine.core.ramp import FAILURES, LEAST_JUDGED, Ramp, at_least, failed, left, on_day, released
from engine.core.rules import RampSteps

STEPS = RampSteps(start=200, until=1_000)
D = 20_000


def sent(count: int, ramp: Ramp) -> Ramp:
    """The ramp after so many mails have left on its day."""
    for _ in range(count):
        ramp = released(ramp, 1, ramp.day)
    return ramp


def failing(ramp: Ramp, how: str, count: int, left_on: int, first: int = 0) -> Ramp:
    """The ramp after so many different mails of a day have failed."""
    for number in range(first, first + count):
        ramp = failed(ramp, STEPS, how, f"mail {how} {number}", left_on)
    return ramp


def test_it_begins_with_start() -> None:
    """The first day allows `start:`, and each mail uses one of it."""
    ramp = on_day(None, STEPS, D)
    assert left(ramp, STEPS) == 200
    assert left(sent(3, ramp), STEPS) == 197
    assert left(sent(200, ramp), STEPS) == 0


def test_it_grows_after_a_day_that_used_most_of_it() -> None:
    """With 80 % used and nothing failed, half as many more are allowed on the next day, up to `until:`."""
    ramp = sent(160, on_day(None, STEPS, D))
    allowed = []
    for day in range(D + 1, D + 7):
        ramp = on_day(ramp, STEPS, day)
        allowed.append(ramp.allowed)
        ramp = sent(ramp.allowed, ramp)
    assert allowed == [300, 450, 675, 1_000, 1_000, 1_000]


def test_it_does_not_grow_after_a_day_that_used_little() -> None:
    """What was not tried shows nothing; the reason is told."""
    ramp = on_day(sent(159, on_day(None, STEPS, D)), STEPS, D + 1)
    assert ramp.allowed == 200
    assert ramp.why == "only 159 of 200 were used: does not grow"


def test_days_without_mail_change_nothing() -> None:
    """Over a weekend without mail it neither grows nor forgets that mail is scarce."""
    ramp = on_day(sent(200, on_day(None, STEPS, D)), STEPS, D + 1)
    later = on_day(on_day(ramp, STEPS, D + 2), STEPS, D + 3)
    assert (later.allowed, later.scarce, later.used) == (300, True, 0)


def test_mail_is_scarce_until_a_day_leaves_something_over() -> None:
    """At first, and after a day that was used up, signs of life decide who goes; after one with something over nobody waits."""
    first = on_day(None, STEPS, D)
    assert first.scarce
    assert not on_day(sent(20, first), STEPS, D + 1).scarce
    assert on_day(sent(200, first), STEPS, D + 1).scarce


def test_too_many_failures_stop_the_day_and_halve_the_next() -> None:
    """Twelve bounces of a hundred mails are no chance at a bound of 3 %: nothing more today, half from tomorrow on."""
    ramp = failing(sent(100, on_day(None, STEPS, D)), "bounces", 12, D)
    assert left(ramp, STEPS) == 0
    assert ramp.why.startswith("bounces ")
    assert ramp.why.endswith("at most 3 %): stepped back")
    tomorrow = on_day(ramp, STEPS, D + 1)
    assert (tomorrow.allowed, left(tomorrow, STEPS)) == (100, 100)


def test_the_day_after_a_step_back_must_go_well_before_it_grows() -> None:
    """It stays halved for a whole day of mail, and grows from there."""
    ramp = on_day(failing(sent(200, on_day(None, STEPS, D)), "complaints", 9, D), STEPS, D + 1)
    assert ramp.allowed == 100
    assert on_day(sent(100, ramp), STEPS, D + 2).allowed == 150


def test_a_few_failures_hold_it_without_a_step_back() -> None:
    """One complaint of 200 is above 0.3 % and may be chance: it does not grow, and does not step back either."""
    ramp = failing(sent(200, on_day(None, STEPS, D)), "complaints", 1, D)
    assert not ramp.stopped
    tomorrow = on_day(ramp, STEPS, D + 1)
    assert (tomorrow.allowed, tomorrow.why) == (200, "complaints 1 of 200 (0.5 %, at most 0.3 %): does not grow")


def test_a_few_mails_are_not_judged() -> None:
    """Of fewer than 50 mails all may fail without a step back: nothing can be told by so few."""
    ramp = failing(sent(LEAST_JUDGED - 1, on_day(None, STEPS, D)), "policy", LEAST_JUDGED - 1, D)
    assert not ramp.stopped


def test_a_bad_day_is_not_hidden_by_good_days_before_it() -> None:
    """A day's mails are judged alone as well: thousands that went well before do not excuse them."""
    ramp = on_day(None, STEPS, D)
    for day in range(D, D + 5):
        ramp = on_day(ramp, STEPS, day)
        ramp = sent(ramp.allowed, ramp)
    ramp = sent(60, on_day(ramp, STEPS, D + 5))
    assert failing(ramp, "policy", 20, D + 5).stopped


def test_failures_count_for_the_day_their_mail_left() -> None:
    """Complaints about last week's mail are not held against the few of today; what is too old is held against none."""
    ramp = on_day(None, STEPS, D)
    for day in range(D, D + 4):
        ramp = on_day(ramp, STEPS, day)
        ramp = sent(ramp.allowed, ramp)
    by_day = {each.day: each.complaints for each in failing(ramp, "complaints", 2, D + 1).days}
    assert by_day == {D: 0, D + 1: 2, D + 2: 0, D + 3: 0}
    assert failing(ramp, "complaints", 50, D - 9) == ramp


def test_what_was_judged_is_not_judged_again() -> None:
    """After a step back, more complaints about mails from before it change nothing."""
    ramp = on_day(failing(sent(200, on_day(None, STEPS, D)), "bounces", 30, D), STEPS, D + 1)
    ramp = sent(60, ramp)
    assert failing(ramp, "bounces", 100, D, first=1_000) == ramp


def test_one_mail_is_told_of_once() -> None:
    """What several accounts under one address hear of one mail counts once."""
    ramp = sent(10, on_day(None, STEPS, D))
    for _ in range(5):
        ramp = failed(ramp, STEPS, "bounces", "mail 1", D)
    assert sum(each.bounces for each in ramp.days) == 1


def test_it_never_steps_back_to_nothing() -> None:
    """A tenth of `start:` stays, so that good days can show that all is well again."""
    ramp = on_day(None, STEPS, D)
    for day in range(D, D + 40):
        ramp = on_day(ramp, STEPS, day)
        ramp = sent(max(60, ramp.allowed), ramp)
        ramp = failing(ramp, "policy", 60, day, first=day * 100)
    assert ramp.allowed == 20


def test_a_lower_until_holds_at_once() -> None:
    """When `until:` is lowered under what is allowed, no more than that leaves on the same day."""
    ramp = Ramp(D, 900, used=50)
    assert left(ramp, RampSteps(start=100, until=120)) == 70


def test_a_mail_that_did_not_leave_is_given_back() -> None:
    """Its place is free again on the day it was taken; on another day it frees none."""
    ramp = sent(5, on_day(None, STEPS, D))
    back = released(ramp, -1, D)
    assert (left(back, STEPS), back.days[-1].sends) == (196, 4)
    next_day = released(on_day(ramp, STEPS, D + 1), -1, D)
    assert (left(next_day, STEPS), next_day.days[-1].sends) == (200, 4)


@given(st.integers(1, 400).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_the_lower_bound_is_one(counts: tuple[int, int]) -> None:
    """It lies below the share that was seen, and grows with the failures."""
    count, of = counts
    assert at_least(count, of) + 1e-12 >= 0
    assert at_least(count, of) <= count / of + 1e-12
    if count < of:
        assert at_least(count, of) < at_least(count + 1, of)


def test_chance_alone_seldom_steps_back() -> None:
    """Where the true share is the bound itself, a day of 200 mails steps back in less than 3 of 100 cases, for each bound."""
    for bound in (0.03, 0.003, 0.05):
        judged = [count for count in range(201) if at_least(count, 200) > bound]
        chance = sum(comb(200, count) * bound**count * (1 - bound) ** (200 - count) for count in judged)
        assert chance < 0.03, bound


@given(st.lists(st.tuples(st.integers(0, 300), st.sampled_from(FAILURES), st.integers(0, 20)), max_size=20))
def test_no_day_lets_more_leave_than_it_allows(days: list[tuple[int, str, int]]) -> None:
    """Whatever happens, it allows at least a tenth of `start:` and at most `until:`, and never more than half as much again."""
    ramp, before = on_day(None, STEPS, D), STEPS.start
    for number, (wanted, how, failures) in enumerate(days):
        ramp = on_day(ramp, STEPS, D + number)
        assert STEPS.start // 10 <= ramp.allowed <= STEPS.until
        assert ramp.allowed <= before * 1.5 + 1
        before = ramp.allowed
        ramp = sent(min(wanted, left(ramp, STEPS)), ramp)
        ramp = failing(ramp, how, failures, ramp.day, first=1_000 * number)
