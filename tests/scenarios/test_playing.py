"""What a scenario says when it does not agree with its workflow, and what it may leave out."""

from __future__ import annotations

import pytest

from engine.core.rules import RuleSet
from engine.language.files import read_files
from engine.runtimes.simulator.scenarios import Played, play

WORKFLOW = """
workflow: winback
title: Win back
enter_when_all:
  - standing: lapsed
again_after: 180d
send_on: [tue]
leave_when_any:
  - event: email.unsubscribed
stages:
  only:
    steps:
      - send: hello
    end: done
"""
TWO_STAGES = """
workflow: winback
title: Win back
enter_when_all:
  - standing: lapsed
again_after: 180d
leave_when_any:
  - event: email.unsubscribed
  - address: dead
stages:
  first:
    steps:
      - send: hello
      - wait: 10d
      - hand_off: sales
        answer_within: 7d
    until_any:
      - event: order.placed
        then: back
    end: silent
  back:
    steps:
      - tag: came_back
    end: reactivated
"""
LAPSED = "given: {standing: lapsed, orders: 2, last_order: 200d ago%s}\n"
KNOWN = "last order on day -200, {idle} idle days, 60 are not yet a lapse; no click, reply, login or confirmation known"


def played(scenario: str, workflow: str = WORKFLOW, lifecycle: str = "", offers: str = "") -> Played:
    """The one scenario of a workflow, played."""
    indented = "\n".join(f"    {line}" for line in scenario.strip().splitlines())
    files = {
        "winback.yaml": workflow.strip(),
        "winback.scenarios.yaml": f"workflow: winback\nscenarios:\n  - title: It\n{indented}\n",
        "lifecycle.yaml": f"timezone: Europe/Berlin\n{lifecycle}",
        **({"offers.yaml": offers} if offers else {}),
    }
    checked = read_files(files)
    assert checked.rules is not None, checked.errors
    rules: RuleSet = checked.rules
    return play(checked.scenarios[0].scenarios[0], rules.workflows["winback"], rules)


WHYS = {
    "a mail that had to wait": (
        LAPSED % "" + "expect:\n  0d: send hello, end done",
        WORKFLOW,
        {
            "day 0 (2026-01-05): expected send hello, end done; happened nothing": [
                "day 0: send hello deferred until day 1 08:00: outside the hours it may be sent in (winback.yaml:12)"
            ],
            "day 1 (2026-01-06): expected nothing; happened send hello, end done": [
                "day 0: send hello deferred until day 1 08:00: outside the hours it may be sent in (winback.yaml:12)",
                "day 1: winback ended: done (winback.yaml:10)",
            ],
        },
    ),
    "a condition of entry that does not hold": (
        "given: {orders: 2, last_order: 200d ago, clicked_mails: 1}\nexpect:\n  1d: send hello, end done",
        WORKFLOW,
        {
            "day 1 (2026-01-06): expected send hello, end done; happened nothing": [
                "not entered: standing: lapsed did not hold: is reader since day -1 10:00 (winback.yaml:4)",
                "the customer is reader: last order on day -200, 201 idle days, 60 are not yet a lapse; last click on day -1",
            ]
        },
    ),
    "a state that keeps out": (
        LAPSED % ", address: dead" + "expect:\n  0d: send hello\n  10d: hand_off sales\n  17d: end silent",
        TWO_STAGES,
        {
            f"day {day} ({date}): expected {wanted}; happened nothing": [
                "not entered: address: dead holds, and keeps out (leave_when_any) (winback.yaml:8)",
                f"the customer is lapsed: {KNOWN.format(idle=200 + day)}",
            ]
            for day, date, wanted in (
                (0, "2026-01-05", "send hello"),
                (10, "2026-01-15", "hand_off sales"),
                (17, "2026-01-22", "end silent"),
            )
        },
    ),
    "no permission": (
        LAPSED % ", permission: [newsletter]" + "expect:\n  0d: send hello, end done",
        WORKFLOW,
        {
            "day 0 (2026-01-05): expected send hello, end done; happened end done": [
                "day 0: send hello dropped: nobody gave permission for it (no consent event) (winback.yaml:12)",
                "day 0: winback ended: done (winback.yaml:10)",
            ]
        },
    ),
    "the hold-out": (
        LAPSED % ", held_out: true" + "expect:\n  1d: send hello, end done",
        WORKFLOW,
        {
            "day 1 (2026-01-06): expected send hello, end done; happened end done": [
                "day 1: send hello held out: in the hold-out: gets nothing, so that the gain shows (winback.yaml:12)",
                "day 1: winback ended: done (winback.yaml:10)",
            ]
        },
    ),
    "an order that came first": (
        LAPSED % ""
        + "when: {6d: order.placed}\nexpect:\n  0d: send hello\n  6d: tag came_back, end reactivated\n  10d: hand_off sales",
        TWO_STAGES,
        {
            "day 10 (2026-01-15): expected hand_off sales; happened nothing": [
                "day 6: event: order.placed led to stage back (winback.yaml:17)",
                "day 6: winback ended: reactivated (winback.yaml:20)",
            ]
        },
    ),
    "a no": (
        LAPSED % "" + "when: {6d: email.unsubscribed}\nexpect:\n  0d: send hello",
        TWO_STAGES,
        {
            "day 6 (2026-01-11): expected nothing; happened end left": [
                "day 6: event: email.unsubscribed led to the end, by leave_when_any (winback.yaml:7)",
                "day 6: winback ended: left: something in leave_when_any happened (winback.yaml:10)",
            ]
        },
    ),
    "a wait": (
        LAPSED % "" + "expect:\n  0d: send hello\n  7d: hand_off sales\n  10d: hand_off sales\n  17d: end silent",
        TWO_STAGES,
        {
            "day 7 (2026-01-12): expected hand_off sales; happened nothing": [
                "the run is in stage first at 'wait: 10d' until day 10 10:00 (winback.yaml:13)"
            ]
        },
    ),
    "an answer that is waited for": (
        LAPSED % "" + "expect:\n  0d: send hello\n  10d: hand_off sales\n  11d: end silent\n  17d: end silent",
        TWO_STAGES,
        {
            "day 11 (2026-01-16): expected end silent; happened nothing": [
                "the run is in stage first at 'hand_off sales' until day 17 10:00 (winback.yaml:14)"
            ]
        },
    ),
}


