"""What a plan is made on: how many customers there are, who stands in line, and where runs stand. Read at once."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from msgspec import Struct

from engine.books.database import Where, present
from engine.books.views import Views
from engine.insight.foresight import InLine, Prospects

NOTHING_KNOWN = Prospects("", capped=False, had_offer=False, held_out=False, place_taken=False)
"""Of those in the lines of workflows that nobody asks about."""

OF_SENDS = "!"
"""How the names of lines begin in which sends wait, and not entries."""


class Place(NamedTuple):
    """A step at which runs stand, of a version; `step` counts from 0."""

    workflow: str
    version: int
    stage: str
    step: int


class Ground(Struct, frozen=True):
    """The customers as they are counted; before the first start there are none."""

    customers: int = 0
    lines: dict[str, list[InLine]] = {}
    runs: dict[Place, int] = {}


def ground_of(where: Where) -> Ground:
    """Read it.

    Raises:
        DatabaseError: the database cannot be read.

    """
    if not present(where):
        return Ground()
    with Views(where) as views:
        lines = {
            name: [InLine(-reaction, customer, NOTHING_KNOWN, ()) for reaction, customer in views.all("in_line", name)]
            for name, _ in views.all("lines")
            if not name.startswith(OF_SENDS)
        }
        runs: Counter[Place] = Counter()
        for workflow, version, _, stage, step, _, count in views.all("headcount"):
            runs[Place(workflow, version, stage, step)] += count
        return Ground(views.one("customers")[0], lines, dict(runs))
