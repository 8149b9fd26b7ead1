"""Putting checked files in force, and returning to what was in force before; always in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from engine.books import applied, proposals, rulebook
from engine.books.applied import PutInForce, Said
from engine.books.store import SqlStore
from engine.core.moments import Instant, rfc3339
from engine.core.rules import Mode, RuleSet
from engine.core.signals import Move
from engine.insight.plan import Plan
from engine.language.files import Checked
from engine.language.problems import to_json
from engine.listeners.control import ControlRefusedError
from engine.wiring import in_force
from engine.wiring.applying import as_json, as_shadow, as_the_files_say, changes, numbered, row_as_json
from engine.wiring.checking import checked_folder
from engine.wiring.control.place import Command, Place
from engine.wiring.in_force import Kept
from engine.wiring.moves import refusals
from engine.wiring.planning import by_plan, without_plan
from engine.wiring.receivers_missing import receivers_missing


class _Set(Struct, frozen=True):
    """A set that is to be put in force: its rules as the files say them, what its messages are made with, and by whom."""

    rules: RuleSet
    kept: Kept
    moves: dict[str, str]
    who: str
    plan: Plan | None = None
    back_to: PutInForce | None = None


class RulesInForce:
    """Applies the files, or takes the last apply back."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def commands(self) -> dict[str, Command]:
        """Return the commands by name."""
        return {"apply": self._apply, "apply-back": self._back}

    async def _apply(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        plan = planned(arguments)
        if plan is not None:
            return await self.apply_by(plan, arguments)
        checked = await self._checked(arguments)
        return await self.apply(checked, moves=dict(arguments.get("moves", {})), who=str(arguments.get("who", "")))

    async def apply_by(self, plan: Plan, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Put the files in force as a plan says, if they, what is in force and the figures are still those of the plan.

        Raises:
            ControlRefusedError: they are not, or a second person has to do it; the message names all of it.

        """
        moves = {**plan.moves, **dict(arguments.get("moves", {}))}
        if moves != plan.moves:
            raise ControlRefusedError("--move says other than the plan: make another plan with it")
        return await self.apply(
            await self._checked(arguments), moves=moves, who=str(arguments.get("who", "")), plan=plan
        )

    async def _checked(self, arguments: Mapping[str, Any]) -> Checked:
        folder = Path(arguments["workflows"]) if arguments.get("workflows") else self._place.settings.workflows
        try:
            checked, _ = await asyncio.to_thread(checked_folder, folder)
        except OSError as error:
            raise ControlRefusedError(f"{error.filename}: {error.strerror}") from None
        return checked

    async def apply(
        self, checked: Checked, *, moves: Mapping[str, str] | None = None, who: str = "", plan: Plan | None = None
    ) -> dict[str, Any]:
        """Put a checked set in force, unless it has errors.

        Args:
            checked: the set.
            moves: what becomes of runs under way, by workflow: pin (they finish on their version), move or exit.
            who: who puts it in force.
            plan: what it was planned to do; it must do that still.

        Raises:
            ControlRefusedError: a workflow is gone with people in it and nothing was said of them, or what was said
                cannot be done; the plan does not hold any more; or a second person has to approve it. The message names
                all of it.

        """
        problems = to_json(checked.problems)
        if checked.rules is None:
            return {"changes": [], "applied": False, "in_force": None, "problems": problems}
        wanted = _Set(checked.rules, in_force.of(checked), dict(moves or {}), who, plan)
        await self._agree(checked, wanted)
        return {**await self._put(lambda _: wanted), "problems": problems}

    async def _agree(self, checked: Checked, wanted: _Set) -> None:
        """Refuse what needs a plan or a second person, and a plan that does not hold; it may look at all customers."""
        settings, plan = self._place.settings, wanted.plan
        refused: list[str] = []
        if plan is not None:
            known, now = await self._place.ask(lambda store, now: (proposals.found(store.connection, plan.number), now))
            refused = await asyncio.to_thread(
                by_plan, settings.books, checked, plan, known, who=wanted.who, approvals=settings.approvals, now=now
            )
        elif settings.approvals:
            refused = await asyncio.to_thread(without_plan, settings.books, checked, wanted.moves)
        if refused:
            raise ControlRefusedError("; ".join(refused))

    async def _back(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Put in force again what was before the last apply: rules, templates and brand."""
        moves, who = dict(arguments.get("moves", {})), str(arguments.get("who", ""))
        return {**await self._put(lambda store: _before(store, moves, who)), "problems": []}

    def _new_without_a_receiver(self, wanted: _Set, rules: RuleSet) -> list[str]:
        """Say what a live workflow would ask of the world anew and nobody takes.

        What is missing already is told by `status`, and keeps nobody from an edit: that may be what ends the need. Nor
        does it keep anybody from taking an edit back.
        """
        settings, handling = self._place.settings, self._place.handling
        if settings.sender.kind == "mailbox" or not handling.rules.shop.gone_live or wanted.back_to is not None:
            return []
        before = {
            (need.workflow, need.effect, need.channel, need.team)
            for need in receivers_missing(handling.rules.rule_set, settings)
        }
        missing = receivers_missing(rules, settings)
        return [need.said for need in missing if (need.workflow, need.effect, need.channel, need.team) not in before]

    async def _put(self, wanted_of: Callable[[SqlStore], _Set]) -> dict[str, Any]:
        """Put a set in force in one transaction; return what that changed."""
        handling, shadow = self._place.handling, self._place.shadow

        def put(store: SqlStore, now: Instant) -> tuple[dict[str, Any], Kept]:
            wanted = wanted_of(store)
            _nothing_between(store, wanted.plan)
            before = in_force.read(store.connection)
            kept = in_force.following(wanted.kept, before)
            rules = as_shadow(wanted.rules) if shadow else wanted.rules
            now_in_force = handling.rules.rule_set
            refused = refusals(wanted.moves, now_in_force, rules, store.runs_at_steps, handling.rules)
            refused += self._new_without_a_receiver(wanted, rules)
            if refused:
                raise ControlRefusedError("; ".join(refused))
            found = changes(
                now_in_force, rules, templates_differ=not in_force.is_same(before, kept), moves=wanted.moves
            )
            moves = tuple(Move(name, how) for name, how in sorted(wanted.moves.items()))
            done = rulebook.apply(handling, rules, store, now, moves=moves, who=wanted.who)
            told = numbered(found, done.versions)
            said = Said(
                changes=tuple(f"{each.workflow}: {each.effect}".removeprefix(": ") for each in told),
                moves=wanted.moves,
                modes=in_force.modes_of(wanted.rules),
                planned_by=wanted.plan.who if wanted.plan is not None else "",
            )
            row = applied.put(
                store.connection,
                now,
                who=wanted.who,
                epoch=done.epoch,
                templates=in_force.raw_of(kept),
                said=said,
                back_to=wanted.back_to,
            )
            if wanted.plan is not None and wanted.plan.number:
                proposals.decide(store.connection, wanted.plan.number, proposals.APPLIED, wanted.who, now)
            return {"changes": as_json(told), "applied": True, "in_force": row_as_json(row)}, kept

        result, kept = await self._place.ask(put)
        self._place.on_rules(kept)
        return result


def planned(arguments: Mapping[str, Any]) -> Plan | None:
    """Return the plan that a command was given, None without one.

    Raises:
        ControlRefusedError: it is no plan.

    """
    if arguments.get("plan") is None:
        return None
    try:
        return msgspec.convert(arguments["plan"], Plan)
    except msgspec.ValidationError as error:
        raise ControlRefusedError(f"this is no plan: {error}") from None


def _nothing_between(store: SqlStore, plan: Plan | None) -> None:
    """See that nothing was applied while the plan was looked at.

    Raises:
        ControlRefusedError: something was.

    """
    last = applied.newest(store.connection)
    if plan is not None and plan.applied != (0 if last is None else last.num):
        raise ControlRefusedError("something else was applied since the plan was made: make another one")


def _before(store: SqlStore, moves: dict[str, str], who: str) -> _Set:
    """Return the set that was in force before the last apply.

    Raises:
        ControlRefusedError: there is none.

    """
    last = applied.newest(store.connection)
    if last is None or last.before is None:
        since = "" if last is None else f": what is in force since {rfc3339(last.at)} is the first"
        raise ControlRefusedError(f"there is nothing to go back to{since}")
    row = applied.found(store.connection, last.before)
    modes = {name: Mode(mode) for name, mode in row.said.modes.items()}
    rules = as_the_files_say(rulebook.set_of(store.connection, row.epoch), modes)
    kept = in_force.kept_of(applied.templates_of(store.connection, row))
    return _Set(rules, kept, moves, who, back_to=row)
