"""The time of day."""

from __future__ import annotations

import time

from engine.core.moments import Instant


class SystemClock:
    """The machine's clock. The engine sees to it that its own time never goes back."""

    def now(self) -> Instant:
        """Return the present instant."""
        return time.time_ns() // 1_000