@pytest.mark.parametrize(("scenario", "workflow", "says"), WHYS.values(), ids=WHYS)
def test_a_day_that_goes_otherwise_is_told_with_what_was_expected_what_happened_and_why(
    scenario: str, workflow: str, says: dict[str, list[str]]
) -> None:
    """In the words of the YAML and with its lines: what did not hold, what put a send off, where the run stood."""
    told = played(scenario, workflow)
    assert not told.passed
    assert {str(each): list(each.why) for each in told.difference} == says


def test_facts_that_yield_another_standing_say_what_they_are() -> None:
    """The standing that is named, the one that follows, and what it rests on."""
    told = played("given: {standing: lapsed, orders: 2, last_order: 200d ago, clicked_mails: 1}\nexpect: {}")
    (day,) = told.difference
    assert str(day) == "day 0 (2026-01-05): expected standing lapsed; happened standing reader"
    assert day.why == ("last order on day -200, 200 idle days, 60 are not yet a lapse; last click on day -1",)


def test_a_difference_stands_where_the_scenario_speaks_of_that_day() -> None:
    """Else where the scenario begins."""
    told = played(LAPSED % "" + "expect:\n  0d: send hello, end done")
    assert [each.spot.line for each in told.difference] == [6, 3]


PERMISSIONS = [
    ("newsletter, marketing", "send hello, end done"),
    ("marketing", "send hello, end done"),
    ("newsletter", "drop hello, end done"),
    ("marketing/phone", "drop hello, end done"),
]


@pytest.mark.parametrize(("permission", "comes_of_it"), PERMISSIONS)
def test_a_permission_can_be_given_and_what_is_dropped_without_it_can_be_expected(
    permission: str, comes_of_it: str
) -> None:
    """What goes out, and what does not for want of a permission."""
    stages = WORKFLOW.replace("send_on: [tue]\n", "")
    assert played(LAPSED % f", permission: [{permission}]" + f"expect:\n  0d: {comes_of_it}", stages).passed


TASKS = [
    ("", "0d: send hello\n  10d: hand_off sales\n  17d: end silent"),
    (", held_out: true", "0d: held_out hello\n  10d: held_out hand_off sales\n  17d: end silent"),
    (", permission: []", "0d: drop hello\n  10d: hand_off sales\n  17d: end silent"),
    (", sent: {welcome: 5d ago}", "2d: send hello\n  12d: hand_off sales\n  19d: end silent"),
    (", standing: former", "0d: drop hello\n  10d: drop hand_off sales, end silent"),
]


