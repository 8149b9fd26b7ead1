"""Scenarios can say what every step does, and give what every condition asks for."""

import pytest

from engine.language.files import read_files
from engine.runtimes.simulator.scenarios import Played, play
from tests.scenarios.on_a_partition import play_on_a_partition

EVENTS = "events: {review.wanted: {means: We want a review, fields: {stars: number}}}\n"
OFFERS = "offers: {ten_percent: {discount: 10%, valid_for: 30d}}\n"
LIFECYCLE = "service_templates: [closing_notice]\nquiet: none\ncaps: []\noffers_at_most: none\n"
HEAD = "workflow: winback\ntitle: Win back\nenter_when_all:\n{entry}again_after: 365d\nleave_when_any: [{{event: email.unsubscribed}}]\nstages:\n"
LAPSED = "standing: lapsed, orders: 2, last_order: 200d ago"


def played(scenario: str, stages: str, entry: str = "  - standing: lapsed\n") -> Played:
    """The one scenario of a workflow of these stages, played; it goes on a partition of the inbox as in the simulator."""
    indented = "\n".join(f"    {line}" for line in scenario.strip().splitlines())
    files = {
        "winback.yaml": HEAD.format(entry=entry) + stages,
        "winback.scenarios.yaml": f"workflow: winback\nscenarios:\n  - title: It\n{indented}\n",
        "lifecycle.yaml": LIFECYCLE,
        "events.yaml": EVENTS,
        "offers.yaml": OFFERS,
        "occasions.yaml": "occasions: {spring: {day: 02-01}}\n",
    }
    checked = read_files(files)
    assert checked.rules is not None, checked.errors
    story = checked.scenarios[0].scenarios[0], checked.rules.workflows["winback"], checked.rules
    told = play(*story)
    assert play_on_a_partition(*story).happened == told.happened
    return told


def agrees(told: Played) -> None:
    """Nothing is otherwise than the scenario says."""
    assert told.passed, "\n".join([told.standing, *map(str, told.difference)])


STEPS = """
  only:
    steps:
      - choose:
          by: cause
          price: {send: cheaper, offer: ten_percent, asks: still_interested}
          otherwise: {send: hello, asks: still_interested}
      - newsletter: {at_most: 1 per 30d}
      - newsletter: {content: new_products}
      - emit: review.wanted
        with: {stars: 5}
      - wait_until: {weekday: sun, at: "09:30"}
      - hand_off: key_accounts
        answer_within: 7d
      - close_account: {notice: 7d, send: closing_notice}
    end: closed
"""


def test_every_act_can_be_expected() -> None:
    """A choice by cause, the newsletter, an event of our own, a task, a notice and the closing."""
    agrees(
        played(
            f"given: {{{LAPSED}, cause: price}}\nexpect:\n"
            "  0d: send cheaper, newsletter less, newsletter new_products, emit review.wanted\n"
            "  6d: hand_off key_accounts\n  13d: send closing_notice\n  20d: close_account, end closed",
            STEPS,
        )
    )


def test_who_is_held_out_can_be_shown_step_by_step() -> None:
    """What is not done may be listed, and must be true where it is."""
    given = f"given: {{{LAPSED}, held_out: true}}\nexpect:\n"
    listed = (
        "  0d: held_out hello, held_out newsletter less, held_out newsletter new_products, held_out emit review.wanted\n"
        "  6d: held_out hand_off key_accounts\n"
    )
    assert not played(given + "  0d: held_out cheaper", STEPS).passed
    told = played(given + listed + "  20d: end closed", STEPS)
    agrees(told)


def test_a_send_that_was_dropped_can_be_expected_and_need_not_be() -> None:
    """Without permission nothing goes out; a drop that did not happen is a difference."""
    stages = "  only:\n    steps:\n      - send: hello\n    end: done\n"
    given = f"given: {{{LAPSED}, permission: [newsletter]}}\nexpect:\n  0d: "
    agrees(played(given + "drop hello, end done", stages))
    agrees(played(given + "end done", stages))
    told = played(f"given: {{{LAPSED}}}\nexpect:\n  0d: send hello, drop hello, end done", stages)
    assert str(told.difference[0]) == (
        "day 0 (2026-01-05): expected send hello, drop hello, end done; happened send hello, end done"
    )


def test_a_profile_may_tell_of_the_shops_own_fields() -> None:
    """`attributes.NAME` in the data of profile.updated moves a wait for it."""
    stages = "  only:\n    steps:\n      - wait_until: {customer: attributes.pause_ends, before: 2d}\n    end: done\n"
    given = f"given: {{{LAPSED}, attributes: {{pause_ends: 2026-01-15}}}}\n"
    agrees(played(given + "expect:\n  8d: end done", stages))
    told = "when:\n  3d: {event: profile.updated, data: {attributes.pause_ends: 2026-02-04, points: 5}}\n"
    agrees(played(given + told + "expect:\n  28d: end done", stages))


@pytest.mark.parametrize(
    ("given", "entry"),
    [
        ("cause: price", "cause: [price, money]"),
        ("declining: true, last_order: 100d ago", "declining: gaps"),
        ("offers_had: {ten_percent: 20d ago}", "offer: ten_percent\n    had_within: 30d"),
        (
            "offers_had: {ten_percent: 20d ago}, offers_used: [ten_percent]",
            "offer: ten_percent\n    had_within: 30d\n    used: true",
        ),
        ("offers_had: {ten_percent: 20d ago}", "offer: ten_percent\n    had_within: 30d\n    used: false"),
        ("attributes: {club: gold}", "customer: attributes.club\n    is: gold"),
        ("attributes: {club_ends: 2026-01-20}", "customer: attributes.club_ends\n    within_next: 30d"),
        (
            "ended: {workflow: winback, outcome: done, ago: 400d ago}",
            "workflow: winback\n    outcome: done",
        ),
        ("permission: [marketing, marketing/phone]", "permission: marketing\n    channel: phone"),
        ("contract_ends: 2026-01-20", "customer: contract_ends\n    within_next: 30d"),
    ],
)
def test_what_conditions_ask_for_can_be_given(given: str, entry: str) -> None:
    """With it the customer enters, without it not."""
    stages = "  only:\n    steps:\n      - send: hello\n    end: done\n"
    usual = "orders: 2, " + ("" if "last_order" in given else "last_order: 200d ago, ")
    where = f"  - standing: lapsed\n  - {entry}\n"
    if "declining" in given:
        usual = ""
    agrees(played(f"given: {{{usual}{given}}}\nexpect:\n  0d: send hello, end done", stages, where))
    agrees(played("given: {orders: 2, last_order: 200d ago, permission: [marketing]}\nexpect: nothing", stages, where))


def test_orders_can_be_of_a_category() -> None:
    """`categories:` is what the orders before held; `items.category` is what an order of the story holds."""
    entry = "  - customer: categories.coffee.next_order\n    within_next: 5d\n"
    stages = "\n  only:\n    steps:\n      - tag: runs_out\n    end: told\n"
    given = "given: {orders: 3, categories: [tea, coffee], last_order: 10d ago, reorder_interval: 20d}\n"
    agrees(played(f"{given}expect:\n  5d: tag runs_out, end told", stages, entry))
    bought = "when:\n  2d: {event: order.placed, data: {items.category: KIND}}\n"
    agrees(played(f"{given}{bought.replace('KIND', 'coffee')}expect:\n  14d: tag runs_out, end told", stages, entry))
    agrees(played(f"{given}{bought.replace('KIND', 'tea')}expect:\n  5d: tag runs_out, end told", stages, entry))
