"""What customers' own pages show of them: read from the books, embedded and distributed alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.books.database import Where
from engine.books.views import Views
from engine.core.merging import who_is_now
from engine.core.moments import Instant
from engine.core.preferences import Preferences, preferences_of
from engine.core.rules import Lifecycle
from engine.listeners.choosing import Known


def known_by(where: Where, lifecycle: Callable[[], Lifecycle], now: Callable[[], Instant]) -> Known:
    """Return what tells a customer's choices, as of the last commit. It raises DatabaseError where there are no books.

    Each question has a connection of its own: people ask seldom, and servers restart.
    """

    async def known(customer: str) -> Preferences | None:
        def look() -> Preferences | None:
            with Views(where) as views:
                record = views.record(who_is_now(views.record, customer))
            return None if record is None else preferences_of(record, now(), lifecycle())

        return await asyncio.to_thread(look)

    return known
