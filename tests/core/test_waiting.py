"""Waiting for a moment: a day of the customer's, an occasion, a weekday; and what becomes of it when the day changes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.customer import Customer
from engine.core.moments import DAY, HOUR, MINUTE, iso_day
from engine.core.rules import Mode, Occasion, RuleSet
from tests.builders import BERLIN, PLAIN, Play, at, day_of, rules_of, somebody

VISIT = """
workflow: visit
enter_when_all:
  - event: customer.visited
    within: 1d
again_after: 2d
leave_when_any:
  - event: email.unsubscribed
stages:
  one:
    steps:
      - wait_until: {MOMENT}
      - tag: waited
    until_any:
      - event: order.placed
        then: two
    end: done
  two:
    steps: []
    end: bought
"""
CHRISTMAS = Occasion(name="christmas", kind="date", month=12, day=25)
BIRTHDAY = Occasion(name="birthday", kind="customer", field="birthday")
OCCASIONS = {"christmas": CHRISTMAS, "birthday": BIRTHDAY}
OCCASIONS_FILE = "occasions:\n  christmas: {day: 12-25}\n  birthday: {customer: birthday}\n"


def rules(moment: str, mode: Mode = Mode.LIVE) -> RuleSet:
    """The workflow with this wait, and two occasions."""
    text = VISIT.replace("{MOMENT}", "{" + moment + "}")
    lifecycle = replace(PLAIN, occasions=OCCASIONS)
    return rules_of(text, lifecycle=lifecycle, mode=mode, occasions=OCCASIONS_FILE)


def visited(moment: str, start: str = "2026-01-05 10:00", mode: Mode = Mode.LIVE, **profile: Any) -> Play:
    """A shop whose workflow waits for a moment; ada, of whom this much is known, visits."""
    play = Play(rules=rules(moment, mode), start=at(start))
    known = {name: (value, 0) for name, value in profile.items()}
    play.put(somebody(profile={"email": ("ada@example.org", 0), **known}))
    play.happens("customer.visited")
    return play


def went_on(play: Play, until: str = "2028-01-01") -> str:
    """When the wait was over, on Berlin's wall."""
    play.until(at(until))
    (tagged,) = [each for each in play.about() if each.type in ("winback.tagged", "winback.step.held_out")]
    clock = BERLIN.clock(tagged.time) // MINUTE
    return f"{BERLIN.day(tagged.time) - BERLIN.day(play.start)}d {clock // 60:02d}:{clock % 60:02d}"


@pytest.mark.parametrize(
    ("moment", "over"),
    [
        ("customer: contract_ends", "40d 10:00"),
        ("customer: contract_ends, before: 14d", "26d 10:00"),
        ('customer: contract_ends, after: 2d, at: "08:30"', "42d 08:30"),
        ("customer: contract_ends, before: 14d, at_most: 5d", "5d 10:00"),
        ("customer: contract_ends, before: 14d, at_most: 60d", "26d 10:00"),
        ("customer: contract_ends, before: 41d", "0d 10:00"),  # past
        ("customer: contract_ends, before: 40d", "0d 10:00"),  # this very instant
        ("customer: points_expire, at_most: 5d", "0d 10:00"),  # unknown: no reason to wait
        ("customer: attributes.pause_ends, before: 3d", "17d 10:00"),
        ("customer: attributes.size", "0d 10:00"),  # no day
        ('customer: points_expire, before: 2d, at: "09:00", if_unknown: 30d', "30d 09:00"),
        ("customer: points_expire, if_unknown: 30d, at_most: 5d", "5d 10:00"),
        ("customer: contract_ends, before: 41d, if_unknown: 30d", "0d 10:00"),  # known, and past
        ("occasion: christmas, before: 14d", "340d 10:00"),
        ('occasion: christmas, after: 1d, at: "09:00"', "355d 09:00"),
        ("occasion: birthday, before: 3d", "130d 10:00"),
        ("weekday: mon", "7d 10:00"),  # strictly after now
        ('weekday: mon, at: "10:01"', "0d 10:01"),
        ('weekday: mon, at: "09:59"', "7d 09:59"),
        ('weekday: tue, at: "10:00"', "1d 10:00"),
        ('weekday: sun, at: "10:00", at_most: 3d', "3d 10:00"),
    ],
)
def test_a_wait_is_over_at_its_moment(moment: str, over: str) -> None:
    """Days at the clock time of `at`, else of the step's beginning; what is past is not waited for, nor what is unknown."""
    own: dict[str, Any] = {"attributes.pause_ends": "2026-01-25", "attributes.size": "large"}
    play = visited(moment, contract_ends="2026-02-14", birthday="--05-18", **own)
    assert went_on(play) == over


