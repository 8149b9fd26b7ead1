"""Saved plans: kept so that a second person can put them in force, applied, or withdrawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.books import proposals
from engine.books.store import SqlStore
from engine.core.moments import Instant
from engine.listeners.control import ControlRefusedError
from engine.wiring.control.place import Command, Place
from engine.wiring.control.rules import RulesInForce, planned
from engine.wiring.planning import plan_from


class Proposals:
    """Keeps plans, and lets a second person decide."""

    def __init__(self, place: Place, rules: RulesInForce) -> None:
        self._place, self._rules = place, rules

    def commands(self) -> dict[str, Command]:
        """Return the commands by name."""
        return {"propose": self._propose, "approve": self._approve, "withdraw": self._withdraw}

    async def _propose(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a plan (`plan`) as that of whoever says so (`who`); the result has its `number`."""
        plan = planned(arguments)
        if plan is None:
            raise ControlRefusedError("there is no plan in it")
        plan = msgspec.structs.replace(plan, who=str(arguments.get("who", "")), number=0)
        raw = msgspec.json.encode(plan).decode()
        number = await self._place.ask(lambda store, now: proposals.add(store.connection, now, plan.who, raw))
        return {"number": number}

    async def _approve(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Put a plan in force by its `number`: the same as `apply` with the plan."""
        found = await self._waiting(int(arguments["number"]))
        plan = msgspec.structs.replace(plan_from(found.plan), number=found.num)
        return await self._rules.apply_by(plan, arguments)

    async def _withdraw(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Let a plan wait no more."""
        found, who = await self._waiting(int(arguments["number"])), str(arguments.get("who", ""))

        def change(store: SqlStore, now: Instant) -> None:
            proposals.decide(store.connection, found.num, proposals.WITHDRAWN, who, now)

        await self._place.ask(change)
        return {"number": found.num, "state": proposals.WITHDRAWN}

    async def _waiting(self, number: int) -> proposals.Proposal:
        found = await self._place.ask(lambda store, _: proposals.found(store.connection, number))
        if found is None or found.state != proposals.PENDING:
            was = "is known" if found is None else f"waits: it was {found.state} by {found.decided_by or '?'}"
            raise ControlRefusedError(f"no plan {number} {was}")
        return found
