"""What is kept for a time only: references seen, dead letters, and the texts of letters that were given out. They go a slice at a time, on the engine's own clock.

References lie in the order of their hashes, so a slice is a part of the hashes: all that begin with one byte. An index on
their days would cost more with every event than this does in a day.
"""

from __future__ import annotations

import sqlite3

from engine.core.moments import DAY, HOUR, Instant
from engine.core.rules import Keep
from engine.runtimes.sqlite.database import QUERIES

EVERY = HOUR
SLICES = 256


class Expiry:
    """Deletes what has been kept long enough, one slice an hour: all of it within eleven days of its time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._next: Instant = 0

    def run(self, now: Instant, keep: Keep) -> None:
        """Delete a slice of what is too old, if it is time to."""
        if now < self._next:
            return
        self._next = now + EVERY
        first = now // EVERY % SLICES
        begin, end = bytes([first]), bytes([first + 1]) if first + 1 < SLICES else b"\xff" * 17
        self._connection.execute(QUERIES["forget_seen"], (begin, end, (now - keep.event_ids.roughly) // DAY))
        self._connection.execute(QUERIES["forget_dead_letters"], (now - keep.dead_letters.roughly,))
        self._connection.execute(QUERIES["tidy_headcount"])
        self._connection.execute(QUERIES["forget_bodies"], (now - keep.bodies.roughly,))
