"""What the listeners' tests share: a clock, keys, a noted world behind the listeners."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from connectors.memory import FixedClock
from engine.core.events import DeadLetter, Event
from engine.core.links import Keys
from engine.core.objections import No
from engine.core.reading import Reader
from engine.handling import Taken
from engine.listeners import Intake, Objections

NOW = 1_767_607_200_000_000  # 2026-01-05 10:00 UTC


class World:
    """Everything that happened behind the listeners, in order, as (what, value)."""

    def __init__(self) -> None:
        self.clock = FixedClock(NOW)
        self.story: list[tuple[str, object]] = []
        self.broken = ""
        self.seen: set[tuple[str, str]] = set()

    async def submit(self, items: Sequence[Event | DeadLetter], origins: Sequence[str]) -> list[Taken]:
        """Take in events; one id of one source counts once."""
        assert len(items) == len(origins)
        if self.broken:
            raise RuntimeError(self.broken)
        return [self._take(item) for item in items]

    def _take(self, item: Event | DeadLetter) -> Taken:
        if isinstance(item, DeadLetter):
            self.story.append(("dead letter", item))
            return Taken("dead_letter", reason=item.reason)
        if (item.source, item.id) in self.seen:
            return Taken("duplicate", item.customer)
        self.seen.add((item.source, item.id))
        self.story.append(("event", item))
        return Taken("accepted", item.customer)

    async def block(self, keys: Sequence[bytes]) -> None:
        """Put keys on the block list."""
        self.story.append(("block", tuple(keys)))

    async def unblock(self, keys: Sequence[bytes]) -> None:
        """Take keys off the block list."""
        self.story.append(("unblock", tuple(keys)))

    async def note(self, noes: Sequence[No]) -> None:
        """Put on the block list what was said no to otherwise than through a link."""
        self.story += [("no", each) for each in noes]

    @property
    def objections(self) -> Objections:
        """Return what hears a no."""
        return Objections(self.note, self.clock)

    def intake(self) -> Intake:
        """Return a way in with a real reader."""
        return Intake(Reader().read, self.submit, self.clock)

    def events(self) -> list[Event]:
        """Return the events taken in."""
        return [value for what, value in self.story if what == "event" and isinstance(value, Event)]


@pytest.fixture
def world() -> World:
    """A world in which nothing has happened."""
    return World()


@pytest.fixture
def keys() -> Keys:
    """Keys of links."""
    return Keys({1: b"old secret", 2: b"secret"})
