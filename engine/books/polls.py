"""Up to when a shop was asked for orders that it may not have told. Functions within somebody's transaction."""

from __future__ import annotations

from engine.books.connection import Connection
from engine.books.queries import QUERIES
from engine.core.moments import Instant


def polled_until(connection: Connection, shop: str) -> Instant | None:
    """Return up to when a shop was asked, None where it never was."""
    row = connection.execute(QUERIES["polled_until"], (shop,)).fetchone()
    return row[0] if row else None


def note_polled(connection: Connection, shop: str, until: Instant) -> None:
    """Note that a shop was asked for everything up to a moment."""
    connection.execute(QUERIES["note_polled"], (shop, until))
