"""Calls of hooks whose signature does not cover what they say: a name that they give themselves is good for one saying.

Names are kept as long as their signed time is taken; a later call is refused for that.
"""

from __future__ import annotations

from hashlib import blake2b

from engine.books.connection import Connection
from engine.books.queries import QUERIES
from engine.core.moments import DAY, Instant

KEPT = 3 * DAY
"""More than the longest window of the settings, on both sides."""


def remember(connection: Connection, hook: str, name: str, said: bytes, now: Instant) -> bool:
    """Remember a call; return False where its name said something else before."""
    ref = blake2b(f"{hook}\0{name}".encode(), digest_size=16).digest()
    digest = blake2b(said, digest_size=16).digest()
    connection.execute(QUERIES["forget_hook_calls"], (now - KEPT,))
    connection.execute(QUERIES["remember_hook_call"], (ref, digest, now))
    known: bytes = connection.execute(QUERIES["hook_call"], (ref,)).fetchone()[0]
    return bytes(known) == digest
