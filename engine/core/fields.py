"""The customer fields that language, templates, schema and docs share: one list, with the kind and how to read each."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from engine.core.causes import cause_of
from engine.core.customer import Customer, home
from engine.core.moments import Day, Instant, Zone, iso_day, parse_day, rfc3339
from engine.core.money import written
from engine.core.orders import order_days
from engine.core.rules import Lifecycle
from engine.core.rules.permission import EXPRESS
from engine.core.standing import is_observed

TEXT, NUMBER, MONEY, DAY, YES_NO, LIST = "text", "number", "money", "day", "yes_no", "list"

PROFILE: dict[str, str] = {
    "email": TEXT,
    "first_name": TEXT,
    "last_name": TEXT,
    "salutation": TEXT,
    "formal": YES_NO,
    "company": TEXT,
    "role": TEXT,
    "language": TEXT,
    "timezone": TEXT,
    "country": TEXT,
    "birthday": DAY,
    "phone": TEXT,
    "postal": TEXT,
    "channel": TEXT,
    "frequency": TEXT,
    "account_manager": TEXT,
    "tier": TEXT,
    "points": NUMBER,
    "points_expire": DAY,
    "contract_ends": DAY,
}
"""Fields of the profile, as `profile.updated` gives them, with their kind."""

DERIVED: dict[str, str] = {
    "id": TEXT,
    "orders": NUMBER,
    "order_days": NUMBER,
    "revenue": MONEY,
    "revenue_365d": MONEY,
    "average_basket": MONEY,
    "first_order": DAY,
    "last_order": DAY,
    "idle_days": NUMBER,
    "own_interval": NUMBER,
    "last_click": DAY,
    "last_items": LIST,
    "categories": LIST,
    "standing": TEXT,
    "address": TEXT,
    "cause": TEXT,
    "call_again_on": DAY,
    "competitor_contract_ends": DAY,
    "tags": LIST,
    "reading": TEXT,
}
"""Fields that the engine works out from facts, with their kind."""

FIELDS: dict[str, str] = {**PROFILE, **DERIVED}
"""All customer fields by one name; `attributes.NAME` stands beside them for the shop's own, and `categories.NAME.orders`
and the like for what was bought of one category."""

OF_CATEGORY: dict[str, str] = {"orders": NUMBER, "last_order": DAY, "next_order": DAY}
"""What is known of a category by name, as `categories.NAME.orders`."""

YEAR = 365

MOVES_WITH_TIME = frozenset({"idle_days", "revenue_365d"})
"""Fields whose value changes at midnight with no event."""


def is_own(name: str) -> bool:
    """Say whether a field is one of the shop's own, `attributes.NAME`: its values are text, be it that of a day."""
    return name.startswith("attributes.") and len(name) > len("attributes.")


def kind_of(name: str) -> str | None:
    """Return the kind of a customer field, None for one that nobody knows."""
    if is_own(name):
        return TEXT
    return FIELDS.get(name) or OF_CATEGORY.get(_category(name)[1])


def _category(name: str) -> tuple[str, str]:
    """Return category and field of `categories.NAME.orders`, both empty for another field. NAME may have dots."""
    outer, _, rest = name.partition(".")
    category, _, field = rest.rpartition(".")
    return (category, field) if outer == "categories" and category else ("", "")


def field_value(customer: Customer, name: str, now: Instant, lifecycle: Lifecycle) -> Any:
    """Return a field as conditions compare it, None where it is not known.

    Days are day numbers, money is in smallest units of the shop's currency, numbers are int, float or Decimal.
    """
    derive = _DERIVED.get(name)
    if derive is not None:
        return derive(customer, now, lifecycle)
    if name.startswith("categories."):
        return _of_category(customer, *_category(name))
    value = customer.value(name)
    kind = PROFILE.get(name)
    if kind == DAY and value is not None:
        return parse_day(str(value))
    if kind == NUMBER and isinstance(value, str):  # shops and tables write numbers as text, too
        return Decimal(value) if re.fullmatch(r"-?\d{1,15}(?:\.\d{1,4})?", value, re.ASCII) else None
    return value


def day_of(name: str, value: Any) -> Day | None:
    """Return the day that a field's value is; None where it is none, as with own fields that hold a number or words."""
    if is_own(name):
        return parse_day(value) if isinstance(value, str) else None
    return value if isinstance(value, int) else None


def _count(customer: Customer) -> int:
    return len(customer.orders) + (customer.folded.orders if customer.folded else 0)


def _days(customer: Customer) -> int:
    kept = len({order.day for order in customer.orders})
    if customer.folded is None:
        return kept
    shared = bool(customer.orders) and customer.orders[0].day == customer.folded.last_day
    return kept + customer.folded.days - shared


def revenue(customer: Customer) -> dict[str, int]:
    """Money of all orders net of refunds, in smallest units, by currency."""
    sums = dict(customer.folded.revenue) if customer.folded else {}
    for order in customer.orders:
        sums[order.currency] = sums.get(order.currency, 0) + order.amount
    return sums


def average_basket(customer: Customer, currency: str) -> int | None:
    """What an order in a currency comes to on average, in smallest units, rounded down; None without one."""
    mine = [order.amount for order in customer.orders if order.currency == currency]
    return sum(mine) // len(mine) if mine else None


def _revenue_365d(customer: Customer, today: Day, lifecycle: Lifecycle) -> int:
    return sum(
        order.amount
        for order in customer.orders
        if today - YEAR < order.day <= today and order.currency == lifecycle.currency
    )


