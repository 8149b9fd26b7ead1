"""Offers that a customer had: ours, and those of other tools that we were told of (`coupon.given`).

Ours stand in the record, and are taken back when they never arrived or were only rehearsed. What others gave is a fact like
any other, kept as a mark of its event; nothing that happens to our offers touches it.
"""

from __future__ import annotations

from engine.core.customer import Customer
from engine.core.moments import Instant

GIVEN = "coupon.given"


def times_had(customer: Customer, offer: str) -> tuple[Instant, ...]:
    """Return when an offer was had, in order."""
    ours = customer.offers_had.get(offer, ())
    marks = customer.trail.get(GIVEN)
    if not marks:
        return ours
    return tuple(sorted((*ours, *(mark.at for mark in marks if (mark.fields or {}).get("offer") == offer))))


def all_times_had(customer: Customer) -> tuple[Instant, ...]:
    """Return when any offer was had, in order; those of other tools whose name is not ours count as well."""
    ours = [at for times in customer.offers_had.values() for at in times]
    return tuple(sorted((*ours, *(mark.at for mark in customer.trail.get(GIVEN, ())))))


def codes_had(customer: Customer, offer: str) -> list[str]:
    """Return the codes of an offer that the customer was given, the latest last."""
    theirs = [
        mark.fields for mark in customer.trail.get(GIVEN, ()) if mark.fields and mark.fields.get("offer") == offer
    ]
    ours = [code for code, name in customer.codes_given if name == offer]
    return [*(str(fields.get("code", "")) for fields in theirs), *ours]
