"""A made-up shop that lives in front of the reader: history first, then go-live, then a clock that moves in steps.

The engine is the real one, with its database, relay and mailbox; only its clock is virtual, and the people are made up.
The clock moves on only when everything that was due has been done and every mail has been handed over.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct

from connectors.memory import FixedClock
from engine.core import effects as fx
from engine.core.effects import Effect
from engine.core.events import Event
from engine.core.moments import HOUR, Day, Instant, zone
from engine.language.files import Checked
from engine.runtimes.simulator.sample import Shop
from engine.runtimes.sqlite.views import Views
from engine.wiring.program import Program, running
from engine.wiring.settings import Settings

YEAR = 365
LIFE = 1_095
"""Days that the made-up people's plans reach over: the first year is history."""

STEPS_A_DAY = 24
_DRAFT = re.compile(r"^mode:[ \t]*(?:draft|shadow)\b", re.MULTILINE)


class DayReport(Struct, frozen=True):
    """What happened on one day: events by type, mails by template with their customers, codes, and how runs ended."""

    day: Day
    events: dict[str, int]
    mails: list[tuple[str, str]]
    codes: int
    outcomes: dict[str, int]
    standings: dict[str, int]


def live_copy(workflows: Path, target: Path) -> None:
    """Copy a folder of workflows with all of them live.

    Raises:
        OSError: it cannot be read, or the copy cannot be written.

    """
    shutil.copytree(workflows, target)
    for path in target.glob("*.yaml"):
        path.write_text(_DRAFT.sub("mode: live", path.read_text("utf-8")), "utf-8")


class Demonstration:
    """One demonstration. `begin` takes in the history and goes live; `live` lets one more day pass."""

    def __init__(self, program: Program, clock: FixedClock, people: Shop, first_day: Day) -> None:
        self.program = program
        self._clock, self._people = clock, people
        self._shop_zone = zone(program.engine.handling.rules.lifecycle.timezone)
        self._today = first_day
        self._views = Views(program.settings.data)
        self._seq = 0
        self._sends: list[Effect] = []

    def close(self) -> None:
        """Let go of the database."""
        self._views.close()

    async def begin(self) -> int:
        """Take in a year of history, and go live; return how many events it had."""
        history = [event for day in range(self._today - YEAR, self._today) for event in self._people.day(day)]
        await self.program.loop.submit(history)
        self._clock.advance(HOUR)
        self._effects()
        await self.program.control.do("go-live", {"no_suppressions": True})
        await self._settle()
        return len(history)

    async def live(self, seconds: float) -> DayReport:
        """Let a day pass in at least so many seconds; return what happened on it."""
        begin = self._shop_zone.start(self._today)
        events = self._people.day(self._today, self._sends)
        waiting = list(events)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for step in range(1, STEPS_A_DAY + 1):
            until = begin + step * (self._shop_zone.start(self._today + 1) - begin) // STEPS_A_DAY
            if until > self._clock.now():
                waiting = await self._step(until, waiting)
            await asyncio.sleep(began + seconds * step / STEPS_A_DAY - loop.time())
        self._today += 1
        return self._report(events)

    async def _step(self, until: Instant, waiting: list[Event]) -> list[Event]:
        """Move the clock on, take in what has happened by then, and wait until all of it is done; return the rest."""
        self._clock.set(until)
        came = [event for event in waiting if event.time <= until]
        if came:
            await self.program.loop.submit(came)
        self.program.loop.wake()
        await self._settle()
        return waiting[len(came) :]

    async def _settle(self) -> None:
        """Wait until nothing is due any more and every mail has been handed over."""
        engine, loop = self.program.engine, self.program.loop
        while True:
            await loop.ask(lambda _store, _now: None)  # whatever was queued before is done after this
            wake = engine.next_wake()
            if (wake is None or wake > self._clock.now()) and await self.program.idle():
                return
            await asyncio.sleep(0)

    def _effects(self) -> list[Effect]:
        """Return the effects since the last time."""
        news = self._views.effects_after(self._seq, 1 << 30)
        if news:
            self._seq = news[-1][0]
        return [effect for _, effect in news]

    def _report(self, events: list[Event]) -> DayReport:
        effects = self._effects()
        self._sends = [effect for effect in effects if effect.type == fx.SEND_REQUESTED and not effect.shadow]
        standings: Counter[str] = Counter()
        for standing, _, count in self._views.all("groups"):
            standings[standing] += count
        return DayReport(
            day=self._today - 1,
            events=dict(Counter(event.type for event in events)),
            mails=[(effect.data["template"], effect.customer) for effect in self._sends],
            codes=sum(effect.type == fx.COUPON_ISSUED for effect in effects),
            outcomes=dict(Counter(effect.data["outcome"] for effect in effects if effect.type == fx.RUN_ENDED)),
            standings=dict(standings),
        )


@asynccontextmanager
async def demonstration(
    settings: Settings,
    environment: Mapping[str, str],
    checked: Checked,
    *,
    customers: int,
    seed: int,
    today: Day,
    listen: bool,
) -> AsyncIterator[Demonstration]:
    """Run an engine on a virtual clock that begins on a day, over people who have been its customers for a year.

    Raises:
        DatabaseError: the data folder cannot be used.
        OSError: a listener's address is taken.

    """
    assert checked.rules is not None, "only a set without errors is demonstrated"
    there = zone(checked.rules.lifecycle.timezone)
    clock = FixedClock(there.start(today))
    people = Shop(customers, seed, start=today - YEAR, days=LIFE)
    async with running(
        settings, environment, clock, checked, follow=True, listen=listen, overdue_a_second=None
    ) as program:
        demo = Demonstration(program, clock, people, today)
        try:
            yield demo
        finally:
            demo.close()
