"""What the command line can ask of an engine: one that runs, over its ops listener, or one opened for the command alone.

Each command is one change in one transaction, made through `ask`, so both ways do the same. Commands that belong together
stand in a module of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.wiring.control.coupons import Coupons
from engine.wiring.control.erasing import Erasing
from engine.wiring.control.going_live import GoingLive
from engine.wiring.control.importing import Importing
from engine.wiring.control.input import Input, counted
from engine.wiring.control.letters import Letters
from engine.wiring.control.pauses import OVERDUE, Pauses, pause_as_json
from engine.wiring.control.place import Command, Place
from engine.wiring.control.proposals import Proposals
from engine.wiring.control.rules import RulesInForce

__all__ = ["OVERDUE", "EngineControl", "Place", "counted", "pause_as_json"]


class EngineControl:
    """The commands that change something, by name, over one engine."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.rules = RulesInForce(place)
        files = (self.rules, Proposals(place, self.rules))
        groups = (
            Coupons(place),
            Erasing(place),
            Input(place),
            Importing(place),
            Letters(place),
            GoingLive(place),
            *files,
            Pauses(place),
        )
        self._commands: dict[str, Command] = {"ping": self._ping}
        for group in groups:
            self._commands |= group.commands()

    async def do(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do a command and return its result, as JSON can hold it.

        Raises:
            LookupError: there is no command of this name.
            ControlRefusedError: it is refused; the message says why.

        """
        return await self._commands[name](arguments)

    async def _ping(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return {"workflows": str(self._place.settings.workflows.absolute()), **self._place.about()}
