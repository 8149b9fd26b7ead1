"""The time of day: the machine's, or that of a shop for practice, where it stands until somebody lets it pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import structlog

from connectors.memory import FixedClock
from engine.books.connection import DatabaseError
from engine.books.database import FILE_NAME, present
from engine.books.views import Views
from engine.core.moments import DAY, HOUR, Instant, rfc3339
from engine.ports import Clock
from engine.wiring.settings import Settings, SettingsError

log = structlog.get_logger(__name__)

MARK = "practice"
"""The file in a data folder that says it is one of a shop for practice."""

BEGINS_AT = 9  # o'clock in UTC, on the first day of practice: mails may go in most of the world's offices


JUMP = HOUR
"""No clock is put right by more than this; beyond it somebody has set it."""

LONGEST_STANDSTILL = 3 * DAY
"""A clock that says an engine stood still for longer may be wrong; and if not, much of what fell due is too late."""


def _wall() -> Instant:
    return time.time_ns() // 1_000


def _seconds_since_boot() -> Instant:
    """Microseconds since the machine was started, its sleep included where the system counts that."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)) // 1_000


class SystemClock:
    """The machine's clock, as long as it goes as clocks go. The engine sees to it that its own time never goes back.

    Where it goes forward by more than `JUMP` at once, somebody has set it, perhaps wrongly: waits of months would be over
    in that second, and nobody could take back what then leaves. So time is counted on from before, by the seconds since
    the machine was started, until the clock agrees again or the engine is started anew.
    """

    def __init__(
        self, wall: Callable[[], Instant] = _wall, steady: Callable[[], Instant] = _seconds_since_boot
    ) -> None:
        """Tell time by a wall clock, which may be set, and by one that only counts."""
        self._wall, self._steady = wall, steady
        self._apart = wall() - steady()
        self.trouble = ""

    def now(self) -> Instant:
        """Return the present instant."""
        wall, counted = self._wall(), self._steady() + self._apart
        if wall - counted > JUMP:
            if not self.trouble:
                self.trouble = (
                    f"the machine's clock went forward to {rfc3339(wall)} at once; the engine counts on from "
                    f"{rfc3339(counted)} by itself: set the clock right, or if it is, restart the engine"
                )
                log.error("the clock went forward at once", hours=(wall - counted) // HOUR)
            return counted
        self._apart += wall - counted
        self.trouble = ""
        return wall


def clock_trouble(clock: Clock) -> str:
    """Return what is wrong with a clock, empty when all is well."""
    return clock.trouble if isinstance(clock, SystemClock) else ""


def stood_still(settings: Settings, now: Instant) -> int:
    """Return for how long the engine of a data folder stood still, if that is longer than it should be; else 0."""
    if settings.practice is not None or not present(settings.books):
        return 0
    with Views(settings.books) as views:
        accepted, shop = views.shop()
    return 0 if shop.time_stands or now - accepted <= LONGEST_STANDSTILL else now - accepted


def clock_of(settings: Settings) -> Clock:
    """Return the clock that a data folder lives by.

    Raises:
        SettingsError: it is a folder of the other kind. Time once passed never goes back: in a real shop it would stand
            still until the machine's clock has come to where practice left it.

    """
    return practice_clock(settings) if settings.practice is not None else _system_clock(settings)


def practice_clock(settings: Settings) -> FixedClock:
    """Return the clock of a shop for practice, which stands where it was left.

    Raises:
        SettingsError: the folder is that of a real shop.

    """
    assert settings.practice is not None, "asked only for practice"
    data = settings.data
    first = datetime(settings.practice.year, settings.practice.month, settings.practice.day, BEGINS_AT, tzinfo=UTC)
    begins = int(first.timestamp()) * 1_000_000
    if not (data / FILE_NAME).exists():
        return FixedClock(begins)
    if not (data / MARK).exists():
        raise SettingsError(f"practice: {data} is the folder of a real shop; practise in another: --data")
    with suppress(DatabaseError), Views(data) as views:  # one of an older version is read when it has been opened
        begins = max(begins, views.shop()[0])
    return FixedClock(begins)


def mark(settings: Settings) -> None:
    """Say in a fresh data folder which kind of shop it is of. Called before the database is made."""
    if settings.practice is not None and not (settings.data / FILE_NAME).exists():
        settings.data.mkdir(parents=True, exist_ok=True)
        (settings.data / MARK).write_text(f"{settings.practice}\n", "utf-8")


def _system_clock(settings: Settings) -> SystemClock:
    if (settings.data / MARK).exists():
        raise SettingsError(
            f"{settings.data} is the folder of a shop for practice: set `practice`, or use another folder"
        )
    return SystemClock()
