"""What a second person must approve, and whether what was approved still holds.

What can reach customers or money that could not before needs a second pair of eyes. Going down never does: a draft, a
smaller share, a slower pace, a workflow taken away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from engine.core.moving import MOVE
from engine.core.rules import WHOLE, Mode, RuleSet, Switch, Workflow, content
from engine.insight.plan import Change, Plan

TOLERANCE = Fraction(1, 10)
"""A figure may differ by so much from the approved one."""


LIFECYCLE, EVENTS, TEMPLATES = "lifecycle.yaml", "events.yaml", "templates or shop.yaml"


def further(
    before: RuleSet, after: RuleSet, moves: Mapping[str, str], *, templates_differ: bool
) -> dict[str, tuple[str, ...]]:
    """Return why an edit lets more reach customers or money than the rules in force, by workflow or file; empty: it does not.

    Of what all workflows share any edit does, where something is or was live.
    """
    found = {name: _of_workflow(name, before, after, moves) for name in sorted({*before.workflows, *after.workflows})}
    if any(switch.mode is Mode.LIVE for rules in (before, after) for switch in rules.switches.values()):
        differ = {
            LIFECYCLE: before.lifecycle != after.lifecycle,
            EVENTS: before.own_events != after.own_events,
            TEMPLATES: templates_differ,
        }
        found |= {what: (f"{what}: an edit is for everything live",) for what, differs_ in differ.items() if differs_}
    return {name: why for name, why in found.items() if why}


def told(found: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Write what `further` found as sentences; those about a file name it themselves."""
    files = (LIFECYCLE, EVENTS, TEMPLATES)
    return [each if name in files else f"{name}: {each}" for name, why in found.items() for each in why]


def _of_workflow(name: str, before: RuleSet, after: RuleSet, moves: Mapping[str, str]) -> tuple[str, ...]:
    was, is_, move = before.workflows.get(name), after.workflows.get(name), moves.get(name, "")
    switched = before.switches.get(name, Switch()), after.switches.get(name, Switch())
    if is_ is None or (switched[1].mode is not Mode.LIVE and move != MOVE) or switched[1].mode is Mode.DRAFT:
        return ()
    return tuple(_further(was, is_, *switched, move))


def _further(was: Workflow | None, is_: Workflow, before: Switch, after: Switch, move: str) -> Iterator[str]:
    if move == MOVE:
        yield "who is under way goes on in the new version"
    if after.mode is not Mode.LIVE:
        return
    if was is None or before.mode is not Mode.LIVE:
        yield "goes live"
        return
    if content(was) != content(is_):
        yield "its content changes while it is live"
    if after.reach > before.reach:
        yield f"reach grows from {before.reach * 100 / WHOLE:g}% to {after.reach * 100 / WHOLE:g}%"
    if _is_faster(before, after):
        yield "those who fit already come in faster"


def _is_faster(before: Switch, after: Switch) -> bool:
    if after.skip_those_who_fit or before == after:
        return False
    old, new = before.enter_at_most, after.enter_at_most
    if before.skip_those_who_fit or old is None or new is None:
        return (before.skip_those_who_fit, old) != (after.skip_those_who_fit, new)
    return new.count > old.count or Fraction(new.count, new.length.roughly) > Fraction(old.count, old.length.roughly)


def differs(planned: Plan, now: Plan) -> list[str]:
    """Return what is no more as it was planned: other files, other rules in force, or a figure that differs too much."""
    if planned.digest != now.digest:
        return ["the files have changed since the plan was made"]
    if planned.applied != now.applied:
        return [
            f"something was applied since: the plan was made after apply {planned.applied}, the last is {now.applied}"
        ]
    if planned.moves != now.moves:
        return [f"the plan says of runs under way: {planned.moves or 'nothing'}, and not: {now.moves or 'nothing'}"]
    before, after = _figures(planned), _figures(now)
    return [
        f"{name}: planned {float(before.get(name, 0)):.10g}, now {float(after.get(name, 0)):.10g}"
        for name in sorted({*before, *after})
        if _differs_too_much(before.get(name, Fraction(0)), after.get(name, Fraction(0)))
    ]


def _differs_too_much(before: Fraction, after: Fraction) -> bool:
    return abs(after - before) > before * TOLERANCE


def _figures(plan: Plan) -> dict[str, Fraction]:
    found = {f"standing {name}": Fraction(count) for name, count in plan.standings.items()}
    for change in plan.changes:
        if change.workflow:
            found |= {f"{change.workflow}: {name}": value for name, value in _of_change(change).items()}
    return found


def _of_change(change: Change) -> dict[str, Fraction]:
    cost = change.offer_cost_at_most.partition(" ")[0]
    return {
        "under way": Fraction(sum(change.waiting.values())),
        "would enter": Fraction(change.would_enter),
        "mailable": Fraction(change.mailable),
        "a day": Fraction(change.per_day),
        "offers cost at most": Fraction(cost or 0),
    }
