"""Entering, leaving and ending runs: what moves a customer through a workflow, and what does not."""

from __future__ import annotations

import copy

import pytest
from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.customer import Customer
from engine.core.moments import DAY, HOUR, MINUTE, SECOND, Length
from engine.core.rules import EnterAtMost, Mode, Standing
from engine.core.signals import Admit, Handed, Look, WentLive
from tests.builders import PLAIN, START, Play, ago, rules_of

WINBACK = """
workflow: winback
enter_when_all:
  - standing: lapsed
again_after: 180d
leave_when_any:
  - event: email.unsubscribed
  - address: dead
stages:
  coupon:
    steps:
      - send: coupon_offer
      - wait: 10d
    until_any:
      - event: order.placed
        then: thanks
    after: question
  question:
    steps:
      - send: still_with_us
        asks: still
      - wait: 14d
      - suppress: newsletter
    until_any:
      - event: order.placed
        then: thanks
    end: no_response
  thanks:
    steps:
      - wait: 2d
      - send: welcome_back
      - tag: reactivated
    end: reactivated
"""

WELCOME = """
workflow: welcome
enter_when_all:
  - returned: {from: [reader, lapsed, former], within: 3d}
again_after: 60d
priority: 80
leave_when_any:
  - event: email.unsubscribed
stages:
  thanks:
    steps:
      - wait: 2d
      - send: welcome_back
    end: thanked
"""

NOTICE = """
workflow: notice
enter_when_all:
  - standing: lapsed
again_after: 30d
stages:
  only:
    steps:
      - tag: away
      - wait: 5d
    end: noticed
"""


def lapsing(*workflows: str, last_order: str = "60d", **options: object) -> Play:
    """A shop in which ada lapses at the next midnight, if her last order lies 60 days back."""
    play = Play(*workflows, **options)  # type: ignore[arg-type] # whatever Play takes
    play.orders(time=ago(last_order), number="first")
    return play


# Entering ------------------------------------------------------------------------------------------------------------


def test_silence_leads_from_the_coupon_to_the_stop() -> None:
    """A customer who never answers walks all steps on their days, the first with the lapse itself."""
    play = lapsing(WINBACK)
    play.passes("40d")
    assert play.told() == [
        "1d start winback",
        "1d send coupon_offer",
        "11d send still_with_us",
        "25d suppress newsletter",
        "25d end no_response",
    ]


def test_a_lapse_counts_for_entering_only_after_the_lag() -> None:
    """`enter_after_lag` waits for nightly exports; the standing itself changes at once."""
    play = lapsing(WINBACK, lifecycle=replace(PLAIN, enter_after_lag=Length(days=2)))
    play.passes("2d")
    assert play.customer().standing is Standing.LAPSED
    assert play.told() == []
    play.passes("1d")
    assert play.told() == ["3d start winback", "3d send coupon_offer"]


def test_the_highest_priority_enters_first_and_the_others_when_it_ends() -> None:
    """Of several that fit one enters; the other is looked at again when that run ends, never takes over."""
    second = WINBACK.replace("workflow: winback", "workflow: second").replace(
        "again_after", "priority: 60\nagain_after"
    )
    play = lapsing(WINBACK, second)
    play.passes("26d")
    started = [words for words in play.told() if " start" in words or " end" in words]
    assert started == ["1d start second", "25d end no_response", "25d start winback"]


def test_equal_priorities_enter_by_name() -> None:
    """Among equals the file's name decides."""
    play = lapsing(WINBACK, WINBACK.replace("workflow: winback", "workflow: another"))
    play.passes("1d")
    assert play.told()[0] == "1d start another"


def test_a_workflow_without_mail_takes_no_place() -> None:
    """One marketing run a customer; a workflow that only tags may run beside it."""
    play = lapsing(WINBACK, NOTICE)
    play.passes("1d")
    assert {words for words in play.told() if "start" in words} == {"1d start winback", "1d start notice"}


def test_again_after_counts_from_the_start_of_the_last_run() -> None:
    """A workflow that still fits is entered again so long after it was entered, not after it ended."""
    play = lapsing(NOTICE)
    play.passes("62d")
    assert [words for words in play.told() if "start" in words] == [
        "1d start notice",
        "31d start notice",
        "61d start notice",
    ]