def first_order(customer: Customer) -> Day | None:
    """The day of the first order, None where there is none."""
    if customer.folded is not None:
        return customer.folded.first_day
    return customer.orders[0].day if customer.orders else None


def last_order(customer: Customer) -> Day | None:
    """The day of the last order, None where there is none."""
    days = order_days(customer)
    return days[-1] if days else None


def _idle(customer: Customer, today: Day) -> int | None:
    last = last_order(customer)
    return None if last is None else today - last


def _own_interval(customer: Customer) -> Decimal | None:
    days, first, last = _days(customer), first_order(customer), last_order(customer)
    if days < 2 or first is None or last is None:
        return None
    return Decimal(last - first) / (days - 1)


def categories(customer: Customer) -> list[str]:
    """The product categories a customer ordered from, the latest first, at most 16."""
    found: dict[str, None] = {}
    for order in reversed(customer.orders):
        found.update(dict.fromkeys(order.categories))
    return list(found)[:16]


def _of_category(customer: Customer, category: str, field: str) -> int | None:
    mine = [order.day for order in customer.orders if category in order.categories]
    if field == "orders":
        return len(mine)
    days = sorted(set(mine))
    if field == "next_order":
        return _expected(days)
    return days[-1] if days and field == "last_order" else None


def _expected(days: list[Day]) -> Day | None:
    """The day of the next order if the customer's own rhythm goes on: one average gap, in whole days, after the last.

    None with fewer than two order days. The mean, as in `own_interval`: (last - first) / (days - 1), rounded down.
    """
    return days[-1] + (days[-1] - days[0]) // (len(days) - 1) if len(days) > 1 else None


def _told_day(customer: Customer, event: str, name: str) -> Day | None:
    """The day that the last event of a type named."""
    marks = customer.trail.get(event)
    told = (marks[-1].fields or {}).get(name) if marks else None
    return parse_day(str(told)) if told else None


def _cause(customer: Customer, now: Instant) -> str | None:
    found = cause_of(customer, now)
    return None if found is None else found.cause


def _here(customer: Customer, lifecycle: Lifecycle) -> Zone:
    return home(customer, lifecycle)


def _last_click(customer: Customer, lifecycle: Lifecycle) -> Day | None:
    at = customer.life.get("click")
    return None if at is None else _here(customer, lifecycle).day(at)


_DERIVED: dict[str, Callable[[Customer, Instant, Lifecycle], Any]] = {
    "id": lambda customer, now, rules: customer.id,
    "orders": lambda customer, now, rules: _count(customer),
    "order_days": lambda customer, now, rules: _days(customer),
    "revenue": lambda customer, now, rules: revenue(customer).get(rules.currency, 0),
    "revenue_365d": lambda customer, now, rules: _revenue_365d(customer, _here(customer, rules).day(now), rules),
    "average_basket": lambda customer, now, rules: average_basket(customer, rules.currency),
    "first_order": lambda customer, now, rules: first_order(customer),
    "last_order": lambda customer, now, rules: last_order(customer),
    "idle_days": lambda customer, now, rules: _idle(customer, _here(customer, rules).day(now)),
    "own_interval": lambda customer, now, rules: _own_interval(customer),
    "last_click": lambda customer, now, rules: _last_click(customer, rules),
    "last_items": lambda customer, now, rules: list(customer.last_items),
    "categories": lambda customer, now, rules: categories(customer),
    "standing": lambda customer, now, rules: customer.standing.value,
    "address": lambda customer, now, rules: customer.address.value,
    "cause": lambda customer, now, rules: _cause(customer, now),
    "call_again_on": lambda customer, now, rules: _told_day(customer, "hand_off.answered", "call_again_on"),
    "competitor_contract_ends": lambda customer, now, rules: _told_day(
        customer, "contract.cancelled", "competitor_contract_ends"
    ),
    "tags": lambda customer, now, rules: list(customer.tags),
    "reading": lambda customer, now, rules: "observed" if is_observed(customer, rules) else "not_observed",
}


def summary(customer: Customer, now: Instant, lifecycle: Lifecycle) -> dict[str, Any]:
    """The customer as `explain` shows them: facts, permission and stops, in the words and units of the outside."""
    first, last = first_order(customer), last_order(customer)
    return {
        "id": customer.id,
        "email": customer.value("email"),
        "first_name": customer.value("first_name"),
        "last_name": customer.value("last_name"),
        "language": customer.value("language"),
        "timezone": customer.value("timezone"),
        "frequency": customer.value("frequency"),
        "orders": _count(customer),
        "order_days": _days(customer),
        "revenue": {currency: written(amount, currency) for currency, amount in sorted(revenue(customer).items())},
        "first_order": None if first is None else iso_day(first),
        "last_order": None if last is None else iso_day(last),
        "idle_days": _idle(customer, _here(customer, lifecycle).day(now)),
        "tags": list(customer.tags),
        "cause": _cause(customer, now),
        "address": customer.address.value,
        "reading": "observed" if is_observed(customer, lifecycle) else "not observed",
        "stopped": sorted(customer.stopped),
        "permission": {
            key.removesuffix("/email"): {
                "given": each.given,
                "since": rfc3339(each.at),
                "basis": each.basis or (EXPRESS if each.given else None),
            }
            for key, each in sorted(customer.permission.items())
        },
    }
