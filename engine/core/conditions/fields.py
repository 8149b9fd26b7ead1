"""`customer: FIELD`: a field of the customer compared, or a day that is near."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from engine.core.conditions.view import NEVER, View
from engine.core.fields import MONEY, MOVES_WITH_TIME, YEAR, day_of, field_value, kind_of, last_order
from engine.core.matching import is_same
from engine.core.moments import Day, Instant
from engine.core.money import Money
from engine.core.rules import FieldIs


def field_from(condition: FieldIs, view: View) -> Instant:
    """All tests that are given hold; what is not known passes none of them."""
    if condition.field in MOVES_WITH_TIME:
        return _turn(condition, view, passes=True)
    value = field_value(view.customer, condition.field, view.now, view.lifecycle)
    if value is None:
        return NEVER
    if isinstance(value, list):
        wanted = condition.any_of or (condition.equals,)
        return view.now if any(each in value for each in wanted) else NEVER
    if not _compares(condition, value):
        return NEVER
    if condition.within_next is None and condition.within_last is None:
        return view.now
    begin, end = _near(condition, value, view)
    return max(begin, view.now) if view.now < end else NEVER


def field_until(condition: FieldIs, view: View) -> Instant:
    """Return when that ends by time alone, where it holds now."""
    if condition.field in MOVES_WITH_TIME:
        return _turn(condition, view, passes=False)
    if condition.within_next is None and condition.within_last is None:
        return NEVER
    value = field_value(view.customer, condition.field, view.now, view.lifecycle)
    return _near(condition, value, view)[1]


def _near(condition: FieldIs, value: Any, view: View) -> tuple[Instant, Instant]:
    """When a day lies within the next, and within the last so many days; today is in both. Both ends are open."""
    begin, end, zone = -NEVER, NEVER, view.zone
    day = day_of(condition.field, value)
    if day is None:
        return NEVER, NEVER
    if condition.within_next is not None:
        begin, end = zone.before(zone.start(day), condition.within_next), zone.start(day + 1)
    if condition.within_last is not None:
        begin = zone.start(day)
        end = min(end, zone.after(zone.start(day + 1), condition.within_last))
    return begin, end


def _compares(condition: FieldIs, value: Any) -> bool:
    if condition.equals is not None and not is_same(value, condition.equals):
        return False
    if condition.any_of and not any(is_same(value, each) for each in condition.any_of):
        return False
    if kind_of(condition.field) != MONEY and not isinstance(value, int | float) and not hasattr(value, "as_tuple"):
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


# Fields that time changes --------------------------------------------------------------------------------------------


def _turn(condition: FieldIs, view: View, *, passes: bool) -> Instant:
    """The first instant from now on at which the tests pass, or do not pass, if nothing happens."""
    values = _idle_days if condition.field == "idle_days" else _revenue_365d
    return next((at for at, value in values(condition, view) if _compares(condition, value) is passes), NEVER)


def _idle_days(condition: FieldIs, view: View) -> Iterator[tuple[Instant, int]]:
    """They grow by one a day: looked at now, and on the days that reach a bound or pass it."""
    last, today = last_order(view.customer), view.zone.day(view.now)
    if last is None:
        return
    yield view.now, today - last
    bounds = (condition.equals, condition.at_least, condition.at_most, *condition.any_of)
    numbers = {math.ceil(_number(bound)) for bound in bounds if bound is not None}
    for number in sorted(numbers | {number + 1 for number in numbers}):
        if last + number > today:
            yield view.zone.start(last + number), number


def _revenue_365d(condition: FieldIs, view: View) -> Iterator[tuple[Instant, int]]:
    """An order counts from its own day on, for a year: looked at now, and on the days that bring or take one."""
    today = view.zone.day(view.now)
    value = field_value(view.customer, condition.field, view.now, view.lifecycle)
    yield view.now, value
    changes: dict[Day, int] = {}
    for order in view.customer.orders:
        if order.currency == view.lifecycle.currency:
            for day, amount in ((order.day, order.amount), (order.day + YEAR, -order.amount)):
                if day > today:
                    changes[day] = changes.get(day, 0) + amount
    for day in sorted(changes):
        value += changes[day]
        yield view.zone.start(day), value
