from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.core.customer import Permission
from engine.core.moments import Length
from engine.core.rules import EnterAtMost, Lifecycle, Mode, RuleSet
from engine.core.signals import WentLive
from engine.trace import Decision, Ending, Story, story
from tests.builders import PLAIN, START, Play, ago, allowed, rules_of, somebody

WIN_BACK = """workflow: win-back
title: Win them back
enter_when_all:
  - standing: lapsed
  - permission: marketing
again_after: 180d
enter_at_most: 1 per 1d
leave_when_any:
  - event: email.unsubscribed
  - tag: keep_out
stages:
  ask:
    steps:
      - send: coupon_offer
      - wait: 10d
      - tag: asked
    until_any:
      - event: order.placed
        then: thanks
    end: silent
  thanks:
    steps:
      - tag: back
    end: won
"""
LINES = {text.strip(): number for number, text in enumerate(WIN_BACK.splitlines(), 1)}


def told(play: Play, endings: dict[str, Ending] | None = None, places: dict[str, int] | None = None) -> Story:
    """The story of ada as of now."""
    rules = play.world.handling.rules
    return story(play.customer(), play.about(), rules, play.now, endings=endings, places=places)


def obstacles(play: Play, places: dict[str, int] | None = None) -> list[tuple[str, int]]:
    """Why ada is not in the workflow, each with its line."""
    return [(each.why, each.line) for each in told(play, places=places).now]


def lapsed(rules: RuleSet | None = None, lifecycle: Lifecycle = PLAIN) -> Play:
    """A shop in which ada has lapsed while it ran, and has entered."""
    play = Play(WIN_BACK, rules=rules, lifecycle=lifecycle)
    play.orders(time=ago("59d"))
    play.passes("2d")
    return play


def test_what_was_done_is_told_in_order_with_its_line() -> None:
    """Entry, send, the wait's end and the outcome each name the line they follow from; the newest is last."""
    play = lapsed()
    play.passes("10d")
    found = told(play)
    whats = [each.what for each in found.past]
    assert [each.at for each in found.past] == sorted(each.at for each in found.past)
    assert whats[-4:] == ["entered win-back version 1", "send coupon_offer", "tag asked", "win-back ended: silent"]
    assert [each.line for each in found.past[-4:-1]] == [
        LINES["- standing: lapsed"],
        LINES["- send: coupon_offer"],
        LINES["- tag: asked"],
    ]
    assert all(each.file == "win-back.yaml" for each in found.past[-4:])
    assert found.past[-4].why == "standing: lapsed; permission: marketing"


def test_a_send_is_told_with_what_became_of_it() -> None:
    """The ledger's word follows the request; an uncertain one says that it is not sent again."""
    play = lapsed()
    send = next(each for each in play.about() if each.type == "winback.send.requested")
    found = told(play, endings={send.effect_id: Ending("uncertain", play.now, "the connection broke")})
    assert (
        Decision(
            play.now,
            "send coupon_offer: uncertain: it may have been taken, so it is not sent again",
            "the connection broke",
            "win-back.yaml",
            LINES["- send: coupon_offer"],
            effect=send,
            state="uncertain",
        )
        in found.past
    )


def test_a_run_under_way_says_where_it_waits() -> None:
    """Stage, step, until when, and the line of the step."""
    play = lapsed()
    (run,) = told(play).runs
    assert (run["workflow"], run["stage"], run["doing"]) == ("win-back", "ask", "waits")
    assert run["line"] == LINES["- wait: 10d"]
    assert run["until"] > run["began"]
    assert told(play).now == []


def test_a_send_that_was_not_made_says_why() -> None:
    """Dropped without permission in plain words; deferred with until when."""
    play = Play(WIN_BACK.replace("  - permission: marketing\n", ""))
    play.put(somebody(permission={}))
    play.orders(time=ago("59d"))
    play.passes("2d")
    dropped = next(each for each in told(play).past if "dropped" in each.what)
    assert dropped.why == "nobody gave permission for it (no consent event)"
    quiet = lapsed(lifecycle=replace(PLAIN, quiet=(0, 23 * 60)))
    deferred = next(each for each in told(quiet).past if "deferred until" in each.what)
    assert deferred.why == "outside the hours it may be sent in"


def test_conditions_that_do_not_hold_are_told_one_by_one() -> None:
    """With how it is instead, the line, and when time alone would make it hold."""
    play = Play(WIN_BACK)
    play.put(somebody(permission=allowed("newsletter")))
    play.orders()
    said = {line: why for why, line in obstacles(play)}
    assert said[LINES["- standing: lapsed"]].startswith("standing: lapsed - is active since 2026-01-05")
    assert said[LINES["- permission: marketing"]] == "permission: marketing - nobody gave it"


def test_what_keeps_out_is_told() -> None:
    """A state in leave_when_any that holds, and an event in it within again_after."""
    play = lapsed()
    play.happens("email.unsubscribed")
    play.put(replace(play.customer(), tags=("keep_out",)))
    said = {line: why for why, line in obstacles(play)}
    assert "happened within again_after" in said[LINES["- event: email.unsubscribed"]]
    assert said[LINES["- tag: keep_out"]] == "tag: keep_out holds, and keeps out (leave_when_any)"


def test_who_was_in_already_is_told_until_when() -> None:
    """again_after counts from the start of the last run."""
    play = lapsed()
    play.passes("11d")
    ((why, line),) = obstacles(play)
    assert "ended as silent" in why
    assert "again from 2026-07" in why
    assert line == 1


