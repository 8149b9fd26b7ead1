"""What the shop says of the codes it was asked to make, and what becomes of a customer's codes when they are gone."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.customer import Customer, Promise
from engine.core.events import Event
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