def test_an_event_that_ends_runs_keeps_out_for_again_after() -> None:
    """Who unsubscribed a week before does not enter; once `again_after` has passed since, they may."""
    play = Play(NOTICE.replace("again_after: 30d", "again_after: 30d\nleave_when_any:\n  - event: email.complained"))
    play.happens("email.complained", time=ago("7d"))
    play.orders(time=ago("60d"))
    play.passes("30d")
    assert [words for words in play.told() if "start" in words] == ["23d start notice"]


def test_other_events_of_the_type_do_not_keep_out() -> None:
    """What keeps out is the last event that matches `where:`, not the last of its type."""
    keeps = "leave_when_any:\n  - event: ticket.opened\n    where: {topic: damage}"
    play = Play(NOTICE.replace("again_after: 30d", f"again_after: 30d\n{keeps}"))
    play.happens("ticket.opened", time=ago("25d"), ticket_id="1", topic="damage")
    play.happens("ticket.opened", time=ago("2d"), ticket_id="2", topic="praise")
    play.orders(time=ago("60d"))
    play.passes("10d")
    assert [words for words in play.told() if "start" in words] == ["5d start notice"]


def test_reach_takes_a_share_and_raising_it_keeps_those_it_had() -> None:
    """Who is within 30 % is within 60 % too, and about so many are."""
    within: dict[int, set[str]] = {}
    for percent in (30, 60):
        play = Play(NOTICE.replace("again_after", f"reach: {percent}%\nagain_after"))
        names = [f"c-{number}" for number in range(200)]
        for name in names:
            play.orders(name, time=ago("60d"))
        play.passes("1d")
        within[percent] = {name for name in names if play.told(name)}
    assert within[30] < within[60]
    assert 30 < len(within[30]) < 90
    assert 90 < len(within[60]) < 150


def test_lowering_reach_stops_new_entries_only() -> None:
    """A run under way goes on when its customer is out of reach."""
    play = lapsing(NOTICE)
    play.passes("2d")
    play.switches("notice", reach=0)
    play.passes("60d")
    assert [words.split(" ", 1)[1] for words in play.told()] == ["start notice", "tag away", "end noticed"]


# Leaving -------------------------------------------------------------------------------------------------------------


def test_an_order_beats_the_clock() -> None:
    """`until_any` ends the wait of its stage at once."""
    play = lapsing(WINBACK)
    play.passes("5d")
    play.orders()
    play.passes("3d")
    assert play.told()[2:] == ["7d send welcome_back", "7d tag reactivated", "7d end reactivated"]


def test_a_no_beats_everything() -> None:
    """`leave_when_any` ends the run as `left`, whatever the stage, and nothing is sent after it."""
    play = lapsing(WINBACK)
    play.passes("5d")
    play.happens("email.unsubscribed")
    play.passes("60d")
    assert play.told()[2:] == ["5d end left"]


@pytest.mark.parametrize("no", ["customer.ended", "customer.erased"])
def test_who_is_gone_leaves_as_gone(no: str) -> None:
    """An ended or erased customer's run ends as `gone`; nothing is told of them afterwards."""
    play = lapsing(WINBACK)
    play.passes("5d")
    play.happens(no)
    told = len(play.effects)
    play.signal(Look())
    play.orders()
    play.passes("90d")
    assert play.told()[2:] == ["5d end gone"]
    assert len(play.effects) == told
    assert play.customer().next_due is None


def test_a_change_is_heard_only_once_it_comes() -> None:
    """A state that held already when the stage was entered moves nobody; its coming does."""
    text = NOTICE.replace("    end: noticed", "    until_any:\n      - tag: vip\n        then: known\n    end: noticed")
    text += "  known:\n    steps:\n      - tag: seen\n    end: known\n"
    play = lapsing(text)
    play.put(replace_customer(play, tags=("vip",)))
    play.passes("3d")
    play.happens("customer.visited")
    play.passes("10d")
    assert play.outcomes() == ["noticed"]


