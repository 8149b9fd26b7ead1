"""What the pages show, and who knows it: the wiring fills these in from the engine's data, the pages write them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from engine.core.moments import Day, Instant
from engine.core.rules import Switch, Workflow
from engine.core.shop import Pause
from engine.insight.overview import Overview, Pending
from engine.insight.plan import Plan
from engine.trace import Story


class Here(Struct, frozen=True, kw_only=True):
    """What every page needs: whose shop, what time it is there, and what holds for all of it."""

    shop: str
    now: Instant
    timezone: str
    live_since: Instant | None
    pauses: tuple[Pause, ...] = ()
    pending: int = 0  # changes in the files that are not in force; errors count as well


class Counted(Struct, frozen=True):
    """So many of one thing on one shop day: an effect's type or `sent`, of a workflow, by template, reason or outcome."""

    day: Day
    what: str
    workflow: str
    detail: str
    shadow: bool
    count: int


class Today(Struct, frozen=True, kw_only=True):
    """How the engine is, and what the last days brought; `day` is today."""

    overview: Overview
    day: Day
    tally: tuple[Counted, ...]


class Place(Struct, frozen=True):
    """So many runs of a version at one step (counted from 0), and what they do there."""

    version: int
    mode: str
    stage: str
    step: int
    doing: str
    runs: int


class WorkflowSight(Struct, frozen=True, kw_only=True):
    """One workflow: as it is in force, the older versions that have people on them, and where everybody is.

    `workflow` is the newest version, `in_force` says whether it still is.
    """

    workflow: Workflow
    switch: Switch
    in_force: bool = True
    versions: Mapping[int, Workflow] = {}
    places: tuple[Place, ...] = ()
    waiting: int = 0
    refused: bool = False
    today: tuple[Counted, ...] = ()


class Search(Struct, frozen=True, kw_only=True):
    """Who is looked for: by words, or everybody of a standing, a hindrance, a workflow, a stage or a line; from where on."""

    words: str = ""
    standing: str = ""
    hindrance: str = ""
    workflow: str = ""
    stage: str = ""
    waiting: bool = False
    after: str = ""


class Somebody(Struct, frozen=True, kw_only=True):
    """A customer in a list. `stage` and `step` say where they are in the workflow that was asked for."""

    id: str
    name: str
    email: str
    standing: str
    last_order: Day | None
    stage: str = ""
    step: str = ""


class Found(Struct, frozen=True, kw_only=True):
    """Who was found: at most a page of them. `after` leads to the next; `only` is the one that was meant."""

    people: tuple[Somebody, ...] = ()
    after: str = ""
    total: int | None = None
    only: str = ""


class Told(Struct, frozen=True, kw_only=True):
    """One customer's story; `timezone` is theirs, `letters` are the ids of their mails in the local mailbox by effect."""

    story: Story
    timezone: str
    letters: Mapping[str, str] = {}


class Reckoned(Struct, frozen=True, kw_only=True):
    """A plan of the files, or how far its reckoning has come, or that it failed."""

    plan: Plan | None = None
    done: int = 0
    of: int = 0
    failed: bool = False


class Proposed(Struct, frozen=True, kw_only=True):
    """A plan that somebody saved, and that waits for somebody else to put it in force."""

    number: int
    at: Instant
    who: str
    plan: Plan


class Changes(Struct, frozen=True, kw_only=True):
    """What the files would change (None: they are those in force), plans that wait, and what was applied last.

    `reckoned` is None where there is nothing to plan. `applied` is as `status --json` has it, the newest first.
    """

    pending: Pending | None = None
    reckoned: Reckoned | None = None
    proposals: tuple[Proposed, ...] = ()
    applied: list[dict[str, Any]] = []


class Held(Struct, frozen=True, kw_only=True):
    """What a pause holds: sends by template."""

    sends: Mapping[str, int]


class Sights(Protocol):
    """Whoever knows what the pages show. Nothing here changes anything."""

    def here(self) -> Here:
        """Return what every page needs, at once."""
        ...

    async def today(self) -> Today:
        """Return how the engine is, and what the last days brought."""
        ...

    async def workflows(self) -> Sequence[WorkflowSight]:
        """Return all workflows in force, and those of which runs are still under way."""
        ...

    async def workflow(self, name: str) -> WorkflowSight | None:
        """Return one of them, None where there is none."""
        ...

    async def customers(self, search: Search) -> Found:
        """Return who is looked for."""
        ...

    async def story(self, customer: str) -> Told | None:
        """Return a customer's story, None where nobody has this id."""
        ...

    async def changes(self) -> Changes:
        """Return what the files would change, what waits for a second person, and what was applied."""
        ...

    async def held(self, scope: str, name: str) -> Held:
        """Return what a pause holds."""
        ...
