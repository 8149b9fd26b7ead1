"""Offers: whether a send carries one, its code, what it is worth to the customer and may cost the shop."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.conditions import View
from engine.core.customer import Customer, Run
from engine.core.decision import Issued
from engine.core.gate import Drop, refused_offer
from engine.core.ids import code
from engine.core.moments import Day, iso_day
from engine.core.money import Money, written
from engine.core.rules import WHOLE, Discount, Mode, Offer, Send, Workflow
from engine.core.turn import Turn


def offer_of(turn: Turn, run: Run, workflow: Workflow, step: Send) -> dict[str, Any] | Drop | None:
    """The offer a send carries, as its effect tells it; None without one, Drop when the send is to be skipped."""
    if not step.offer:
        return None
    offer = workflow.offers[step.offer]
    today = turn.zone.day(turn.now)
    had = run.codes.get(step.offer)
    if had is not None:  # a reminder of the same code
        if had[0] and had[0] in turn.customer.used_codes:
            return Drop("offer_used")
        if had[1] < today:
            return Drop("offer_expired")
        return _told(offer, had[0], had[1])
    cost = cost_of(offer, turn.customer, turn.rules.lifecycle.currency)
    view = View(turn.customer, turn.now, turn.rules.lifecycle)
    refused = refused_offer(view, workflow, step.offer, turn.rules, cost)
    if refused:
        return Drop(refused) if offer.if_refused == "skip" else None
    return _issue(turn, run, step, offer, cost, turn.zone.day(turn.zone.after(turn.now, offer.valid_for)))


def _issue(turn: Turn, run: Run, step: Send, offer: Offer, cost: int, last_day: Day) -> dict[str, Any]:
    """Give the run its code. A hold-out member gets none, and counts as having had the offer, so that arms stay alike."""
    customer = turn.customer
    acts = not run.held_out and run.mode is Mode.LIVE
    pooled = offer.codes == "pool"
    if run.held_out:
        given = ""
    elif pooled:
        given = turn.rules.shop.codes[offer.name][-1] if acts else ""
    else:
        given = offer.text if offer.codes == "text" else code(turn.rules.key, run.id, offer.name)
    turn.put(replace(run, codes={**run.codes, offer.name: (given, last_day)}))
    if run.mode is Mode.LIVE:
        times = (*customer.offers_had.get(offer.name, ()), turn.now)[-8:]
        customer.offers_had = {**customer.offers_had, offer.name: times}
    told = _told(offer, given, last_day)
    if not run.held_out:
        amount = {"cost": written(cost, turn.rules.lifecycle.currency), "currency": turn.rules.lifecycle.currency}
        turn.tell(fx.COUPON_ISSUED, run, {**told, **amount}, step)
    if acts:
        turn.notes.append(Issued(offer.name, turn.now, cost, given if pooled else ""))
    return told


def _told(offer: Offer, given: str, last_day: Day) -> dict[str, Any]:
    basket = offer.minimum_basket
    return {
        "name": offer.name,
        "kind": type(offer.what).__struct_config__.tag,
        "code": given,
        "value": value_of(offer),
        "minimum_basket": None if basket is None else str(basket),
        "valid_until": iso_day(last_day),
        "terms": offer.terms,
    }


def value_of(offer: Offer) -> str:
    """What an offer is worth to the customer, as people say it: `10%`, `5.00 EUR`, or the gift's name."""
    what = offer.what
    if isinstance(what, Discount):
        if what.money is not None:
            return str(what.money)
        whole, part = divmod(what.share, 100)
        return f"{whole}.{part:02d}".rstrip("0").rstrip(".") + "%"
    return what.name


def cost_of(offer: Offer, customer: Customer, currency: str) -> int:
    """What an offer costs if it is redeemed, in the shop's smallest units.

    A gift or trial costs what it says, a discount in money its amount. A percentage is taken of the larger of the
    minimum basket and the customer's average basket: the order it is likely to be used on.
    """
    what = offer.what
    if not isinstance(what, Discount):
        return _amount(what.cost, currency)
    if what.money is not None:
        return _amount(what.money, currency)
    mine = [order.amount for order in customer.orders if order.currency == currency]
    average = sum(mine) // len(mine) if mine else 0
    least = _amount(offer.minimum_basket, currency) if offer.minimum_basket is not None else 0
    return max(average, least) * what.share // WHOLE


def _amount(money: Money, currency: str) -> int:
    return money.amount if money.currency == currency else 0