def test_a_tag_by_another_run_is_heard() -> None:
    """A run that listens to a tag hears it when another run puts it, also one that starts in the same moment."""
    listens = (
        NOTICE.replace("workflow: notice", "workflow: listens")
        .replace("away", "waits")
        .replace("again_after", "leave_when_any:\n  - tag: vip\nagain_after")
    )
    puts = """
workflow: puts
enter_when_all:
  - event: customer.visited
    within: 1d
again_after: 30d
stages:
  only:
    steps:
      - tag: vip
    end: put
"""
    play = lapsing(listens, puts)
    play.passes("3d")
    play.happens("customer.visited")
    assert [words for words in play.told() if "end" in words] == ["3d end put", "3d end left"]


def test_what_led_to_a_stage_does_not_lead_on_from_it() -> None:
    """One change of standing moves a run one stage, also when both stages listen to it."""
    text = """
workflow: steps
enter_when_all:
  - standing: lapsed
again_after: 30d
stages:
  one:
    steps:
      - wait: 20d
    until_any:
      - standing: active
        then: two
    end: nothing
  two:
    steps:
      - wait: 5d
    until_any:
      - standing: active
        then: three
    end: once
  three:
    steps:
      - tag: twice
    end: twice
"""
    play = lapsing(text)
    play.passes("3d")
    play.orders()
    play.passes("6d")
    assert play.outcomes() == ["once"]


def test_a_run_ends_when_it_has_lasted_too_long() -> None:
    """`ends_within` bounds every run."""
    play = lapsing(NOTICE.replace("wait: 5d", "wait: 300d").replace("again_after", "ends_within: 20d\nagain_after"))
    play.passes("25d")
    assert play.told()[-1] == "21d end too_long"


# Late, early, twice --------------------------------------------------------------------------------------------------


def test_a_late_order_from_before_the_run_shows_it_was_mistaken() -> None:
    """It makes the entry untrue, so the run ends as `mistaken`, without a welcome back."""
    play = lapsing(WINBACK, WELCOME)
    play.passes("2d")
    play.orders(time=ago("3d"))
    play.passes("20d")
    assert play.outcomes() == ["mistaken"]
    assert "welcome" not in " ".join(play.told())


def test_a_late_order_from_during_the_run_ends_it_as_it_would_have() -> None:
    """A late order counts as if it had come in time."""
    play = lapsing(WINBACK)
    play.passes("5d")
    play.orders(time=play.now - 30 * HOUR)
    play.passes("3d")
    assert play.outcomes() == ["reactivated"]


def test_a_late_no_from_before_the_run_ends_it() -> None:
    """Who had said no before the run began would have been kept out, so the run was a mistake."""
    play = lapsing(WINBACK)
    play.passes("2d")
    play.happens("email.unsubscribed", time=ago("1d"))
    assert play.outcomes() == ["mistaken"]


def test_history_from_during_a_run_ends_it_without_the_stages_steps() -> None:
    """The outcome is that of the stage it would have gone to; nothing is sent or tagged for it."""
    play = lapsing(WINBACK, history_after=72 * HOUR)
    play.effects.clear()
    play.passes("8d")
    play.orders(time=play.now - 4 * DAY)
    play.passes("10d")
    assert play.told()[2:] == ["8d end reactivated"]


def test_history_starts_no_run_and_tells_of_nothing() -> None:
    """Old events change facts and standing and line the customer up; only the pace of the line lets them in."""
    play = Play(NOTICE, history_after=72 * HOUR)
    play.orders(time=ago("100d"))
    assert play.effects == []
    assert play.customer().standing is Standing.LAPSED
    assert play.customer().waiting == ("notice",)
    play.until(START + 2 * HOUR)
    assert play.told() == ["0d start notice", "0d tag away"]


def test_an_order_ahead_of_our_clock_counts_when_its_time_has_come() -> None:
    """A shop's clock is a little ahead of ours: the customer returns all the same, when that time has come."""
    play = lapsing(WELCOME)
    play.passes("20d")
    play.orders(time=play.now + 2 * SECOND)
    assert play.customer().standing is Standing.LAPSED
    play.passes("3d")
    assert play.customer().standing is Standing.ACTIVE
    assert play.told() == ["20d start welcome", "22d send welcome_back", "22d end thanked"]


