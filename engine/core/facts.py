"""Folding events into facts, so that the order in which they arrive does not matter where it need not.

Each type of event has one function that changes a `Customer` that is the caller's own copy. Facts are taken by the
event's own `time`; nothing here knows the present. Folding the same event twice changes nothing but counts of marks,
which is why `handling` drops what it has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import msgspec

from engine.core.address import add_proofs, address_ref
from engine.core.causes import TELL_A_CAUSE, learned, with_evidence
from engine.core.clicks import MAY_TELL, as_judged, forget_first_telling, judge_clicks, may_tell
from engine.core.consents import CONFIRMED, GIVEN, REQUESTED, STOPPED, WITHDRAWN, Said, note, proof_of
from engine.core.customer import (
    CATEGORIES_KEPT,
    MARKS_KEPT,
    REFS_KEPT,
    Customer,
    Order,
    Permission,
    Proof,
    Stop,
    home,
    ring,
)
from engine.core.events import (
    Consent,
    Coupon,
    Event,
    HandOffAnswered,
    Mail,
    NewsletterAnswer,
    OrderCalledOff,
    OrderDelivered,
    OrderPlaced,
    ProfileUpdated,
    Reason,
    Ticket,
)
from engine.core.ids import ref
from engine.core.life import find_last_reaction, live
from engine.core.marks import mark_down
from engine.core.message_ids import effect_of
from engine.core.moments import Instant, parse_day
from engine.core.money import smallest_units
from engine.core.orders import Gap, call_off, insert_order, meet_refunds, put_under_way, redate, refund_of
from engine.core.permission import PURPOSES, STOPPABLE, permit, stop
from engine.core.rules import Lifecycle, OwnEvent, Purpose
from engine.core.rules.permission import EXPRESS


def is_known(customer: Customer, event: Event) -> bool:
    """Say whether an order event is about something the record knows already, whatever its event id."""
    data = event.data
    if event.type == "order.placed":
        order = ref(data.order_id)
        return order in [kept.ref for kept in customer.orders] or order in customer.called_off
    if event.type == "order.cancelled":
        return not {ref(data.order_id), ~ref(data.order_id)}.isdisjoint(customer.called_off)
    return False


def is_taken_back(customer: Customer, event: Event) -> bool:
    """Say whether an event is an order that was cancelled before we heard of it: as if it had never been placed."""
    return (
        bool(customer.called_off) and event.type == "order.placed" and ref(event.data.order_id) in customer.called_off
    )


def fold(customer: Customer, event: Event, lifecycle: Lifecycle, own: OwnEvent | None, gaps: list[Gap]) -> None:
    """Fold an event into the record (the caller's own copy); changes of reorder intervals are added to `gaps`."""
    folder = _FOLDERS.get(event.type)
    if folder is not None:
        folder(customer, event, lifecycle, gaps)
    elif own is not None and own.shows_life:
        live(customer, "other", event.time)
    if not (customer.called_off and is_taken_back(customer, event)):
        forget_first_telling(customer, event)
        mark_down(customer, event)
    if event.type in MAY_TELL and may_tell(customer, event, lifecycle.engagement):
        judge_clicks(customer, lifecycle.engagement)
        event = as_judged(customer, event)
    if lifecycle.causes or own is not None or event.type in TELL_A_CAUSE:
        customer.evidence = with_evidence(customer.evidence, learned(event, lifecycle.causes))


# Orders --------------------------------------------------------------------------------------------------------------


def _placed(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: OrderPlaced = event.data
    number = ref(data.order_id)
    _address_given(customer, data.email, event.time)
    day = home(customer, lifecycle).day(event.time)
    if day > customer.sold_on and data.email and data.email.casefold() == _address(customer):
        customer.sold_on = day
    if ~number in customer.called_off:  # from now on it is known
        customer.called_off = tuple(number if each == ~number else each for each in customer.called_off)
    if number in customer.called_off:
        return
    categories = tuple(dict.fromkeys(item.category for item in data.items if item.category))[:CATEGORIES_KEPT]
    amount = smallest_units(data.total, data.currency)
    insert_order(customer, Order(event.time, day, number, amount, data.currency, categories), gaps)
    meet_refunds(customer)
    put_under_way(customer, ((number, event.time),))
    if data.coupon:
        _used(customer, data.coupon, data.order_id)
    if data.items and event.time >= customer.last_items_at:
        customer.last_items = tuple(item.name or item.sku for item in data.items[:5])
        customer.last_items_at = event.time
    customer.last_reaction = max(customer.last_reaction, event.time)


def _cancelled(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: OrderCalledOff = event.data
    number = ref(data.order_id)
    customer.under_way = tuple(each for each in customer.under_way if each[0] != number)
    order = next((each for each in customer.orders if each.ref == number), None)
    customer.called_off = ring(customer.called_off, ~number if order is None else number, REFS_KEPT)
    if order is not None:
        call_off(customer, order, gaps)
        find_last_reaction(customer)


def _refunded(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: OrderCalledOff = event.data
    number = ref(data.order_id)
    customer.refunded_at = max(customer.refunded_at, event.time)
    customer.refunds = ring(customer.refunds, refund_of(number, data.amount, data.currency), MARKS_KEPT)
    meet_refunds(customer)


def _delivered_order(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: OrderDelivered = event.data
    number = ref(data.order_id)
    if any(order.ref == number for order in customer.orders):
        customer.under_way = tuple(each for each in customer.under_way if each[0] != number)
    elif number not in customer.delivered:
        customer.delivered = ring(customer.delivered, number, MARKS_KEPT)


# Mail ----------------------------------------------------------------------------------------------------------------


def _mailed(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: Mail = event.data
    customer.last_mail = max(customer.last_mail, event.time)
    if data.sender and data.purpose != Purpose.SERVICE:
        customer.other_mail = max(customer.other_mail, event.time)


def _bounced(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: Mail = event.data
    if data.kind == "dead" or (data.kind in ("", "unknown") and not data.status.startswith("4")):
        add_proofs(customer, (Proof(event.time, data.kind == "dead", data.status, address_ref(data.email)),))
    number = effect_of(data.message_id)
    if number:  # taken out, not set back: the end of its hand-over may be heard of later
        customer.runs = tuple(
            msgspec.structs.replace(run, asked=tuple(each for each in run.asked if each.effect_id != number))
            for run in customer.runs
        )


def _replied(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    if event.data.kind != "auto_reply":
        live(customer, "reply", event.time)
        customer.replied_at = max(customer.replied_at, event.time)


def _answered(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    live(customer, "reply", event.time)


def _hand_off_answered(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: HandOffAnswered = event.data
    if data.result != "not_reached":
        live(customer, "reply", event.time)
    if data.result == "never":  # said to a person, on whatever channel: no less than a click on a link
        _stop(customer, event, [Purpose.MARKETING.value])


def _logged_in(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    live(customer, "login", event.time)


# Permission ----------------------------------------------------------------------------------------------------------


def _unsubscribed(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: Mail = event.data
    _stop(customer, event, [data.purpose] if data.purpose in STOPPABLE else STOPPABLE)


def _objected(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    _stop(customer, event, STOPPABLE)


def _stop(customer: Customer, event: Event, purposes: Iterable[str]) -> None:
    for purpose in purposes:
        stop(customer, purpose, Stop(event.time, event.type))
        note(customer, Said(event.time, purpose, STOPPED, event.type, event.source))


def _subscribed(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: NewsletterAnswer = event.data
    note(customer, Said(event.time, _NEWSLETTER, REQUESTED, event.type, event.source, "", proof_of(data.proof)))
    _address_given(customer, data.email, event.time)


def _confirmed(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: NewsletterAnswer = event.data
    permit(customer, _NEWSLETTER, Permission(True, event.time))
    note(customer, Said(event.time, _NEWSLETTER, CONFIRMED, event.type, event.source, EXPRESS, proof_of(data.proof)))
    live(customer, "confirmation", event.time)
    _address_given(customer, data.email, event.time)


_NEWSLETTER = "newsletter/email"


def _consent_given(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: Consent = event.data
    expires, key, basis = parse_day(data.expires) if data.expires else None, data.permission, data.basis or EXPRESS
    permit(customer, key, Permission(True, event.time, "" if basis == EXPRESS else basis, expires))
    proof = proof_of(data.proof, given_at=data.given_at, expires=data.expires)
    note(customer, Said(event.time, key, GIVEN, event.type, event.source, basis, proof))
    _address_given(customer, data.email, event.time)


def _consent_withdrawn(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: Consent = event.data
    said: str = data.purpose
    if not said:  # a "no" that could be read only in part is one to everything, everywhere
        _objected(customer, event, lifecycle, gaps)
    for purpose in [said] if said else PURPOSES:
        permit(customer, key := f"{purpose}/{data.channel}", Permission(given=False, at=event.time))
        note(customer, Said(event.time, key, WITHDRAWN, event.type, event.source, "", proof_of(data.proof)))


# Profile -------------------------------------------------------------------------------------------------------------


def _address_given(customer: Customer, address: str, at: Instant) -> None:
    if address and "email" not in customer.profile:
        customer.profile = {**customer.profile, "email": (address, 0)}
        customer.address_given = max(customer.address_given, at)


def _address(customer: Customer) -> str:
    return str(customer.value("email") or "").casefold()


def _profiled(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: ProfileUpdated = event.data
    profile = dict(customer.profile)
    at = event.time
    for name in data.__struct_fields__:
        value = getattr(data, name)
        if value in ("", {}):
            continue  # said nothing about this field
        if name == "attributes":
            for key, attribute in (value or {}).items():
                _newer(profile, f"attributes.{key}", attribute, at)
        elif name == "email" and value is not None:
            known = profile.get("email")
            is_new = known is None or str(known[0] or "").casefold() != value.casefold()
            if _newer(profile, "email", value, at) and is_new:
                customer.address_given = max(customer.address_given, at)
                customer.sold_on = 0
        else:
            _newer(profile, name, value, at)
    customer.profile = profile
    if data.timezone != "":
        redate(customer, lifecycle, gaps)


def _newer(profile: dict[str, tuple[Any, Instant]], name: str, value: Any, at: Instant) -> bool:
    known = profile.get(name)
    if known is not None and (known[1], repr(known[0])) > (at, repr(value)):
        return False
    if isinstance(value, Decimal):
        value = str(value)
    profile[name] = (value, at)
    return True


# Tickets, coupons, the end -------------------------------------------------------------------------------------------


def _ticket_opened(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: Ticket = event.data
    number = ref(data.ticket_id)
    if number not in customer.solved_tickets and number not in customer.open_tickets:
        customer.open_tickets = ring(customer.open_tickets, number, MARKS_KEPT)


def _ticket_solved(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: Ticket = event.data
    number = ref(data.ticket_id)
    customer.open_tickets = tuple(each for each in customer.open_tickets if each != number)
    if number not in customer.solved_tickets:
        customer.solved_tickets = ring(customer.solved_tickets, number, MARKS_KEPT)
    customer.ticket_solved_at = max(customer.ticket_solved_at, event.time)


def _used(customer: Customer, code: str, order_id: str) -> None:
    if code not in customer.used_codes:
        customer.used_codes = ring(customer.used_codes, code, MARKS_KEPT)
    if code not in customer.used_in and any(code == given for given, _ in customer.codes_given):
        kept = [*customer.used_in.items(), (code, ref(order_id) if order_id else 0)]
        customer.used_in = dict(kept[-MARKS_KEPT:])


def _redeemed(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: Coupon = event.data
    _used(customer, data.code, data.order_id)


def _data_requested(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    customer.data_requested = max(customer.data_requested, event.time)


def _gone(customer: Customer, event: Event, lifecycle: Lifecycle, gaps: list[Gap]) -> None:
    data: Reason = event.data
    customer.gone = customer.gone or (data.reason or event.type)


_FOLDERS: dict[str, Callable[[Customer, Event, Lifecycle, list[Gap]], None]] = {
    "order.placed": _placed,
    "order.cancelled": _cancelled,
    "order.refunded": _refunded,
    "order.delivered": _delivered_order,
    "email.sent": _mailed,
    "email.delivered": _mailed,
    "email.bounced": _bounced,
    "email.replied": _replied,
    "email.complained": _objected,
    "email.unsubscribed": _unsubscribed,
    "newsletter.subscribed": _subscribed,
    "newsletter.confirmed": _confirmed,
    "consent.given": _consent_given,
    "consent.withdrawn": _consent_withdrawn,
    "coupon.redeemed": _redeemed,
    "survey.answered": _answered,
    "invitation.answered": _answered,
    "hand_off.answered": _hand_off_answered,
    "profile.updated": _profiled,
    "ticket.opened": _ticket_opened,
    "ticket.solved": _ticket_solved,
    "customer.logged_in": _logged_in,
    "account.closed": _objected,
    "customer.ended": _gone,
    "customer.erased": _gone,
    "customer.data_requested": _data_requested,
}
