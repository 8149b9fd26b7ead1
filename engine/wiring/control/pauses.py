"""Pauses: of the engine, a workflow, a template or a domain; and what becomes of what they held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.core.breaker import FAMILY, MARKETING
from engine.core.moments import rfc3339
from engine.core.providers import FAMILIES
from engine.core.rules import sends_of
from engine.core.sending import PAUSED_LINE
from engine.core.shop import TIME, Pause
from engine.core.signals import PauseEnded, PauseSet
from engine.listeners.control import ControlRefusedError
from engine.wiring.control.place import Command, Place

SCOPES = ("engine", "workflow", "template", "domain", MARKETING, FAMILY)
NAMELESS = ("engine", MARKETING, TIME)
"""Scopes that there is one of."""

OVERDUE = ("skip", "send", "shift")


class Pauses:
    """Sets and ends pauses."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def commands(self) -> dict[str, Command]:
        """Return the commands by name."""
        return {"pause": self._pause, "unpause": self._unpause}

    async def _pause(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        scope, name = _scope(arguments)
        if scope == TIME:
            raise ControlRefusedError("time is not paused; it stands still after a restore or a long standstill alone")
        self._must_exist(scope, name)
        signal = PauseSet(scope, name, str(arguments["why"]), str(arguments.get("who", "")))
        handling = self._place.handling
        await self._place.ask(lambda store, now: handling.sweeping.tell(store, signal, now))
        return await self._pauses()

    async def _unpause(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        scope, name = _scope(arguments)
        handling = self._place.handling
        if not any((each.scope, each.name) == (scope, name) for each in handling.rules.shop.pauses):
            held = ", ".join(_named(each) for each in handling.rules.shop.pauses) or "nothing"
            raise ControlRefusedError(f"{_words(scope, name)} is not paused; paused is: {held}")
        overdue = arguments.get("overdue")
        if scope == TIME:
            overdue = "send"  # it holds no sends: what falls due now is asked of the gate
        else:
            await self._time_must_have_passed()
        if overdue not in OVERDUE:
            return {**await self._pauses(), "choose": list(OVERDUE)}
        signal = PauseEnded(scope, name, str(overdue), str(arguments.get("who", "")))
        await self._place.ask(lambda store, now: handling.sweeping.tell(store, signal, now))
        return await self._pauses()

    async def _time_must_have_passed(self) -> None:
        """After a restore sends are held until everything that fell due has been asked for: only then all are there.

        Raises:
            ControlRefusedError: it has not.

        """
        shop = self._place.handling.rules.shop
        if shop.time_stands:
            raise ControlRefusedError(
                "time stands still, winback status says why: bring in what happened since, then winback unpause --time"
            )
        since = min((each.at for each in shop.pauses if each.scope == "engine"), default=shop.news_since)
        if since < shop.news_since and await self._place.ask(lambda store, now: bool(store.due(now - 1, 1))):
            raise ControlRefusedError("what fell due before the restore is still being done; say it again in a moment")

    async def _pauses(self) -> dict[str, Any]:
        held = await self._place.ask(lambda store, _: store.line_length(PAUSED_LINE))
        return {"paused": [pause_as_json(each) for each in self._place.handling.rules.shop.pauses], "held": held}

    def _must_exist(self, scope: str, name: str) -> None:
        rules = self._place.handling.rules.rule_set
        if scope == "workflow" and name not in rules.workflows:
            raise ControlRefusedError(f"no workflow is named {name!r}: there are {', '.join(sorted(rules.workflows))}")
        if scope == FAMILY and name not in FAMILIES:
            raise ControlRefusedError(f"no family of providers is named {name!r}: there are {', '.join(FAMILIES)}")
        sent = {
            send.template
            for each in self._place.handling.rules.versions.values()
            for stage in each.stages
            for step in stage.steps
            for send in sends_of(step)
        }
        if scope == "template" and name not in sent:
            raise ControlRefusedError(f"no workflow sends a template {name!r}: they send {', '.join(sorted(sent))}")


def pause_as_json(pause: Pause) -> dict[str, Any]:
    """Return a pause as `--json` has it."""
    return {"scope": pause.scope, "name": pause.name, "at": rfc3339(pause.at), "why": pause.why, "who": pause.who}


def _scope(arguments: Mapping[str, Any]) -> tuple[str, str]:
    scope, name = str(arguments.get("scope", "engine")), str(arguments.get("name", ""))
    if scope not in (*SCOPES, TIME) or (scope in NAMELESS) != (not name):
        raise ControlRefusedError(
            "a pause is of the engine or marketing, or of one workflow, template, domain or family by name"
        )
    return scope, name.removeprefix("@").casefold() if scope == "domain" else name


def _named(pause: Pause) -> str:
    return _words(pause.scope, pause.name)


def _words(scope: str, name: str) -> str:
    return f"{scope} {name}".rstrip() if scope != "engine" else "the engine"