def test_an_event_ahead_of_our_clock_is_seen_when_its_time_has_come() -> None:
    """A condition on an event that is dated a minute ahead holds a minute later, with nothing else happening."""
    play = Play(NOTICE.replace("- standing: lapsed", "- event: customer.visited\n    within: 1d"))
    play.happens("customer.visited", time=play.now + MINUTE)
    assert play.told() == []
    play.passes("2min")
    assert play.told()[0] == "0d start notice"


def test_an_event_twice_changes_nothing() -> None:
    """The same order again, under another event id, is a duplicate; a second order is none."""
    play = lapsing(WINBACK)
    play.passes("5d")
    assert play.orders(number="back") == "accepted"
    assert play.orders(number="back") == "duplicate"
    assert play.orders(number="another") == "accepted"


def test_an_order_that_was_taken_back_before_we_heard_of_it_thanks_nobody() -> None:
    """Its cancellation came first, so it is as if it had never been placed."""
    play = lapsing(WINBACK)
    play.passes("5d")
    play.happens("order.cancelled", order_id="gone")
    assert play.orders(number="gone") == "accepted"
    assert play.orders(number="gone") == "duplicate"
    play.passes("40d")
    assert play.outcomes() == ["no_response"]


# Silence -------------------------------------------------------------------------------------------------------------


def test_silence_is_no_answer_when_the_question_bounced() -> None:
    """The stop is not done, the run ends as `not_asked`, and may begin again 30 days later."""
    play = lapsing(WINBACK)
    play.passes("12d")
    asked = next(each for each in play.about() if each.data.get("asks"))
    play.happens("email.bounced", message_id=f"<{asked.effect_id}@x>", kind="soft", email="an.old@example.org")
    play.passes("14d")
    assert play.told()[-1] == "25d end not_asked"
    assert "newsletter" not in play.customer().stopped
    play.passes("30d")
    assert play.told()[-2] == "55d start winback"


def test_a_bounce_that_is_told_before_the_hand_over_counts() -> None:
    """The mail server's answer may be recorded after the bounce it led to: the question stays undelivered."""
    play = lapsing(WINBACK)
    play.world._hand_over = lambda _now: None  # type: ignore[method-assign, assignment] # a mail server that takes its time
    play.passes("1d")
    (coupon,) = play.world.store.outbox
    play.signal(Handed(coupon.effect_id, "done"))
    play.world.store.outbox.clear()
    play.passes("11d")
    (question,) = play.world.store.outbox
    play.happens("email.bounced", message_id=question.effect_id, kind="dead")
    assert play.customer().runs == ()  # the dead address ended it
    play.signal(Handed(question.effect_id, "done"))
    assert play.outcomes() == ["left"]


def test_a_stop_without_a_send_needs_no_question() -> None:
    """Dead addresses are stopped though nobody asked them anything."""
    text = NOTICE.replace("- tag: away", "- suppress: newsletter")
    play = lapsing(text)
    play.passes("1d")
    assert play.told()[1] == "1d suppress newsletter"
    assert "newsletter" in play.customer().stopped


def test_a_question_has_to_lie_a_week_back() -> None:
    """A question delivered six days ago is too young for silence to mean anything."""
    play = lapsing(WINBACK.replace("wait: 14d", "wait: 6d"))
    play.passes("30d")
    assert play.outcomes() == ["not_asked"]
    assert play.customer().stopped == {}


@pytest.mark.parametrize("outcome", ["refused", "late", "blocked", "uncertain"])
def test_an_undelivered_question_stops_nobody(outcome: str) -> None:
    """Refused by the server, too late, blocked, or its end unknown: such a question was not delivered."""
    play = lapsing(WINBACK)

    def answers(now: int) -> None:
        while play.world.store.outbox:
            effect = play.world.store.outbox.pop(0)
            said = outcome if effect.data["asks"] else "done"
            play.world.handling.decide(play.world.store, effect.customer, Handed(effect.effect_id, said), now)

    play.world._hand_over = answers  # type: ignore[method-assign] # another mail server
    play.passes("30d")
    assert play.outcomes() == ["not_asked"]


