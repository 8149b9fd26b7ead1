"""Each kind of condition, asked: from when on it holds, and where it holds, until when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any

from engine.core.causes import cause_of
from engine.core.conditions.events import event_from, event_until
from engine.core.conditions.fields import field_from, field_until
from engine.core.conditions.permissions import permission_from, permission_until
from engine.core.conditions.spans import counts_from, counts_until, first, lasting
from engine.core.conditions.view import NEVER, View
from engine.core.decline import declines
from engine.core.had import codes_had, times_had
from engine.core.moments import Instant, Length
from engine.core.occasions import next_day
from engine.core.rules import (
    AddressIs,
    AnyCondition,
    AnyOf,
    CauseIs,
    Declining,
    EventSeen,
    FieldIs,
    Not,
    OccasionNear,
    OfferHad,
    PermissionIs,
    Returned,
    Standing,
    StandingIs,
    TagIs,
    TemplateSent,
    WorkflowEnded,
    WorthIs,
)
from engine.core.worth import worth_of


def holds(condition: AnyCondition, view: View) -> bool:
    """Say whether a condition holds now."""
    return holds_from(condition, view) <= view.now


def holds_from(condition: AnyCondition, view: View) -> Instant:
    """Return the instant from which the condition holds if nothing happens: `now`, later, or NEVER."""
    return _FROM[type(condition)](condition, view)


def all_hold_from(conditions: Iterable[AnyCondition], view: View) -> Instant:
    """Return the instant before which the conditions cannot all hold: `now` if they do."""
    latest = view.now
    for condition in conditions:
        at = _FROM[type(condition)](condition, view)
        if at > latest:
            if at >= NEVER:
                return NEVER
            latest = at
    return latest


def ceases(condition: AnyCondition, view: View) -> Instant:
    """Return the instant at which a condition that holds will cease to by time alone, NEVER where it will not."""
    until = _UNTIL.get(type(condition))
    return NEVER if until is None else until(condition, view)


# States that no time changes, or that have a judge of their own ------------------------------------------------------


def _standing(condition: StandingIs, view: View) -> Instant:
    customer, now = view.customer, view.now
    if customer.standing is not condition.standing:
        return NEVER  # the judge's own due time will change it
    earliest = now
    if condition.held_for is not None:
        earliest = max(earliest, view.zone.after(customer.standing_since, condition.held_for))
    if view.entering and customer.standing in (Standing.READER, Standing.LAPSED):
        earliest = max(earliest, view.zone.after(customer.lapsed_at, view.lifecycle.enter_after_lag))
    return earliest


def _address(condition: AddressIs, view: View) -> Instant:
    return view.now if view.customer.address is condition.address else NEVER


def _tag(condition: TagIs, view: View) -> Instant:
    return view.now if condition.tag in view.customer.tags else NEVER


def _worth(_: WorthIs, view: View) -> Instant:
    """Not known to be negative: what cannot be told lets through."""
    if view.workflow is None or worth_of(view.customer, view.workflow, view.lifecycle).verdict != "negative":
        return view.now
    return NEVER


# What counts for some time after it happened -------------------------------------------------------------------------

_Span = tuple[Sequence[Instant], Length | None]


def _return(condition: Returned, view: View) -> _Span:
    back = view.customer.returned
    is_meant = back is not None and not back.taken and back.came_from in condition.from_standings
    return (back.at,) if back is not None and is_meant else (), condition.within or view.lifecycle.returns_within


def _offer(condition: OfferHad, view: View) -> _Span:
    """Whether it was used is asked of the last code of it; a hold-out member had it, and used none."""
    customer = view.customer
    if condition.used is not None:
        codes = codes_had(customer, condition.offer)
        if (bool(codes) and codes[-1] in customer.used_codes) is not condition.used:
            return (), None
    return times_had(customer, condition.offer), condition.had_within


def _sent(condition: TemplateSent, view: View) -> _Span:
    return [each.at for each in view.customer.releases if each.template == condition.template], condition.within


def _ended(condition: WorkflowEnded, view: View) -> _Span:
    past = view.customer.ended.get(condition.workflow)  # of a shadow run it would be under another name
    is_meant = past is not None and condition.outcome in ("", past.outcome)
    return (past.at,) if past is not None and is_meant else (), condition.ended_within


def _counts(span: Callable[[Any, View], _Span]) -> tuple[Callable[[Any, View], Instant], ...]:
    """Return both answers of a condition that holds for some time after each of certain instants."""

    def begins(condition: Any, view: View) -> Instant:
        times, length = span(condition, view)
        return counts_from(times, lasting(length, view), view.now) if times else NEVER

    def ends(condition: Any, view: View) -> Instant:
        times, length = span(condition, view)
        return counts_until(times, lasting(length, view), view.now)

    return begins, ends


# What orders and evidence say ----------------------------------------------------------------------------------------


def _declines(condition: Declining, at: Instant, view: View) -> bool:
    return declines(view.customer, condition.what, condition.by, at, view.lifecycle.currency)


def _is_cause(condition: CauseIs, at: Instant, view: View) -> bool:
    found = cause_of(view.customer, at)
    return found is not None and found.cause in condition.any_of and at < lasting(condition.within, view)(found.at)


def _news(condition: Any, view: View) -> Iterator[Instant]:
    """Now, and what is ahead of the clock: orders, evidence, and the instants at which evidence grows too old."""
    yield view.now
    ahead = [order.at for order in takewhile(lambda order: order.at > view.now, reversed(view.customer.orders))]
    if isinstance(condition, CauseIs):
        ahead += [each.at for each in view.customer.evidence]
        ahead += [lasting(condition.within, view)(each.at) for each in view.customer.evidence]
    yield from sorted(at for at in set(ahead) if view.now < at < NEVER)


def _told_by(is_so: Callable[[Any, Instant, View], bool]) -> tuple[Callable[[Any, View], Instant], ...]:
    """Return both answers of a condition that changes only at such instants."""

    def begins(condition: Any, view: View) -> Instant:
        return first(_news(condition, view), lambda at: is_so(condition, at, view))

    def ends(condition: Any, view: View) -> Instant:
        return first(_news(condition, view), lambda at: not is_so(condition, at, view))

    return begins, ends


# Occasions, `not:`, and one of several -----------------------------------------------------------------------------------------------

_OFTEN = 20
"""So many of an occasion's times that run into each other are one that does not end."""


