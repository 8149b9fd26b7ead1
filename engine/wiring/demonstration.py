"""A made-up shop that lives in front of the reader: history first, then go-live, then a clock that moves in steps.

The engine is the real one, with its database, relay and mailbox; only its clock is virtual, and the people are made up.
The clock moves on only when everything that was due has been done and every mail has been handed over.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from connectors.memory import FixedClock
from engine.core.effects import Effect
from engine.core.moments import HOUR, Day, zone
from engine.language.files import Checked
from engine.runtimes.simulator.sample import Shop
from engine.wiring.passing import DayReport, Passing, sends
from engine.wiring.program import Program, running
from engine.wiring.settings import Settings

YEAR = 365
LIFE = 1_095
"""Days that the made-up people's plans reach over: the first year is history."""

STEPS_A_DAY = 24
_DRAFT = re.compile(r"^mode:[ \t]*(?:draft|shadow)\b", re.MULTILINE)


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
        self._passing = Passing(program, clock)
        self._sends: list[Effect] = []

    def close(self) -> None:
        """Let go of the database."""
        self._passing.close()

    async def begin(self) -> int:
        """Take in a year of history, and go live; return how many events it had."""
        history = [event for day in range(self._today - YEAR, self._today) for event in self._people.day(day)]
        await self.program.loop.submit(history)
        self._clock.advance(HOUR)
        self._passing.effects()
        await self.program.control.do("go-live", {"no_suppressions": True})
        await self._passing.settle()
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
                waiting = await self._passing.step(until, waiting)
            await asyncio.sleep(began + seconds * step / STEPS_A_DAY - loop.time())
        self._today += 1
        effects = self._passing.effects()
        self._sends = sends(effects)
        return self._passing.report(self._today - 1, effects, events)


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
