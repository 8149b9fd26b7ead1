"""Effects out by file: follows the log of effects and writes what may leave, once.

Mails leave by the relay and are not written here, so that no tool that reads the file sends them again; what goes by letter,
phone, sms or push is, with its text, when the relay has given it out. Shadow effects never leave, nor does anything decided
before `go-live`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from connectors.effect_files import EffectFiles, Line, erased
from engine.books.views import Views
from engine.core import effects as fx
from engine.core.effects import Effect, line
from engine.core.erasing import Traces
from engine.core.leaving import may_leave, told
from engine.core.moments import iso_day, zone
from engine.core.rulebook import Rules

T = TypeVar("T")

PAGE = 1_000
_STOPS = {fx.SUPPRESSED: "suppressed", fx.RESUMED: "resumed"}
_TAGS = {fx.TAGGED: "tagged", fx.UNTAGGED: "untagged"}
_DAILY = {**dict.fromkeys(_STOPS, "suppressions"), **dict.fromkeys(_TAGS, "tags"), fx.HANDED_OFF: "hand_offs"}


class EffectLog:
    """Writes effects to files, as they are committed. Use it in one thread."""

    def __init__(self, folder: Path) -> None:
        """Go on where the files stand."""
        self._views = Views(folder)
        self._files = EffectFiles(folder)

    def write_news(self) -> int:
        """Write a page of what is new; return how many effects were looked at."""
        news = self._views.effects_after(self._files.position, PAGE)
        if not news:
            return 0
        rules = self._views.rules()
        lines = [self._line(effect, rules) for _, effect in news if may_leave(effect, rules.shop)]
        self._files.write(lines, news[-1][0])
        return len(news)

    def close(self) -> None:
        """Let go of the database."""
        self._views.close()

    def _line(self, effect: Effect, rules: Rules) -> Line:
        kind = _DAILY.get(effect.type)
        if kind is None:
            return Line(line(told(effect)))
        record = self._views.record(effect.customer)
        email = str(record.value("email") or "") if record is not None else ""
        action = _STOPS.get(effect.type) or _TAGS.get(effect.type) or " ".join(effect.data["may"])
        event = effect.cloud_event()
        about = str(effect.data.get("scope") or effect.data.get("tag") or effect.data.get("team") or "")
        cells = (
            event["time"],
            effect.customer,
            email,
            about,
            action,
            effect.data.get("workflow", ""),
            effect.effect_id,
        )
        day = iso_day(zone(rules.lifecycle.timezone).day(effect.time))
        return Line(line(effect), kind, day, cells)


class Following:
    """An effect log that follows the engine, in a thread of its own: its connection belongs to whoever opened it."""

    def __init__(self, folder: Path) -> None:
        """Open the files of a data folder."""
        self._thread = ThreadPoolExecutor(1, "effects")
        self._folder = folder
        self._log: EffectLog | None = None

    async def run(self, news: asyncio.Event) -> None:
        """Write effects to files until cancelled, then what is committed by then.

        Raises:
            OSError: a file cannot be written.

        """
        self._log = log = await self._do(partial(EffectLog, self._folder))
        try:
            while True:
                news.clear()
                while await self._do(log.write_news):
                    pass
                await news.wait()
        finally:
            while await self._do(log.write_news):
                pass
            await self._do(log.close)
            self._thread.shutdown()

    async def erase(self, traces: Traces, customers: frozenset[str]) -> int:
        """Take a person out of the files, between two pages that are written."""
        return await self._do(partial(erased, self._folder, traces, customers))

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