def _occasion(condition: OccasionNear, view: View) -> Instant:
    """From the start of the day `before` it to the end of the day `after` it, on the customer's calendar."""
    occasion, today = view.lifecycle.occasions.get(condition.occasion), view.zone.day(view.now)
    day = None if occasion is None else next_day(occasion, view.customer, today - condition.after.days)
    if day is None:
        return NEVER
    begin = day - condition.before.days
    return view.now if begin <= today else view.zone.start(begin)


def _occasion_until(condition: OccasionNear, view: View) -> Instant:
    occasion, today = view.lifecycle.occasions[condition.occasion], view.zone.day(view.now)
    after, before = condition.after.days, condition.before.days
    day = next_day(occasion, view.customer, today - after)
    for _ in range(_OFTEN):
        if day is None:
            break
        end = day + after + 1
        day = next_day(occasion, view.customer, day + 1)
        if day is None or day - before > end:
            return view.zone.start(end)
    return NEVER


def _not(condition: Not, view: View) -> Instant:
    inner = condition.condition
    return ceases(inner, view) if holds(inner, view) else view.now


def _not_until(condition: Not, view: View) -> Instant:
    return holds_from(condition.condition, view)


def _any(condition: AnyOf, view: View) -> Instant:
    return min(holds_from(each, view) for each in condition.conditions)


def _any_until(condition: AnyOf, view: View) -> Instant:
    """Return when the last of those that hold ceases to: not before that can none of them hold."""
    return max(ceases(each, view) for each in condition.conditions if holds(each, view))


_RETURN, _OFFER, _SENT, _ENDED = (_counts(span) for span in (_return, _offer, _sent, _ended))
_DECLINE, _CAUSE = _told_by(_declines), _told_by(_is_cause)

_FROM: dict[type, Callable[[Any, View], Instant]] = {
    EventSeen: event_from,
    StandingIs: _standing,
    Returned: _RETURN[0],
    AddressIs: _address,
    FieldIs: field_from,
    PermissionIs: permission_from,
    TagIs: _tag,
    Declining: _DECLINE[0],
    CauseIs: _CAUSE[0],
    OfferHad: _OFFER[0],
    TemplateSent: _SENT[0],
    WorkflowEnded: _ENDED[0],
    WorthIs: _worth,
    OccasionNear: _occasion,
    Not: _not,
    AnyOf: _any,
}

_UNTIL: dict[type, Callable[[Any, View], Instant]] = {
    EventSeen: event_until,
    Returned: _RETURN[1],
    FieldIs: field_until,
    PermissionIs: permission_until,
    Declining: _DECLINE[1],
    CauseIs: _CAUSE[1],
    OfferHad: _OFFER[1],
    TemplateSent: _SENT[1],
    WorkflowEnded: _ENDED[1],
    OccasionNear: _occasion_until,
    Not: _not_until,
    AnyOf: _any_until,
}
