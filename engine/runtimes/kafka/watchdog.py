"""The watchdog: a thread beside the worker's loop that kills the process when it gets nowhere.

Faust is known to stand still in ways that no exception shows: a commit that never comes, a partition that is fetched no more,
a rebalance that waits for an acknowledgement. Whatever it waits for, a worker started anew does not.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from engine.runtimes.kafka import stopping

STALL: Final = 120.0
"""Seconds without progress, while there is something to do, after which a worker is killed."""


class Pulse(Struct):
    """What the watchdog looks at; the loop writes it. `moment` counts seconds that pass while the machine sleeps, too."""

    turned: float
    """When the loop last came by."""
    steps: int = 0
    """Records restored, decided and made durable, and offsets committed."""
    behind: bool = False
    """Whether there is anything to do."""
    uncommitted_since: float | None = None
    """Since when something durable waits to be committed while no commit moves; None where nothing does."""


def moment() -> float:
    """Return seconds on a clock that nobody sets and that goes on while the process, or the machine, stands still."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Watchdog:
    """Looks at a pulse once in a while. It has a thread of its own, so that a loop that hangs does not stop it."""

    def __init__(self, pulse: Pulse, stall: float = STALL, *, kill: Callable[[str], object] = stopping.kill) -> None:
        """`kill` is told why; tests take it over."""
        self._pulse, self._stall, self._kill = pulse, stall, kill
        self._steps, self._since = pulse.steps, pulse.turned
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def look(self, now: float) -> None:
        """Look once; kill the process if it has got nowhere for too long."""
        pulse = self._pulse
        if now - pulse.turned > self._stall:
            self._kill(f"its loop has not come by for {now - pulse.turned:.0f} s")
        elif pulse.uncommitted_since is not None and now - pulse.uncommitted_since > self._stall:
            self._kill(f"nothing was committed for {now - pulse.uncommitted_since:.0f} s")
        elif pulse.steps != self._steps or not pulse.behind:
            self._steps, self._since = pulse.steps, now
        elif now - self._since > self._stall:
            self._kill(f"there was something to do, and nothing was done for {now - self._since:.0f} s")

    def _watch(self) -> None:
        while not self._over.wait(self._stall / 10):
            self.look(moment())