# Hold-out and shadow -------------------------------------------------------------------------------------------------


def test_held_out_members_walk_the_same_steps_and_get_nothing() -> None:
    """Their sends are held out and use up caps; stops and tags are recorded and not done; the clock is the same."""
    play = lapsing(WINBACK.replace("again_after", "holdout: 100%\nagain_after"))
    play.passes("40d")
    assert play.told() == [
        "1d start winback",
        "1d held out coupon_offer",
        "11d held out still_with_us",
        "25d held out suppress newsletter 0",
        "25d end no_response",
    ]
    assert play.customer().stopped == {}
    assert len(play.customer().releases) == 2


def test_a_shadow_run_leaves_no_trace_on_the_customer() -> None:
    """It walks and reports; no send leaves, no stop, tag, cap or place is taken, nor the thanks for a return."""
    play = lapsing(WINBACK.replace("title", "mode: shadow\ntitle"), NOTICE, mode=Mode.SHADOW)
    play.passes("40d")
    customer = play.customer()
    assert all(each.shadow for each in play.about() if "workflow" in each.data)
    assert play.world.store.outbox == []
    assert (customer.stopped, customer.tags, customer.releases, customer.offers_had) == ({}, (), (), {})


def test_a_shadow_run_takes_no_thanks() -> None:
    """A welcome in shadow does not keep the live one from thanking."""
    play = Play(
        rules=rules_of(
            WELCOME.replace("workflow: welcome", "mode: shadow\nworkflow: welcome"),
            WELCOME.replace("workflow: welcome", "mode: live\nworkflow: zwelcome").replace(
                "priority: 80", "priority: 10"
            ),
        )
    )
    play.orders(time=ago("60d"))
    play.passes("5d")
    play.orders()
    play.passes("3d")
    assert "7d send welcome_back" in play.told()
    assert play.told().count("7d send welcome_back") == 1


def test_a_shadow_run_is_not_counted_by_again_after() -> None:
    """Once live, a workflow is entered though its shadow was walked last week; and a live run still counts after it."""
    play = lapsing(NOTICE, mode=Mode.SHADOW)
    play.passes("10d")
    play.switches("notice", mode=Mode.LIVE)
    play.passes("1d")
    assert play.told()[-2:] == ["10d start notice", "10d tag away"]
    play.passes("6d")
    play.switches("notice", mode=Mode.SHADOW)
    play.passes("10d")
    play.switches("notice", mode=Mode.LIVE)
    play.passes("1d")
    assert [words for words in play.told() if words.endswith("start notice")] == ["10d start notice"]


def test_a_shadow_run_and_a_live_one_are_told_apart() -> None:
    """Also when both began in one moment, by two changes of the mode."""
    play = lapsing(NOTICE, mode=Mode.DRAFT)
    play.passes("2d")
    play.switches("notice", mode=Mode.SHADOW)
    play.switches("notice", mode=Mode.LIVE)
    assert len({run.id for run in play.customer().runs}) == 2
    assert len({each.id for each in play.effects}) == len(play.effects)


def test_one_thank_you_a_return() -> None:
    """Who is thanked by the run that won them back is not welcomed by another."""
    play = lapsing(WINBACK, WELCOME)
    play.passes("5d")
    play.orders()
    play.passes("10d")
    assert sum("welcome_back" in words for words in play.told()) == 1
    assert play.outcomes() == ["reactivated"]


# Draft, pause, lines -------------------------------------------------------------------------------------------------


def test_a_live_workflow_turned_to_draft_holds_its_runs() -> None:
    """No timer and no way out leads to a send until it is live again; a no still ends the run."""
    play = lapsing(WINBACK)
    play.orders("bob", time=ago("60d"))
    play.passes("5d")
    play.switches("winback", mode=Mode.DRAFT)
    play.orders("bob")
    play.passes("20d")
    assert len(play.told()) == len(play.told("bob")) == 2
    play.switches("winback", mode=Mode.LIVE)
    play.passes("2d")
    assert play.told()[2:] == ["25d send still_with_us"]
    assert play.told("bob")[2:] == ["25d send welcome_back", "25d tag reactivated", "25d end reactivated"]


