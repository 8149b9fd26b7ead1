"""Closing a loyalty account: asked first, then told, then so long a time in which any sign of life ends it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.customer import Stop
from engine.core.moments import DAY
from engine.core.rules import AnyStep, Mode, Purpose, Send, Suppress
from engine.core.signals import Handed
from tests.builders import PLAIN, START, Play, day_of, somebody
from tests.core.shops import hands_nothing_over, only, shop, visited

CLOSE = "- close_account: {notice: 14d, send: receipt}\n- tag: through\n"
ASKED = "- send: still\n  asks: still_there\n- wait: 7d\n" + CLOSE
OWN = "events:\n  review.written: {means: A review., shows_life: true}\n  seen.somewhere: {means: Something else.}\n"


def told(play: Play, customer: str = "ada") -> list[str]:
    """What was done after the start."""
    return play.told(customer)[1:]


NOTICED = ["0d send receipt", "0d closing on 2026-01-19"]
CLOSED = [*NOTICED, "14d close_account", "14d tag through", "14d end done"]


def closed(play: Play) -> bool:
    """Whether the account was closed."""
    return bool(only(play.effects, "account_closed"))


def test_the_notice_goes_first_then_the_account_is_closed() -> None:
    """The day is told with the notice, whatever the permission; the closing comes on it, and the run goes on."""
    stopped = {"marketing": Stop(1, "email.unsubscribed"), "newsletter": Stop(1, "email.unsubscribed")}
    play = visited(CLOSE, somebody(permission={}, stopped=stopped))
    play.passes("20d")
    assert told(play) == CLOSED
    (notice,) = only(play.effects, "send.requested")
    assert (notice["purpose"], notice["asks"]) == ("service", None)


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        (CLOSE, "done"),  # no send before: nobody's silence is taken for an answer
        (ASKED, "done"),
        (ASKED.replace("7d", "6d"), "not_asked"),
    ],
)
def test_silence_is_an_answer_only_to_a_question(steps: str, outcome: str) -> None:
    """Rule 1: a closing after sends needs a question delivered a week before the notice; the notice itself is none."""
    play = visited(steps)
    play.passes("60d")
    assert play.outcomes() == [outcome]
    assert closed(play) is (outcome == "done")


def unchecked(text: str, place: int, step: AnyStep) -> Play:
    """What `check` refuses: another step in that place. Ada visits, and two months pass."""
    base = shop(text).rule_set
    workflow = base.workflows["visit"]
    steps = (*workflow.first.steps[:place], step, *workflow.first.steps[place + 1 :])
    stages = (replace(workflow.first, steps=steps), *workflow.stages[1:])
    play = Play(rules=replace(base, workflows={"visit": replace(workflow, stages=stages)}))
    play.happens("customer.visited")
    play.passes("60d")
    return play


def test_a_mail_that_asked_nothing_is_no_question() -> None:
    """A closing behind a mail without a question ends as not_asked; so does a stop behind the notice of a closing."""
    play = unchecked(ASKED, 0, Send(key="send still 0", template="still"))
    assert (play.outcomes(), closed(play)) == (["not_asked"], False)
    play = unchecked(CLOSE, 1, Suppress(key="suppress newsletter 0", scope=Purpose.NEWSLETTER))
    assert (play.outcomes(), closed(play)) == (["not_asked"], True)


SIGNS: list[tuple[str, dict[str, Any], bool]] = [
    ("order.placed", {}, True),
    ("email.clicked", {}, True),
    ("email.clicked", {"machine": True}, False),
    ("email.replied", {}, True),
    ("email.replied", {"kind": "auto_reply"}, False),
    ("customer.logged_in", {}, True),
    ("newsletter.confirmed", {}, True),
    ("survey.answered", {}, True),
    ("invitation.answered", {"answer": "no"}, True),
    ("hand_off.answered", {"result": "reached"}, True),
    ("hand_off.answered", {"result": "not_reached"}, False),
    ("review.written", {}, True),
    ("seen.somewhere", {}, False),
    ("email.opened", {}, False),
    ("customer.visited", {}, False),
    ("order.refunded", {}, False),
]


@pytest.mark.parametrize(("kind", "data", "keeps"), SIGNS)
def test_a_persons_sign_of_life_ends_the_closing(kind: str, data: dict[str, Any], keeps: bool) -> None:  # noqa: FBT001 - a table's column
    """What a human does keeps the account, and it is told that nothing will be closed; what a machine does proves nothing."""
    play = visited(CLOSE, events=OWN)
    play.passes("5d")
    play.happens(kind, **data)
    play.passes("1min")  # a click counts when it has settled
    if keeps:
        assert told(play) == [*NOTICED, "5d closing on None", "5d end account_kept"]
    play.passes("30d")
    assert closed(play) is not keeps
    ids = [each.id for each in play.effects]
    assert len(ids) == len(set(ids))


def test_a_sign_told_late_keeps_the_account_too() -> None:
    """Being told now of a click from before the notice is no reason to close; nor is history."""
    for history_after in (None, DAY):
        play = shop("- wait: 3d\n" + CLOSE, history_after=history_after)
        play.happens("customer.visited")
        play.passes("8d")
        play.happens("email.clicked", time=START + 2 * DAY)
        assert play.outcomes() == ["account_kept"]


def test_a_sign_from_before_the_run_is_none() -> None:
    """What they did before they were found inactive was known, or could have been."""
    play = visited(CLOSE)
    play.passes("5d")
    play.happens("email.clicked", time=START - DAY)
    play.passes("30d")
    assert closed(play)


def test_a_cancelled_order_is_a_sign_of_life_while_it_stands() -> None:
    """Who orders lives, also if the order is called off; one that was cancelled before we heard of it never was."""
    play = visited(CLOSE)
    play.passes("2d")
    play.happens("order.cancelled", order_id="o-9")
    play.orders(number="o-9")
    play.passes("30d")
    assert closed(play)


def test_a_merged_record_brings_its_signs_of_life() -> None:
    """The person clicked under their other number during the notice: the account stays open."""
    play = visited(CLOSE)
    play.passes("5d")
    play.happens("email.clicked", "bob")
    play.happens("customer.merged", "ada", into="bob")
    play.passes("30d")
    assert play.outcomes("bob") == ["account_kept"]
    assert not closed(play)


@pytest.mark.parametrize("outcome", ["refused", "blocked", "late", "uncertain"])
def test_a_notice_that_did_not_arrive_closes_nothing(outcome: str) -> None:
    """Refused, blocked, late or uncertain: the run ends as not_asked, and may begin again after 30 days."""
    play = visited(CLOSE)
    signal = Handed(play.customer().releases[-1].effect_id, outcome)
    fresh = shop(CLOSE)
    hands_nothing_over(fresh)
    fresh.put(somebody())
    fresh.happens("customer.visited")
    fresh.signal(signal)
    assert fresh.outcomes() == ["not_asked"]
    assert only(fresh.effects, "account_closing") == []
    fresh.passes("60d")
    assert not closed(fresh)


def test_a_notice_that_cannot_go_closes_nothing() -> None:
    """Without an address nobody can be told, so nobody's account is closed."""
    play = visited(CLOSE, somebody(profile={}))
    play.passes("60d")
    assert told(play) == ["0d drop receipt: no_address", "0d end not_asked"]


