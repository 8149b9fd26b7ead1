"""Reckoning a plan for the page of changes: off the loop, one at a time, and again only when there is another edit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from engine.books.database import Where
from engine.core.moments import MINUTE, Instant
from engine.insight.plan import Plan
from engine.language.files import Checked
from engine.listeners.console import Reckoned
from engine.wiring.planning import plan_of

AT_ONCE: Final = 0.15
"""Seconds that a page waits for a plan, so that a small shop need not load it twice."""

GOOD_FOR: Final = 10 * MINUTE
"""A plan as old as this is reckoned anew when somebody looks: customers go on meanwhile."""

WHO: Final = "the console"

log = structlog.get_logger(__name__)


class Reckoning:
    """The plan of the files as they were last checked."""

    def __init__(self, where: Where, now: Callable[[], Instant]) -> None:
        """Reckon beside the rules in force in the books."""
        self._where, self._now = where, now
        self._task: asyncio.Task[Plan] | None = None
        self._of: tuple[Checked, int] | None = None
        self._begun: Instant = 0
        self._progress = (0, 0)

    async def plan(self, checked: Checked, applied: int) -> Reckoned:
        """Return the plan of a set beside what the `applied`th apply put in force, or how far its reckoning has come."""
        if self._is_another(checked, applied):
            await self.close()
            self._of, self._begun, self._progress = (checked, applied), self._now(), (0, 0)
            self._task = asyncio.create_task(asyncio.to_thread(self._reckon, checked))
        assert self._task is not None, "just begun, if not before"
        await asyncio.wait([self._task], timeout=AT_ONCE)
        if not self._task.done():
            return Reckoned(done=self._progress[0], of=self._progress[1])
        try:
            return Reckoned(plan=self._task.result())
        except Exception:  # noqa: BLE001 - whatever it is, the page says so, and the log why
            return Reckoned(failed=True)

    async def close(self) -> None:
        """Wait for what is under way: a thread cannot be stopped."""
        if self._task is not None:
            with suppress(Exception):
                await self._task

    def _is_another(self, checked: Checked, applied: int) -> bool:
        if self._task is None or self._of is None:
            return True
        is_old = self._task.done() and self._now() - self._begun > GOOD_FOR
        return is_old or self._of[0] is not checked or self._of[1] != applied

    def _reckon(self, checked: Checked) -> Plan:
        def tell(done: int, of: int) -> None:
            self._progress = done, of

        try:
            return plan_of(self._where, checked, now=self._now(), who=WHO, tell=tell)
        except Exception:
            log.exception("the plan could not be reckoned")
            raise