def test_a_send_at_once_is_held_in_draft_too() -> None:
    """A way out into a stage that begins with a send sends nothing while the workflow is a draft."""
    text = WINBACK.replace("      - wait: 2d\n      - send: welcome_back", "      - send: welcome_back")
    play = lapsing(text)
    play.passes("5d")
    play.switches("winback", mode=Mode.DRAFT)
    play.orders()
    play.passes("1d")
    assert play.told()[2:] == []
    play.switches("winback", mode=Mode.LIVE)
    assert play.told()[2:] == ["6d send welcome_back", "6d tag reactivated", "6d end reactivated"]


@pytest.mark.parametrize(
    ("overdue", "told"),
    [
        ("send", ["15d send still_with_us"]),
        ("skip", ["15d drop still_with_us: paused"]),
        ("shift", ["25d send still_with_us"]),
    ],
)
def test_what_a_pause_held_is_sent_skipped_or_shifted(overdue: str, told: list[str]) -> None:
    """The question was due on day 11 of a pause from day 5 to day 15: a shift moves it by those ten days."""
    play = lapsing(WINBACK)
    play.passes("5d")
    play.pause()
    play.passes("10d")
    assert play.told()[2:] == ["11d defer still_with_us: paused: engine"]
    play.unpause(overdue)
    play.passes("10d")
    assert [words for words in play.told()[3:] if "question" in words or "still" in words] == (
        told if overdue != "shift" else ["21d send still_with_us"]
    )


def test_a_second_pause_still_holds_those_it_covers() -> None:
    """Of two pauses the end of one releases all but those whom the other covers, also when these come first in line."""
    play = Play(WINBACK)
    covered, free = ([f"{kind}-{number:04}" for number in range(400)] for kind in ("covered", "free"))
    for name in covered:
        play.orders(name, time=ago("60d"))
        play.happens("profile.updated", name, email=f"{name}@slow.example")
    for name in free:
        play.orders(name, time=ago("60d") - HOUR)
    play.pause("domain", "slow.example")
    play.pause("workflow", "winback")
    play.passes("2d")
    play.unpause(scope="workflow", name="winback")
    assert not any("send" in words for name in covered for words in play.told(name))
    assert all("2d send coupon_offer" in play.told(name) for name in free)
    play.unpause(scope="domain", name="slow.example")
    assert all("2d send coupon_offer" in play.told(name) for name in covered)


def test_facts_exits_and_a_no_go_on_in_a_pause() -> None:
    """A pause holds sends; a run still leaves."""
    play = lapsing(WINBACK)
    play.pause()
    play.passes("3d")
    play.happens("email.unsubscribed")
    assert play.outcomes() == ["left"]
    play.unpause()
    play.passes("30d")
    assert not any("send" in words for words in play.told())


def test_who_fitted_already_is_let_in_at_the_pace() -> None:
    """A sweep finds 25 who fit; at 10 a day they enter over three days, the latest reaction first, nobody twice."""
    play = Play(NOTICE, mode=Mode.DRAFT)
    names = [f"c-{number:02}" for number in range(25)]
    for place, name in enumerate(names):
        play.orders(name, time=ago("100d") + place * HOUR)
    play.changes(
        replace(
            play.rule_set,
            switches={
                "notice": replace(
                    play.rule_set.switches["notice"], mode=Mode.LIVE, enter_at_most=EnterAtMost(10, Length(days=1))
                )
            },
        )
    )
    entered = []
    for _ in range(4):
        entered.append([name for name in names if any("start" in words for words in play.told(name))])
        play.passes("1d")
    assert [len(each) for each in entered] == [10, 20, 25, 25]
    assert entered[0] == names[15:]


def test_a_line_of_more_than_a_thousand_needs_a_pace() -> None:
    """Left out, `enter_at_most` refuses over 1,000; said, they enter."""
    play = Play(NOTICE, mode=Mode.DRAFT)
    for number in range(1_001):
        play.orders(f"c-{number}", time=ago("100d"))
    play.switches("notice", mode=Mode.LIVE)
    play.passes("2d")
    assert list(play.shop.refused) == ["notice"]
    assert not any(each.type == fx.RUN_STARTED for each in play.effects)
    play.switches("notice", enter_at_most=EnterAtMost(2_000, Length(days=1)))
    assert sum(each.type == fx.RUN_STARTED for each in play.effects) == 1_001
    assert list(play.shop.refused) == []


