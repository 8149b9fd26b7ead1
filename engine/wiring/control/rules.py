"""Putting checked files in force."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.language.files import Checked
from engine.language.problems import to_json
from engine.listeners.control import ControlRefusedError
from engine.runtimes.sqlite import rulebook
from engine.wiring import in_force
from engine.wiring.applying import as_json, as_shadow, changes, numbered
from engine.wiring.checking import checked_folder
from engine.wiring.control.place import Command, Place


class RulesInForce:
    """Applies the files."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def commands(self) -> dict[str, Command]:
        """Return the commands by name."""
        return {"apply": self._apply}

    async def _apply(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        folder = Path(arguments["workflows"]) if arguments.get("workflows") else self._place.settings.workflows
        try:
            checked, _ = await asyncio.to_thread(checked_folder, folder)
        except OSError as error:
            raise ControlRefusedError(f"{error.filename}: {error.strerror}") from None
        return await self.apply(checked)

    async def apply(self, checked: Checked) -> dict[str, Any]:
        """Put a checked set in force, unless it has errors."""
        problems = to_json(checked.problems)
        if checked.rules is None:
            return {"changes": [], "applied": False, "problems": problems}
        handling = self._place.handling
        rules = as_shadow(checked.rules) if self._place.shadow else checked.rules
        kept = in_force.read(self._place.settings.data)
        found = changes(handling.rules.rule_set, rules, templates_differ=not in_force.is_of(kept, checked))
        in_force.keep(self._place.settings.data, checked)  # before the rules that may need them
        applied = await self._place.ask(lambda store, now: rulebook.apply(handling, rules, store, now))
        self._place.on_rules(checked)
        return {"changes": as_json(numbered(found, applied.versions)), "applied": True, "problems": problems}
