"""The lookout: how far behind a worker is, for its metrics and its watchdog."""

from __future__ import annotations

import asyncio
import time

from faust.types import TP

from engine.core.moments import SECOND
from engine.runtimes.kafka.faust_app import HeldApp
from engine.runtimes.kafka.holding import Holding
from engine.runtimes.kafka.stopping import fail_stop
from engine.runtimes.kafka.watchdog import Pulse, moment
from engine.runtimes.kafka.worker_meters import WorkerMeters


class Lookout:
    """Looks around once a second."""

    def __init__(self, app: HeldApp, holding: Holding, pulse: Pulse, meters: WorkerMeters) -> None:
        self._app, self._holding, self._pulse, self._meters = app, holding, pulse, meters
        self._uncommitted: dict[TP, tuple[int | None, float]] = {}

    async def run(self) -> None:
        """Look around until cancelled; end the process when Faust has crashed, which it says to nobody."""
        while True:
            await asyncio.sleep(1)
            if self._app.crashed:
                fail_stop("Faust has crashed", error=self._app.crash_reason)
            self.look()

    def look(self) -> None:
        """Tell the metrics and the watchdog what waits."""
        held, lag = self._holding.held, self._lag()
        behind = [held[number].partition.accepted for number, count in lag.items() if count]
        self._meters.behind(lag, max(0.0, time.time() - min(behind) / SECOND) if behind else 0.0)
        self._pulse.behind = bool(behind) or any(each.news.messages for each in held.values())
        self._pulse.uncommitted_since = self._oldest_uncommitted()

    def _lag(self) -> dict[int, int]:
        """Return how many records wait in each partition."""
        consumer, lag = self._app.consumer, {}
        assigned = consumer.assignment()
        for number, held in self._holding.held.items():
            tp = TP(self._app.inbox_name, number)
            end = consumer.highwater(tp) if tp in assigned else None
            lag[number] = max(0, (end or 0) - (held.expected or 0))
        return lag

    def _oldest_uncommitted(self) -> float | None:
        """Return since when something durable waits to be committed while no commit moves."""
        now, waiting = moment(), {}
        committed = self._app.committed
        for number, held in self._holding.held.items():
            tp = TP(self._app.inbox_name, number)
            if held.durable is not None and committed[tp] != held.durable:
                before = self._uncommitted.get(tp)
                waiting[tp] = before if before is not None and before[0] == committed[tp] else (committed[tp], now)
        self._uncommitted = waiting
        return min((since for _, since in waiting.values()), default=None)
