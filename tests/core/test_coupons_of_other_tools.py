"""`coupon.given`: what another tool gave counts as had, and nothing that happens to our offers touches it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.core.moments import DAY, Length
from engine.core.rules import PerCustomer
from tests.builders import PLAIN, START, Play

OFFERS = """
offers:
  ten: {discount: 10%, minimum_basket: 20 EUR, valid_for: 14d, codes: signed, terms: "https://shop.example/t", PER}
  other: {discount: 5%, minimum_basket: 20 EUR, valid_for: 14d, codes: signed, terms: "https://shop.example/t"}
"""
ASKS = """
workflow: offer
enter_when_all:
  - event: customer.visited
    within: 1h
again_after: 1d
stages:
  one:
    steps:
      - send: coupon_offer
        offer: ten
    end: done
leave_when_any:
  - event: email.unsubscribed
"""


def play(per: str = "per_customer: 1 per 30d", **rules: object) -> Play:
    """A shop that offers ten percent to whoever visits."""
    return Play(ASKS, lifecycle=replace(PLAIN, **rules), offers=OFFERS.replace("PER", per), history_after=3 * DAY)


@pytest.mark.parametrize(
    ("days_ago", "told"),
    [(29, "drop coupon_offer: offer_had"), (31, "send coupon_offer")],
)
def test_an_offer_of_another_tool_counts_for_per_customer(days_ago: int, told: str) -> None:
    """Named as ours it is ours: within its time nobody gets it again."""
    shop = play()
    shop.happens("coupon.given", time=START - days_ago * DAY, offer="ten", code="OLD-1")
    shop.happens("customer.visited")
    assert told in " | ".join(shop.told())


def test_an_offer_by_any_name_counts_for_all_offers_together() -> None:
    """`offers_at_most` is about how often somebody is given anything, by whomever; `per_customer` is not."""
    free, bound = play(), play(offers_at_most=PerCustomer(1, Length(days=10)))
    for shop in (free, bound):
        shop.happens("coupon.given", time=START - 5 * DAY, offer="summer of another tool", code="S1")
        shop.happens("customer.visited")
    assert "send coupon_offer" in " | ".join(free.told())
    assert "drop coupon_offer: offers_at_most" in " | ".join(bound.told())


def test_going_live_does_not_forget_what_others_gave() -> None:
    """It forgets the rehearsal's own offers alone."""
    shop = play("per_customer: never_again")
    shop.happens("coupon.given", time=START - 5 * DAY, offer="ten", code="OLD-1")
    shop.goes_live()
    shop.passes("1d")
    shop.happens("customer.visited")
    assert "drop coupon_offer: offer_had" in " | ".join(shop.told())


@pytest.mark.parametrize(("used", "enters"), [("true", True), ("false", False)])
def test_a_workflow_can_ask_for_an_offer_of_another_tool(used: str, *, enters: bool) -> None:
    """`offer:` knows when it was had, and by its code whether it was used."""
    asks = ASKS.replace("  - event: customer.visited\n    within: 1h\n", f"  - offer: ten\n    used: {used}\n")
    shop = Play(asks, offers=OFFERS.replace("PER", "per_customer: 9 per 1d"), history_after=3 * DAY)
    shop.happens("coupon.given", offer="ten", code="OLD-1")
    before = len([each for each in shop.told() if "send" in each])
    shop.happens("coupon.redeemed", code="OLD-1", order_id="o-1")
    after = len([each for each in shop.told() if "send" in each])
    assert (before, after) == ((0, 1) if enters else (1, 1))
