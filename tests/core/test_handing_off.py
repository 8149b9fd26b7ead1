"""Hand-offs: what the gate leaves of them, how many a team takes, what the person is told, and the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.customer import Proof, Release, Stop
from engine.core.moments import DAY, HOUR, MINUTE, Length
from engine.core.rules import Address, Cap, Mode, Purpose, Standing
from engine.core.signals import Handed
from tests.builders import BERLIN, PLAIN, START, Play, ago, somebody
from tests.core.shops import known, only, permitted, shop, steps, visited

TASK = "- hand_off: sales\n  answer_within: 14d\n- tag: through\n"
AT_ONCE = "- hand_off: sales\n- tag: through\n"


def told(play: Play, customer: str = "ada") -> list[str]:
    """What was done after the start."""
    return play.told(customer)[1:]


# What the person may do ----------------------------------------------------------------------------------------------

PHONE, MAIL, LETTER = "marketing/phone", "marketing/email", "marketing/letter"
DEAD = {"address": Address.DEAD, "proofs": (Proof(START - DAY, clear=True),)}


@pytest.mark.parametrize(
    ("permits", "fields", "may"),
    [
        ((PHONE, MAIL), {}, ["call", "write"]),
        ((PHONE,), {}, ["call"]),
        ((MAIL,), {}, ["write"]),
        ((LETTER,), {}, ["write"]),
        ((), {}, ["answer"]),
        ((PHONE, MAIL), {"stopped": {"marketing": Stop(1, "email.unsubscribed")}}, ["answer"]),
        ((PHONE, MAIL, LETTER), DEAD, ["call", "write"]),
        ((PHONE, MAIL), DEAD, ["call"]),
        ((PHONE, MAIL), {"stopped": {"marketing": Stop(1, "workflow dead-addresses", "email")}}, ["call"]),
        ((PHONE, MAIL), {"stopped": {"newsletter": Stop(1, "email.unsubscribed")}}, ["call", "write"]),
    ],
)
def test_permission_and_stops_narrow_what_the_person_may_do(
    permits: tuple[str, ...], fields: dict[str, Any], may: list[str]
) -> None:
    """Without permission the task is given all the same; where nothing is left they may answer when they are asked."""
    play = visited(AT_ONCE, somebody(**{**fields, "permission": permitted(*permits)}))
    (data,) = only(play.effects, "handed_off")
    assert data["may"] == may


def test_the_author_narrows_it_too() -> None:
    """`may:` is the most a person may do."""
    who = somebody(permission=permitted(PHONE, MAIL))
    for said, may in (("call", ["call"]), ("[write]", ["write"]), ("answer", ["answer"])):
        (data,) = only(visited(f"- hand_off: sales\n  may: {said}\n", who).effects, "handed_off")
        assert data["may"] == may


def test_existing_customers_may_be_written_to_and_not_called() -> None:
    """What the law lets a shop do without consent is mail."""
    lifecycle = replace(PLAIN, permission=replace(PLAIN.permission, existing_customers=True))
    play = shop(AT_ONCE, lifecycle=lifecycle)
    play.put(somebody(permission={}))
    play.orders(time=ago("40d"))
    play.happens("customer.visited")
    (data,) = only(play.effects, "handed_off")
    assert data["may"] == ["write"]


def test_the_reasons_are_on_one_page() -> None:
    """Standing with evidence, the cause with its date, the last orders, and who looks after them."""
    play = shop(AT_ONCE)
    play.put(somebody(profile=known(email="ada@example.org", account_manager="Kim")))
    for days in (200, 150, 110, 100):
        play.orders(time=ago(f"{days}d"), number=f"o-{days}", total="80.00")
    play.happens("survey.answered", time=ago("20d"), cause="price")
    play.happens("customer.visited")
    (data,) = only(play.effects, "handed_off")
    said = "\n".join(data["reasons"])
    for part in ("last order on 2025-09-27", "price", "2025-12-16", "4 orders", "80.00 EUR", "account manager: Kim"):
        assert part in said
    assert said.index("2025-09-27: 80.00") < said.index("2025-09-17: 80.00") < said.index("2025-08-08: 80.00")
    assert "2025-06-19: 80.00" not in said


# The gate ------------------------------------------------------------------------------------------------------------


def test_former_customers_are_handed_to_nobody() -> None:
    """The special status is for rarely or never being written to or called."""
    play = visited(TASK, somebody(standing=Standing.FORMER, standing_since=START - DAY))
    assert told(play) == ["0d drop hand_off sales: former", "0d tag through", "0d end done"]


def test_it_waits_for_holds_and_caps_and_not_for_the_night() -> None:
    """An open ticket is dealt with first; caps count it; a team has hours of its own."""
    night = BERLIN.at(BERLIN.day(START), 23 * HOUR)
    lifecycle = replace(PLAIN, quiet=(20 * 60, 8 * 60))
    assert told(visited(TASK, lifecycle=lifecycle, start=night)) == ["0d hand_off sales"]
    play = visited(TASK, somebody(open_tickets=(1,)))
    assert told(play) == ["0d defer hand_off sales: a ticket is open"]
    play.passes("4d")
    assert told(play)[1:] == ["3d drop hand_off sales: late: a ticket is open", "3d tag through", "3d end done"]
    capped = replace(PLAIN, caps=(Cap(Purpose.MARKETING, 1, Length(days=7)),))
    mailed = somebody(releases=(Release(START - 5 * DAY, "marketing", "hello", "e"),))
    play = visited(TASK, mailed, lifecycle=capped)
    play.passes("3d")
    assert told(play)[1:] == ["2d hand_off sales"]
    assert play.customer().releases[-1].template == "hand_off sales"


def test_a_hand_off_counts_in_the_caps_of_mails() -> None:
    """Who was called today gets no marketing mail tomorrow, held-out members included."""
    capped = replace(PLAIN, caps=(Cap(Purpose.MARKETING, 1, Length(days=7)),))
    for held_out in (False, True):
        play = visited("- hand_off: sales\n- send: hello\n  late_at_most: 10d\n", lifecycle=capped, held_out=held_out)
        play.passes("10d")
        assert told(play)[-2:] == [f"7d {'held out' if held_out else 'send'} hello", "7d end done"]


def test_a_pause_and_a_draft_hold_it() -> None:
    """Nothing leaves while sends are paused; a skip at the end drops it, and the run goes on."""
    play = shop(TASK)
    play.pause()
    play.put(somebody())
    play.happens("customer.visited")
    play.passes("1d")
    assert only(play.effects, "handed_off") == []
    play.unpause("skip")
    assert told(play)[1:] == ["1d drop hand_off sales: paused", "1d tag through", "1d end done"]
    play = shop(TASK)
    play.pause("workflow", "visit")
    play.happens("customer.visited")
    play.unpause("send", "workflow", "visit")
    assert told(play)[1:] == ["0d hand_off sales"]
    play = visited("- wait: 1d\n" + TASK)
    play.switches("visit", mode=Mode.DRAFT)
    play.passes("10d")
    assert told(play) == []
    play.switches("visit", mode=Mode.LIVE)
    play.passes("1d")
    assert told(play) == ["10d hand_off sales"]


def test_a_mail_domains_pause_holds_no_task() -> None:
    """A provider that refuses mail has nothing to do with a call."""
    play = shop(TASK)
    play.pause("domain", "example.org")
    play.put(somebody())
    play.happens("customer.visited")
    assert told(play) == ["0d hand_off sales"]


# The answer ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "ends"), [("sales", True), ("{id}", True), ("purchasing", False), ("{other}", False)]
)
def test_the_answer_ends_the_wait(named: str, ends: bool) -> None:  # noqa: FBT001 - a table's column
    """It names the act or the team; one to another task changes nothing. Then the run goes on at once."""
    play = visited(TASK)
    (data,) = only(play.effects, "handed_off")
    play.passes("3d")
    play.happens("hand_off.answered", hand_off=named.format(id=data["hand_off"], other="0" * 32))
    assert told(play) == ["0d hand_off sales", *(["3d tag through", "3d end done"] if ends else [])]
    play.passes("20d")
    assert told(play)[-1] == ("3d end done" if ends else "14d end done")


def test_until_any_hears_the_answer_first() -> None:
    """An answer that leads to another stage goes there, and does not go on behind the task as well."""
    play = Play(
        """
