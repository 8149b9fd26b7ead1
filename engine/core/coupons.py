"""Codes after they were issued: the shop's answer, what the checkout may know of one, and when its owner is gone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.customer import Customer, Promise
from engine.core.events import Event
from engine.core.ids import ref
from engine.core.moments import Instant, instant
from engine.core.money import smallest_units
from engine.core.shop import Shop
from engine.core.turn import Turn

COUPON_NOT_READY = "coupon not ready"
"""Why a send waits whose code the shop was asked to make."""

COUPON_REFUSED = "coupon_refused"
"""Why a send is dropped whose code the shop would not make."""


def promise_of(customer: Customer, number: str) -> Promise | None:
    """Return the offer that a send issued, while that send has yet to arrive."""
    return next((each for each in customer.promises if each.effect_id == number), None)


def shop_answered(turn: Turn, event: Event, *, history: bool) -> None:
    """Take in what the shop says of a code it was asked to make; the send that waits for it is asked again.

    An answer of long ago rings no timer: that the code is there is a fact, and a refusal is left to `late_at_most`.
    """
    given, ready, customer = event.data.code, event.type == "coupon.ready", turn.customer
    promise = next((each for each in customer.promises if each.awaited and each.told["code"] == given), None)
    if promise is None or (history and not ready):
        return
    answered = replace(promise, awaited=False, refused="" if ready else event.data.reason or "no reason given")
    customer.promises = tuple(answered if each is promise else each for each in customer.promises)
    for run in () if history else customer.runs:
        if run.effect_id == promise.effect_id and run.doing == "deferred" and run.reason == COUPON_NOT_READY:
            turn.put(replace(run, due=turn.now))


def void_all(turn: Turn) -> None:
    """Take back every code of their own that the customer has not used: they are gone, and nobody else may use it."""
    customer, offers = turn.customer, turn.rules.rule_set.offers
    for given, name in customer.codes_given:
        shared = name not in offers or offers[name].codes == "text"
        if not shared and given not in customer.used_codes and given not in customer.voided_codes:
            told = {"name": name, "code": given, "codes": offers[name].codes, "reason": "gone"}
            turn.tell_of_customer(fx.COUPON_VOIDED, told)
    customer.codes_given = ()


# For the checkout ----------------------------------------------------------------------------------------------------


class Coupon(Struct, frozen=True):
    """What the checkout may know of a code. `state` is valid, used, expired or voided, and `why` says it in words.

    Money is `20.00 EUR`; instants are RFC 3339, the code is good before `ends_at`. `customer` is whose it is now.
    """

    code: str
    state: str
    why: str
    used: bool
    offer: str
    kind: str
    value: str
    minimum_basket: str | None
    starts_at: str
    valid_until: str
    ends_at: str
    terms: str
    customer: str


def coupon_key(code: str) -> str:
    """Return the identity key of a code."""
    return f"coupon:{code}"


def coupon_of(told: Mapping[str, Any], issued_at: Instant, owner: Customer, now: Instant, shop: Shop) -> Coupon:
    """Return how a code stands now, from what was told when it was issued and the record of whose it is."""
    state, why = _state(told, issued_at, owner, now, shop)
    return Coupon(
        code=told["code"],
        state=state,
        why=why,
        used=state == "used",
        offer=told["name"],
        kind=told["kind"],
        value=told["value"],
        minimum_basket=told["minimum_basket"],
        starts_at=told["starts_at"],
        valid_until=told["valid_until"],
        ends_at=told["ends_at"],
        terms=told["terms"],
        customer=owner.id,
    )


def _state(told: Mapping[str, Any], at: Instant, owner: Customer, now: Instant, shop: Shop) -> tuple[str, str]:
    code = told["code"]
    if code in owner.used_in or code in owner.used_codes:
        return "used", "it was used before"
    if owner.gone:
        return "voided", "its customer is gone"
    if code in owner.voided_codes:
        return "voided", "its mail did not arrive"
    if shop.gone_live and at < shop.rehearsed_before:
        return "voided", "it was given out in the rehearsal, before go-live"
    if now >= instant(datetime.fromisoformat(told["ends_at"])):
        return "expired", f"its last day was {told['valid_until']}"
    return "valid", ""


def was_used_in(owner: Customer, code: str, order_id: str) -> bool:
    """Say whether this very order used the code."""
    return owner.used_in.get(code) == ref(order_id)


def too_small(coupon: Coupon, basket: str, currency: str) -> str:
    """Say why a basket does not come to the code's minimum; empty where it does, or nothing is asked or told of it.

    Raises:
        ValueError: the amount cannot be read.

    """
    if coupon.minimum_basket is None or not basket:
        return ""
    least, _, of = coupon.minimum_basket.partition(" ")
    if currency and currency != of:
        return f"the basket is in {currency}, the code asks for {coupon.minimum_basket}"
    try:
        enough = smallest_units(Decimal(basket), of) >= smallest_units(Decimal(least), of)
    except InvalidOperation:
        raise ValueError("this is not an amount of money") from None
    if enough:
        return ""
    return f"the basket of {basket} {of} is below {coupon.minimum_basket}"
