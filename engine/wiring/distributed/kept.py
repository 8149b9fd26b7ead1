"""What the books say of the shop, looked at again and again: rules, pauses, templates, brand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.books.database import Where
from engine.books.views import Views
from engine.core.rulebook import Rules
from engine.core.rules import RuleSet
from engine.core.shop import Pause, Shop
from engine.rendering import Brand
from engine.rendering.envelope import Desk
from engine.wiring.composing import desk
from engine.wiring.in_force import Kept, kept_of
from engine.wiring.settings import Settings

POLL = 0.2
"""Seconds of real time between two looks: a pause stops within a second what lies in the outbox."""


class ShopAsKept:
    """The shop as the books have it, a moment ago at most."""

    def __init__(
        self, settings: Settings, where: Where, *, on_templates: Callable[[Kept], None] = lambda _: None
    ) -> None:
        """`on_templates` hears of each set of templates that comes into force, the first one included."""
        self._settings, self._views, self._on_templates = settings, Views(where), on_templates
        self._in_force: int | None = None
        self._kept = kept_of("")
        self.rules = Rules(RuleSet(), Shop(), key=b"")

    @property
    def shop(self) -> Shop:
        """The shop's state."""
        return self.rules.shop

    @property
    def pauses(self) -> tuple[Pause, ...]:
        """What is paused."""
        return self.rules.shop.pauses

    @property
    def desk(self) -> Desk:
        """Who writes."""
        return desk(self._settings, self._kept.brand)

    @property
    def brand(self) -> Brand:
        """What the shop is called, and the like."""
        return self._kept.brand

    async def look(self) -> None:
        """Look now.

        Raises:
            DatabaseError: the books cannot be read.

        """
        self.rules, in_force, raw = await asyncio.to_thread(self._read)
        if in_force != self._in_force:
            self._in_force, self._kept = in_force, kept_of(raw)
            self._on_templates(self._kept)

    async def run(self) -> None:
        """Look again and again, until cancelled.

        Raises:
            DatabaseError: as `look`.

        """
        while True:
            await self.look()
            await asyncio.sleep(POLL)

    def close(self) -> None:
        """Let go of the books."""
        self._views.close()

    def _read(self) -> tuple[Rules, int | None, str]:
        rules = self._views.rules()
        newest = next(iter(self._views.put_in_force(1)), None)
        number = None if newest is None else newest.num
        return rules, number, self._views.templates() if number != self._in_force else ""