def test_a_notice_that_bounces_later_closes_nothing() -> None:
    """A mail server may take it and find out afterwards."""
    play = visited(CLOSE)
    play.passes("1d")
    (notice,) = [each for each in play.effects if each.type == "winback.send.requested"]
    play.happens("email.bounced", message_id=f"<{notice.effect_id}@shop>", kind="soft")
    play.passes("60d")
    assert told(play)[2:] == ["14d closing on None", "14d end not_asked"]


def test_a_question_that_bounces_during_the_notice_closes_nothing() -> None:
    """What the closing rests on must still stand when it is done."""
    play = visited(ASKED)
    play.passes("10d")
    question = next(each for each in play.effects if each.data.get("asks"))
    play.happens("email.bounced", message_id=f"<{question.effect_id}@shop>", kind="soft")
    play.passes("60d")
    assert play.outcomes() == ["not_asked"]
    assert not closed(play)


@pytest.mark.parametrize(
    ("kind", "outcome", "says"),
    [
        ("email.unsubscribed", "left", True),
        ("ticket.opened", "other", True),
        ("customer.ended", "gone", False),
        ("customer.erased", "gone", False),
    ],
)
def test_who_leaves_the_closing_keeps_the_account(kind: str, outcome: str, says: bool) -> None:  # noqa: FBT001 - a table's column
    """Whatever ends the run or leads elsewhere calls the closing off, and says so, but of somebody gone."""
    play = visited(CLOSE)
    play.passes("5d")
    play.happens(kind)
    play.passes("60d")
    assert play.outcomes() == [outcome]
    assert [data["on"] for data in only(play.effects, "account_closing")] == ["2026-01-19", *([None] if says else [])]
    assert not closed(play)


