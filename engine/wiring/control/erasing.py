"""Erasing somebody, letting them be known again, and noting that a request for data was answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import to_builtins

from engine.books.erasures import QUERIES, Erasures, proof_of
from engine.books.proofs import decode
from engine.books.store import SqlStore
from engine.core.erasing import ERASED
from engine.core.events import Event, Reason
from engine.core.merging import who_is_now
from engine.core.moments import Instant, rfc3339
from engine.core.whose import BY_ADDRESS, mail_key
from engine.listeners.control import ControlRefusedError
from engine.wiring.control.place import Command, Place


class Erasing:
    """Begins erasures, by id or address."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def commands(self) -> dict[str, Command]:
        """Return the commands by name."""
        return {"erase": self._erase, "lift": self._lift, "answered": self._answered}

    async def _erase(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Erase whoever has an id or an address, and return the proofs; they are empty where others bring it to its end."""
        name, erasures = str(arguments["customer"]).strip(), self._erasures()
        source = f"winback erase by {arguments.get('who') or '?'}"
        why = str(arguments["why"])

        def begin(store: SqlStore, now: Instant) -> list[str]:
            found = _whoever(store, name)
            if not found:
                self._refuse_unknown(store, erasures, name)
            taken = [
                self._place.handling.take(
                    store, Event(f"erase.{now}.{customer}", source, ERASED, now, customer, Reason(reason=why)), now
                )
                for customer in found
            ]
            return [erasures.number_of(each.customer_id, now) for each in taken if each.status == "accepted"]

        begun = await self._place.ask(begin)
        if not begun:
            raise ControlRefusedError(f"{name} was erased before")
        if self._place.end_erasures is None:
            return {"begun": begun, "proofs": []}
        await self._place.end_erasures()
        kept = await self._place.ask(lambda store, _: [proof_of(store.connection, each) for each in begun])
        return {"begun": begun, "proofs": [to_builtins(decode(each[0])) for each in kept if each is not None]}

    async def _lift(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        name, erasures = str(arguments["name"]).strip(), self._erasures()
        if not await self._place.ask(lambda store, _: erasures.lift(store.connection, name)):
            raise ControlRefusedError(f"nobody was erased by {name}: give the very id or address")
        return {"lifted": True}

    async def _answered(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Note that somebody got what is known of them."""
        customer = str(arguments["customer"])

        def note(store: SqlStore, _: Instant) -> int:
            return store.connection.execute(QUERIES["wipe_request"], (f'["{customer}"]',)).rowcount

        return {"answered": await self._place.ask(note)}

    def _erasures(self) -> Erasures:
        erasures = self._place.erasures
        if erasures is None:
            raise ControlRefusedError("this engine keeps no list of the erased")
        return erasures

    def _refuse_unknown(self, store: SqlStore, erasures: Erasures, name: str) -> None:
        for said in ({"customer_id": name}, {"address": name}):
            before = erasures.found(store.connection, **said)
            if before is not None:
                number, at = before
                raise ControlRefusedError(
                    f"they were erased at {rfc3339(at)}: winback erase --proof {number} shows what was done"
                )
        raise ControlRefusedError(f"no customer is known by {name}: give an id or an address")


def _whoever(store: SqlStore, name: str) -> list[str]:
    """Return the customers of an id or, where there is none, of an address; one that nobody has is a customer of its own."""
    if store.load(name) is not None:
        return [who_is_now(store.load, name)]
    if "@" not in name:
        return []
    address = name.casefold()
    owner = store.find(mail_key(address))
    record = store.load(owner) if owner else None
    if owner is None or record is None:
        return [f"{BY_ADDRESS}{address}"]
    return [owner, *record.shares]
