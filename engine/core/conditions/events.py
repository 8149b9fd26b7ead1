"""`event:` and `no_event:`: something happened so often within a length, or since an occasion, or it did not."""

from __future__ import annotations

from collections.abc import Sequence

from engine.core.conditions.spans import Until, counts_from, counts_until, lasting
from engine.core.conditions.view import NEVER, View
from engine.core.customer import Customer, Mark
from engine.core.engagement import asks_by_whom, is_human
from engine.core.marks import BY_ANYBODY, ITEM_CATEGORY
from engine.core.matching import matches
from engine.core.moments import Instant
from engine.core.occasions import last_day, next_day
from engine.core.rules import EventSeen
from engine.core.standing import is_observed


def event_from(condition: EventSeen, view: View) -> Instant:
    """Seen so often within the length, its far end left out: at the same clock time `within` later it is gone."""
    now = view.now
    if condition.absent and condition.event in BY_ANYBODY and not is_observed(view.customer, view.lifecycle):
        return NEVER  # where reading may not be observed, its absence proves nothing
    marks = _marks(condition, view.customer)
    if condition.since or (marks and marks[-1].at > now):
        return _turn(condition, marks, view)
    if len(marks) < condition.at_least:
        seen_until = 0
    elif condition.within is None:
        seen_until = NEVER
    else:
        seen_until = view.zone.after(marks[-condition.at_least].at, condition.within)
    if condition.absent:
        return max(now, seen_until)
    return now if now < seen_until else NEVER


def event_until(condition: EventSeen, view: View) -> Instant:
    """Return when that ends by time alone, where it holds now."""
    times, until = _counted(condition, _marks(condition, view.customer), view)
    ends = counts_from if condition.absent else counts_until
    return ends(times, until, view.now, condition.at_least)


def _turn(condition: EventSeen, marks: Sequence[Mark], view: View) -> Instant:
    """The same where marks are ahead of the clock, or an occasion says from when on they count."""
    times, until = _counted(condition, marks, view)
    begin, least = _begin(condition, view), condition.at_least
    if begin >= NEVER:
        return NEVER  # no such day is known: what is not known holds for nothing but `not:`
    seen = counts_from(times, until, begin, least)
    if not condition.absent:
        return seen
    return begin if seen > begin else counts_until(times, until, begin, least)


def _begin(condition: EventSeen, view: View) -> Instant:
    """The instant from which it can be told at all: the start of the occasion's first day."""
    if not condition.since:
        return view.now
    occasion, today = view.lifecycle.occasions.get(condition.since), view.zone.day(view.now)
    if occasion is None:
        return NEVER
    if last_day(occasion, view.customer, today) is not None:
        return view.now
    begin = next_day(occasion, view.customer, today)
    return NEVER if begin is None else view.zone.start(begin)


def _counted(condition: EventSeen, marks: Sequence[Mark], view: View) -> tuple[list[Instant], Until]:
    """The instants that count, and until when each does: for a length, or until the occasion's next day begins."""
    if not condition.since:
        return [mark.at for mark in marks], lasting(condition.within, view)
    occasion, zone, customer = view.lifecycle.occasions.get(condition.since), view.zone, view.customer
    if occasion is None:
        return [], lasting(None, view)

    def until(at: Instant) -> Instant:
        following = next_day(occasion, customer, zone.day(at) + 1)
        return NEVER if following is None else zone.start(following)

    return [mark.at for mark in marks if last_day(occasion, customer, zone.day(mark.at)) is not None], until


def _marks(condition: EventSeen, customer: Customer) -> Sequence[Mark]:
    """The marks a condition counts: those its `where:` matches, and of clicks and opens only what people did."""
    kept: Sequence[Mark] = customer.trail.get(condition.event, ())
    if condition.where:
        if condition.event == "order.placed" and ITEM_CATEGORY in condition.where:  # the orders themselves know it
            kept = [Mark(order.at, {ITEM_CATEGORY: order.categories}) for order in customer.orders]
        kept = [mark for mark in kept if matches(condition.where, (mark.fields or {}).get)]
    if kept and condition.event in BY_ANYBODY and not asks_by_whom(condition.where):
        kept = [mark for mark in kept if mark.fields is None or is_human(mark.fields.get)]
    return kept
