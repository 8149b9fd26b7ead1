"""The time of day: the machine's, or that of a shop for practice, where it stands until somebody lets it pass."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime

from connectors.memory import FixedClock
from engine.core.moments import Instant
from engine.ports import Clock
from engine.runtimes.sqlite.database import FILE_NAME, DatabaseError
from engine.runtimes.sqlite.views import Views
from engine.wiring.settings import Settings, SettingsError

MARK = "practice"
"""The file in a data folder that says it is one of a shop for practice."""

BEGINS_AT = 9  # o'clock in UTC, on the first day of practice: mails may go in most of the world's offices


class SystemClock:
    """The machine's clock. The engine sees to it that its own time never goes back."""

    def now(self) -> Instant:
        """Return the present instant."""
        return time.time_ns() // 1_000


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
