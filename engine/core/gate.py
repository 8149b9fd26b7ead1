"""The record's half of the gate: whether this send may go now, later, or not at all.

Asked when a send is released, so that what leaves may go now. What can never pass is said first, then what holds it
for a while: of several reasons to wait the one that lasts longest counts, moved on into the hours it may go in.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from engine.core.allowances import BUDGET, CODES, Lacks, allowance_of, key_of, left_at
from engine.core.breaker import FAMILY, MARKETING
from engine.core.conditions import View
from engine.core.customer import Customer, Run
from engine.core.frequency import own_cap_reached
from engine.core.had import all_times_had, times_had
from engine.core.hours import into_hours
from engine.core.moments import DAY, HOUR, Instant, Zone, zone
from engine.core.permits import permit_of
from engine.core.providers import family
from engine.core.rulebook import Rules
from engine.core.rules import TASK, Address, Offer, PerCustomer, Purpose, Send, Standing, Workflow
from engine.core.shop import Pause


class Go(Struct, frozen=True):
    """It may go now."""


class Defer(Struct, frozen=True):
    """It may not go before `until`; None: not before a pause is over."""

    until: Instant | None
    reason: str


class Drop(Struct, frozen=True):
    """It may not go."""

    reason: str


Verdict = Go | Defer | Drop
GO = Go()
ORDER_UNDER_WAY = "an order is under way"
OUTSIDE_HOURS = "outside the hours it may be sent in"


def verdict(customer: Customer, run: Run, workflow: Workflow, step: Send, now: Instant, rules: Rules) -> Verdict:
    """Ask the record's half of the gate about one send of a run."""
    view = View(customer, now, rules.lifecycle)
    refused = refusal(view, step)
    if refused:
        return Drop(refused)
    if customer.stuck:
        return Defer(now + HOUR, "stuck until its dead letter is replayed")
    pause = paused(customer, workflow.name, step, rules)
    if pause is not None and run.mode == "live":
        return Defer(None, f"paused: {pause.scope} {pause.name}".rstrip())
    until, reason = now, ""
    for later, why in _waits(view, run, step):
        if later > until:
            until, reason = later, why
    if step.channel == TASK:  # a team has hours of its own
        allowed = until
    else:
        allowed = into_hours(until, view.zone, run_zone(workflow, view.zone), workflow, step, view.quiet)
    if allowed > now:
        return Defer(allowed, reason or OUTSIDE_HOURS)
    return GO


def run_zone(workflow: Workflow, own: Zone) -> Zone:
    """The zone a run's clock times are in: the customer's own, or the one its workflow names."""
    return own if workflow.timezone == "customer" else zone(workflow.timezone)


def paused(customer: Customer, workflow: str, step: Send, rules: Rules) -> Pause | None:
    """Return a pause that covers this send, if there is one."""
    if not rules.shop.pauses:
        return None
    by_mail = step.channel in ("email", "preferred")
    address = str(customer.value("email") or "")
    domain = address.rpartition("@")[2].casefold() if by_mail else None
    covered = {"engine": "", "workflow": workflow, "template": step.template, "domain": domain}
    if by_mail and step.purpose is not Purpose.SERVICE:
        covered |= {MARKETING: "", FAMILY: family(address)}
    return next((pause for pause in rules.shop.pauses if covered.get(pause.scope) == pause.name), None)


# What can never pass -------------------------------------------------------------------------------------------------


def refusal(view: View, step: Send) -> str:
    """Say why a send can never pass as things are, empty if it may pass now or later."""
    customer = view.customer
    if customer.gone:
        return "gone"
    unreachable = _unreachable(customer, step.channel)
    if unreachable or step.purpose is Purpose.SERVICE:
        return unreachable
    if step.channel != TASK:  # of a task they narrow what the person may do
        forbidden = _forbidden(view, step.purpose, step.channel)
        if forbidden:
            return forbidden
    if customer.standing is Standing.FORMER and step.purpose is Purpose.MARKETING:
        return "former"
    return _too_old(view) if step.channel == "email" else ""


def _unreachable(customer: Customer, channel: str) -> str:
    if channel == "email" and customer.address is Address.DEAD:
        return "address_dead"
    needed = _ADDRESSES.get(channel)
    return "no_address" if needed is not None and not customer.value(needed) else ""


_ADDRESSES = {"email": "email", "letter": "postal", "phone": "phone", "sms": "phone"}
"""The field of the profile that each channel needs. Where a push goes, the service that pushes knows."""


def channel_of(view: View, step: Send) -> str:
    """Return the channel of a `preferred` send: the customer's own, if it is known and permitted there, else email."""
    wanted = str(view.customer.value("channel") or "")
    if wanted not in (*_ADDRESSES, "push") or _unreachable(view.customer, wanted):
        return "email"
    is_service = step.purpose is Purpose.SERVICE
    return wanted if is_service or may_reach(view, step.purpose, wanted) else "email"


def may_reach(view: View, purpose: Purpose, channel: str) -> bool:
    """Say whether the customer permits a purpose on a channel, and has not stopped it there."""
    return not _forbidden(view, purpose, channel)


def _forbidden(view: View, purpose: Purpose, channel: str) -> str:
    return permit_of(view, purpose.value, channel).reason


