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
            shop.forgotten_to = _forget(store, signal)


def _forget(store: Store, signal: EngagementForgotten) -> str:
    """Forget old marks of the next customers; return the id this has come to, empty when it has been through all.

    Nothing is decided by it, so the one signal stands for all of them in the journal.
    """
    found = store.scan(signal.after, signal.customers)
    for customer_id in found:
        before = store.load(customer_id)
        after = copy.copy(before)
        if after is not None and forget(after, signal.before):
            store.save(before, after)
    return found[-1] if len(found) == signal.customers else ""
