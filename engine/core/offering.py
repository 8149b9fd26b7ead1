"""Offers: whether a send carries one, its code, what it is worth to the customer and may cost the shop."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.allowances import ASK_AGAIN, Lacks
from engine.core.conditions import OFFERS, View, offer_topic
from engine.core.coupons import COUPON_REFUSED, promise_of
from engine.core.customer import MARKS_KEPT, PROMISES_KEPT, REFS_KEPT, Customer, Promise, Run, ring
from engine.core.decision import Issued, Wanting
from engine.core.gate import Defer, Drop, no_code, refused_offer
from engine.core.ids import code
from engine.core.moments import Day, iso_day, rfc3339
from engine.core.money import written
from engine.core.rules import Discount, Mode, Offer, Send, Workflow
from engine.core.turn import Turn
from engine.core.worth import cost_of

NOT_GRANTED = "no grant yet"
"""Why a send waits of whose offer there is some left, though not in this part of the shop."""


def offer_of(turn: Turn, run: Run, workflow: Workflow, step: Send) -> dict[str, Any] | Drop | Defer | None:
    """The offer a send carries, as its effect tells it; None without one, Drop when the send is to be skipped.

    Defer where there may be one soon: see `engine.core.allowances`.
    """
    if not step.offer:
        return None
    offer = workflow.offers[step.offer]
    today = turn.zone.day(turn.now)
    had = run.codes.get(step.offer)
    if had is not None:  # a reminder of the same code, or its first send asked again
        promise = promise_of(turn.customer, run.effect_id)
        if promise is not None and promise.refused:
            return _go_without(turn, run, offer, promise.refused)
        if not had[0] and _acts(run):
            return None
        if had[0] and had[0] in turn.customer.used_codes:
            return Drop("offer_used")
        if had[1] < today:
            return Drop("offer_expired")
        return _told(offer, had[0], had[1])
    cost = cost_of(offer, turn.customer, turn.rules.lifecycle.currency)
    view = View(turn.customer, turn.now, turn.rules.lifecycle)
    spent_now = sum(note.amount for note in _issued_now(turn, offer))
    refused = refused_offer(view, workflow, step.offer, turn.rules, cost + spent_now)
    if not refused and offer.codes == "pool" and not _codes_left(turn, offer):
        refused = no_code(turn.rules, step.offer)
    if isinstance(refused, Lacks):
        turn.notes.append(Wanting(refused.key, refused.amount))
        return Defer(turn.now + ASK_AGAIN, NOT_GRANTED)
    if refused:
        return Drop(refused) if offer.if_refused == "skip" else None
    return _issue(turn, run, step, offer, cost, turn.zone.day(turn.zone.after(turn.now, offer.valid_for)))


def _issued_now(turn: Turn, offer: Offer) -> list[Issued]:
    """What this very decision gave of an offer, or took back, for another run: the shop counts it after the decision."""
    return [note for note in turn.notes if isinstance(note, Issued) and note.offer == offer.name]


def _codes_left(turn: Turn, offer: Offer) -> list[str]:
    given = {note.code for note in _issued_now(turn, offer)}
    codes = turn.rules.shop.codes.get(offer.name, [])
    return [each for each in codes if each not in given] if given - {""} else codes


def _issue(turn: Turn, run: Run, step: Send, offer: Offer, cost: int, last_day: Day) -> dict[str, Any]:
    """Give the run its code. A hold-out member gets none, and counts as having had the offer, so that arms stay alike."""
    customer = turn.customer
    acts = _acts(run)
    pooled = offer.codes == "pool"
    if run.held_out:
        given = ""
    elif pooled:
        given = _codes_left(turn, offer)[-1] if acts else ""
    else:
        given = offer.text if offer.codes == "text" else _own_code(turn, run, offer)
    turn.put(replace(run, codes={**run.codes, offer.name: (given, last_day)}))
    if run.mode is Mode.LIVE:
        times = (*customer.offers_had.get(offer.name, ()), turn.now)[-8:]
        customer.offers_had = {**customer.offers_had, offer.name: times}
        turn.touch(OFFERS, offer_topic(offer.name))
    told = _told(offer, given, last_day)
    if not run.held_out:
        terms = {
            "codes": offer.codes,
            "uses": None if offer.codes == "text" else 1,
            "starts_at": rfc3339(turn.now),
            "ends_at": rfc3339(turn.zone.start(last_day + 1)),
            "cost": written(cost, turn.rules.lifecycle.currency),
            "currency": turn.rules.lifecycle.currency,
        }
        turn.tell(fx.COUPON_ISSUED, run, {**told, **terms}, step, ordinal=run.voided)
    if acts:
        issued = turn.effects[-1]
        promise = Promise(
            issued.effect_id,
            run.id,
            turn.now,
            cost,
            own=offer.codes != "text",
            told=issued.data,
            awaited=offer.codes == "shop" and turn.rules.shop.gone_live,
            ordinal=run.voided,
        )
        customer.promises = ring(customer.promises, promise, PROMISES_KEPT)
        customer.codes_given = ring(customer.codes_given, (given, offer.name), MARKS_KEPT)
        turn.notes.append(Issued(offer.name, turn.now, cost, given if pooled else ""))
    return told


def _acts(run: Run) -> bool:
    """Say whether what a run does reaches the customer."""
    return not run.held_out and run.mode is Mode.LIVE


def _own_code(turn: Turn, run: Run, offer: Offer) -> str:
    """The run's code for an offer; after a voided one, which the shop may have been told of, another."""
    about = f"{offer.name}\x1f{run.voided}" if run.voided else offer.name
    return code(turn.rules.key, run.id, about)