def test_a_moment_after_an_occasion_is_still_the_last_ones() -> None:
    """Between an occasion and the days after it that are meant, the wait is for this year's, not for the next."""
    assert went_on(visited("occasion: christmas, after: 5d", "2026-12-27 10:00")) == "3d 10:00"
    assert went_on(visited("occasion: christmas, after: 5d", "2026-12-31 10:00")) == "364d 10:00"
    assert went_on(visited("occasion: christmas, before: 5d", "2026-12-22 10:00")) == "0d 10:00"  # late is better


@pytest.mark.parametrize(("clock", "over"), [("02:30", "1d 03:30"), ("03:30", "1d 03:30")])
def test_a_clock_time_that_does_not_exist_moves_forward(clock: str, over: str) -> None:
    """On the day clocks go forward, half past two is half past three."""
    assert went_on(visited(f'weekday: sun, at: "{clock}"', "2026-03-28 10:00")) == over


@pytest.mark.parametrize(
    ("to", "over"),
    [
        ("2026-01-25", "20d 10:00"),  # earlier
        ("2026-05-01", "116d 10:00"),  # later
        ("2026-01-07", "4d 10:00"),  # past by now: on at once, when the timer rings
        (None, "4d 10:00"),  # forgotten
    ],
)
def test_a_day_that_changes_moves_the_wait(to: str | None, over: str) -> None:
    """The due time is worked out anew from when the step began; a moment that is past now ends the wait."""
    play = visited("customer: contract_ends", contract_ends="2026-02-14")
    play.passes("4d")
    play.happens("profile.updated", contract_ends=to)
    assert went_on(play) == over


@pytest.mark.parametrize(("told", "over"), [("2026-01-12", "7d 10:00"), ("2026-03-31", "85d 10:00")])
def test_a_day_that_becomes_known_is_waited_for(told: str, over: str) -> None:
    """`if_unknown` is for as long as nobody knows the day."""
    play = visited("customer: contract_ends, if_unknown: 30d")
    play.passes("4d")
    play.happens("profile.updated", contract_ends=told)
    assert went_on(play) == over


def test_a_bound_counts_from_when_the_step_began() -> None:
    """A day that moves does not move `at_most`."""
    play = visited("customer: contract_ends, at_most: 10d", contract_ends="2026-01-12")
    play.passes("4d")
    play.happens("profile.updated", contract_ends="2026-02-14")
    assert went_on(play) == "10d 10:00"


def test_history_moves_the_moment_and_ends_no_wait() -> None:
    """An old profile that is told now may set a day; one that is past by now leaves the wait as it was."""
    for told, over in (("2026-01-25", "20d 10:00"), ("2026-01-06", "40d 10:00")):
        play = Play(rules=rules("customer: contract_ends"), history_after=3 * DAY)
        play.put(somebody(profile={"email": ("ada@example.org", 0), "contract_ends": ("2026-02-14", 1)}))
        play.happens("customer.visited")
        play.passes("4d")
        play.happens("profile.updated", time=play.now - 10 * DAY, contract_ends=told)
        play.passes("15min")
        assert len(play.customer().runs) == 1
        assert went_on(play) == over


def test_occasions_are_always_the_newest() -> None:
    """An occasion that is moved in occasions.yaml moves those who wait for it, whatever version they are on."""
    play = visited("occasion: christmas")
    moved = {**OCCASIONS, "christmas": replace(CHRISTMAS, month=3, day=1)}
    play.changes(replace(play.rule_set, lifecycle=replace(play.rule_set.lifecycle, occasions=moved)))
    assert went_on(play) == "55d 10:00"


def test_a_birthday_that_is_corrected_moves_the_wait() -> None:
    """An occasion of the customer's own rests on their facts."""
    play = visited("occasion: birthday", birthday="1990-05-17")
    play.happens("profile.updated", birthday="1990-03-01")
    assert went_on(play) == "55d 10:00"


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("order.placed", "bought"),
        ("email.unsubscribed", "left"),
        ("customer.ended", "gone"),
        ("customer.erased", "gone"),
    ],
)
def test_the_wait_can_be_left(kind: str, outcome: str) -> None:
    """`until_any`, `leave_when_any` and the end of a customer beat the wait; its timer is gone with it."""
    play = visited("occasion: christmas")
    play.passes("4d")
    play.happens(kind)
    assert play.outcomes() == [outcome]
    play.passes("400d")
    assert not any(each.type == "winback.tagged" for each in play.effects)


