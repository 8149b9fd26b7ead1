"""What the console's pages show, read from the engine's data in a thread of its own, as of the last commit."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

from engine.books.proposals import PENDING, Proposal
from engine.books.views import Views
from engine.core.customer import Customer
from engine.core.moments import Instant, zone
from engine.core.rulebook import Rules
from engine.listeners.console import (
    Changes,
    Counted,
    Found,
    Held,
    Here,
    Letters,
    Place,
    Proposed,
    Search,
    Today,
    Told,
    WorkflowSight,
)
from engine.listeners.control import Control
from engine.trace import Ending, story
from engine.wiring.applying import row_as_json
from engine.wiring.console.finding import found
from engine.wiring.console.reckoning import Reckoning
from engine.wiring.held import held_by
from engine.wiring.overview import overview
from engine.wiring.planning import plan_from
from engine.wiring.settings import Settings
from engine.wiring.waiting import WaitingFiles

DAYS: Final = 14
"""So many days of figures the pages show."""

LOOKED_AT: Final = 1_000
"""Customers whose records are read to tell what a pause of a domain holds; of other pauses the counts know."""

LISTED: Final = 10
"""Plans that wait, and applies, that are shown."""

T = TypeVar("T")


class EngineSights:
    """The sights of a running engine."""

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], Instant],
        rules: Callable[[], Rules],
        control: Control,
        letters: Letters,
        waiting: WaitingFiles,
        shop: str,
    ) -> None:
        """`rules` are those in force, as of now; `waiting` says what the files would change, without looking at them now.

        `shop` is the shop's name.
        """
        self._settings, self._now, self._rules, self._control, self._letters = settings, now, rules, control, letters
        self._waiting, self._shop = waiting, shop
        self._reckoning = Reckoning(settings.books, now)
        self._thread = ThreadPoolExecutor(1, "console")
        self._views: Views | None = None

    async def close(self) -> None:
        """Let go of the database."""
        await self._reckoning.close()
        await self._read(lambda views: views.close())
        self._thread.shutdown()

    def here(self) -> Here:
        """Return what every page needs."""
        rules = self._rules()
        waits = self._waiting.pending()
        return Here(
            shop=self._shop,
            now=self._now(),
            timezone=rules.lifecycle.timezone,
            live_since=rules.shop.live_since if rules.shop.gone_live else None,
            pauses=rules.shop.pauses,
            pending=0 if waits is None else len(waits.changes) or waits.errors,
        )

    async def today(self) -> Today:
        """Return how the engine is, and what the last days brought."""
        running = {"pid": os.getpid(), **await self._control.do("ping", {})}
        return await self._read(partial(self._today, running=running, now=self._now()))

    def _today(self, views: Views, running: Mapping[str, Any], now: int) -> Today:
        waits = self._waiting.pending()
        day = zone(views.rules().lifecycle.timezone).day(now)
        seen = overview(views, self._settings, now, running, waits=waits, sends={})
        return Today(overview=seen, day=day, tally=_tally(views, day - DAYS + 1))

    async def workflows(self) -> Sequence[WorkflowSight]:
        """Return all workflows in force, and those of which runs are still under way."""
        return await self._read(partial(_workflows, now=self._now()))

    async def workflow(self, name: str) -> WorkflowSight | None:
        """Return one of them."""
        return next((each for each in await self.workflows() if each.workflow.name == name), None)

    async def customers(self, search: Search) -> Found:
        """Return who is looked for."""
        return await self._read(lambda views: found(views, search, views.rules()))

    async def story(self, customer: str) -> Told | None:
        """Return a customer's story."""
        return await self._read(partial(self._story, name=customer, now=self._now()))

    def _story(self, views: Views, name: str, now: int) -> Told | None:
        customer = views.record(name)
        if customer is None:
            return None
        effects = views.effects_of(name)
        ids = {effect.effect_id for effect in effects}
        endings = {key: Ending(each.state, each.at, each.why) for key, each in views.endings(ids).items()}
        rules = views.rules()
        told = story(customer, effects, rules, now, endings=endings, places=views.places(customer))
        letters = {key: letter for key in endings if (letter := self._letters.letter_of(key)) is not None}
        return Told(story=told, timezone=_timezone(customer, rules), letters=letters)

    async def changes(self) -> Changes:
        """Return what the files would change, what waits for a second person, and what was applied."""
        rows, proposals = await self._read(lambda views: (views.put_in_force(LISTED), views.proposals(LISTED)))
        pending, checked = self._waiting.pending(), self._waiting.checked
        reckoned = None
        if pending is not None and checked is not None and not pending.errors:
            reckoned = await self._reckoning.plan(checked, rows[0].num if rows else 0)
        return Changes(
            pending=pending,
            reckoned=reckoned,
            proposals=tuple(_proposed(each) for each in proposals if each.state == PENDING),
            applied=[row_as_json(each) for each in rows],
        )

    async def held(self, scope: str, name: str) -> Held:
        """Return what a pause holds."""
        return await self._read(lambda views: Held(sends=held_by(views, scope, name)))

    async def _read(self, look: Callable[[Views], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._look, look)

    def _look(self, look: Callable[[Views], T]) -> T:
        if self._views is None:
            self._views = Views(self._settings.books)
        return look(self._views)


def _proposed(kept: Proposal) -> Proposed:
    return Proposed(number=kept.num, at=kept.at, who=kept.who, plan=plan_from(kept.plan))


def _timezone(customer: Customer, rules: Rules) -> str:
    """Return the customer's zone, or the shop's where theirs is none."""
    known = str(customer.value("timezone") or "")
    try:
        zone(known)
    except (KeyError, ValueError):
        return rules.lifecycle.timezone
    return known or rules.lifecycle.timezone


def _tally(views: Views, since: int) -> tuple[Counted, ...]:
    return tuple(
        Counted(day, what, workflow, detail, bool(shadow), count)
        for day, what, workflow, detail, shadow, count in views.all("tally", since)
    )


# Workflows -----------------------------------------------------------------------------------------------------------


def _workflows(views: Views, now: int) -> list[WorkflowSight]:
    rules = views.rules()
    places: dict[str, list[Place]] = {}
    for workflow, version, mode, stage, step, doing, runs in views.all("headcount"):
        places.setdefault(workflow, []).append(Place(version, mode, stage, step, doing, runs))
    lines = dict(views.all("lines"))
    today = _tally(views, zone(rules.lifecycle.timezone).day(now))
    return [
        _sight(rules, name, places.get(name, []), lines.get(name, 0), today)
        for name in sorted({*rules.rule_set.workflows, *places})
    ]


def _sight(rules: Rules, name: str, places: Iterable[Place], waiting: int, today: Iterable[Counted]) -> WorkflowSight:
    there = tuple(places)
    versions = {number: rules.version(name, number) for number in {place.version for place in there}}
    in_force = rules.rule_set.workflows.get(name)
    return WorkflowSight(
        workflow=in_force or versions[max(versions)],
        switch=rules.switch(name),
        in_force=in_force is not None,
        versions=versions,
        places=there,
        waiting=waiting,
        refused=name in rules.shop.refused,
        today=tuple(each for each in today if each.workflow == name),
    )
