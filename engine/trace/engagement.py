"""What did not count of a customer's openings and clicks, and why: for `explain`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from engine.core.bursts import JUDGED
from engine.core.customer import Customer, Mark
from engine.core.engagement import in_words
from engine.core.marks import who_did
from engine.core.moments import rfc3339

LATEST: Final = 5
"""So many of each kind are told one by one."""

_KINDS: Final = {"email.clicked": "click", "email.opened": "opening"}
_WHOSE: Final = {"machine": "a machine's", "unverified": "unverified"}


def not_counted(customer: Customer) -> Iterator[str]:
    """Say of the latest clicks and openings that were no person's why, and which clicks are still held."""
    for kind, name in _KINDS.items():
        others = [mark for mark in customer.trail.get(kind, ()) if who_did(mark)]
        if len(others) > LATEST:
            yield f"{len(others) - LATEST} {name}s before were no person's either"
        for mark in others[-LATEST:]:
            yield f"{name} of {rfc3339(mark.at)} is {_WHOSE[who_did(mark)]}: {_why(mark)}"
    for held in customer.held:
        yield f"click of {rfc3339(held.at)} counts from {rfc3339(held.due)}, unless it turns out to be a machine's"


def _why(mark: Mark) -> str:
    fields = mark.fields or {}
    said = [str(fields[name]) for name in ("why", JUDGED) if fields.get(name)]
    return in_words(tuple(", ".join(said).split(", "))) if said else "its sender says so"