def _too_old(view: View) -> str:
    customer, oldest = view.customer, view.lifecycle.oldest_address
    if oldest is None:
        return ""
    known = max(customer.last_reaction, customer.last_mail, customer.address_given)
    if known + oldest.roughly > view.now + DAY:  # far from the bound, which clocks move by an hour
        return ""
    known = max([known, *(each.at for each in customer.permission.values() if each.given)])
    return "address_too_old" if view.zone.after(known, oldest) <= view.now else ""


# What makes it wait --------------------------------------------------------------------------------------------------


def _waits(view: View, run: Run, step: Send) -> Iterator[tuple[Instant, str]]:
    if step.purpose is Purpose.SERVICE:
        return
    yield from _holds(view, run)
    yield from _while_answered(view, step)
    customer, zone = view.customer, view.zone
    clear = view.lifecycle.keep_clear_of_other_senders
    if clear is not None and customer.other_mail and step.purpose is Purpose.MARKETING and step.channel != TASK:
        yield zone.after(customer.other_mail, clear), "another sender wrote not long ago"
    yield from caps_reached(view, step.purpose)


def caps_reached(view: View, purpose: Purpose) -> Iterator[tuple[Instant, str]]:
    """Yield each cap that so many releases have reached: when it is free again, and its words.

    The shop's caps count releases of their purpose, the customer's own counts whatever is not of service.
    """
    yield from own_cap_reached(view)
    for cap in view.lifecycle.caps:
        if cap.purpose is not purpose:
            continue
        counted = [each.at for each in view.customer.releases if each.purpose == cap.purpose.value]
        if len(counted) >= cap.count:
            free = view.zone.after(counted[-cap.count], cap.length)
            yield free, f"cap: {cap.purpose.value} at most {cap.count} per {cap.length}"


def _holds(view: View, run: Run) -> Iterator[tuple[Instant, str]]:
    customer, hold, zone = view.customer, view.lifecycle.hold_while, view.zone
    if hold.ticket_open and customer.open_tickets:
        yield view.now + HOUR, "a ticket is open"  # its end is an event; asked again each hour at most
    if hold.ticket_solved is not None and customer.ticket_solved_at:
        yield zone.after(customer.ticket_solved_at, hold.ticket_solved), "a ticket was solved not long ago"
    if hold.order_under_way is not None and run.led_by >= 0:  # below 0: no order holds this run
        for number, at in customer.under_way:
            if number != run.led_by:
                yield zone.after(at, hold.order_under_way), ORDER_UNDER_WAY
    if hold.after_refund is not None and customer.refunded_at:
        yield zone.after(customer.refunded_at, hold.after_refund), "a refund was made not long ago"


def _while_answered(view: View, step: Send) -> Iterator[tuple[Instant, str]]:
    """Whoever wrote back gets their answer from a person first; to hand them to one is part of that."""
    hold, replied_at = view.lifecycle.hold_while.reply, view.customer.replied_at
    if hold is not None and replied_at and step.channel != TASK:
        yield view.zone.after(replied_at, hold), "they wrote back, and a person answers"


# Offers --------------------------------------------------------------------------------------------------------------


def refused_offer(view: View, workflow: Workflow, name: str, rules: Rules, cost: int) -> str | Lacks:
    """Say why an offer may not be made to this customer now (first send of it in a run), empty if it may.

    Where the shop has parts, one that lacks codes or money waits for them, unless there is no more anywhere.
    """
    offer = workflow.offers[name]
    customer = view.customer
    if offer.per_customer is not None and _too_often(times_had(customer, name), offer.per_customer, view):
        return "offer_had"
    most = view.lifecycle.offers_at_most
    if most is not None and _too_often(all_times_had(customer), most, view):
        return "offers_at_most"
    if any(_was_had(times_had(customer, other), offer, view) for other in offer.excludes):
        return "offer_excluded"
    if offer.after and not _was_had(times_had(customer, offer.after), offer, view):
        return "offer_not_yet"
    if offer.codes == "pool" and not rules.shop.codes.get(name):
        return no_code(rules, name)
    if offer.budget is not None and rules.shop.allowances is not None:
        allowance = allowance_of(rules.shop.allowances, BUDGET, name)
        if left_at(allowance, view.now) < cost:
            return "budget_spent" if allowance.used_up else Lacks(key_of(BUDGET, name), cost)
    elif offer.budget is not None:
        first = view.zone.day(view.zone.before(view.now, offer.budget.length)) + 1
        spent = sum(amount for day, amount in rules.shop.budgets.get(name, {}).items() if day >= first)
        if spent + cost > offer.budget.money.amount:
            return "budget_spent"
    return ""


def no_code(rules: Rules, name: str) -> str | Lacks:
    """Say why an offer is not made for which there is no code of its pool."""
    allowances = rules.shop.allowances
    if allowances is None or allowance_of(allowances, CODES, name).used_up:
        return "pool_empty"
    return Lacks(key_of(CODES, name), 1)


def _was_had(times: tuple[Instant, ...], offer: Offer, view: View) -> bool:
    """Say whether another offer was had, as far back as this one looks."""
    if offer.had_within is None:
        return bool(times)
    return any(view.zone.after(at, offer.had_within) > view.now for at in times)


def _too_often(times: tuple[Instant, ...], allowed: PerCustomer, view: View) -> bool:
    if allowed.length is None:
        return len(times) >= allowed.count
    return sum(view.zone.after(at, allowed.length) > view.now for at in times) >= allowed.count
