"""Plans: what an edit would do, before it is applied; reads only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from engine.core.moments import Instant
from engine.insight.plan import Plan
from engine.language.files import Checked

Tell = Callable[[int, int], None]
"""Hears how many customers were looked at, of how many."""


def plan_of(
    data: Path,
    checked: Checked,
    *,
    now: Instant,
    who: str,
    moves: Mapping[str, str] | None = None,
    tell: Tell | None = None,
) -> Plan:
    """Return what putting a checked set in force now would mean: see `engine.insight.plan`.

    It opens the data folder for reading, whether an engine runs on it or not, and takes seconds with a million customers:
    call it off the event loop.

    Args:
        data: the data folder; without a database there are no rules in force, and no customers.
        checked: a set without errors.
        now: the instant at which it would be applied.
        who: who asks.
        moves: what becomes of runs under way, by workflow: pin, move or exit.
        tell: hears of the progress.

    Raises:
        DatabaseError: the database cannot be read.

    """
    raise NotImplementedError
