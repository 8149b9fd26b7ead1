"""Causes: what an event says of why somebody leaves, which of it counts, and what an order makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.causes import CAUSES, cause_in_words, cause_of, learned, usual_strength, with_evidence
from engine.core.customer import EVIDENCE_KEPT, Evidence
from engine.core.events import Event
from engine.core.fields import field_value
from engine.core.rules import CauseRule
from tests.builders import BERLIN, PLAIN, START, Play, ago, event, folded, order, somebody

RULES = (
    CauseRule(event="order.refunded", where={"reason": "broken"}, means="quality", strength=1),
    CauseRule(event="email.clicked", where={"link": "https://shop.example/moving"}, means="moved", strength=2),
    CauseRule(event="survey.answered", where={"answers.why": "too expensive"}, means="price", strength=3),
    CauseRule(event="order.placed", where={"items.category": "baby"}, means="life_phase", strength=1),
)


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (event("survey.answered", START, cause="price"), [("price", 3)]),
        (event("hand_off.answered", START, cause="money"), [("money", 3)]),
        (event("ticket.opened", START, cause="quality"), [("quality", 2)]),
        (event("contract.cancelled", START, cause="competitor"), [("competitor", 2)]),
        (event("cancellation_form", START, cause="moved"), [("moved", 1)]),
        (event("survey.answered", START, cause="the weather"), []),
        (event("cancellation_form", START, cause=["price"]), []),
        (event("order.refunded", START, reason="broken"), [("quality", 1)]),
        (event("order.refunded", START, reason="late"), []),
        (event("survey.answered", START, answers={"why": "too expensive"}), [("price", 3)]),
        (
            event("survey.answered", START, cause="offer", answers={"why": "too expensive"}),
            [("offer", 3), ("price", 3)],
        ),
        (event("email.clicked", START, link="https://shop.example/moving"), [("moved", 2)]),
        (event("email.clicked", START, link="https://shop.example/moving", machine=True), []),
        (order(1, START, items=({"category": "tea"}, {"category": "baby"})), [("life_phase", 1)]),
        (event("customer.logged_in", START), []),
    ],
)
def test_what_an_event_says_of_a_cause(told: Event, found: list[tuple[str, int]]) -> None:
    """Its own field, if it names a cause there is, and the shop's rules; what machines clicked says nothing."""
    assert [(each.cause, each.strength) for each in learned(told, RULES)] == found
    assert all((each.at, each.by) == (START, told.type) for each in learned(told, RULES))


def test_every_cause_has_a_sentence_and_every_event_a_strength() -> None:
    """The list is the engine's own; what nobody classed is weak."""
    assert all(text.endswith(".") for text in CAUSES.values())
    assert [usual_strength(kind) for kind in ("survey.answered", "ticket.solved", "order.cancelled", "own")] == [
        3,
        2,
        1,
        1,
    ]


def test_a_survey_outweighs_a_ticket_and_an_order_clears_both() -> None:
    """Strongest first, then newest; whoever orders again has got over it, and a cancelled order clears nothing."""
    ticket = event("ticket.opened", ago("20d"), cause="quality")
    survey = event("survey.answered", ago("30d"), cause="price")
    customer = folded(ticket, survey)
    found = cause_of(customer)
    assert found == Evidence(ago("30d"), "price", "survey.answered", 3)
    newer = cause_of(folded(ticket, survey, event("hand_off.answered", ago("1d"), cause="service")))
    assert newer is not None
    assert newer.cause == "service"
    bought = folded(order(1, ago("10d")), into=customer)
    assert cause_of(bought) is None
    assert field_value(bought, "cause", START, PLAIN) is None
    assert cause_of(folded(event("order.cancelled", ago("9d"), order_id="1"), into=bought)) == found
    assert cause_of(folded(order(2, ago("25d")), into=customer)) == Evidence(ago("20d"), "quality", "ticket.opened", 2)


