"""What is kept for a time only (`keep:`). It goes a slice at a time, once an hour, on the engine's own clock.

References lie in the order of their hashes, so a slice is a part of the hashes: all that begin with one byte. An index on
their days would cost more with every event than this does in a day. Marks of engagement stand in the records: they go by a
signal in the journal, so that a replay comes to the same records.
"""

from __future__ import annotations

from engine.books.connection import Connection
from engine.books.queries import QUERIES
from engine.books.store import SqlStore
from engine.core.moments import DAY, HOUR, Instant
from engine.core.rules import Keep
from engine.core.signals import EngagementForgotten
from engine.handling import Handling

EVERY = HOUR
SLICES = 256

ROUND = 30 * 24
"""Slices in which everybody's record has been looked at once: a month."""

LEAST = 500
"""Customers looked at in one slice, at least."""

JOURNAL_SLICE = 20_000
"""Entries of the journal that go at once: a hundredth of a second or two."""


class Expiry:
    """Forgets what has been kept long enough, one slice an hour.

    References go within eleven days of their time, marks of engagement within a month of theirs, all else within hours.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._next: Instant = 0

    def run(self, now: Instant, keep: Keep) -> bool:
        """Delete a slice of what is too old, if it is time to; return whether the records' turn is come, too.

        That is not so at a start: whoever starts an engine for a moment has no journal entry of it.
        """
        if now < self._next:
            return False
        first_slice, self._next = not self._next, now + EVERY
        first = now // EVERY % SLICES
        begin, end = bytes([first]), bytes([first + 1]) if first + 1 < SLICES else b"\xff" * 17
        delete = self._connection.execute
        delete(QUERIES["forget_seen"], (begin, end, (now - keep.event_ids.roughly) // DAY))
        delete(QUERIES["forget_dead_letters"], (now - keep.dead_letters.roughly,))
        delete(QUERIES["forget_devices"], (now - keep.ip_and_agent.roughly,))
        delete(QUERIES["forget_undelivered_bodies"], (now - keep.bodies.roughly,))
        calls = now - keep.call_consents.roughly if keep.call_consents is not None else now
        delete(QUERIES["forget_call_consents"], (calls,))
        delete(QUERIES["tidy_headcount"])
        delete(QUERIES["forget_bodies"], (now - keep.bodies.roughly,))
        delete(QUERIES["forget_journal"], {"before": now - keep.engagement.roughly, "limit": JOURNAL_SLICE})
        return not first_slice


def forget_engagement(handling: Handling, store: SqlStore, now: Instant, *, parts: int = 1) -> None:
    """Forget old marks of the customers whose turn it is, once in every `EVERY`.

    Where customers are in several parts, each goes through its own, from where it has come to.
    """
    everybody = store.connection.execute(QUERIES["last_customer"]).fetchone()[0]
    before = now - handling.rules.lifecycle.keep.engagement.roughly
    customers = max(LEAST, everybody // parts // ROUND + 1)
    handling.sweeping.tell(store, EngagementForgotten(before, "", customers), now)