@pytest.mark.parametrize(("given", "expect"), TASKS)
def test_what_becomes_of_a_mail_and_a_task_can_be_stated(given: str, expect: str) -> None:
    """Made, held out, dropped, and put off by a mail that went before."""
    workflow = TWO_STAGES.replace("standing: lapsed", "standing: former") if "former" in given else TWO_STAGES
    scenario = f"given: {{{given.removeprefix(', ')}}}" if "former" in given else (LAPSED % given).strip()
    told = played(f"{scenario}\nexpect:\n  {expect}", workflow)
    assert told.passed, [(str(each), each.why) for each in told.difference]


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (
            "{standing: reader, orders: 2, last_order: 200d ago}",
            "the given facts make this customer lapsed, not reader",
        ),
        ("{standing: lapsed, orders: 2, last_order: 60d ago}", "the given facts make this customer active, not lapsed"),
        ("{standing: active, orders: 0}", "the given facts make this customer prospect, not active"),
        (
            "{standing: lapsed, orders: 2, last_order: 200d ago, clicked_mails: 1}",
            "the given facts make this customer reader, not lapsed",
        ),
    ],
)
def test_a_standing_that_does_not_follow_is_refused(given: str, wrong: str) -> None:
    """The facts decide; a scenario cannot wish for a standing."""
    assert played(f"given: {given}\nexpect: {{}}").standing == wrong


@pytest.mark.parametrize(
    ("given", "standing"),
    [
        ("{standing: lapsed, orders: 1, last_order: 61d ago}", "60 idle days are twice the interval, 61 are more"),
        ("{standing: former, orders: 1, last_order: 500d ago}", "former is what a file may say"),
        ("{standing: prospect, orders: 0, clicked_mails: 3}", "whatever they click"),
        ("{standing: active, orders: 1, last_order: 61d ago, reorder_interval: 31d}", "another shop's rhythm"),
    ],
)
def test_a_standing_that_follows_is_taken(given: str, standing: str) -> None:
    """The standing is that of the start itself."""
    assert played(f"given: {given}\nexpect: {{}}").standing == "", standing


def test_a_scenario_plays_whatever_mode_and_reach_say() -> None:
    """A draft with a reach of nothing is played as if it were live for everybody."""
    workflow = WORKFLOW.replace("again_after", "mode: draft\nreach: 0%\nagain_after")
    assert played(
        "given: {standing: lapsed, orders: 1, last_order: 90d ago}\nexpect:\n  1d: send hello, end done", workflow
    ).passed


def test_held_out_scenarios_expect_no_mail() -> None:
    """Who is held out gets nothing, and the run ends all the same."""
    given = "given: {standing: lapsed, orders: 1, last_order: 90d ago, held_out: true}"
    assert played(f"{given}\nexpect:\n  1d: end done").passed


def test_a_scenario_lists_everything() -> None:
    """What happens and is not listed is a difference too."""
    told = played("given: {standing: lapsed, orders: 1, last_order: 90d ago}\nexpect: {}")
    assert str(told.difference[0]) == "day 1 (2026-01-06): expected nothing; happened send hello, end done"


CODED = """
workflow: winback
title: Win back
enter_when_all:
  - standing: lapsed
again_after: 180d
leave_when_any:
  - event: email.unsubscribed
stages:
  only:
    steps:
      - send: hello
        offer: ten
      - wait: 10d
      - send: goodbye
        offer: ten
    end: done
"""
OF_THE_SHOP = "offers:\n  ten: {{discount: 10%, valid_for: 14d, codes: shop, if_refused: {refused}}}\n"


@pytest.mark.parametrize(
    ("refused", "when", "expect"),
    [
        ("skip", "", "0d: send hello\n  10d: send goodbye, end done"),
        ("skip", "2d: coupon.ready", "2d: send hello\n  12d: send goodbye, end done"),
        ("skip", "0d: coupon.refused\n  11d: coupon.ready", "0d: drop hello\n  11d: send goodbye, end done"),
        ("send_without", "0d: coupon.refused", "0d: send hello\n  10d: send goodbye, end done"),
        ("skip", "4d: coupon.ready", "3d: drop hello\n  16d: drop goodbye, end done"),
    ],
)
def test_the_shop_answers_at_once_unless_the_scenario_says_how(refused: str, when: str, expect: str) -> None:
    """Codes that the shop makes: ready at once, late, refused, or never; one answer in `when:` and all are its own."""
    happens = f"when:\n  {when}\n" if when else ""
    story = f"{LAPSED % ''}{happens}expect:\n  {expect}"
    result = played(story, CODED, offers=OF_THE_SHOP.format(refused=refused))
    assert result.passed, result.difference
