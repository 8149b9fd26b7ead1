"""Going live: from this moment on it is meant, unless the preflight finds an error."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

import msgspec

from engine.books import pools
from engine.books.store import SqlStore
from engine.core.moments import Instant, rfc3339
from engine.core.signals import MailLeaves, WentLive
from engine.listeners.control import ControlRefusedError
from engine.wiring import in_force
from engine.wiring.control.place import Command, Place
from engine.wiring.pools import levels
from engine.wiring.preflight.check import Check
from engine.wiring.preflight.checks import is_ready, preflight
from engine.wiring.preflight.situation import Situation
from engine.wiring.settings import SettingsError


class GoingLive:
    """Sets `live_since`, unless something is not right yet."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def commands(self) -> dict[str, Command]:
        """Return the commands by name."""
        return {"go-live": self._go_live}

    async def _go_live(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        handling = self._place.handling
        found = await self._checks(arguments)
        checks = msgspec.to_builtins(found)
        if not is_ready(found):
            return {"checks": checks, "live_since": None}
        if handling.rules.shop.gone_live and not arguments.get("again"):
            raise ControlRefusedError(
                f"live since {rfc3339(handling.rules.shop.live_since)}; --again sets it anew and ends every run begun before"
            )

        def go(store: SqlStore, now: Instant) -> Instant:
            handling.sweeping.tell(store, WentLive(), now)
            if self._place.settings.sender.kind != "mailbox":
                handling.sweeping.tell(store, MailLeaves(), now)
            store.tally.clear()
            return now

        return {"checks": checks, "live_since": rfc3339(await self._place.ask(go))}

    async def _checks(self, arguments: Mapping[str, Any]) -> list[Check]:
        settings, rules = self._place.settings, self._place.handling.rules
        try:
            received = b64decode(str(arguments.get("received") or ""), validate=True)
            probes = self._place.look(arguments.get("name_servers") or ())
        except (SettingsError, ValueError) as error:
            raise ControlRefusedError(str(error)) from None
        kept = in_force.of_books(settings.books)
        accepted, counts = await self._place.ask(lambda store, now: (now, pools.counts(store.connection)))
        situation = Situation(
            settings=settings,
            rules=rules.rule_set,
            brand=kept.brand,
            templates=kept.names,
            suppressions_at=rules.shop.suppressions_at,
            none_elsewhere=bool(arguments.get("no_suppressions")),
            now=probes.clock.now(),
            codes_left={each.offer: each.left for each in levels(rules.rule_set, rules.shop, counts)},
            accepted=accepted,
        )
        return await preflight(situation, probes, received or None)
