"""A clock that leaps half a day at a time, the same for every process of this machine and over restarts."""

from __future__ import annotations

import time

from engine.core.moments import HOUR, Instant

LEAP = 12 * HOUR


class LeapingClock:
    """Real time, but for a leap of 12 hours every `every` seconds.

    Between two leaps mails get the time they need to leave; a clock that ran evenly would make a quarter of an hour,
    after which a send is asked again, a hundredth of a second. It begins at 09:00 UTC and 21:00 UTC in turn, so that
    every second leap opens the hours in which mails may go.
    """

    def __init__(self, start: Instant, began: int, every: float, stops: int = 0) -> None:
        """Begin at `start`, when the machine's monotonic clock showed `began` nanoseconds; stand still after `stops`."""
        self._start, self._began, self._every, self._stops = start, began, every, stops

    def now(self) -> Instant:
        """Return the present instant."""
        shown = time.monotonic_ns()
        gone = (min(shown, self._stops) if self._stops else shown) - self._began
        leaps = int(gone / 1e9 / self._every)
        return self._start + leaps * LEAP + gone // 1_000
