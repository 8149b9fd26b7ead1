"""The clicks in a customer's record: judged by each other, held until they can be, and judged anew when more is known.

A click counts for nothing until some time has passed (`settle:`), since it may be the first of a scanner's ten. It is kept
in the record meanwhile, with the instant at which it will count; then it is taken in as if it came just now. What is told
later (more links, the mail's arrival, an order with our code) may still change the verdict: the mark is changed, and so is
the date of the last click. Folding clicks, arrivals and orders in any order comes to the same.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from engine.core.bursts import JUDGED, click_of, judge
from engine.core.customer import ARRIVED_KEPT, HELD_KEPT, Customer, Held, Mark, ring
from engine.core.engagement import MANY_RECIPIENTS
from engine.core.events import Event
from engine.core.life import CLICK, live, set_back
from engine.core.marks import CLICKED, by_whom, who_did
from engine.core.moments import Instant
from engine.core.rules import EngagementRule

_ARRIVALS = ("email.sent", "email.delivered")
_VOUCH = ("customer.logged_in", "newsletter.confirmed")
_ABOUT_CODES = ("order.placed", "order.cancelled", "coupon.redeemed")
MAY_TELL = frozenset({CLICKED, *_ARRIVALS, *_VOUCH, *_ABOUT_CODES})
"""Events that may tell who clicked."""


# Holding -------------------------------------------------------------------------------------------------------------


def must_settle(customer: Customer, event: Event, now: Instant, rule: EngagementRule) -> bool:
    """Say whether a click has to wait before it counts: a new one of which nobody knows whose it is."""
    data = event.data
    is_open = data.machine is None and not data.unverified
    return is_open and event.time + rule.settle > now and len(customer.held) < HELD_KEPT and not customer.gone


def hold(customer: Customer, event: Event, now: Instant, rule: EngagementRule) -> None:
    """Hold a click on the caller's own copy. Those that were held before are judged in its light when they are due."""
    data = replace(event.data, ip="", user_agent="", method="")
    new = Held(min(event.time, now) + rule.settle, event.time, data)
    customer.held = tuple(sorted((*customer.held, new), key=lambda each: (each.due, each.at, each.data.link)))
    if CLICKED in customer.trail:
        judge_clicks(customer, rule)


def next_settled(customer: Customer, now: Instant) -> Event | None:
    """Take the next click that is due from those held on the caller's own copy; None where none is."""
    if not customer.held or customer.held[0].due > now:
        return None
    first, *rest = customer.held
    customer.held = tuple(rest)
    return Event("", "", CLICKED, first.at, customer.id, first.data)


def forget_first_telling(customer: Customer, event: Event) -> None:
    """Take out on the caller's own copy what a click that is told again as a machine's was before."""
    data = event.data
    if event.type != CLICKED or not data.machine or MANY_RECIPIENTS not in data.why:
        return
    mail = (by_whom(CLICKED, data) or {}).get("mail")
    customer.held = tuple(
        each
        for each in customer.held
        if (each.at, each.data.link, each.data.message_id) != (event.time, data.link, data.message_id)
    )
    if marks := customer.trail.get(CLICKED):
        kept = tuple(
            mark
            for mark in marks
            if (mark.at, _link(mark), (mark.fields or {}).get("mail")) != (event.time, data.link, mail)
        )
        customer.trail = {**customer.trail, CLICKED: kept}


# Judging -------------------------------------------------------------------------------------------------------------


def may_tell(customer: Customer, event: Event, rule: EngagementRule) -> bool:
    """Say whether an event that was just folded may change what is thought of the clicks that are known."""
    if event.type == CLICKED:
        return True
    marks = customer.trail.get(CLICKED)
    if not marks:
        return False
    if event.type in _ARRIVALS:
        return any(abs(mark.at - event.time) < rule.too_fast for mark in marks)
    return event.type in _VOUCH or bool(customer.used_in)


def mail_arrived(customer: Customer, at: Instant, rule: EngagementRule) -> None:
    """Note on the caller's own copy that a mail of ours was handed over."""
    customer.arrived = ring(customer.arrived, at, ARRIVED_KEPT)
    if any(abs(mark.at - at) < rule.too_fast for mark in customer.trail.get(CLICKED, ())):
        judge_clicks(customer, rule)


def judge_clicks(customer: Customer, rule: EngagementRule) -> None:
    """Judge all clicks in the record anew, on the caller's own copy, and find the last that a person made."""
    marks = customer.trail.get(CLICKED, ())
    clicks = [click_of(mark.at, mark.fields) for mark in marks]
    clicks += [click_of(each.at, by_whom(CLICKED, each.data)) for each in customer.held]
    reasons = judge(clicks, _arrivals(customer), _vouching(customer), rule)
    judged = tuple(_judged(mark, reason) for mark, reason in zip(marks, reasons, strict=False))
    changed = any(new is not mark for new, mark in zip(judged, marks, strict=True))
    if changed:
        customer.trail = {**customer.trail, CLICKED: judged}
    last = max((mark.at for mark in judged if not who_did(mark)), default=0)
    if last < customer.life.get(CLICK, 0):
        set_back(customer, CLICK, last)
    elif last:
        live(customer, CLICK, last)


def as_judged(customer: Customer, event: Event) -> Event:
    """Return an event that was just folded, a click with what is thought of it by now."""
    if event.type != CLICKED:
        return event
    for mark in reversed(customer.trail.get(CLICKED, ())):
        if mark.at == event.time and (found := (mark.fields or {}).get(JUDGED)) and _link(mark) == event.data.link:
            return replace(event, data=replace(event.data, machine=True, why=(*event.data.why, found)))
    return event


def _judged(mark: Mark, reason: str) -> Mark:
    """Return a mark with what was found of it by others; the same one where nothing is new."""
    fields: dict[str, Any] = mark.fields or {}
    if fields.get(JUDGED, "") == reason:
        return mark
    plain = {name: value for name, value in fields.items() if name not in (JUDGED, "machine")}
    found = {**plain, "machine": True, JUDGED: reason} if reason else plain
    return Mark(mark.at, found or None)


def _link(mark: Mark) -> str:
    return str((mark.fields or {}).get("link", ""))


def _arrivals(customer: Customer) -> list[Instant]:
    told = [mark.at for kind in _ARRIVALS for mark in customer.trail.get(kind, ())]
    return [*told, *customer.arrived]


def _vouching(customer: Customer) -> list[Instant]:
    """When they did what only a person does: log in, confirm, order with a code of ours."""
    told = [mark.at for kind in _VOUCH for mark in customer.trail.get(kind, ())]
    if customer.used_in:
        with_codes = set(customer.used_in.values())
        told += [order.at for order in customer.orders if order.ref in with_codes]
    return told
