"""From a customer's record to the `customer` that templates see."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

from engine.core.customer import Customer
from engine.core.fields import DAY, FIELDS, MONEY, field_value
from engine.core.moments import Instant, iso_day, parse_day
from engine.core.money import Money
from engine.core.rules import Lifecycle

_OWN = "attributes."


def customer_variables(customer: Customer, now: Instant, lifecycle: Lifecycle) -> dict[str, Any]:
    """Return the `customer` of a context, as of `now`: days as dates, money with the shop's currency, days in whole."""
    known = {
        name: _shape(kind, field_value(customer, name, now, lifecycle), lifecycle) for name, kind in FIELDS.items()
    }
    known["attributes"] = {
        name.removeprefix(_OWN): _own(value) for name, (value, _) in customer.profile.items() if name.startswith(_OWN)
    }
    return known


def _own(value: Any) -> Any:
    """One of the shop's own fields. They have no kind; what is written as a day is one, so that it is shown as one."""
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        return value
    day = parse_day(value)
    return value if day is None else date.fromisoformat(iso_day(day))


def _shape(kind: str, value: Any, lifecycle: Lifecycle) -> Any:
    if value is None:
        return None
    if kind == DAY:
        return date.fromisoformat(iso_day(value))
    if kind == MONEY:
        return Money(value, lifecycle.currency)
    return round(value) if isinstance(value, Decimal) else value
