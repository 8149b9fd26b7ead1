"""Caps and offers over time: however a life goes, no window that is looked at holds more than is allowed."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.moments import DAY, HOUR, MINUTE, Instant, Length
from engine.core.rules import WHOLE, Cap, Purpose
from tests.builders import BERLIN, PLAIN, Play, rules_of
from tests.core.shops import only

WORKFLOW = """
workflow: {NAME}
enter_when_all:
  - event: {EVENT}
    within: 1d
again_after: 2d
leave_when_any:
  - event: email.unsubscribed
stages:
  one:
    steps:
{STEPS}
    end: done
"""
LEAPS = st.sampled_from([0, MINUTE, 11 * HOUR, DAY, 3 * DAY, 3 * DAY - 1, 7 * DAY - 1, 20 * DAY, 20 * DAY - 1])
LIVES = st.lists(
    st.tuples(LEAPS, st.sampled_from(["customer.visited", "customer.logged_in", "order.refunded"])), max_size=40
)


def workflow(name: str, event: str, *steps: str) -> str:
    """A workflow of these steps, entered at an event."""
    lines = "\n".join(f"      - {step}" for step in steps)
    return WORKFLOW.replace("{NAME}", name).replace("{EVENT}", event).replace("{STEPS}", lines)


def times(play: Play, **fields: Any) -> list[Instant]:
    """When messages were released or held out, and hand-offs made or held out, that have these values."""
    kinds = ("winback.send.requested", "winback.send.held_out", "winback.handed_off", "winback.step.held_out")
    made = [each for each in play.effects if each.type in kinds]
    return [each.time for each in made if all(each.data.get(name) == value for name, value in fields.items())]


def most_in_a_window(found: list[Instant], length: Length) -> int:
    """How many lie in the fullest window that begins at one of them and leaves out its far end."""
    return max((sum(at <= other < BERLIN.after(at, length) for other in found) for at in found), default=0)


CAPS = (
    Cap(Purpose.MARKETING, 2, Length(days=3)),
    Cap(Purpose.MARKETING, 3, Length(days=7)),
    Cap(Purpose.NEWSLETTER, 1, Length(minutes=36 * 60)),
)


@given(LIVES, st.booleans())
def test_caps_hold_in_every_window(life: list[tuple[int, str]], held_out: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
    """Over all workflows, by purpose, hand-offs with the mails; for held-out members as for the others."""
    rules = rules_of(
        workflow("visits", "customer.visited", "send: one", "send: two", "hand_off: sales", "send: three"),
        workflow("logins", "customer.logged_in", "send: news\n        purpose: newsletter", "send: four"),
        lifecycle=replace(PLAIN, caps=CAPS, hold_while=replace(PLAIN.hold_while, after_refund=None)),
    )
    share = WHOLE if held_out else 0
    rules = replace(rules, workflows={name: replace(each, holdout=share) for name, each in rules.workflows.items()})
    play = Play(rules=rules)
    for leap, kind in life:
        play.until(play.now + leap)
        play.happens(kind)
    play.passes("30d")
    newsletters = times(play, purpose="newsletter")
    marketing = sorted([*times(play, purpose="marketing"), *times(play, team="sales")])
    for cap in CAPS:
        found = newsletters if cap.purpose is Purpose.NEWSLETTER else marketing
        assert most_in_a_window(found, cap.length) <= cap.count


OFFERS = """
offers:
  seldom: {gift: a cup, cost: 4 EUR, valid_for: 5d, per_customer: 1 per 20d, if_refused: skip}
  twice: {gift: a pen, cost: 1 EUR, valid_for: 5d, per_customer: 2 per 30d, if_refused: send_without}
  once: {free_trial: one box, cost: 6 EUR, valid_for: 9d, per_customer: never_again}
"""


@given(LIVES, st.booleans())
def test_the_same_offer_never_comes_again_within_its_time(life: list[tuple[int, str]], held_out: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
    """Counted by its first send in a run, over all workflows that make it; a reminder is the same code, not another."""
    offers = ("seldom", "twice", "once")
    visits = [f"send: {name}\n        offer: {name}" for name in offers]
    rules = rules_of(
        workflow("visits", "customer.visited", *visits, "wait: 1d", "send: again\n        offer: seldom"),
        workflow("logins", "customer.logged_in", *reversed(visits)),
        offers=OFFERS,
    )
    share = WHOLE if held_out else 0
    rules = replace(rules, workflows={name: replace(each, holdout=share) for name, each in rules.workflows.items()})
    play = Play(rules=rules)
    for leap, kind in life:
        play.until(play.now + leap)
        play.happens(kind)
    play.passes("9d")
    first: dict[tuple[str, str], Instant] = {}
    for each in play.effects:
        if each.type in ("winback.send.requested", "winback.send.held_out") and each.data["offer"]:
            first.setdefault((each.data["offer"]["name"], each.data["run"]), each.time)
    for name, count, length in (("seldom", 1, Length(20)), ("twice", 2, Length(30)), ("once", 1, Length(36_500))):
        found = [at for (offer, _), at in first.items() if offer == name]
        assert most_in_a_window(found, length) <= count
    codes = [data["code"] for data in only(play.effects, "coupon_issued")]
    assert len(codes) == len(set(codes)) == (0 if held_out else len(first))
