"""Dead letters: taking in anew what could not be taken, releasing who was stuck on it, and delivering anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from engine.books import parcels
from engine.books.delivery import ORIGIN as UNDELIVERED
from engine.books.store import SqlStore
from engine.core.events import Event
from engine.core.moments import Instant
from engine.core.reading import Reader
from engine.core.signals import Happened, Released
from engine.wiring.control.place import Command, Place

STUCK = "customer "
"""How the origin of a dead letter begins that is about a decision which failed, and not about input."""


class Letters:
    """Replays dead letters."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def commands(self) -> dict[str, Command]:
        """Return the commands by name."""
        return {"replay": self._replay}

    async def _replay(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Take dead letters in anew: those of the given ids, or all. Who was stuck is released; effects come again."""
        wanted = arguments.get("ids")
        rows = await self._place.ask(lambda store, _: dead_letters(store, wanted))
        reader = Reader(self._place.handling.rules.own_events)
        counts = {"replayed": 0, "accepted": 0, "duplicate": 0, "still_dead": 0}
        for number, origin, raw in rows:
            became = await self._replay_one(reader, number, origin, raw)
            counts["replayed"] += 1
            counts[became] += 1
        return counts

    async def _replay_one(self, reader: Reader, number: int, origin: str, raw: bytes) -> str:
        if origin.startswith(UNDELIVERED):
            return await self._place.ask(partial(_deliver_again, number, origin.removeprefix(UNDELIVERED), raw))
        read = reader.read(raw, origin)
        if origin.startswith(STUCK):
            return await self._place.ask(partial(self._decide_again, number, origin.removeprefix(STUCK), read.event))
        if read.event is None:
            return "still_dead"
        (taken,) = await self._place.submit([read.event], [origin])
        if taken.status == "dead_letter":
            return "still_dead"
        await self._place.ask(lambda store, _: forget_letter(store, number))
        return taken.status

    def _decide_again(self, number: int, customer: str, event: Event | None, store: SqlStore, now: Instant) -> str:
        """Release a stuck customer, and decide what they were stuck on: the event was noted as seen when it came."""
        handling = self._place.handling
        poisoned = handling.poisoned
        handling.decide(store, customer, Released(), now)
        if event is not None:
            after = handling.history_after
            late = event.time < handling.rules.shop.live_since or (after is not None and now - event.time > after)
            handling.decide(store, customer, Happened(event, history=late), now)
        if handling.poisoned > poisoned:
            return "still_dead"
        forget_letter(store, number)
        return "accepted"


def _deliver_again(number: int, receiver: str, raw: bytes, store: SqlStore, now: Instant) -> str:
    """Let an effect that a receiver did not take come to it again."""
    if not parcels.keep_again(store.connection, receiver, msgspec.json.decode(raw), now):
        return "still_dead"
    forget_letter(store, number)
    return "accepted"


def dead_letters(store: SqlStore, ids: Sequence[int] | None) -> list[tuple[int, str, bytes]]:
    """Return the dead letters of these ids, or all, as (id, origin, bytes)."""
    rows = store.connection.execute("select id, origin, raw from dead_letter order by id").fetchall()
    return [row for row in rows if ids is None or row[0] in ids]


def forget_letter(store: SqlStore, number: int) -> None:
    """Forget a dead letter that was taken in."""
    store.connection.execute("delete from dead_letter where id = ?", (number,))
