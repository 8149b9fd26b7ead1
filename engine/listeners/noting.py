"""What links and pixels tell, on its way in: noted after the answer, so that nobody who follows a link waits for us.

A redirect does not depend on the engine: it is answered at once, and the event waits in memory until it is taken in, tried
again for as long as that takes. So a crash loses the moment's clicks, and nothing else: what people say (a "no", a yes, an
answer) never goes this way. Where more waits than may, new ones are left out, counted and told in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from engine.listeners.intake import Intake

WAITING_AT_MOST: Final = 20_000
AT_ONCE: Final = 200
"""Events taken in by one transaction, if so many wait."""

DRAINED_WITHIN = 5.0
"""Seconds that what still waits has when the listener stops."""

_LATEST_TRY = 30.0  # seconds between two tries, at most

log = structlog.get_logger(__name__)


class Notes:
    """Takes in events behind the back of whoever caused them."""

    def __init__(
        self, intake: Intake, origin: str, registry: CollectorRegistry | None = None, *, at_most: int = WAITING_AT_MOST
    ) -> None:
        """`origin` says in dead letters where the events came from."""
        self._intake, self._origin = intake, origin
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(at_most)
        self._taken = Counter("winback_public_noted", "Opens and clicks taken in", registry=registry)
        self._lost = Counter("winback_public_not_noted", "Opens and clicks that were lost", registry=registry)
        gauge = Gauge("winback_public_to_note", "Opens and clicks that wait to be taken in", registry=registry)
        gauge.set_function(self._waiting.qsize)

    def note(self, raw: bytes) -> None:
        """Take in an event as soon as may be; returns at once."""
        try:
            self._waiting.put_nowait(raw)
        except asyncio.QueueFull:
            self._lose(1, "too many wait")

    async def settled(self) -> None:
        """Wait until nothing waits any more."""
        await self._waiting.join()

    @asynccontextmanager
    async def under_way(self) -> AsyncIterator[None]:
        """Take in while the context lasts; at its end what still waits is given a moment."""
        working = asyncio.create_task(self._run())
        try:
            yield
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAINED_WITHIN):
                    await self.settled()
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            if left := self._waiting.qsize():
                self._lose(left, "the listener stops")

    async def _run(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < AT_ONCE and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            try:
                await self._take(batch)
            except asyncio.CancelledError:
                self._lose(len(batch), "the listener stops")
                raise
            for _ in batch:
                self._waiting.task_done()

    async def _take(self, batch: list[bytes]) -> None:
        pause = 0.1
        while True:
            try:
                results = await self._intake.take(batch, self._origin)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again and told
                log.warning("opens and clicks wait: they cannot be taken in now", error=type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LATEST_TRY)
                continue
            for reason in sorted({each.reason for each in results if each.status == "dead_letter"}):
                log.error("opens or clicks became dead letters", reason=reason)
            self._taken.inc(len(batch))
            return

    def _lose(self, count: int, why: str) -> None:
        self._lost.inc(count)
        log.error("opens or clicks are lost", count=count, why=why)
