"""Plans that were saved, so that somebody else can put them in force: who made each, and what became of it.

A plan is opaque text here. Which of those that wait can still be applied, what is in force and in the files decides.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from engine.books.connection import Connection
from engine.books.queries import QUERIES
from engine.core.moments import Instant

PENDING, APPLIED, WITHDRAWN = "pending", "applied", "withdrawn"


class Proposal(Struct, frozen=True):
    """One saved plan; `decided_by` and `decided_at` say who applied or withdrew it."""

    num: int
    at: Instant
    who: str
    state: str
    decided_by: str
    decided_at: Instant | None
    plan: str


def add(connection: Connection, now: Instant, who: str, plan: str) -> int:
    """Keep a plan, in the transaction under way; return its number."""
    return int(connection.execute(QUERIES["add_proposal"], (now, who, plan)).fetchone()[0])


def decide(connection: Connection, num: int, state: str, who: str, now: Instant) -> None:
    """Note what became of a plan."""
    connection.execute(QUERIES["decide_proposal"], (state, who, now, num))


def found(connection: Connection, num: int) -> Proposal | None:
    """Return a plan by its number; None where there is none."""
    row: tuple[Any, ...] | None = connection.execute(QUERIES["proposal"], (num,)).fetchone()
    return None if row is None else Proposal(*row)


def latest(connection: Connection, most: int) -> list[Proposal]:
    """Return the last ones, those that wait before the others, then the newest first."""
    return [Proposal(*row) for row in connection.execute(QUERIES["last_proposals"], (most,))]
