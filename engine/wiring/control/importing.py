"""Bringing a shop over: rows of other tools' exports, always taken as history, and suppressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import Struct

from engine.books.store import SqlStore
from engine.core import ids
from engine.core.events import Event
from engine.core.moments import Instant
from engine.core.reading import Reader
from engine.core.sharing import address_of
from engine.core.signals import SuppressionsImported
from engine.core.suppressions import SOURCE, events_for
from engine.core.whose import BY_ADDRESS
from engine.runtimes.sqlite.engine import prefetch
from engine.wiring.control.place import Command, Place

ROWS = 500
"""Rows in one transaction, so that what comes meanwhile does not wait long."""

LOOKED_AT = 1_000
"""Customers compared with the list in one transaction."""


class _Counts(Struct):
    """What became of rows: taken in, known before, or refused and why."""

    taken: int = 0
    known: int = 0
    refused: list[tuple[int, str]] = []

    def as_json(self) -> dict[str, Any]:
        """Return the counts as JSON can hold them."""
        return {"taken": self.taken, "known": self.known, "refused": self.refused}


class Importing:
    """Takes in what another tool knew."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def commands(self) -> dict[str, Command]:
        """Return the commands by name."""
        return {"import": self._import, "suppress": self._suppress, "match-suppressions": self._match}

    # Rows that are events --------------------------------------------------------------------------------------------

    async def _import(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Take in `rows`, each [line, [events as JSON]]: as history, whatever their time."""
        reader = Reader(self._place.handling.rules.own_events)
        counts = _Counts()
        rows: list[tuple[int, list[Event]]] = []
        for line, texts in arguments["rows"]:
            read = [reader.read(text.encode()) for text in texts]
            dead = next((each.dead for each in read if each.dead is not None), None)
            if dead is not None:
                counts.refused.append((line, dead.reason))
            else:
                rows.append((line, [each.event for each in read if each.event is not None]))
        origin = str(arguments.get("origin", ""))
        for part in _parts(rows, ROWS):
            await self._place.ask(partial(self._take, part, origin, counts))
        return counts.as_json()

    def _take(
        self, rows: Sequence[tuple[int, list[Event]]], origin: str, counts: _Counts, store: SqlStore, now: Instant
    ) -> None:
        prefetch(store, [event for _, events in rows for event in events])
        for line, events in rows:
            taken = [self._place.handling.take(store, event, now, f"{origin}:{line}", history=True) for event in events]
            if any(each.status == "accepted" for each in taken):
                counts.taken += 1
            else:
                counts.known += 1

    # Suppressions ----------------------------------------------------------------------------------------------------

    async def _suppress(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Put `rows` on the list, each [kind, SHA-256 in hex, address or "", instant or None]; no rows: nobody said no.

        Who is known by an address is stopped in the same transaction. Of a hash nobody can be found without looking at
        everybody: `match-suppressions` does.
        """
        counts = _Counts()
        rows: Sequence[Sequence[Any]] = arguments["rows"]
        who = str(arguments.get("who", ""))
        for part in _parts(rows, ROWS) if rows else [rows]:
            await self._place.ask(partial(self._put_on_list, part, who, counts))
        return counts.as_json()

    def _put_on_list(
        self, rows: Sequence[Sequence[Any]], who: str, counts: _Counts, store: SqlStore, now: Instant
    ) -> None:
        place, listed = self._place, self._place.suppressions
        new: list[tuple[bytes, str, Instant, str]] = []
        for kind, sha256, address, at in rows:
            if store.seen("", ids.event_ref(SOURCE, f"{kind}\x1f{sha256}\x1f{at or ''}"), now):
                counts.known += 1  # said again without a date it is no newer word than it was
            else:
                new.append((listed.key(bytes.fromhex(sha256)), kind, now if at is None else at, address))
        listed.add(store.connection, [row[:3] for row in new])
        counts.taken += len(new)
        if new or not rows:
            place.handling.sweeping.tell(store, SuppressionsImported(len(new), who), now)
        for key, _, _, address in new:
            customer_id = (store.find(f"mail:{address}") or f"{BY_ADDRESS}{address}") if address else ""
            if customer_id and store.load(customer_id) is not None:
                self._stop(store, now, customer_id, address, key)

    async def _match(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Compare the customers after an id with the list, and stop who is on it; return how far it came."""
        after = str(arguments.get("after", ""))
        return await self._place.ask(partial(self._match_some, after))

    def _match_some(self, after: str, store: SqlStore, now: Instant) -> dict[str, Any]:
        listed, matched = self._place.suppressions, 0
        found = store.scan(after, LOOKED_AT)
        for customer_id in found:
            record = store.load(customer_id)
            address = address_of(record) if record is not None and not record.gone else ""
            key = listed.key_of(address) if address else b""
            if key and listed.under(store.connection, key):
                matched += 1
                self._stop(store, now, customer_id, address, key)
        return {"after": found[-1] if len(found) == LOOKED_AT else None, "looked_at": len(found), "matched": matched}

    def _stop(self, store: SqlStore, now: Instant, customer_id: str, address: str, key: bytes) -> None:
        """Tell a customer what the list says, as events of history; what was told before changes nothing."""
        for event in events_for(customer_id, address, key, self._place.suppressions.under(store.connection, key)):
            self._place.handling.take(store, event, now, history=True)


def _parts(rows: Sequence[Any], length: int) -> list[Sequence[Any]]:
    return [rows[at : at + length] for at in range(0, len(rows), length)]
