"""Codes of pools: making new ones, and taking in those that the shop knows."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from engine.books import pools
from engine.core.ids import code_of
from engine.core.rules import Offer
from engine.listeners.control import ControlRefusedError
from engine.wiring.checking import checked_folder
from engine.wiring.control.place import Command, Place

CODE_BITS = 50


class Coupons:
    """Mints and loads codes of an offer's pool."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def commands(self) -> dict[str, Command]:
        """Return the commands by name."""
        return {"coupons-mint": self._mint, "coupons-load": self._load}

    async def _mint(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        offer = await self._pooled(str(arguments["offer"]))
        count, ready = int(arguments["count"]), bool(arguments.get("ready"))

        def draw() -> str:
            return code_of(secrets.randbits(CODE_BITS))

        made = await self._place.ask(
            lambda store, now: pools.mint(store.connection, offer.pool, count, draw, now, ready=ready)
        )
        return {"pool": offer.pool, "codes": made}

    async def _load(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Take in codes; `elsewhere` are the places of those that another pool has."""
        offer = await self._pooled(str(arguments["offer"]))
        codes = [str(each) for each in arguments["codes"]]
        loaded = await self._place.ask(lambda store, now: pools.load(store.connection, offer.pool, codes, now))
        return {
            "pool": offer.pool,
            "taken": loaded.taken,
            "known": loaded.known,
            "elsewhere": list(loaded.elsewhere),
        }

    async def _pooled(self, name: str) -> Offer:
        """Return an offer that has a pool, by the rules in force, else by the files: codes may come before `apply`."""
        offers = dict(self._place.handling.rules.rule_set.offers)
        if name not in offers or offers[name].codes != "pool":
            try:
                checked, _ = await asyncio.to_thread(checked_folder, self._place.settings.workflows)
            except OSError:
                checked = None
            if checked is not None and checked.rules is not None:
                offers |= checked.rules.offers
        offer = offers.get(name)
        if offer is None:
            near = get_close_matches(name, offers, n=1)
            there = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(offers)) or 'none'}"
            raise ControlRefusedError(f"no offer is named {name!r}: {there}")
        if offer.codes != "pool":
            raise ControlRefusedError(
                f"the offer {name!r} has codes: {offer.codes}, and no list of them; with codes: pool it has one"
            )
        return offer
