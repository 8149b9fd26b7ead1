"""What happens to the data as a whole: a list was imported, a backup restored, old engagement forgotten."""

from __future__ import annotations

import copy

from engine.core.forgetting import forget
from engine.core.moments import Instant
from engine.core.shop import Shop
from engine.core.signals import EngagementForgotten, Restored, SuppressionsImported
from engine.ports import Store

Kept = SuppressionsImported | Restored | EngagementForgotten


def note(store: Store, shop: Shop, signal: Kept, now: Instant) -> None:
    """Apply it to the shop's state, and to the records where it concerns them."""
    match signal:
        case SuppressionsImported():
            shop.suppressions_at = now
        case Restored():
            shop.news_since = now
            shop.codes = {}  # which of those that were granted have been given out since, the backup does not know
        case EngagementForgotten():
            shop.forgotten_to = _forget(store, signal, signal.after or shop.forgotten_to)


def _forget(store: Store, signal: EngagementForgotten, after: str) -> str:
    """Forget old marks of the customers who follow an id; return the id this has come to, empty when it has been through all.

    Nothing is decided by it, so the one signal stands for all of them in the journal.
    """
    found = store.scan(after, signal.customers)
    for customer_id in found:
        before = store.load(customer_id)
        younger = copy.copy(before)
        if younger is not None and forget(younger, signal.before):
            store.save(before, younger)
    return found[-1] if len(found) == signal.customers else ""