def test_what_lies_ahead_says_nothing_yet() -> None:
    """Asked of an instant, only evidence and orders up to it count."""
    customer = folded(event("survey.answered", ago("10d"), cause="price"), order(1, ago("5d")))
    assert cause_of(customer, ago("11d")) is None
    at_that_time = cause_of(customer, ago("6d"))
    assert at_that_time is not None
    assert at_that_time.cause == "price"
    assert cause_of(customer, ago("4d")) is None


def test_the_cause_is_said_with_what_it_rests_on() -> None:
    """The one that counts first, each with the event and its day."""
    customer = folded(
        event("ticket.opened", ago("20d"), cause="quality"), event("survey.answered", ago("30d"), cause="price")
    )
    assert cause_in_words(customer, START, BERLIN) == [
        "cause: price, strong evidence by survey.answered on 2025-12-06",
        "another cause: quality, fair evidence by ticket.opened on 2025-12-16",
    ]
    assert cause_in_words(somebody(), START, BERLIN) == []


EVIDENCE = st.builds(
    Evidence,
    at=st.integers(0, 30),
    cause=st.sampled_from(sorted(CAUSES)),
    by=st.sampled_from(["ticket.opened", "survey.answered", "left"]),
    strength=st.integers(1, 3),
)


@given(told=st.lists(EVIDENCE, max_size=30), data=st.data())
def test_what_is_kept_does_not_depend_on_the_order_of_arrival(told: list[Evidence], data: st.DataObject) -> None:
    """One by one, shuffled, or joined from two records: the latest of each kind, and of those the latest eight."""
    latest = {(each.cause, each.by, each.strength): each for each in sorted(told, key=lambda each: each.at)}
    expected = sorted(latest.values(), key=lambda each: (each.at, each.cause, each.by, each.strength))[-EVIDENCE_KEPT:]
    kept: tuple[Evidence, ...] = ()
    for each in data.draw(st.permutations(told)):
        kept = with_evidence(kept, [each])
    assert list(kept) == expected
    half = data.draw(st.integers(0, len(told)))
    one, two = with_evidence((), told[:half]), with_evidence((), told[half:])
    assert with_evidence(one, two) == with_evidence(two, one) == kept
    assert with_evidence(kept, told[:half]) is kept


BY_CAUSE = """
workflow: dear
enter_when_all: [{cause: price}]
again_after: never
stages:
  only: {steps: [{tag: dear}, {wait: 30d}], until_any: [{event: order.placed, then: thanks}], end: silent}
  thanks: {steps: [{tag: back}], end: won}
"""


def test_a_workflow_is_entered_as_soon_as_its_cause_is_known() -> None:
    """A ticket of another cause is outweighed by a survey; what the run rests on is in the standing's evidence."""
    play = Play(BY_CAUSE)
    play.happens("ticket.opened", cause="quality")
    assert play.told() == []
    play.happens("survey.answered", cause="price")
    assert play.told() == ["0d start dear", "0d tag dear"]
    play.passes("1d")
    play.orders()
    assert play.outcomes() == ["won"]


def test_a_late_order_shows_that_a_cause_had_been_got_over() -> None:
    """An order from after the survey and before the run makes the entry untrue."""
    play = Play(BY_CAUSE)
    play.happens("survey.answered", time=ago("2d"), cause="price")
    assert play.told() == ["0d start dear", "0d tag dear"]
    play.orders(time=ago("1d"))
    assert play.outcomes() == ["mistaken"]


def test_rules_of_the_shop_make_evidence_too() -> None:
    """`causes:` in lifecycle.yaml: a refund with a reason, and no event of our own needs a field for it."""
    workflow: dict[str, Any] = {"lifecycle": replace(PLAIN, causes=RULES)}
    play = Play(BY_CAUSE.replace("price", "quality"), **workflow)
    play.happens("order.refunded", order_id="o-9", reason="late")
    assert play.told() == []
    play.happens("order.refunded", order_id="o-9", reason="broken")
    assert play.told() == ["0d start dear", "0d tag dear"]
