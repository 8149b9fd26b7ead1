"""The outbox as the relay sees it: which send comes next, and which ones go back to be asked again.

It reads through a connection of its own, so that a look at the outbox waits for no commit. What it reads may be a moment
old; the claim of a send, inside a transaction, has the last word.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import TypeVar

from msgspec import Struct

from engine.books import ledger
from engine.books.database import Where
from engine.books.ledger import Call, Ending, Queued
from engine.books.limits import Limit, Limits
from engine.books.reader import Reader
from engine.core.breaker import FAMILY, MARKETING
from engine.core.moments import MINUTE, Instant
from engine.core.providers import family
from engine.core.rules import Purpose
from engine.core.shop import Pause
from engine.rendering.envelope import instant_of

PAGE = 256

T = TypeVar("T")
GivenBack = list[tuple[Queued, Ending]]


class RelaySettings(Struct, frozen=True, kw_only=True):
    """`at_once` is the number of workers: that of the sender's connections. `only_to` are patterns of addresses.

    `lie_at_most` is in microseconds of the engine's clock; `limit` holds for each domain that `limits` does not name.
    """

    at_once: int = 4
    lie_at_most: int = 15 * MINUTE
    only_to: tuple[str, ...] = ()
    limit: Limit = Limit()
    limits: dict[str, Limit] = {}


class Backlog:
    """What waits to be handed over. `held` are sends that somebody has in hand."""

    def __init__(
        self,
        where: Where,
        limits: Limits,
        settings: RelaySettings,
        pauses: Callable[[], Sequence[Pause]],
    ) -> None:
        """Read the books at a place."""
        self._reader = Reader(where, "outbox")
        self._limits, self._settings, self._pauses = limits, settings, pauses
        self._ready: deque[Queued] = deque()
        self._swept_for: Sequence[Pause] = ()
        self.held: set[str] = set()

    def next(self, now: Instant, given_back: GivenBack) -> Queued | None:
        """Return the next send to call, held. Those that may not be called any more are put to `given_back`."""
        if now < self._limits.everywhere.closed_until:
            self.let_go(self._ready)
            self._ready.clear()
        while self._ready and len(given_back) < PAGE:
            queued = self._ready.popleft()
            ending = self.verdict(queued, now)
            if ending is not None:
                given_back.append((queued, ending))
            elif self._limits.domain(queued.domain, now).open(now):
                self._limits.domain(queued.domain, now).begin()
                return queued
            else:
                self.let_go([queued])
        return None

    def verdict(self, queued: Queued, now: Instant) -> Ending | None:
        """Say how a send ends without a call, None if it is to be called."""
        data = queued.data()
        not_after = instant_of(data.get("not_after"))
        if not_after and now > not_after:
            return Ending("late", "not handed over in time")
        if self._paused(queued):
            return Ending(ledger.AGAIN, "paused")
        if now - queued.queued_at >= self._settings.lie_at_most:
            return Ending(ledger.AGAIN, "lay too long")
        patterns = self._settings.only_to
        address = str(data["customer"].get("email") or "").casefold()
        if patterns and not any(fnmatchcase(address, pattern.casefold()) for pattern in patterns):
            return Ending("blocked", "only_to")
        return None

    def hold(self, calls: Sequence[Queued | Call]) -> None:
        """Hold the sends of calls that an earlier process left behind, until they are let go."""
        self.held.update(call.effect_id for call in calls)

    def let_go(self, sends: Sequence[Queued | Call] | deque[Queued]) -> None:
        """Hold these sends no longer."""
        self.held.difference_update(queued.effect_id for queued in sends)

    async def gather(self, now: Instant) -> GivenBack:
        """Look for sends to call; return those to give back instead, held."""
        given_back = await self._newly_paused(now) or await self._old(now)
        if not given_back and not self._ready and now >= self._limits.everywhere.closed_until:
            self._ready.extend(await self._hold(partial(ledger.due, now=now, closed=self._limits.closed(now))))
        return given_back

    def has_ready(self) -> bool:
        """Say whether `next` may have something at once."""
        return bool(self._ready)

    async def waiting(self) -> int:
        """Return how many sends were released and have not ended."""
        return await self._reader.read(ledger.outbox_length)

    async def close(self) -> None:
        """Close the connection."""
        await self._reader.close()

    def _paused(self, queued: Queued) -> bool:
        covered = {"engine": "", "workflow": queued.workflow, "template": queued.template, "domain": queued.domain}
        pauses = self._pauses()
        if any(pause.scope in (MARKETING, FAMILY) for pause in pauses):
            data = queued.data()
            if data.get("purpose") != Purpose.SERVICE.value and data.get("channel") == "email":
                covered |= {MARKETING: "", FAMILY: family(f"@{queued.domain}")}
        return any(covered.get(pause.scope) == pause.name for pause in pauses)

    async def _newly_paused(self, now: Instant) -> GivenBack:
        """Find what a new pause covers: it goes back, so that the records say it and `unpause` decides about it."""
        pauses = tuple(self._pauses())
        if pauses == self._swept_for:
            return []
        for pause in pauses:
            if pause.scope in (MARKETING, FAMILY):
                continue  # no column tells it; such a send is given back when its turn comes, and nothing leaves meanwhile
            rows = await self._hold(partial(ledger.covered, scope=pause.scope, name=pause.name))
            if rows:
                return [(row, self.verdict(row, now) or Ending(ledger.AGAIN, "paused")) for row in rows]
        self._swept_for = pauses
        return []

    async def _old(self, now: Instant) -> GivenBack:
        """Find what has lain too long, also where it waits for another attempt or its domain is closed."""
        rows = await self._hold(partial(ledger.lying_since, moment=now - self._settings.lie_at_most))
        return [(row, self.verdict(row, now) or Ending(ledger.AGAIN, "lay too long")) for row in rows]

    async def _hold(self, query: Callable[..., list[Queued]]) -> list[Queued]:
        """Return a page of what a query finds, without what is or was in somebody's hands meanwhile."""
        before = set(self.held)
        rows = await self._reader.read(partial(query, limit=PAGE + len(before)))
        free = [row for row in rows if row.effect_id not in before and row.effect_id not in self.held]
        self.held.update(row.effect_id for row in free)
        return free