def test_a_run_that_lasts_too_long_closes_nothing() -> None:
    """`ends_within` beats the notice."""
    play = shop(CLOSE)
    brief = replace(play.rule_set.workflows["visit"], ends_within=replace(PLAIN.returns_within, days=10))
    play = Play(rules=replace(play.rule_set, workflows={"visit": brief}))
    play.happens("profile.updated", email="ada@example.org")
    play.happens("customer.visited")
    play.passes("60d")
    assert play.outcomes() == ["too_long"]
    assert [data["on"] for data in only(play.effects, "account_closing")][-1] is None
    assert not closed(play)


def test_held_out_nobodys_account_is_closed_on_the_same_clock() -> None:
    """Notice, day and closing are recorded as held out; a sign of life ends that as well."""
    play = visited(CLOSE, held_out=True)
    play.passes("20d")
    held = "held out close_account 0"
    assert told(play) == [
        "0d held out receipt",
        f"0d {held}",
        f"14d {held}",
        "14d held out tag through 0",
        "14d end done",
    ]
    play = visited(CLOSE, held_out=True)
    play.passes("3d")
    play.happens("customer.logged_in")
    assert told(play)[2:] == [f"3d {held}", "3d end account_kept"]
    ids = [each.id for each in play.effects]
    assert len(ids) == len(set(ids))


def test_a_shadow_closes_nothing() -> None:
    """Every effect of it is a shadow's."""
    play = visited(CLOSE, mode=Mode.SHADOW)
    play.passes("20d")
    assert [each.shadow for each in play.effects if each.data.get("run")] == [True] * len(told(play)) + [True]


def test_a_draft_holds_the_closing_and_still_hears_life() -> None:
    """What falls due while the workflow is a draft is held; a sign of life then ends it all the same."""
    for lives in (True, False):
        play = visited(CLOSE)
        play.switches("visit", mode=Mode.DRAFT)
        play.passes("20d")
        assert not closed(play)
        if lives:
            play.happens("customer.logged_in")
            assert told(play)[2:] == ["20d closing on None", "20d end account_kept"]
        play.switches("visit", mode=Mode.LIVE)
        play.passes("1d")
        assert closed(play) is not lives


def test_a_pause_holds_the_notice_and_with_it_the_closing() -> None:
    """The notice's time counts from when it was handed over; a notice that is skipped closes nothing."""
    for overdue, days in (("send", ["2026-01-21"]), ("skip", [])):
        play = shop(CLOSE)
        play.pause()
        play.put(somebody())
        play.happens("customer.visited")
        play.passes("2d")
        play.unpause(overdue)
        assert [data["on"] for data in only(play.effects, "account_closing")] == days


def test_a_version_keeps_its_notice() -> None:
    """Who was told a day keeps it, though a newer version says another."""
    play = visited(CLOSE)
    newer = shop(CLOSE.replace("14d", "60d")).rule_set.workflows["visit"]
    play.changes(replace(play.rule_set, workflows={"visit": replace(newer, version=2)}))
    play.passes("20d")
    assert told(play) == CLOSED


@given(
    st.lists(
        st.one_of(
            st.sampled_from([(kind, data) for kind, data, _ in SIGNS]),
            st.integers(1, 10).map(lambda days: ("time", {"days": days})),
            st.sampled_from([("draft", {}), ("live", {}), ("pause", {}), ("unpause", {})]),
        ),
        max_size=12,
    )
)
def test_no_account_is_closed_of_whom_life_was_seen(happenings: list[tuple[str, dict[str, Any]]]) -> None:
    """Whatever happens, an account is closed on no day before the one that was told last, and never after a sign of life."""
    play = visited(CLOSE, events=OWN)
    lives: list[int] = []
    human = {(kind, str(data)) for kind, data, keeps in SIGNS if keeps}
    for what, data in happenings:
        if what == "time":
            play.until(play.now + data["days"] * DAY)
        elif what in ("draft", "live"):
            play.switches("visit", mode=Mode(what))
        elif what == "pause":
            play.pause()
        elif what == "unpause":
            play.unpause()
        else:
            play.passes("1min")  # a click in the moment in which a mail arrives is a program's
            play.happens(what, **data)
            lives += [play.now] if (what, str(data)) in human else []
    play.passes("60d")
    told_on: dict[str, Any] = {}
    for each in play.effects:
        run = each.data.get("run", "")
        if each.type == "winback.account_closing":
            told_on[run] = (each.time, each.data["on"])
        if each.type == "winback.account_closed":
            noticed, day = told_on[run]
            assert day is not None
            assert each.time >= day_of(day) * DAY - DAY
            assert not any(noticed <= at < each.time for at in lives)
