"""Signs of life in the record: the latest of each kind, and the latest of all."""

from __future__ import annotations

from engine.core.customer import Customer
from engine.core.moments import Instant

CLICK = "click"


def live(customer: Customer, kind: str, at: Instant) -> None:
    """Note a sign of life on the caller's own copy."""
    if at > customer.life.get(kind, 0):
        customer.life = {**customer.life, kind: at}
        customer.last_reaction = max(customer.last_reaction, at)


def set_back(customer: Customer, kind: str, at: Instant) -> None:
    """The latest of a kind turned out to be none: `at` is the one before, 0 where there is none."""
    kept = {name: known for name, known in customer.life.items() if name != kind}
    customer.life = {**kept, kind: at} if at else kept
    find_last_reaction(customer)


def find_last_reaction(customer: Customer) -> None:
    """Find the last reaction again, after an order or a sign of life was taken out."""
    last_order = customer.orders[-1].at if customer.orders else (customer.folded.last_at if customer.folded else 0)
    customer.last_reaction = max((last_order, *customer.life.values()))