workflow: visit
enter_when_all: [{event: customer.visited, within: 1d}]
again_after: 2d
leave_when_any: [{event: email.unsubscribed}]
stages:
  one:
    steps:
      - hand_off: sales
        answer_within: 14d
      - tag: through
    until_any:
      - event: hand_off.answered
        where: {result: won}
        then: other
    end: done
  other:
    steps: []
    end: other
"""
    )
    for result, outcome in (("won", "other"), ("later", "done")):
        play.happens("customer.visited", result)
        play.passes("1d")
        play.happens("hand_off.answered", result, hand_off="sales", result=result)
        assert play.outcomes(result) == [outcome]


def test_the_wait_ends_without_an_answer() -> None:
    """`answer_within` is a wait like any other; without it the run goes on at once."""
    play = visited(TASK)
    play.passes("20d")
    assert told(play) == ["0d hand_off sales", "14d tag through", "14d end done"]
    assert told(visited(AT_ONCE)) == ["0d hand_off sales", "0d tag through", "0d end done"]


def test_an_answer_from_long_ago_starts_nothing() -> None:
    """History rings no timer: the wait takes its time."""
    play = visited(TASK, history_after=3 * DAY)
    play.passes("6d")
    play.happens("hand_off.answered", time=play.now - 5 * DAY, hand_off="sales")
    assert told(play) == ["0d hand_off sales"]


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("email.unsubscribed", "left"),
        ("ticket.opened", "other"),
        ("customer.ended", "gone"),
        ("customer.erased", "gone"),
    ],
)
def test_the_wait_for_an_answer_can_be_left(kind: str, outcome: str) -> None:
    """What leaves the run leaves the task behind; its timer is gone."""
    play = visited(TASK)
    play.passes("2d")
    play.happens(kind)
    play.passes("30d")
    assert play.outcomes() == [outcome]
    assert play.customer().tags == ()


def test_held_out_nobody_is_handed_over_on_the_same_clock() -> None:
    """The act is recorded as held out, with what it would have been; no team is told, and none of its capacity is used."""
    play = visited("- hand_off: sales\n  at_most: 1 per 7d\n  answer_within: 14d\n- tag: through\n", held_out=True)
    play.passes("20d")
    assert told(play) == ["0d held out hand_off sales 0", "14d held out tag through 0", "14d end done"]
    (held, _) = only(play.effects, "step.held_out")
    assert (held["team"], held["step"]) == ("sales", "hand_off sales 0")
    assert play.shop.hand_offs == {}


def test_a_shadow_hands_nobody_over() -> None:
    """Its effect never leaves, takes no capacity, and counts in no cap."""
    play = visited(TASK, mode=Mode.SHADOW)
    assert told(play) == ["0d hand_off sales (shadow)"]
    assert (play.shop.hand_offs, play.customer().releases) == ({}, ())


def test_who_is_merged_is_still_answered_for() -> None:
    """The run goes over with its task, and the answer finds it."""
    play = visited(TASK)
    play.happens("profile.updated", "bob", first_name="Ada")
    play.happens("customer.merged", "ada", into="bob")
    play.passes("2d")
    play.happens("hand_off.answered", "bob", hand_off="sales")
    assert play.outcomes("bob") == ["done"]


def test_a_run_finishes_on_the_version_it_began_with() -> None:
    """Another team in a newer version is for those who enter from then on."""
    play = visited("- wait: 1d\n" + TASK)
    newer = play.rule_set.workflows["visit"]
    stage = newer.first
    steps = tuple(
        replace(step, team="others", key="hand_off others 0") if step.key.startswith("hand_off") else step
        for step in stage.steps
    )
    changed = replace(newer, version=2, stages=(replace(stage, steps=steps), *newer.stages[1:]))
    play.changes(replace(play.rule_set, workflows={"visit": changed}))
    play.passes("2d")
    assert told(play) == ["1d hand_off sales"]


def test_a_hand_off_is_no_message_that_silence_could_answer() -> None:
    """Rule 1 is about sends: a stop after a hand-off alone is done, as where nothing was sent."""
    play = visited(AT_ONCE.replace("- tag: through", "- suppress: newsletter"))
    assert told(play) == ["0d hand_off sales", "0d suppress newsletter", "0d end done"]


# How many a team takes -----------------------------------------------------------------------------------------------

FEW = "- hand_off: sales\n  at_most: 2 per 1d\n  late_at_most: 3d\n"


def test_a_team_takes_so_many_and_the_others_wait() -> None:
    """Who comes when the team is full is deferred, told why once, and handed over when there is room."""
    play = shop(FEW)
    for name in "abcde":
        play.happens("customer.visited", name)
    play.passes("10d")
    full = "0d defer hand_off sales: the team sales takes at most 2 per 1d"
    assert [told(play, name)[:-1] for name in "abcde"] == [
        ["0d hand_off sales"],
        ["0d hand_off sales"],
        [full, "1d hand_off sales"],
        [full, "1d hand_off sales"],
        [full, "2d hand_off sales"],
    ]


def test_who_cannot_be_taken_in_time_is_dropped() -> None:
    """More than `late_at_most` late is no use to anybody."""
    play = shop(FEW.replace("2 per 1d", "1 per 7d"))
    for name in "ab":
        play.happens("customer.visited", name)
    play.passes("10d")
    assert told(play, "b")[-2] == "3d drop hand_off sales: late: the team sales takes at most 1 per 7d"


def test_capacity_is_the_teams_over_all_workflows() -> None:
    """A second workflow that hands to the same team finds it full; another team is not."""
    one = shop(FEW).rule_set.workflows["visit"]
    step = one.first.steps[0]
    others = {
        name: replace(one, name=name, stages=(replace(one.first, steps=(replace(step, team=team),)),))
        for name, team in (("also", "sales"), ("beside", "service"))
    }
    base = shop(FEW).rule_set
    switches = dict.fromkeys(("visit", *others), base.switches["visit"])
    play = Play(rules=replace(base, workflows={**base.workflows, **others}, switches=switches))
    play.happens(
        "customer.visited", "a"
    )  # into each in turn: a hand-off takes the one place, and gives it back at once
    assert sorted(data["team"] for data in only(play.effects, "handed_off")) == ["sales", "sales", "service"]
    play.happens("customer.visited", "b")
    assert told(play, "b") == ["0d defer hand_off sales: the team sales takes at most 2 per 1d"]


def test_go_live_forgets_what_the_rehearsal_handed_over() -> None:
    """A team is not full of customers that nobody was told of."""
    play = shop(FEW)
    for name in "ab":
        play.happens("customer.visited", name)
    play.goes_live()
    assert play.shop.hand_offs == {}


@given(
    st.lists(
        st.tuples(
            st.integers(0, 11),
            st.sampled_from([0, 1, MINUTE, HOUR, 11 * HOUR, 13 * HOUR, DAY, DAY + 1, 30 * HOUR]),
        ),
        max_size=40,
    ),
    st.sampled_from([(1, "1d"), (2, "1d"), (3, "36h"), (2, "7d")]),
)
def test_a_team_is_never_given_more_in_any_window(comings: Sequence[tuple[int, int]], most: tuple[int, str]) -> None:
    """However customers come, no window of that length, wherever it begins, holds more hand-offs than the team takes."""
    count, per = most
    play = shop(f"- hand_off: sales\n  at_most: {count} per {per}\n  late_at_most: 20d\n")
    for who, later in comings:
        play.until(play.now + later)
        play.happens("customer.visited", f"c{who}")
        play.works()
    play.passes("40d")
    times = [each.time for each in play.effects if each.type == "winback.handed_off"]
    length = Length(minutes=36 * 60) if per == "36h" else Length(days=int(per[:-1]))
    for place, at in enumerate(times[count:]):
        assert at >= BERLIN.after(times[place], length)
    dropped = [data["reason"] for data in only(play.effects, "send.dropped")]
    assert all(reason.startswith("late: the team") for reason in dropped)


def test_what_became_of_a_send_is_no_matter_of_a_task() -> None:
    """A hand-off is not handed over by a relay: an ending that names it by mistake changes nothing."""
    play = visited(TASK)
    before = play.customer()
    play.signal(Handed(before.runs[0].effect_id, "done"))
    assert play.customer().runs == before.runs


# Replies -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "handed"), [("reply", 1), ("", 1), ("auto_reply", 0)])
def test_a_reply_of_a_person_is_handed_to_a_person(kind: str, handed: int) -> None:
    """With what is known of the customer, whatever workflow wrote to them or none; a program's reply is nobody's."""
    play = shop(AT_ONCE)
    play.happens("email.replied", kind=kind)
    told = [each for each in play.effects if each.type == "winback.handed_off"]
    assert len(told) == handed
    for effect in told:
        assert (effect.data["team"], effect.data["may"]) == ("replies", ["answer"])
        assert effect.data["reasons"][0] == "wrote back on 2026-01-05"
        assert effect.data["hand_off"] == effect.effect_id


def test_each_reply_is_handed_over_once_and_those_of_history_not_at_all() -> None:
    """Two replies are two acts; what was imported was answered long ago."""
    play = shop(AT_ONCE, history_after=3 * DAY)
    play.happens("email.replied", kind="reply")
    play.happens("email.replied", kind="reply")
    play.happens("email.replied", kind="reply", time=START - 30 * DAY)
    acts = [each.effect_id for each in play.effects if each.type == "winback.handed_off"]
    assert len(set(acts)) == len(acts) == 2


def test_a_reply_that_a_run_was_waiting_for_is_the_runs() -> None:
    """The workflow says what follows from it, and to whom; a run that does not listen leaves it to the people."""
    for way_out, handed in (("email.replied", 0), ("ticket.opened", 1)):
        text = steps("- wait: 5d\n").replace("event: ticket.opened", f"event: {way_out}")
        play = Play(text)
        play.happens("customer.visited")
        play.happens("email.replied", kind="reply")
        assert len([each for each in play.effects if each.type == "winback.handed_off"]) == handed


def test_a_reply_holds_mails_and_no_task() -> None:
    """For a week no mail goes; a person may be asked to call at once."""
    for step, what in (("- send: welcome_back\n", "send.deferred"), (AT_ONCE, "handed_off")):
        play = shop(step)
        play.happens("email.replied", kind="reply")
        play.effects.clear()
        play.happens("customer.visited")
        assert [each.type.removeprefix("winback.") for each in play.effects if what in each.type] == [what]
