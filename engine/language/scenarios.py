"""Scenarios: what should happen on which day. Ops people write them; whoever plays them takes these values."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from engine.core.moments import Day, Length, day_number
from engine.core.money import Money
from engine.core.rules import Address, Standing
from engine.language.problems import Spot

STARTS: Day = day_number(2026, 1, 5)
"""A Monday."""


CLOCK = 10 * 60
"""10:00, in minutes since midnight."""


class EndedBefore(Struct, frozen=True, kw_only=True):
    """A run of a workflow that ended before the scenario starts."""

    workflow: str
    outcome: str
    ago: Length
    began: Length | None = None  # None: just then; `again_after` counts from it


class Given(Struct, frozen=True, kw_only=True):
    """What is known of the customer when the scenario starts. None and empty mean the usual, as the docs say.

    `first_order` and `last_order` are how long ago they were; `profile` and `attributes` hold fields as `profile.updated` has them. A
    permission is a purpose, with its channel where that is not email: `marketing/phone`.
    """

    standing: Standing | None = None
    orders: int | None = None
    first_order: Length | None = None  # the others lie evenly between it and the last
    last_order: Length | None = None
    clicked_mails: int = 0
    opened_mails: int = 0
    basket: Money | None = None  # what each earlier order came to
    categories: tuple[str, ...] = ()  # and what it held, by product category
    reorder_interval: Length = Length(days=30)
    permission: tuple[str, ...] = ("newsletter", "marketing", "tracking")
    permission_since: Length | None = None
    address: Address = Address.OK
    held_out: bool = False
    tags: tuple[str, ...] = ()
    cause: str = ""
    declining: bool = False
    offers_had: dict[str, Length] = {}
    sent: dict[str, Length] = {}  # by template; they count in the caps
    other_mail: Length | None = None
    offers_used: tuple[str, ...] = ()
    ended: EndedBefore | None = None
    profile: dict[str, Any] = {}


class Happening(Struct, frozen=True):
    """An event of `when:`: how long after the start, its type, and those fields that the scenario gives."""

    at: Length
    event: str
    data: dict[str, Any]
    spot: Spot


class Action(Struct, frozen=True):
    """One thing that `expect:` lists: `send coupon_offer` is kind `send` with argument `coupon_offer`.

    Of kinds in `OPTIONAL` only those are compared that are listed.
    """

    kind: str
    argument: str
    spot: Spot

    def __str__(self) -> str:
        return f"{self.kind} {self.argument}".rstrip()


OPTIONAL = ("drop", "held_out")
"""Kinds of actions that a scenario need not list; what it lists must have happened."""


class Expected(Struct, frozen=True):
    """What should happen so long after the start, in this order."""

    at: Length
    actions: tuple[Action, ...]
    spot: Spot


class Scenario(Struct, frozen=True, kw_only=True):
    """One scenario of a workflow. It starts at a day's clock time (minutes since midnight) in the shop's zone."""

    title: str
    starts: Day = STARTS
    clock: int = CLOCK
    given: Given
    when: tuple[Happening, ...]
    expect: tuple[Expected, ...]
    spot: Spot


class Difference(Struct, frozen=True):
    """A day on which a workflow does otherwise than a scenario says, and why, in the words of the YAML.

    `day` counts from the scenario's start, and `date` is that day on the calendar; `expected` and `happened` are written
    as under `expect:`, or `nothing`. Of the first ten days `why` says why. `spot` is where the scenario speaks of that day, else of itself.
    """

    day: int
    date: str
    expected: str
    happened: str
    why: tuple[str, ...]
    spot: Spot

    def __str__(self) -> str:
        return f"day {self.day} ({self.date}): expected {self.expected}; happened {self.happened}"


class Contradiction(Struct, frozen=True):
    """What a workflow does otherwise than a scenario says: where the scenario says it, in short, and day by day."""

    spot: Spot
    message: str
    hint: str = ""
    days: tuple[Difference, ...] = ()


class ScenarioFile(Struct, frozen=True):
    """The scenarios of one workflow."""

    file: str
    workflow: str
    scenarios: tuple[Scenario, ...]
