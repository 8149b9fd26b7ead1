"""What the command line can ask of an engine: one that runs, over its ops listener, or one opened for the command alone.

Each command is one change in one transaction, made through `ask`, so both ways do the same.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from engine.core.events import DeadLetter, Event
from engine.core.moments import Instant, rfc3339
from engine.core.reading import Reader
from engine.core.rules import RuleSet
from engine.core.sending import PAUSED_LINE
from engine.core.shop import Pause
from engine.core.signals import Happened, PauseEnded, PauseSet, Released, WentLive
from engine.handling import Handling, Taken
from engine.language.files import Checked
from engine.language.problems import to_json
from engine.listeners.control import ControlRefusedError
from engine.runtimes.sqlite import rulebook
from engine.runtimes.sqlite.store import SqliteStore
from engine.wiring import in_force
from engine.wiring.applying import as_json, as_shadow, changes, numbered
from engine.wiring.checking import checked_folder

T = TypeVar("T")

SCOPES = ("engine", "workflow", "template", "domain")
STUCK = "customer "
"""How the origin of a dead letter begins that is about a decision which failed, and not about input."""

OVERDUE = ("skip", "send", "shift")


class Ask(Protocol):
    """Makes a change through the store in one transaction, and returns what it returns after the commit."""

    def __call__(self, change: Callable[[SqliteStore, Instant], T], /) -> Awaitable[T]:
        """Make the change."""
        ...


Submit = Callable[[Sequence[Event | DeadLetter], Sequence[str]], Awaitable[Sequence[Taken]]]


class EngineControl:
    """The commands that change something, by name, over one engine."""

    def __init__(
        self,
        handling: Handling,
        ask: Ask,
        submit: Submit,
        *,
        data: Path,
        workflows: Path,
        shadow: bool = False,
        on_rules: Callable[[Checked], None] = lambda _: None,
        about: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        """`on_rules` hears of each set that was put in force; with `shadow` live workflows are applied as shadow.

        `about` is what a running engine says of itself.
        """
        self._handling, self._ask, self._submit = handling, ask, submit
        self._data, self._workflows, self._shadow = data, workflows, shadow
        self._on_rules, self._about = on_rules, about
        self._commands: dict[str, Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]] = {
            "ping": self._ping,
            "ingest": self._ingest,
            "lines": self._lines,
            "go-live": self._go_live,
            "apply": self._apply,
            "pause": self._pause,
            "unpause": self._unpause,
            "replay": self._replay,
        }

    async def do(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do a command and return its result, as JSON can hold it.

        Raises:
            LookupError: there is no command of this name.
            ControlRefusedError: it is refused; the message says why.

        """
        return await self._commands[name](arguments)

    async def _ping(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return {"workflows": str(self._workflows.absolute()), **self._about()}

    # Input

    async def _ingest(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Take in events, each as [origin, text], and dead letters, each as [origin, reason, base64 of the bytes]."""
        reader = Reader(self._handling.rules.own_events)
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
        return counted(await self._submit(items, origins) if items else [])

    async def _lines(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """Return how many wait to be let into each workflow."""
        rules = self._handling.rules

        def lines(store: SqliteStore, _: Instant) -> dict[str, int]:
            return {each.name: store.line_length(each.name) for each in rules.in_order}

        return {name: length for name, length in (await self._ask(lines)).items() if length}

    async def _replay(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Take dead letters in anew: those of the given ids, or all. Who was stuck is released."""
        wanted = arguments.get("ids")
        rows = await self._ask(lambda store, _: dead_letters(store, wanted))
        reader = Reader(self._handling.rules.own_events)
        counts = {"replayed": 0, "accepted": 0, "duplicate": 0, "still_dead": 0}
        for number, origin, raw in rows:
            became = await self._replay_one(reader, number, origin, raw)
            counts["replayed"] += 1
            counts[became] += 1
        return counts

    async def _replay_one(self, reader: Reader, number: int, origin: str, raw: bytes) -> str:
        read = reader.read(raw, origin)
        if origin.startswith(STUCK):
            return await self._ask(partial(self._decide_again, number, origin.removeprefix(STUCK), read.event))
        if read.event is None:
            return "still_dead"
        (taken,) = await self._submit([read.event], [origin])
        if taken.status == "dead_letter":
            return "still_dead"
        await self._ask(lambda store, _: forget_letter(store, number))
        return taken.status

    def _decide_again(self, number: int, customer: str, event: Event | None, store: SqliteStore, now: Instant) -> str:
        """Release a stuck customer, and decide what they were stuck on: the event was noted as seen when it came."""
        handling = self._handling
        poisoned = handling.poisoned
        handling.decide(store, customer, Released(), now)
        if event is not None:
            after = handling.history_after
            late = event.time < handling.rules.shop.live_since or (after is not None and now - event.time > after)
            handling.decide(store, customer, Happened(event, history=late), now)
        if handling.poisoned > poisoned:
            return "still_dead"
        forget_letter(store, number)
        return "accepted"

    # Going live

    async def _go_live(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        handling = self._handling
        checks = going_live_checks(handling.rules.rule_set, self._data, told=bool(arguments.get("no_suppressions")))
        if not all(check["ok"] for check in checks):
            return {"checks": checks, "live_since": None}
        if handling.rules.shop.gone_live and not arguments.get("again"):
            raise ControlRefusedError(
                f"live since {rfc3339(handling.rules.shop.live_since)}; --again sets it anew and ends every run begun before"
            )

        def go(store: SqliteStore, now: Instant) -> Instant:
            handling.sweeping.tell(store, WentLive(), now)
            return now

        return {"checks": checks, "live_since": rfc3339(await self._ask(go))}

    # Rules

    async def _apply(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        folder = Path(arguments["workflows"]) if arguments.get("workflows") else self._workflows
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
        handling = self._handling
        rules = as_shadow(checked.rules) if self._shadow else checked.rules
        kept = in_force.read(self._data)
        found = changes(handling.rules.rule_set, rules, templates_differ=not in_force.is_of(kept, checked))
        in_force.keep(self._data, checked)  # before the rules that may need them
        applied = await self._ask(lambda store, now: rulebook.apply(handling, rules, store, now))
        self._on_rules(checked)
        return {"changes": as_json(numbered(found, applied.versions)), "applied": True, "problems": problems}

    # Pauses

    async def _pause(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        scope, name = _scope(arguments)
        self._must_exist(scope, name)
        signal = PauseSet(scope, name, str(arguments["why"]), str(arguments.get("who", "")))
        handling = self._handling
        await self._ask(lambda store, now: handling.sweeping.tell(store, signal, now))
        return await self._pauses()

    async def _unpause(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        scope, name = _scope(arguments)
        handling = self._handling
        if not any((each.scope, each.name) == (scope, name) for each in handling.rules.shop.pauses):
            held = ", ".join(_named(each) for each in handling.rules.shop.pauses) or "nothing"
            raise ControlRefusedError(f"{_words(scope, name)} is not paused; paused is: {held}")
        overdue = arguments.get("overdue")
        if overdue not in OVERDUE:
            return {**await self._pauses(), "choose": list(OVERDUE)}
        signal = PauseEnded(scope, name, str(overdue))
        await self._ask(lambda store, now: handling.sweeping.tell(store, signal, now))
        return await self._pauses()

    async def _pauses(self) -> dict[str, Any]:
        held = await self._ask(lambda store, _: store.line_length(PAUSED_LINE))
        return {"paused": [pause_as_json(each) for each in self._handling.rules.shop.pauses], "held": held}

    def _must_exist(self, scope: str, name: str) -> None:
        rules = self._handling.rules.rule_set
        if scope == "workflow" and name not in rules.workflows:
            raise ControlRefusedError(f"no workflow is named {name!r}: there are {', '.join(sorted(rules.workflows))}")


def counted(taken: Sequence[Taken]) -> dict[str, int]:
    """Return how many became what."""
    return {
        "accepted": sum(each.status == "accepted" for each in taken),
        "duplicate": sum(each.status == "duplicate" for each in taken),
        "history": sum(each.history for each in taken),
        "dead_letters": sum(each.status == "dead_letter" for each in taken),
    }


def pause_as_json(pause: Pause) -> dict[str, Any]:
    """Return a pause as `--json` has it."""
    return {"scope": pause.scope, "name": pause.name, "at": rfc3339(pause.at), "why": pause.why, "who": pause.who}


def _scope(arguments: Mapping[str, Any]) -> tuple[str, str]:
    scope, name = str(arguments.get("scope", "engine")), str(arguments.get("name", ""))
    if scope not in SCOPES or (scope == "engine") != (not name):
        raise ControlRefusedError("a pause is of the engine, or of one workflow, template or domain by name")
    return scope, name.casefold() if scope == "domain" else name


def _named(pause: Pause) -> str:
    return _words(pause.scope, pause.name)


def _words(scope: str, name: str) -> str:
    return f"{scope} {name}".rstrip() if scope != "engine" else "the engine"


# Before the first mail -----------------------------------------------------------------------------------------------


def going_live_checks(rules: RuleSet, data: Path, *, told: bool) -> list[dict[str, Any]]:
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
        {
            "name": "suppressions",
            "ok": told,
            "message": "it was said that there are none" if told else "no suppressions of another tool were imported",
            "hint": "" if told else "say --no-suppressions if nobody said no anywhere else",
        },
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


# Dead letters --------------------------------------------------------------------------------------------------------


def dead_letters(store: SqliteStore, ids: Sequence[int] | None) -> list[tuple[int, str, bytes]]:
    """Return the dead letters of these ids, or all, as (id, origin, bytes)."""
    rows = store.connection.execute("select id, origin, raw from dead_letter order by id").fetchall()
    return [row for row in rows if ids is None or row[0] in ids]


def forget_letter(store: SqliteStore, number: int) -> None:
    """Forget a dead letter that was taken in."""
    store.connection.execute("delete from dead_letter where id = ?", (number,))
