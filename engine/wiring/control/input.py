"""Input from the command line, and how many wait because of it."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

from engine.books.store import SqlStore
from engine.core.events import DeadLetter, Event
from engine.core.moments import Instant
from engine.core.reading import Reader
from engine.core.signals import DayClosed
from engine.handling import Taken
from engine.wiring.control.place import Command, Place


class Input:
    """Takes events in, and tells who waits to be let in."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def commands(self) -> dict[str, Command]:
        """Return the commands by name."""
        return {"ingest": self._ingest, "lines": self._lines}

    async def _ingest(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Take in events, each as [origin, text], and dead letters, each as [origin, reason, base64 of the bytes]."""
        reader = Reader(self._place.handling.rules.own_events)
        items: list[Event | DeadLetter] = []
        origins: list[str] = []
        for origin, text in arguments.get("events", ()):
            read = reader.read(text.encode(), origin)
            found = [each for each in (read.event, read.dead) if each is not None]
            items += found
            origins += [origin] * len(found)
        for origin, reason, raw in arguments.get("dead_letters", ()):
            items.append(DeadLetter(b64decode(raw), reason, origin))
            origins.append(origin)
        return counted(await self._place.submit(items, origins) if items else [])

    async def _lines(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """Return how many wait to be let into each workflow.

        Before `go-live` the reorder interval is closed anew: what was taken in until now is the shop's history, and plan
        and back-test must not reckon with the threshold of a shop that knows nothing.
        """
        handling = self._place.handling
        rules = handling.rules

        def lines(store: SqlStore, now: Instant) -> dict[str, int]:
            if not rules.shop.gone_live:
                handling.sweeping.tell(store, DayClosed(), now)
            return {each.name: store.line_length(each.name) for each in rules.in_order}

        return {name: length for name, length in (await self._place.ask(lines)).items() if length}


def counted(taken: Sequence[Taken]) -> dict[str, int]:
    """Return how many became what."""
    return {
        "accepted": sum(each.status == "accepted" for each in taken),
        "duplicate": sum(each.status == "duplicate" for each in taken),
        "history": sum(each.history for each in taken),
        "dead_letters": sum(each.status == "dead_letter" for each in taken),
        "refused": sum(each.status == "refused" for each in taken),
    }