def test_who_fitted_already_may_be_skipped() -> None:
    """`enter_at_most: skip` lets nobody in who fitted before; who comes to fit later enters."""
    play = Play(NOTICE.replace("again_after", "enter_at_most: skip\nagain_after"), mode=Mode.DRAFT)
    play.orders("old", time=ago("100d"))
    play.orders("new", time=ago("58d"))
    play.switches("notice", mode=Mode.LIVE)
    play.passes("10d")
    assert play.told("old") == []
    assert play.told("new")[0] == "3d start notice"


def test_nobody_enters_in_the_warm_up_and_all_are_paced_after_it() -> None:
    """Entries are held until the known facts reach back far enough; standings are not."""
    play = Play(NOTICE, lifecycle=replace(PLAIN, warm_up=Length(days=90)))
    play.shop.known_since = None
    play.orders(time=ago("60d"))
    play.passes("29d")
    assert play.customer().standing is Standing.LAPSED
    assert play.told() == []
    play.passes("2d")
    assert play.told()[0] == "30d start notice"


def test_go_live_ends_what_was_begun_before_as_a_rehearsal() -> None:
    """Its runs end, its caps, offers and ended runs are forgotten, and who fits lines up anew."""
    leaves = "leave_when_any:\n  - event: email.unsubscribed\nagain_after"
    play = lapsing(NOTICE.replace("- tag: away", "- send: hello").replace("again_after", leaves))
    play.passes("3d")
    play.goes_live()
    assert play.outcomes() == ["rehearsal"]
    assert play.customer().releases[:-1] == ()
    assert play.told()[-2:] == ["3d start notice", "3d send hello"]


def test_a_run_begun_after_go_live_is_no_rehearsal() -> None:
    """The sweep of `go-live` comes by later, after a restart or another change: only what began before it ends."""
    play = lapsing(NOTICE, last_order="58d")
    for number in range(600):
        play.orders(f"a-{number}", time=ago("10d"))
    sweeping = play.world.handling.sweeping
    sweeping.tell(play.world.store, WentLive(), play.now)
    play.world.handling.advance(play.world.store, play.now)  # one slice: not yet ada
    play.signal(Admit("notice"), "ada")
    play.happens("customer.visited", "zoe")
    play.orders("zoe", time=ago("61d"))
    play.signal(Admit("notice"), "zoe")
    assert play.told("zoe")[0] == "0d start notice"
    play.works()
    assert play.outcomes("zoe") == []


def test_a_customer_of_an_older_epoch_lines_up_for_what_fitted_already() -> None:
    """A new workflow's first signal for somebody who fits already lets them into the line, not into the workflow."""
    play = lapsing(NOTICE)
    play.passes("2d")
    handling = play.world.handling
    both = rules_of(NOTICE, NOTICE.replace("workflow: notice", "workflow: other"))
    handling.rules = type(handling.rules)(both, handling.rules.shop, handling.rules.versions, key=b"test")
    handling.rules.shop.epoch += 1
    play.happens("customer.visited")
    assert play.customer().waiting == ("other",)


# Ids -----------------------------------------------------------------------------------------------------------------


def test_no_two_effects_have_one_id() -> None:
    """Also not the end of an overdue lapse and the return by an order that are told in the same moment."""
    play = Play(NOTICE)
    play.orders(time=ago("60d"))
    play.now = play.world.now = START + 5 * DAY  # nobody rang the timer: the engine was down
    play.orders()
    changes = [each for each in play.about() if each.type == fx.STANDING_CHANGED]
    assert [each.data["to"] for each in changes] == ["active", "lapsed", "active"]
    assert len({each.id for each in play.effects}) == len(play.effects)


def replace_customer(play: Play, **fields: object) -> Customer:
    """Ada's record with other fields."""
    changed = copy.copy(play.customer())
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed
