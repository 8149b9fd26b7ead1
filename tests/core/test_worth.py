"""Worth: the expected gain of an offer from what the shop assumes, and who is kept out by it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from engine.core.customer import Customer
from engine.core.moments import Length
from engine.core.money import Money
from engine.core.rules import Discount, Gift, Lifecycle, Offer, Workflow
from engine.core.worth import worth_of
from tests.builders import PLAIN, Play, ago, folded, order, somebody

TEN = Offer(name="ten", what=Discount(share=1000), valid_for=Length(days=14), expected_response=500)
GIFT = Offer(
    name="gift", what=Gift(name="mug", cost=Money(400, "EUR")), valid_for=Length(days=14), expected_response=500
)
COSTS = replace(PLAIN, costs={"email": Money(200, "EUR")})  # of a thousand mails: 0.002 EUR each


def making(*offers: Offer) -> Workflow:
    """A workflow that makes these offers."""
    named = {offer.name: offer for offer in offers}
    return Workflow(name="w", title="w", enter_when_all=(), again_after=None, stages=(), offers=named)


def buyer(*totals: str, **data: Any) -> Customer:
    """Somebody with orders of these totals."""
    return folded(*(order(place, ago("30d"), total, **data) for place, total in enumerate(totals)))


@pytest.mark.parametrize(
    ("customer", "workflow", "lifecycle", "verdict", "said"),
    [
        # 5 % x (50.00 x 35 % - 5.00) - 0.002 = 0.623
        (buyer("40.00", "60.00"), making(TEN), COSTS, "positive", "expected gain 0.62 EUR, with 5% response to ten"),
        # 5 % x (10.00 x 35 % - 4.00) - 0.002 = -0.027
        (buyer("10.00"), making(GIFT), COSTS, "negative", "expected gain -0.03 EUR, with 5% response to gift"),
        # the one that brings least decides: 5 % x (20 x 35 % - 4) against 5 % x (20 x 35 % - 2)
        (buyer("20.00"), making(TEN, GIFT), COSTS, "positive", "response to gift"),
        # nothing is gained by an offer that takes the whole margin, and the mail still costs
        (buyer("20.00"), making(replace(TEN, what=Discount(share=3500))), COSTS, "negative", "-0.01 EUR"),
        (buyer("20.00"), making(), COSTS, "untold", "the workflow makes no offer"),
        (
            buyer("20.00"),
            making(TEN, replace(GIFT, expected_response=0)),
            COSTS,
            "untold",
            "no expected_response of gift",
        ),
        (somebody(), making(TEN), COSTS, "untold", "no order in EUR"),
        (buyer("20.00", currency="CHF"), making(TEN), COSTS, "untold", "no order in EUR"),
        (buyer("20.00"), making(TEN), replace(COSTS, margin=None), "untold", "no margin of what was ordered"),
    ],
)
def test_the_expected_gain(
    customer: Customer, workflow: Workflow, lifecycle: Lifecycle, verdict: str, said: str
) -> None:
    """Response x (basket x margin - cost) - mail; what is missing is said, and what is assumed too."""
    worth = worth_of(customer, workflow, lifecycle)
    assert worth.verdict == verdict
    assert said in worth.said
    assert ("an assumption of offers.yaml" in worth.said) is (verdict != "untold")


def test_the_margin_is_that_of_what_was_bought() -> None:
    """By category where one is given, the lowest of an order's; a category without one has the shop's."""
    lifecycle = replace(COSTS, margin_by_category={"tea": 500, "pots": 6000})
    tea = buyer("40.00", items=({"category": "tea"}, {"category": "pots"}))
    assert worth_of(tea, making(GIFT), lifecycle).verdict == "negative"  # 40 x 5 % - 4
    pots = buyer("40.00", items=({"category": "pots"},))
    assert worth_of(pots, making(GIFT), lifecycle).said.startswith("expected gain 0.99 EUR")  # 5 % x (24 - 4) - 0.002
    other = buyer("40.00", items=({"category": "cups"},))
    assert worth_of(other, making(GIFT), lifecycle).said.startswith("expected gain 0.49 EUR")  # 5 % x (14 - 4) - 0.002
    assert worth_of(other, making(GIFT), replace(lifecycle, margin=None)).verdict == "untold"


OFFERS = "offers: {gift: {gift: mug, cost: 4 EUR, valid_for: 14d, expected_response: 5%}}"
WORKFLOW = """
workflow: gifts
worth: positive
enter_when_all: [{customer: orders, at_least: 1}, {permission: marketing}]
again_after: never
leave_when_any: [{event: email.unsubscribed}]
stages: {only: {steps: [{send: hello, offer: gift}], end: told}}
"""


def test_who_is_not_worth_it_stays_out_until_an_order_changes_that() -> None:
    """`worth: positive` of a workflow; the run says what its entry rests on."""
    play = Play(WORKFLOW, offers=OFFERS)
    play.orders(total="5.00")
    assert play.told() == []
    play.orders(total="95.00")
    started = next(each for each in play.about() if each.type == "winback.run_started")
    assert started.data["why"][-1] == (
        "worth: expected gain 0.67 EUR, with 5% response to gift: an assumption of offers.yaml"
    )  # 5 % x (50 x 35 % - 4), no cost of mails given


def test_the_condition_asks_of_its_own_workflow() -> None:
    """`worth: positive` among the conditions of entry, and of a `go_to`."""
    as_condition = WORKFLOW.replace("worth: positive\n", "").replace(
        "{permission: marketing}", "{permission: marketing}, {worth: positive}"
    )
    play = Play(as_condition, offers=OFFERS)
    play.orders(total="5.00")
    assert play.told() == []
    play.orders(total="95.00")
    assert play.told()[0] == "0d start gifts"
    branching = """
workflow: gifts
enter_when_all: [{customer: orders, at_least: 1}]
again_after: never
leave_when_any: [{event: email.unsubscribed}]
stages:
  first: {steps: [{go_to: dear, when_all: [{worth: positive}]}], end: cheap}
  dear: {steps: [{send: hello, offer: gift}], end: told}
"""
    cheap = Play(branching, offers=OFFERS)
    cheap.orders(total="5.00")
    assert cheap.outcomes() == ["cheap"]
