"""What we think of a customer: prospect, active, reader, lapsed or former, with the evidence and the next doubt.

Order of judgement: former, then prospect (no order yet, whatever they click), then active, then reader, then lapsed.
Only human clicks, orders, replies, logins and confirmations prove life; opens never do.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import msgspec
from msgspec import Struct

from engine.core import seasons
from engine.core.cadence import Thresholds, bounded
from engine.core.causes import cause_in_words
from engine.core.consents import OURS
from engine.core.customer import Customer, home, permission_rule
from engine.core.events import Event
from engine.core.moments import Day, Instant, Zone, iso_day
from engine.core.rules import Lifecycle, Standing


class Judgement(Struct, frozen=True):
    """A standing, since when, and when it may change by time alone (None: only an event can change it).

    `lapsed_at` is the instant at which the days without an order became too many, 0 while they are not.
    """

    standing: Standing
    since: Instant
    next_doubt: Instant | None
    lapsed_at: Instant = 0


def judge(customer: Customer, now: Instant, lifecycle: Lifecycle, thresholds: Thresholds) -> Judgement:
    """Judge a customer's standing at an instant, from the facts up to it.

    What is ahead of the clock (a shop's may be faster than ours) is judged when its time has come.
    """
    judged = _judged(customer, now, lifecycle, thresholds)
    newest = max(customer.orders[-1].at if customer.orders else 0, *customer.life.values(), 0)
    if newest <= now:
        return judged
    times = [*(order.at for order in customer.orders), *customer.life.values()]
    coming = min(at for at in times if at > now)
    doubt = coming if judged.next_doubt is None else min(judged.next_doubt, coming)
    return msgspec.structs.replace(judged, next_doubt=doubt)


def _judged(customer: Customer, now: Instant, lifecycle: Lifecycle, thresholds: Thresholds) -> Judgement:
    orders = customer.orders
    if orders and orders[-1].at <= now:
        last_at, last_day, count = orders[-1].at, orders[-1].day, len(orders)
    else:  # the ordinary case is above; this one looks back, or has no orders kept
        past = [order for order in orders if order.at <= now]
        count = len(past)
        if past:
            last_at, last_day = past[-1].at, past[-1].day
        elif customer.folded is not None and customer.folded.last_at <= now:
            last_at, last_day, count = customer.folded.last_at, customer.folded.last_day, customer.folded.orders
        else:
            last_at, last_day = 0, 0
    if customer.standing is Standing.FORMER and last_at <= customer.standing_since:
        return Judgement(Standing.FORMER, customer.standing_since, None, customer.lapsed_at)
    if not count:
        return Judgement(Standing.PROSPECT, 0, None)
    there = home(customer, lifecycle)
    too_many = threshold_days(customer, last_day, lifecycle, thresholds) + 1
    if lifecycle.seasons:
        lapsed_at = there.start(seasons.nth_day(lifecycle.seasons, last_day, too_many))
    else:
        lapsed_at = there.start(last_day + too_many)
    if now < lapsed_at:
        return Judgement(Standing.ACTIVE, last_at, lapsed_at)
    return _silent(customer, now, lapsed_at, there, lifecycle)


def _silent(customer: Customer, now: Instant, lapsed_at: Instant, there: Zone, lifecycle: Lifecycle) -> Judgement:
    """Judge a customer who has not ordered for too long by whether they still read."""
    life = customer.life
    read_at = max([at for kind in lifecycle.reader.any_of if (at := life.get(kind, 0)) <= now] or [0])
    reads_until = there.after(read_at, lifecycle.reader.within) if read_at else 0
    if now < reads_until:
        return Judgement(Standing.READER, max(lapsed_at, min(read_at, now)), reads_until, lapsed_at)
    since = max(lapsed_at, reads_until)
    if lifecycle.former_after is not None:
        former_at = there.after(since, lifecycle.former_after)
        if now >= former_at:
            return Judgement(Standing.FORMER, former_at, None, lapsed_at)
        return Judgement(Standing.LAPSED, since, former_at, lapsed_at)
    return Judgement(Standing.LAPSED, since, None, lapsed_at)


def threshold_days(customer: Customer, last_day: Day, lifecycle: Lifecycle, thresholds: Thresholds) -> int:
    """Return the most idle days that are not yet a lapse, for this customer.

    A category of the last order with an interval of its own counts before the shop's; of several, the longest (too
    early costs money). An own interval needs two closed ones.
    """
    if lifecycle.one_time_buyers is not None and _first_day(customer) == last_day:
        return thresholds.one_time
    if thresholds.own_factor is not None:
        days = len({order.day for order in customer.orders if order.day <= last_day})
        if customer.folded is not None:
            days += customer.folded.days - any(order.day == customer.folded.last_day for order in customer.orders[:1])
        if days > 2:
            own = Fraction(last_day - _first_day(customer), days - 1)
            return bounded(own * Fraction(*thresholds.own_factor), lifecycle)
    if thresholds.categories:
        last = next((order for order in reversed(customer.orders) if order.day <= last_day), None)
        found = [
            thresholds.categories[name] for name in (last.categories if last else ()) if name in thresholds.categories
        ]
        if found:
            return max(found)
    return thresholds.overall


def _first_day(customer: Customer) -> Day:
    return customer.folded.first_day if customer.folded is not None else customer.orders[0].day


def evidence(customer: Customer, now: Instant, lifecycle: Lifecycle, thresholds: Thresholds) -> list[str]:
    """Say in words what the standing rests on, for `explain` and for the effects."""
    there = home(customer, lifecycle)
    said: list[str] = []
    if customer.orders or customer.folded:
        last = customer.orders[-1].day if customer.orders else customer.folded.last_day if customer.folded else 0
        allowed = threshold_days(customer, last, lifecycle, thresholds)
        idle = there.day(now) - last
        counted = f"{idle} idle days"
        if lifecycle.seasons:
            inside = seasons.count(lifecycle.seasons, last, there.day(now))
            counted += f" of which {inside} in season"
        said.append(f"last order on {iso_day(last)}, {counted}, {allowed} are not yet a lapse")
    else:
        said.append("no order yet")
    life = {kind: at for kind, at in customer.life.items() if kind in lifecycle.reader.any_of}
    if life:
        kind, at = max(life.items(), key=lambda each: (each[1], each[0]))
        said.append(f"last {kind} on {iso_day(there.day(at))}")
    elif customer.orders or customer.folded:
        said.append("no click, reply, login or confirmation known")
    if not is_observed(customer, lifecycle):
        said.append("reading: not observed")
    return [*said, *cause_in_words(customer, now, there)]


def is_observed(customer: Customer, lifecycle: Lifecycle) -> bool:
    """Say whether we may see them read: with a tracking consent, or where their country's rule asks for none."""
    tracking = customer.permission.get("tracking/email")
    if tracking is None:
        return not permission_rule(customer, lifecycle).tracking_consent
    return tracking.given


UNOBSERVED: Final = "tracking was not consented to, or is no more: what our own links and pixels tell is not kept"
_OF_READING: Final = frozenset({"email.opened", "email.clicked"})


def may_not_be_kept(customer: Customer, event: Event, lifecycle: Lifecycle) -> bool:
    """Say whether an event tells by our own links or pixel what somebody reads who does not let us see it (any more).

    They withdrew their consent after the mail had left: it holds for mails already sent. What other tools tell is theirs to
    answer for.
    """
    return event.type in _OF_READING and event.source == OURS and not is_observed(customer, lifecycle)
