"""Forgetting engagement: marks of what somebody read, clicked and visited long ago (`keep: engagement`).

Nothing that holds changes by it: a condition may not look back further than marks are kept, and the latest mark of each
kind stays, of people's and of machines' doings alike, so that what ever happened has still happened. The dates of the latest
sign of life, orders, permissions and what the customer said are no engagement: they stay.
"""

from __future__ import annotations

from engine.core.customer import Customer, Mark
from engine.core.marks import who_did
from engine.core.moments import Instant

ENGAGEMENT = frozenset(
    {
        "email.sent",
        "email.delivered",
        "email.opened",
        "email.clicked",
        "email.replied",
        "customer.visited",
        "customer.logged_in",
    }
)
"""Types of events whose marks are kept for a time only."""


def forget(customer: Customer, before: Instant) -> bool:
    """Drop old marks on the caller's own copy; return whether there were any."""
    kept = {kind: _younger(marks, before) if kind in ENGAGEMENT else marks for kind, marks in customer.trail.items()}
    if all(kept[kind] is marks for kind, marks in customer.trail.items()):
        return False
    customer.trail = kept
    return True


def _younger(marks: tuple[Mark, ...], before: Instant) -> tuple[Mark, ...]:
    if not marks or marks[0].at >= before:
        return marks
    latest = {who_did(mark): number for number, mark in enumerate(marks)}
    found = tuple(mark for number, mark in enumerate(marks) if mark.at >= before or latest[who_did(mark)] == number)
    return found if len(found) < len(marks) else marks
