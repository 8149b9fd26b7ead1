"""Conditions: does one hold for this customer at this time, and if not, when could time alone make it hold.

Each kind of condition is one function that answers both at once: the instant from which it holds if nothing else
happens (`now` if it holds already), or `NEVER` when only an event can make it hold. So entry by absence ("no click for
90 days") needs no timer of its own kind: the answer is the due time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from engine.core.customer import ASSUMED, Customer, Mark, Permission, home
from engine.core.fields import FIELDS, MONEY, MOVES_WITH_TIME, field_value
from engine.core.moments import Instant, Length, Zone
from engine.core.money import Money
from engine.core.rules import (
    AddressIs,
    AnyCondition,
    EventSeen,
    FieldIs,
    Lifecycle,
    Not,
    PermissionIs,
    Returned,
    Standing,
    StandingIs,
    TagIs,
)
from engine.core.standing import is_observed

NEVER: Instant = 1 << 62


class View:
    """A customer at an instant, with their zone at hand: what conditions are asked about.

    `entering` says that the question is about entering a workflow, where a lapse counts only after the lag.
    """

    __slots__ = ("customer", "entering", "lifecycle", "now", "zone")

    def __init__(
        self,
        customer: Customer,
        now: Instant,
        lifecycle: Lifecycle,
        *,
        entering: bool = False,
        own_zone: Zone | None = None,
    ) -> None:
        self.customer = customer
        self.now = now
        self.lifecycle = lifecycle
        self.entering = entering
        self.zone: Zone = own_zone or home(customer, lifecycle)


def holds(condition: AnyCondition, view: View) -> bool:
    """Say whether a condition holds now."""
    return holds_from(condition, view) <= view.now


def holds_from(condition: AnyCondition, view: View) -> Instant:
    """Return the instant from which the condition holds if nothing happens: `now`, later, or NEVER."""
    return _ASKS[type(condition)](condition, view)


def all_hold_from(conditions: Iterable[AnyCondition], view: View) -> Instant:
    """Return the instant before which the conditions cannot all hold: `now` if they do."""
    latest = view.now
    for condition in conditions:
        at = _ASKS[type(condition)](condition, view)
        if at > latest:
            if at >= NEVER:
                return NEVER
            latest = at
    return latest


def matches(where: dict[str, Any], read: Callable[[str], Any]) -> bool:
    """Say whether fields have the values asked for; a list matches by any of its items."""
    for name, wanted in where.items():
        found = read(name)
        if isinstance(found, list | tuple):
            if not any(_same(each, wanted) for each in found):
                return False
        elif not _same(found, wanted):
            return False
    return True


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(wanted, str) and not isinstance(found, str):
        return found is not None and str(found) == wanted
    return bool(found == wanted)


def _marks(condition: EventSeen, customer: Customer) -> Sequence[Mark]:
    """The marks a condition counts: those its `where:` matches, and of clicks and opens only what people did."""
    kept: Sequence[Mark] = customer.trail.get(condition.event, ())
    if condition.where:
        kept = [mark for mark in kept if matches(condition.where, (mark.fields or {}).get)]
    if kept and condition.event in _HUMAN_ONLY and "machine" not in condition.where:
        kept = [mark for mark in kept if not (mark.fields and mark.fields.get("machine"))]
    return kept


_HUMAN_ONLY = frozenset({"email.clicked", "email.opened"})


def _event(condition: EventSeen, view: View) -> Instant:
    """Seen so often within the length, its far end left out: at the same clock time `within` later it is gone."""
    customer, now = view.customer, view.now
    if condition.absent and condition.event in _HUMAN_ONLY and not is_observed(customer):
        return NEVER  # where reading may not be observed, its absence proves nothing
    marks = _marks(condition, customer)
    ahead: Sequence[Mark] = ()
    if marks and marks[-1].at > now:  # looking back, or an event that is ahead of the clock
        ahead = [mark for mark in marks if mark.at > now]
        marks = marks[: -len(ahead)]
    if len(marks) < condition.at_least:
        seen_until = 0
    elif condition.within is None:
        seen_until = NEVER
    else:
        seen_until = view.zone.after(marks[-condition.at_least].at, condition.within)
    if condition.absent:
        return max(now, seen_until)
    if now < seen_until:
        return now
    return ahead[0].at if ahead else NEVER  # asked again when the event's time has come


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


def _returned(condition: Returned, view: View) -> Instant:
    back = view.customer.returned
    if back is None or back.taken or back.came_from not in condition.from_standings:
        return NEVER
    return view.now if view.now < view.zone.after(back.at, _returns_within(condition, view)) else NEVER


def _returns_within(condition: Returned, view: View) -> Length:
    return condition.within or view.lifecycle.returns_within


def _address(condition: AddressIs, view: View) -> Instant:
    return view.now if view.customer.address is condition.address else NEVER


def _tag(condition: TagIs, view: View) -> Instant:
    return view.now if condition.tag in view.customer.tags else NEVER


def _permission(condition: PermissionIs, view: View) -> Instant:
    given = view.customer.permission.get(f"{condition.permission}/{condition.channel}")
    if given is None or not given.given or condition.permission in view.customer.stopped:
        return NEVER
    if condition.basis and given.basis != condition.basis:
        return NEVER
    earliest = view.now
    end = lapses_at(view, given)
    if end is not None and end <= view.now:
        return NEVER
    if condition.given_before is not None:
        earliest = max(earliest, view.zone.after(given.at, condition.given_before))
    if condition.lapses_within is not None:
        if end is None:
            return NEVER
        earliest = max(earliest, view.zone.before(end, condition.lapses_within))
    return earliest


def lapses_at(view: View, given: Permission) -> Instant | None:
    """When a permission ends by its day or by non-use, None where it does not (one assumed in a back-test never)."""
    ends: list[Instant] = [] if given.expires is None else [view.zone.start(given.expires + 1)]
    unused = view.lifecycle.permission.unused_block
    if unused is not None and given.basis != ASSUMED:
        ends.append(view.zone.after(max(given.at, view.customer.last_mail), unused))
    return min(ends, default=None)


def _field(condition: FieldIs, view: View) -> Instant:
    name, now = condition.field, view.now
    value = field_value(view.customer, name, now, view.lifecycle)
    if value is None:
        return NEVER
    if condition.within_next is not None or condition.within_last is not None:
        return _near(condition, value, view)
    if isinstance(value, list):
        wanted = condition.any_of or (condition.equals,)
        return now if any(each in value for each in wanted) else NEVER
    if _compares(condition, value):
        return now
    if name not in MOVES_WITH_TIME:
        return NEVER
    today = view.zone.day(now)
    if name == "idle_days":  # they only grow
        if condition.at_most is not None and value > condition.at_most:
            return NEVER
        if condition.at_least is not None and value < condition.at_least:
            return view.zone.start(today + int(_number(condition.at_least)) - value)
    return view.zone.start(today + 1)


def _compares(condition: FieldIs, value: Any) -> bool:
    if condition.equals is not None and not _same(value, condition.equals):
        return False
    if condition.any_of and not any(_same(value, each) for each in condition.any_of):
        return False
    if FIELDS.get(condition.field) != MONEY and not isinstance(value, int | float) and not hasattr(value, "as_tuple"):
        return condition.at_least is None and condition.at_most is None
    if condition.at_least is not None and value < _number(condition.at_least):
        return False
    return condition.at_most is None or value <= _number(condition.at_most)


def _number(bound: Any) -> Any:
    if isinstance(bound, Money):
        return bound.amount
    if isinstance(bound, list | tuple):  # Money, read back from JSON
        return bound[0]
    return bound


def _near(condition: FieldIs, day: int, view: View) -> Instant:
    """A day that lies within the next, or within the last so many days; today is in both."""
    start, past = view.zone.start(day), view.zone.start(day + 1)
    earliest = view.now
    if condition.within_next is not None:
        if view.now >= past:
            return NEVER
        earliest = max(earliest, view.zone.before(start, condition.within_next))
    if condition.within_last is not None:
        if view.now >= view.zone.after(past, condition.within_last):
            return NEVER
        earliest = max(earliest, start)
    return earliest


def _not(condition: Not, view: View) -> Instant:
    inner = condition.condition
    if not holds(inner, view):
        return view.now
    return ceases(inner, view)


def ceases(condition: AnyCondition, view: View) -> Instant:
    """Return the instant at which a condition that holds will cease to by time alone, NEVER where it will not."""
    customer, zone = view.customer, view.zone
    if isinstance(condition, EventSeen) and condition.within is not None and not condition.absent:
        marks = [mark for mark in _marks(condition, customer) if mark.at <= view.now]
        return zone.after(marks[-condition.at_least].at, condition.within)
    if isinstance(condition, Returned) and customer.returned is not None:
        return zone.after(customer.returned.at, _returns_within(condition, view))
    if isinstance(condition, FieldIs):
        return _field_ceases(condition, view)
    if isinstance(condition, PermissionIs):
        end = lapses_at(view, customer.permission[f"{condition.permission}/{condition.channel}"])
        return NEVER if end is None else end
    return NEVER


def _field_ceases(condition: FieldIs, view: View) -> Instant:
    if condition.field in MOVES_WITH_TIME:
        return view.zone.start(view.zone.day(view.now) + 1)
    day = field_value(view.customer, condition.field, view.now, view.lifecycle)
    if condition.within_next is not None:
        return view.zone.start(day + 1)
    if condition.within_last is not None:
        return view.zone.after(view.zone.start(day + 1), condition.within_last)
    return NEVER


_ASKS: dict[type, Callable[[Any, View], Instant]] = {
    EventSeen: _event,
    StandingIs: _standing,
    Returned: _returned,
    AddressIs: _address,
    FieldIs: _field,
    PermissionIs: _permission,
    TagIs: _tag,
    Not: _not,
}


# What a condition listens to -----------------------------------------------------------------------------------------

STANDING, RETURNED, ADDRESS, TAGS, PERMISSION, FACTS, LIFE = (
    "standing",
    "returned",
    "address",
    "tags",
    "permission",
    "facts",
    "life",
)
"""Aspects of a customer that a signal may touch; FACTS are orders and profile, LIFE the signs of it."""

_FIELD_TOPICS = {
    "standing": frozenset({STANDING}),
    "address": frozenset({ADDRESS}),
    "tags": frozenset({TAGS}),
    "reading": frozenset({PERMISSION}),
    "last_click": frozenset({LIFE}),
}


def tag_topic(tag: str) -> str:
    """Return the topic of one tag: that another one was put is no news of it."""
    return f"tag {tag}"


def topics(condition: AnyCondition) -> frozenset[str]:
    """What can change whether a condition holds: event types, and the aspects of a customer named above."""
    match condition:
        case EventSeen():
            return frozenset({condition.event, PERMISSION} if condition.event in _HUMAN_ONLY else {condition.event})
        case StandingIs():
            return frozenset({STANDING})
        case Returned():
            return frozenset({RETURNED})
        case AddressIs():
            return frozenset({ADDRESS})
        case TagIs():
            return frozenset({tag_topic(condition.tag)})
        case PermissionIs():
            return frozenset({PERMISSION})
        case FieldIs():
            return _FIELD_TOPICS.get(condition.field, frozenset({FACTS}))
        case Not():
            return topics(condition.condition)
        case _:
            raise TypeError(f"{type(condition).__name__} listens to nothing yet")