def test_held_out_and_shadow_wait_alike() -> None:
    """The same clock for all arms: only what is done at the end differs."""
    moment = "customer: contract_ends, before: 14d"
    held = rules(moment)
    held = replace(held, workflows={"visit": replace(held.workflows["visit"], holdout=10_000)})
    for rule_set, told in ((held, "held out tag waited 0"), (rules(moment, Mode.SHADOW), "tag waited (shadow)")):
        play = Play(rules=rule_set)
        play.put(somebody(profile={"contract_ends": ("2026-02-14", 0)}))
        play.happens("customer.visited")
        play.passes("60d")
        assert f"26d {told}" in play.told()
        assert play.customer().tags == ()


def test_a_draft_holds_the_wait_and_live_lets_it_go_on() -> None:
    """What fell due while the workflow was a draft goes on when it is live again."""
    play = visited("customer: contract_ends", contract_ends="2026-02-14")
    play.switches("visit", mode=Mode.DRAFT)
    play.passes("50d")
    assert play.customer().tags == ()
    play.switches("visit", mode=Mode.LIVE)
    play.passes("1d")
    assert play.customer().tags == ("waited",)


def test_a_pause_does_not_hold_a_wait() -> None:
    """Pauses are for what leaves; time goes on."""
    play = visited("customer: contract_ends", contract_ends="2026-02-14")
    play.pause()
    assert went_on(play) == "40d 10:00"


def test_a_new_version_leaves_those_who_wait_on_theirs() -> None:
    """Who waits finishes on the version it began with."""
    play = visited("customer: contract_ends", contract_ends="2026-02-14")
    newer = rules("customer: contract_ends, after: 30d")
    newer = replace(newer, workflows={"visit": replace(newer.workflows["visit"], version=2)})
    play.changes(newer)
    assert went_on(play) == "40d 10:00"


def test_who_is_merged_waits_on_with_the_day_of_both() -> None:
    """A run that goes over keeps its wait; the other record's newer day counts from then on."""
    play = visited("customer: contract_ends", contract_ends="2026-02-14")
    play.passes("1d")
    play.happens("profile.updated", "bob", contract_ends="2026-02-20")
    play.happens("customer.merged", "ada", into="bob")
    (run,) = play.customer("bob").runs
    assert run.due is not None
    assert BERLIN.day(run.due) == day_of("2026-02-20")


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("day"), st.integers(-20, 90)),
            st.tuples(st.just("time"), st.sampled_from([MINUTE, HOUR, DAY, 9 * DAY])),
            st.tuples(st.just("order"), st.just(0)),
            st.tuples(st.just("visit"), st.just(0)),
        ),
        max_size=20,
    )
)
def test_a_run_has_one_timer_and_it_is_that_of_its_day(happenings: list[tuple[str, int]]) -> None:
    """Whatever day is told when, at most one run waits, its due time is that of the day known, and no old one rings."""
    play = visited("customer: contract_ends", contract_ends="2026-02-14")
    for what, number in happenings:
        if what == "day":
            play.until(play.now + 1)  # of two days told at one instant none is the newer
            day = BERLIN.day(play.now) + number
            play.happens("profile.updated", contract_ends=iso_day(day))
        elif what == "time":
            play.until(play.now + number)
        else:
            play.happens({"order": "order.placed", "visit": "customer.visited"}[what], **_numbered(what, play))
        _one_timer(play.customer(), play.now)
    starts = [each.data["run"] for each in play.effects if each.type == "winback.run_started"]
    tagged = [each.data["run"] for each in play.effects if each.type == "winback.tagged"]
    assert len(tagged) == len(set(tagged))  # no timer of an earlier entry rings for a later one
    assert set(tagged) <= set(starts)


def _numbered(what: str, play: Play) -> dict[str, Any]:
    return {"order_id": f"o-{play.now}-{play.events}"} if what == "order" else {}


def _one_timer(customer: Customer, now: int) -> None:
    assert len(customer.runs) <= 1
    for run in customer.runs:
        assert run.doing == "waiting"
        assert run.wanted is not None
        assert run.due is not None
        assert customer.next_due is not None
        assert customer.next_due <= run.due
        known = customer.value("contract_ends")
        moment = BERLIN.at(day_of(known), BERLIN.clock(run.wanted))
        assert run.due == moment or run.due <= now