def test_who_waits_in_line_is_told_their_place() -> None:
    """Who fitted already enters at the workflow's pace; the place in line is named."""
    rules = rules_of(WIN_BACK)
    play = Play(rules=replace(rules, switches={"win-back": replace(rules.switches["win-back"], mode=Mode.DRAFT)}))
    play.orders(time=ago("100d"))
    assert "mode: draft" in obstacles(play)[0][0]
    pace = EnterAtMost(1, Length(days=1))
    customers = [somebody(name, last_reaction=START) for name in ("bob", "cleo")]
    for each in customers:
        play.put(each)
        play.orders(each.id, time=ago("90d"))
    play.switches("win-back", mode=Mode.LIVE, enter_at_most=pace)
    waiting = [name for name in ("ada", "bob", "cleo") if play.customer(name).waiting]
    assert len(waiting) == 2
    assert "ada" in waiting
    ((why, _),) = obstacles(play, places={"win-back": 2})
    assert (
        why
        == "fits, and waits to be let in after 2 others: those who fitted already enter at the pace of enter_at_most"
    )


def test_one_marketing_run_at_a_time_is_told() -> None:
    """Who fits a second workflow is told which one has their place."""
    other = WIN_BACK.replace("win-back", "second-try")
    play = lapsed(rules=rules_of(WIN_BACK, other))
    said = "fits, but is in second-try: one marketing run at a time"
    assert obstacles(play) == [(f"{said}; of those that fit it enters first (priority: 50)", 1)]


def test_which_of_those_that_fit_enters_first_is_told() -> None:
    """By priority, then by name; who waits hears which workflow goes before."""
    others = [
        WIN_BACK.replace("win-back", name).replace("again_after", f"priority: {priority}\nagain_after")
        for name, priority in (("first", 90), ("second", 70), ("same", 50))
    ]
    play = lapsed(rules=rules_of(WIN_BACK, *others))
    said = {each.what: each.why.partition("; ")[2] for each in told(play).now}
    assert said == {
        "not in second": "of those that fit it enters first (priority: 70)",
        "not in same": "second enters before it, with priority: 70 against 50 here",
        "not in win-back": "second enters before it, with priority: 70 against 50 here",
    }


def test_money_is_told_with_its_currency() -> None:
    """A field of money is told in the shop's currency, and not in its smallest units."""
    text = WIN_BACK.replace("  - standing: lapsed\n", "  - customer: revenue_365d\n    at_least: 250 EUR\n")
    play = Play(text)
    play.orders(time=ago("10d"), total="230.50")
    (said,) = [why for why, _ in obstacles(play) if "revenue_365d" in why]
    assert said.endswith("- is 230.50 EUR")


def test_how_it_is_stands_beside_each_condition() -> None:
    """The cause with its evidence and date, and what the others rest on, in the words of the YAML."""
    conditions = {
        "{cause: price}": "cause: quality, fair evidence by ticket.opened on 2026-01-05",
        "{declining: either}": "fewer than 6 order days, fewer than 6 baskets in EUR",
        "{offer: ten}": "was never had",
        "{sent: hello}": "was not sent",
        "{workflow: win-back, outcome: won}": "no run of it has ended",
        "{not: {customer: orders, at_least: 1}}": "it holds",
    }
    asking = f"""workflow: asking
enter_when_all: [{", ".join(conditions)}]
again_after: never
stages: {{only: {{steps: [{{tag: asked}}], end: asked}}}}
"""
    offers = "offers: {ten: {discount: 10%, valid_for: 14d}}"
    play = Play(rules=rules_of(WIN_BACK, asking, offers=offers))
    play.orders()
    play.happens("ticket.opened", cause="quality")
    found = {each.why for each in told(play).now if each.what == "not in asking"}
    assert {why.partition(" - ")[2] for why in found} == set(conditions.values())
    assert "cause: quality, fair evidence by ticket.opened on 2026-01-05" in told(play).evidence


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"gone": "customer.erased"}, "gone: customer.erased; nothing is ever sent again"),
        ({"stuck": "ValueError: x"}, "stuck, nothing is sent until the dead letter is replayed: ValueError: x"),
    ],
)
def test_who_gets_nothing_at_all_is_told(fields: dict[str, str], said: str) -> None:
    """Gone and stuck customers say so in the evidence."""
    play = Play(WIN_BACK)
    play.put(replace(somebody(), **fields))
    assert said in told(play).evidence


def test_a_held_out_run_says_so() -> None:
    """What it would have got is told as held out."""
    play = lapsed(rules=held_out())
    whats = [each.what for each in told(play).past]
    assert "entered win-back version 1 (held out)" in whats
    assert "send coupon_offer held out" in whats


def held_out() -> RuleSet:
    """The rules with everybody held out."""
    rules = rules_of(WIN_BACK)
    return replace(rules, workflows={"win-back": replace(rules.workflows["win-back"], holdout=10_000)})


def test_go_live_ends_rehearsals_and_says_so() -> None:
    """The outcome is explained in words."""
    play = lapsed()
    play.shop_signal(WentLive())
    ended = next(each for each in told(play).past if each.what == "win-back ended: rehearsal")
    assert ended.why == "it had begun before go-live"


def test_permission_is_shown_as_it_was_given() -> None:
    """By purpose: given, since when, on which basis."""
    play = Play(WIN_BACK)
    play.put(somebody(permission={"marketing/email": Permission(given=False, at=START, basis="")}))
    assert told(play).customer["permission"] == {
        "marketing": {"given": False, "since": "2026-01-05T09:00:00Z", "basis": None}
    }
