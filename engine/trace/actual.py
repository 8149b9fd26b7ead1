"""How it is with a customer, where a condition does not hold: said beside the condition's own words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engine.core.causes import cause_in_words
from engine.core.conditions import View
from engine.core.decline import LEAST_DAYS, compared_baskets, compared_gaps
from engine.core.fields import DAY, MONEY, field_value, kind_of
from engine.core.had import times_had
from engine.core.moments import Instant, iso_day, rfc3339
from engine.core.money import written
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
    StandingIs,
    TagIs,
    TemplateSent,
    WorkflowEnded,
    WorthIs,
)
from engine.core.worth import worth_of


def actual(condition: AnyCondition, view: View) -> str:
    """Say how it is, where a condition does not hold."""
    return _SAID[type(condition)](condition, view)


def _standing(_: StandingIs, view: View) -> str:
    standing, since = view.customer.standing.value, view.customer.standing_since
    return f"is {standing} since {rfc3339(since)}" if since else f"is {standing}"


def _returned(_: Returned, view: View) -> str:
    back = view.customer.returned
    if back is None:
        return "has not returned"
    return "was thanked for it" if back.taken else f"returned {rfc3339(back.at)} from {back.came_from.value}"


def _permission(condition: PermissionIs, view: View) -> str:
    given = view.customer.permission.get(f"{condition.permission}/{condition.channel}")
    if given is None:
        return "nobody gave it"
    return f"was {'given' if given.given else 'withdrawn'} {rfc3339(given.at)}"


def _event(condition: EventSeen, view: View) -> str:
    return _last([mark.at for mark in view.customer.trail.get(condition.event, ())], "last one", "there is none")


def _field(condition: FieldIs, view: View) -> str:
    value = field_value(view.customer, condition.field, view.now, view.lifecycle)
    if value is None:
        return "is not known"
    if kind_of(condition.field) == DAY and isinstance(value, int):
        return f"is {iso_day(value)}"
    if kind_of(condition.field) == MONEY and isinstance(value, int):
        return f"is {written(value, view.lifecycle.currency)} {view.lifecycle.currency}"
    return f"is {', '.join(map(str, value))}" if isinstance(value, list) else f"is {value}"


def _declining(condition: Declining, view: View) -> str:
    currency = view.lifecycle.currency
    gaps = compared_gaps(view.customer, view.now)
    baskets = compared_baskets(view.customer, view.now, currency)
    said = []
    if condition.what != "baskets":
        said.append(
            f"gaps of {gaps.in_words(lambda days: f'{days} days')}" if gaps else f"fewer than {LEAST_DAYS} order days"
        )
    if condition.what != "gaps":
        in_money = baskets.in_words(lambda amount: f"{written(amount, currency)} {currency}") if baskets else ""
        said.append(f"baskets of {in_money}" if baskets else f"fewer than {LEAST_DAYS} baskets in {currency}")
    return ", ".join(said)


def _cause(_: CauseIs, view: View) -> str:
    said = cause_in_words(view.customer, view.now, view.zone)
    return said[0] if said else "no evidence of a cause since the last order"


def _offer(condition: OfferHad, view: View) -> str:
    had = _last(times_had(view.customer, condition.offer), "last had", "was never had")
    codes = [code for code, offer in view.customer.codes_given if offer == condition.offer]
    return had + (f", {'used' if codes[-1] in view.customer.used_codes else 'not used'}" if codes else "")


def _sent(condition: TemplateSent, view: View) -> str:
    times = [each.at for each in view.customer.releases if each.template == condition.template]
    return _last(times, "last sent", "was not sent")


def _ended(condition: WorkflowEnded, view: View) -> str:
    past = view.customer.ended.get(condition.workflow)
    return "no run of it has ended" if past is None else f"ended {rfc3339(past.at)} as {past.outcome}"


def _worth(_: WorthIs, view: View) -> str:
    return (
        worth_of(view.customer, view.workflow, view.lifecycle).said if view.workflow is not None else "cannot be told"
    )


def _occasion(condition: OccasionNear, view: View) -> str:
    occasion = view.lifecycle.occasions.get(condition.occasion)
    today = view.zone.day(view.now)
    day = None if occasion is None else next_day(occasion, view.customer, today)
    return "no such day is known" if day is None else f"is next on {iso_day(day)}"


def _last(times: Sequence[Instant], said: str, none: str) -> str:
    return f"{said} {rfc3339(times[-1])}" if times else none


_SAID: dict[type, Callable[[Any, View], str]] = {
    StandingIs: _standing,
    AddressIs: lambda _, view: f"is {view.customer.address.value}",
    TagIs: lambda _, __: "has no such tag",
    Returned: _returned,
    PermissionIs: _permission,
    EventSeen: _event,
    FieldIs: _field,
    Declining: _declining,
    CauseIs: _cause,
    OfferHad: _offer,
    TemplateSent: _sent,
    WorkflowEnded: _ended,
    WorthIs: _worth,
    OccasionNear: _occasion,
    Not: lambda _, __: "it holds",
    AnyOf: lambda condition, view: "; ".join(actual(each, view) for each in condition.conditions),
}
