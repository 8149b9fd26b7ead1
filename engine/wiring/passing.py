"""Letting time pass over an engine whose clock is virtual: for the demonstration, and for a shop for practice.

The clock moves on only when everything that was due has been done and every mail has been handed over, so that nothing
depends on how fast the machine is.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from connectors.memory import FixedClock
from engine.books.views import Views
from engine.core import effects as fx
from engine.core.effects import Effect
from engine.core.events import Event
from engine.core.moments import Day, Instant
from engine.wiring.program import Program


class DayReport(Struct, frozen=True):
    """What happened on one day: events by type, mails by template with their customers, codes, and how runs ended.

    `entered` counts the runs that began, by workflow; `standings` is as it was in the evening.
    """

    day: Day
    events: dict[str, int]
    entered: dict[str, int]
    mails: list[tuple[str, str]]
    codes: int
    outcomes: dict[str, int]
    standings: dict[str, int]


class Passing:
    """Moves the clock of a running engine, and tells what came of it."""

    def __init__(self, program: Program, clock: FixedClock) -> None:
        self._program, self._clock = program, clock
        self._views = Views(program.settings.data)
        self._seq: int = self._views.one("newest_effect")[0]

    def close(self) -> None:
        """Let go of the database."""
        self._views.close()

    async def step(self, until: Instant, waiting: Sequence[Event] = ()) -> list[Event]:
        """Move the clock on, take in what has happened by then, and wait until all of it is done; return the rest."""
        self._clock.set(until)
        came = [event for event in waiting if event.time <= until]
        if came:
            await self._program.loop.submit(came)
        self._program.loop.wake()
        await self.settle()
        return list(waiting[len(came) :])

    async def settle(self) -> None:
        """Wait until nothing is due any more and every mail has been handed over."""
        engine, loop = self._program.engine, self._program.loop
        while True:
            await loop.ask(lambda _store, _now: None)  # whatever was queued before is done after this
            wake = engine.next_wake()
            if (wake is None or wake > self._clock.now()) and await self._program.idle():
                return
            await asyncio.sleep(0)

    def effects(self) -> list[Effect]:
        """Return the effects since the last time."""
        news = self._views.effects_after(self._seq, 1 << 30)
        if news:
            self._seq = news[-1][0]
        return [effect for _, effect in news]

    def report(self, day: Day, effects: Sequence[Effect], events: Sequence[Event] = ()) -> DayReport:
        """Return what happened on a day, of which these were the effects."""
        standings: Counter[str] = Counter()
        for standing, _, count in self._views.all("groups"):
            standings[standing] += count
        started = (effect for effect in effects if effect.type == fx.RUN_STARTED)
        return DayReport(
            day=day,
            events=dict(Counter(event.type for event in events)),
            entered=dict(Counter(effect.data["workflow"] for effect in started)),
            mails=[(effect.data["template"], effect.customer) for effect in sends(effects)],
            codes=sum(effect.type == fx.COUPON_ISSUED for effect in effects),
            outcomes=dict(Counter(effect.data["outcome"] for effect in effects if effect.type == fx.RUN_ENDED)),
            standings=dict(standings),
        )


def sends(effects: Sequence[Effect]) -> list[Effect]:
    """Return the mails that left."""
    return [effect for effect in effects if effect.type == fx.SEND_REQUESTED and not effect.shadow]
