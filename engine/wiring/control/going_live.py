"""Going live: what must be right before the first mail, and the moment from which it is meant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.core.moments import Instant, rfc3339
from engine.core.rules import RuleSet
from engine.core.signals import MailLeaves, WentLive
from engine.listeners.control import ControlRefusedError
from engine.runtimes.sqlite.store import SqliteStore
from engine.wiring import in_force
from engine.wiring.control.place import Command, Place


class GoingLive:
    """Sets `live_since`, unless something is not right yet."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def commands(self) -> dict[str, Command]:
        """Return the commands by name."""
        return {"go-live": self._go_live}

    async def _go_live(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        handling = self._place.handling
        checks = going_live_checks(
            handling.rules.rule_set,
            self._place.settings.data,
            told=bool(arguments.get("no_suppressions")),
            imported_at=handling.rules.shop.suppressions_at,
        )
        if not all(check["ok"] for check in checks):
            return {"checks": checks, "live_since": None}
        if handling.rules.shop.gone_live and not arguments.get("again"):
            raise ControlRefusedError(
                f"live since {rfc3339(handling.rules.shop.live_since)}; --again sets it anew and ends every run begun before"
            )

        def go(store: SqliteStore, now: Instant) -> Instant:
            handling.sweeping.tell(store, WentLive(), now)
            if self._place.settings.sender.kind != "mailbox":
                handling.sweeping.tell(store, MailLeaves(), now)
            store.tally.clear()
            return now

        return {"checks": checks, "live_since": rfc3339(await self._place.ask(go))}


def going_live_checks(rules: RuleSet, data: Path, *, told: bool, imported_at: Instant = 0) -> list[dict[str, Any]]:
    """Return what must be right before `go-live`, as far as it is looked at now."""
    live = [name for name, switch in rules.switches.items() if switch.mode == "live"]
    templates = set(in_force.read(data).names)
    used = {
        step.template
        for name in live
        for stage in rules.workflows[name].stages
        for step in stage.steps
        if hasattr(step, "template")
    }
    missing = sorted(used - templates)
    return [
        _suppressions(told=told, imported_at=imported_at),
        {
            "name": "workflows",
            "ok": True,
            "message": f"live: {', '.join(sorted(live))}"
            if live
            else "no workflow is live, so nobody is written to yet",
            "hint": "" if live else "set `mode: live` in a workflow, then winback apply",
        },
        {
            "name": "templates",
            "ok": not missing,
            "message": f"missing: {', '.join(missing)}" if missing else "every template that is sent is there",
            "hint": "winback check, then winback apply" if missing else "",
        },
    ]


def _suppressions(*, told: bool, imported_at: Instant) -> dict[str, Any]:
    if imported_at:
        message, hint = f"suppressions were imported, last on {rfc3339(imported_at)}", ""
    elif told:
        message, hint = "it was said that there are none", ""
    else:
        message = "no suppressions of another tool were imported"
        hint = "winback import suppressions FILE.csv, or say --no-suppressions if nobody said no anywhere else"
    return {"name": "suppressions", "ok": bool(imported_at) or told, "message": message, "hint": hint}
