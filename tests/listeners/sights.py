"""Sights made up for the pages' tests: one shop on one day, without an engine behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from engine.core.customer import Customer
from engine.core.moments import DAY, Instant
from engine.core.rulebook import Rules
from engine.core.shop import Pause, Shop
from engine.insight.overview import Overview
from engine.listeners import ControlRefusedError
from engine.listeners.console import Changes, Counted, Found, Held, Here, Place, Search, Today, Told, WorkflowSight
from engine.trace import story
from tests.builders import rules_of, somebody

NOW: Instant = 1_767_607_200_000_000  # 2026-01-05 10:00 UTC
TODAY = NOW // DAY

WORKFLOW = """
workflow: waits
title: Wait, then <ask>
enter_when_all:
  - event: customer.logged_in
again_after: never
enter_at_most: 100 per 1d
leave_when_any:
  - event: email.unsubscribed
stages:
  first:
    steps:
      - wait: 2d
      - send: hello
      - wait: 1d
    end: done
"""

QUIET = Overview(
    as_of="2026-01-05T10:00:00Z",
    running={"pid": 1},
    live_since="2026-01-01T00:00:00Z",
    customers=4,
    standings={"active": 3, "lapsed": 1},
    not_mailable={},
    workflows={},
    runs={},
    waiting={},
    refused={},
    due=0,
    next_due=None,
    lag_seconds=0.0,
    stalls=[],
    stuck=[],
    paused=[],
    held=0,
    outbox=0,
    sends={},
    uncertain=[],
    dead_letters=0,
    data_requests=[],
    last_errors=[],
    pending=None,
    receivers={"sends": "the local mailbox", "other effects": "effects.jsonl"},
    nobody_takes={},
    reorder_interval={},
    warm_up_over=True,
    sweep=None,
)


class MadeUp:
    """Sights that a test sets."""

    def __init__(self) -> None:
        self.rules = Rules(rules_of(WORKFLOW), Shop(epoch=1), key=b"k")
        self.known = Here(shop="Tea & Co", now=NOW, timezone="Europe/Berlin", live_since=NOW - 4 * DAY)
        self.overview = QUIET
        self.tally: tuple[Counted, ...] = ()
        self.places: tuple[Place, ...] = ()
        self.people: dict[str, Customer] = {"ada": somebody()}
        self.asked: list[Search] = []
        self.waits = Changes()
        self.broken = False

    def pause(self, scope: str = "engine", name: str = "") -> None:
        """Let something be paused."""
        self.known = replace(self.known, pauses=(Pause(scope, name, NOW - DAY, "a wrong <price>", "Ada"),))

    def here(self) -> Here:
        """Return what every page needs."""
        return self.known

    async def today(self) -> Today:
        """Return today."""
        if self.broken:
            raise RuntimeError("secret detail")
        return Today(overview=self.overview, day=TODAY, tally=self.tally)

    async def workflows(self) -> Sequence[WorkflowSight]:
        """Return the one workflow."""
        workflow = self.rules.rule_set.workflows["waits"]
        older = {place.version: replace(workflow, version=place.version) for place in self.places}
        switch = self.rules.switch("waits")
        return [WorkflowSight(workflow=workflow, switch=switch, versions=older, places=self.places, waiting=2)]

    async def workflow(self, name: str) -> WorkflowSight | None:
        """Return it by its name."""
        return next((each for each in await self.workflows() if each.workflow.name == name), None)

    async def customers(self, search: Search) -> Found:
        """Note who was asked for, and find nobody but by id."""
        self.asked.append(search)
        return Found(only=search.words) if search.words in self.people else Found()

    async def story(self, customer: str) -> Told | None:
        """Return the story of somebody nothing has happened to."""
        found = self.people.get(customer)
        if found is None:
            return None
        return Told(story=story(found, [], self.rules, NOW), timezone="Europe/Berlin")

    async def changes(self) -> Changes:
        """Return what waits in the files."""
        return self.waits

    async def held(self, scope: str, name: str) -> Held:
        """Return what a pause holds."""
        return Held(sends={f"{scope} {name}".strip(): 3})


class Commands:
    """A control that notes what it is asked to do."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Mapping[str, Any]]] = []

    async def do(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Note a command; what is of `nowhere` is refused."""
        if arguments.get("name") == "nowhere":
            raise ControlRefusedError("no workflow is named 'nowhere': there are <waits>")
        self.done.append((name, arguments))
        return {}
