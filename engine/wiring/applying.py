"""What an `apply` changes, in the words of people: the checked set beside the one in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from engine.books.applied import PutInForce
from engine.core.moments import rfc3339
from engine.core.moving import EXIT, MOVE, PIN
from engine.core.rules import WHOLE, Mode, RuleSet, Switch, content


class Change(Struct, frozen=True, rename={"source": "from"}):
    """One change: of a workflow, with its versions before and after (None: not there), or of a file (`workflow` empty)."""

    workflow: str
    source: int | None
    to: int | None
    effect: str


SHADOW_PAUSE = "run --shadow"
"""Why the pause of a shadow run is set: it marks the data folder as one of such a run."""

_RUNS = {PIN: "runs finish on their version", MOVE: "runs go on in the new version", EXIT: "runs end as moved_out"}


def changes(
    before: RuleSet,
    after: RuleSet,
    *,
    templates_differ: bool = False,
    moves: Mapping[str, str] = MappingProxyType({}),
) -> list[Change]:
    """Return what differs between the set in force and a checked one, which has no numbers yet, and what runs do then."""
    found = [
        change
        for name in sorted({*before.workflows, *after.workflows})
        for change in _of_workflow(name, before, after, moves.get(name, PIN))
    ]
    for what, was, is_ in (
        ("lifecycle.yaml", before.lifecycle, after.lifecycle),
        ("events.yaml", before.own_events, after.own_events),
    ):
        if was != is_:
            found.append(Change("", None, None, f"{what} changes, for everyone at once"))
    if templates_differ:
        found.append(Change("", None, None, "templates or shop.yaml change, for every message from now on"))
    return found


def _of_workflow(name: str, before: RuleSet, after: RuleSet, move: str) -> Iterator[Change]:
    was, is_ = before.workflows.get(name), after.workflows.get(name)
    number = was.version if was else None
    switched = _switched(before.switches.get(name, Switch()), after.switches.get(name, Switch()))
    if was is None:
        yield Change(name, None, 1, f"new, {after.switches.get(name, Switch()).mode.value}")
    elif is_ is None:
        yield Change(name, number, None, f"gone: nobody enters any more; {_RUNS[move]}")
    elif content(was) != content(is_):
        said = f"a new version: who enters from now on walks it; {_RUNS[move]}"
        yield Change(name, number, was.version + 1, "; ".join([said, *switched]))
    elif switched or move != PIN:
        moved = [_RUNS[move]] if move != PIN else []
        yield Change(name, number, number, "; ".join([*moved, *switched]))


def _switched(was: Switch, is_: Switch) -> list[str]:
    said = []
    if was.mode is not is_.mode:
        held = ": its runs are held, as by a pause" if is_.mode is Mode.DRAFT else ""
        said.append(f"mode {was.mode.value} -> {is_.mode.value}{held}")
    if was.reach != is_.reach:
        said.append(f"reach {was.reach * 100 / WHOLE:g}% -> {is_.reach * 100 / WHOLE:g}%")
    if (was.enter_at_most, was.skip_those_who_fit) != (is_.enter_at_most, is_.skip_those_who_fit):
        said.append(f"enter_at_most {_pace(was)} -> {_pace(is_)}")
    return said


def _pace(switch: Switch) -> str:
    if switch.skip_those_who_fit:
        return "skip"
    pace = switch.enter_at_most
    return f"{pace.count} per {pace.length}" if pace else "none"


def numbered(changes_: list[Change], versions: Mapping[str, int]) -> list[Change]:
    """Return changes with the numbers the engine gave: a content that was there before gets its old one."""
    return [
        replace(each, to=versions.get(each.workflow, each.to)) if each.to is not None else each for each in changes_
    ]


def as_shadow(rules: RuleSet) -> RuleSet:
    """Return a set in which everything live walks as shadow."""
    return replace(rules, switches={name: _shadowed(each) for name, each in rules.switches.items()})


def _shadowed(switch: Switch) -> Switch:
    return replace(switch, mode=Mode.SHADOW) if switch.mode is Mode.LIVE else switch


def as_the_files_say(rules: RuleSet, modes: Mapping[str, Mode]) -> RuleSet:
    """Return a set that walked as shadow with the modes of its files."""
    switches = {
        name: replace(each, mode=modes.get(name, each.mode)) if each.mode is Mode.SHADOW else each
        for name, each in rules.switches.items()
    }
    return replace(rules, switches=switches)


def as_json(found: list[Change]) -> list[dict[str, Any]]:
    """Return changes as `--json` has them."""
    return [{"workflow": each.workflow, "from": each.source, "to": each.to, "effect": each.effect} for each in found]


def row_as_json(row: PutInForce) -> dict[str, Any]:
    """Return what `apply --json` and `status --json` say of one apply."""
    return {
        "at": rfc3339(row.at),
        "who": row.who,
        "planned_by": row.said.planned_by or None,
        "what": list(row.said.changes),
        "moves": row.said.moves,
        "taken_back": row.said.back_to is not None,
    }
