"""What an offer costs the shop, and whether it is worth making to a customer (R11).

Until a model is fitted to the shop's history, the expected gain rests on what the shop assumes in offers.yaml:

    gain = response x (basket x margin - cost of the offer) - cost of the mail

with the share of customers who answer the offer with an order (`expected_response:`), the customer's own mean basket at
the margin of what is in it, and what the offer costs when it is used. In integers, so that it is alike everywhere.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from engine.core.customer import Customer, Order
from engine.core.fields import average_basket
from engine.core.money import Money, written
from engine.core.rules import WHOLE, Discount, Lifecycle, Offer, Workflow

_THOUSAND = 1_000
_SCALE = WHOLE * WHOLE * _THOUSAND
"""Shares of shares of a thousandth: what a gain is counted in, so that nothing is rounded."""


class Worth(Struct, frozen=True):
    """Whether a workflow's offers are expected to pay for themselves with this customer, and what that rests on."""

    verdict: Literal["positive", "negative", "untold"]
    said: str


def worth_of(customer: Customer, workflow: Workflow, lifecycle: Lifecycle) -> Worth:
    """Weigh a workflow's offers for one customer: the one that brings least decides, since any may be the one used."""
    if not workflow.offers:
        return Worth("untold", "cannot be told: the workflow makes no offer")
    silent = sorted(offer.name for offer in workflow.offers.values() if not offer.expected_response)
    if silent:
        return Worth("untold", f"cannot be told: no expected_response of {', '.join(silent)} (offers.yaml)")
    margin = _margin(customer, lifecycle)
    if margin is None:
        return Worth("untold", f"cannot be told: no order in {lifecycle.currency}, or no margin of what was ordered")
    gains = {name: _gain(offer, margin, customer, lifecycle) for name, offer in sorted(workflow.offers.items())}
    least = min(gains, key=lambda name: gains[name])
    amount = f"{written(gains[least] // _SCALE, lifecycle.currency)} {lifecycle.currency}"
    assumed = f"{workflow.offers[least].expected_response / 100:g}% response to {least}"
    said = f"expected gain {amount}, with {assumed}: an assumption of offers.yaml"
    return Worth("positive" if gains[least] > 0 else "negative", said)


def _gain(offer: Offer, margin: int, customer: Customer, lifecycle: Lifecycle) -> int:
    """The expected gain of one offer, in parts of `_SCALE`. `costs.email` is that of a thousand mails."""
    mail = lifecycle.costs.get("email")
    cost = cost_of(offer, customer, lifecycle.currency)
    thousand_mails = amount_in(mail, lifecycle.currency) if mail is not None else 0
    answered = offer.expected_response * (margin - cost * WHOLE) * _THOUSAND
    return answered - thousand_mails * WHOLE * WHOLE


def _margin(customer: Customer, lifecycle: Lifecycle) -> int | None:
    """What a basket of the customer's earns on average, in parts of `WHOLE` of the smallest unit."""
    orders = [order for order in customer.orders if order.currency == lifecycle.currency]
    earned = 0
    for order in orders:
        share = _share(order, lifecycle)
        if share is None:
            return None
        earned += order.amount * share
    return earned // len(orders) if orders else None


def _share(order: Order, lifecycle: Lifecycle) -> int | None:
    """The margin of an order: the lowest of its categories', since what each of them brought is not known."""
    known = lifecycle.margin_by_category
    shares = [known.get(name, lifecycle.margin) for name in order.categories] if known else []
    found = shares or [lifecycle.margin]
    return None if None in found else min(share for share in found if share is not None)


def cost_of(offer: Offer, customer: Customer, currency: str) -> int:
    """What an offer costs if it is redeemed, in the shop's smallest units.

    A gift or trial costs what it says, a discount in money its amount. A percentage is taken of the larger of the
    minimum basket and the customer's average basket: the order it is likely to be used on.
    """
    what = offer.what
    if not isinstance(what, Discount):
        return amount_in(what.cost, currency)
    if what.money is not None:
        return amount_in(what.money, currency)
    average = average_basket(customer, currency) or 0
    least = amount_in(offer.minimum_basket, currency) if offer.minimum_basket is not None else 0
    return max(average, least) * what.share // WHOLE


def amount_in(money: Money, currency: str) -> int:
    """Return an amount in smallest units; one in another currency counts as nothing."""
    return money.amount if money.currency == currency else 0