def _go_without(turn: Turn, run: Run, offer: Offer, why: str) -> Drop | None:
    """The shop would not make the code: drop the send, or let it and those after it go without the offer."""
    void(turn, run.effect_id, f"{COUPON_REFUSED}: {why}")
    if offer.if_refused == "skip":
        return Drop(COUPON_REFUSED)
    kept = turn.run(run)
    turn.put(replace(kept, codes={**kept.codes, offer.name: ("", 0)}))
    return None


# What becomes of an issued offer -------------------------------------------------------------------------------------


def keep_promise(customer: Customer, number: str) -> None:
    """Note that the send which issued an offer has arrived, or may have: the offer stays as had."""
    if customer.promises:
        customer.promises = tuple(each for each in customer.promises if each.effect_id != number)


def void(turn: Turn, number: str, reason: str) -> None:
    """Take an offer back whose first send did not arrive: it was never had, and costs nothing.

    The run forgets its code, so that a later send of the offer issues another. A pool's code does not go back into the
    pool: a server that refused the message has seen it, and it may stand in the shop already.
    """
    customer = turn.customer
    promise = next((each for each in customer.promises if each.effect_id == number), None)
    if promise is None:
        return
    keep_promise(customer, number)
    name, given = promise.told["name"], promise.told["code"]
    times = list(customer.offers_had.get(name, ()))
    if promise.at in times:
        times.remove(promise.at)
    others = {each: had for each, had in customer.offers_had.items() if each != name}
    customer.offers_had = {**others, name: tuple(times)} if times else others
    earlier = list(reversed(customer.codes_given))
    if (given, name) in earlier:
        earlier.remove((given, name))  # the latest of them: a text is given again and again
        customer.codes_given = tuple(reversed(earlier))
    turn.touch(OFFERS, offer_topic(name))
    run = next((each for each in customer.runs if each.id == promise.run), None)
    if run is not None:
        codes = {offer: each for offer, each in run.codes.items() if offer != name}
        turn.put(replace(run, codes=codes, voided=run.voided + 1))
    if promise.own:
        customer.voided_codes = ring(customer.voided_codes, given, REFS_KEPT)
    told = {**promise.told, "reason": reason}
    turn.repeat(fx.COUPON_VOIDED, promise.effect_id, told, ordinal=promise.ordinal)
    turn.notes.append(Issued(name, promise.at, -promise.amount))


def void_unsent(turn: Turn, run: Run, reason: str) -> None:
    """Take back what a run was to send, when it leaves the send behind before it was released again."""
    if turn.customer.promises and run.effect_id and run.doing != "sending":
        void(turn, run.effect_id, reason)


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
