"""Whether an edit may be put in force: by itself, by a plan that still holds, and where it is asked for, by two people."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from engine.books.database import Where
from engine.books.proposals import PENDING, Proposal
from engine.core.moments import Instant
from engine.insight.plan import Plan
from engine.language.files import Checked
from engine.wiring.in_force import is_same, of
from engine.wiring.planning.approving import differs, further, told
from engine.wiring.planning.making import plan_of
from engine.wiring.planning.sides import as_applied, digest_of, in_force_now

NOBODY = ("", "?")
"""How somebody is told of whom no name is known."""

HOW = "`winback plan --save FILE`, then somebody else says `winback apply FILE`"


def plan_from(raw: bytes | str) -> Plan:
    """Read a saved plan.

    Raises:
        msgspec.MsgspecError: it is none.

    """
    return msgspec.json.decode(raw, type=Plan)


def raw_of(plan: Plan) -> str:
    """Return a plan as it is saved."""
    return msgspec.json.format(msgspec.json.encode(plan), indent=2).decode() + "\n"


def without_plan(where: Where, checked: Checked, moves: Mapping[str, str]) -> list[str]:
    """Return what keeps a checked set from being put in force by one person alone, where a second must approve."""
    assert checked.rules is not None, "a set without errors has rules"
    before, _ = in_force_now(where)
    rules = as_applied(checked.rules, before.rules.shop)
    differ = not is_same(before.kept, of(checked))
    why = told(further(before.rules.rule_set, rules, moves, templates_differ=differ))
    return [f"a second person must approve what reaches further ({'; '.join(why)}): {HOW}"] if why else []


def by_plan(
    where: Where, checked: Checked, plan: Plan, known: Proposal | None, *, who: str, approvals: int, now: Instant
) -> list[str]:
    """Return what keeps a plan from being applied: its files, what is in force, a figure, or who applies it.

    `known` is the plan as the engine keeps it under its number. What the file says of its maker counts for nothing.
    """
    first = differs(plan, replace(plan, digest=digest_of(checked), applied=in_force_now(where)[0].applied))
    if first:  # no need to look at a million customers
        return first
    found = plan_of(where, checked, now=now, who=plan.who, moves=plan.moves)
    said = differs(plan, found)
    if said:
        said = ["the figures differ by more than a tenth: " + "; ".join(said)]
    if approvals and found.reaches_further:
        said += _not_by_two(plan, known, who)
    return said


def _not_by_two(plan: Plan, known: Proposal | None, who: str) -> list[str]:
    if known is None or known.state != PENDING or plan_from(known.plan) != replace(plan, number=0):
        return [f"it needs a second person, and the engine does not know this plan, or not as one that waits: {HOW}"]
    mine, other = (_folded(each) for each in (known.who, who))
    if mine in NOBODY or other in NOBODY:
        return ["it needs a second person, and nobody knows who made it or who applies it: set WINBACK_WHO"]
    if mine == other:
        return [f"it needs a second person: {known.who} made this plan, so somebody else puts it in force"]
    return []


def _folded(who: str) -> str:
    return " ".join(who.split()).casefold()
