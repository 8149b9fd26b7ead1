"""The two sides of a plan: the rules in force with what they are made with, and the set that would take their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from engine.books.database import Where, present
from engine.books.views import Views
from engine.core.moments import Instant
from engine.core.rulebook import Rules
from engine.core.rules import Lifecycle, RuleSet, Workflow, content
from engine.core.shop import Shop
from engine.core.signals import Move, RulesChanged
from engine.handling import Handling
from engine.language.files import Checked
from engine.runtimes.simulator.store import MemoryStore
from engine.wiring.applying import SHADOW_PAUSE, as_shadow
from engine.wiring.in_force import Kept, kept_of, of

OF_SENDS_ALONE = (
    "caps",
    "costs",
    "keep_clear_of_other_senders",
    "offers_at_most",
    "quiet",
    "hold_while",
    "service_templates",
    "oldest_address",
    "keep",
    "ramp",
    "breaker",
)
"""Keys of lifecycle.yaml that change nobody's standing, and what nobody is let in by: the gate's alone."""


OF_STANDINGS_ALONE = (
    "lapsed_after",
    "lapsed_at_least",
    "lapsed_at_most",
    "one_time_buyers",
    "reader",
    "former_after",
    "seasons",
)
"""Keys that change standings, and by them alone who fits."""


@dataclass(frozen=True)
class Side:
    """Rules with the shop's state, and what messages are made with. `applied` counts the applies, 0 for none yet."""

    rules: Rules
    kept: Kept
    applied: int = 0


def in_force_now(where: Where) -> tuple[Side, Instant]:
    """Return what is in force and the last accepted instant; before the first start there is nothing.

    Raises:
        DatabaseError: the database cannot be read.

    """
    if not present(where):
        return Side(Rules(RuleSet(), Shop(), key=b""), kept_of("")), 0
    with Views(where) as views:
        accepted, _ = views.shop()
        last = next(iter(views.put_in_force(1)), None)
        return Side(views.rules(), kept_of(views.templates()), 0 if last is None else last.num), accepted


def to_come(where: Where, before: Side, checked: Checked, now: Instant, moves: Mapping[str, str]) -> Side:
    """Return the side of a checked set: its versions numbered, and the shop as it would be in the moment of its `apply`."""
    assert checked.rules is not None, "a set without errors has rules"
    versions, shop = before.rules.versions, Shop()
    if present(where):
        with Views(where) as views:
            _, shop = views.shop()  # one of its own: telling changes it
    rules = as_applied(checked.rules, shop)
    stored = msgspec.json.decode(msgspec.json.encode(rules, order="deterministic"), type=RuleSet)
    rule_set = replace(stored, workflows=_numbered(stored.workflows, versions))
    handling = Handling(Rules(rule_set, shop, versions, key=b""))
    said = tuple(Move(name, how) for name, how in sorted(moves.items()))
    handling.sweeping.tell(MemoryStore(), RulesChanged(shop.epoch + 1, said), now)
    return Side(handling.rules, of(checked), before.applied + 1)


def as_applied(rules: RuleSet, shop: Shop) -> RuleSet:
    """Return a set as it would be put in force: in a shadow run, everything live walks as shadow."""
    return as_shadow(rules) if any(pause.why == SHADOW_PAUSE for pause in shop.pauses) else rules


def digest_of(checked: Checked) -> str:
    """Return what tells one set of files from another by their meaning: comments and blank lines count for nothing."""
    assert checked.rules is not None, "a set without errors has rules"
    assert checked.templates is not None, "and templates"
    rules = checked.rules
    told = (
        rules.lifecycle,
        rules.switches,
        rules.own_events,
        {name: content(workflow) for name, workflow in rules.workflows.items()},
        dict(checked.templates.sources),
        checked.brand,
    )
    return blake2b(msgspec.json.encode(told, order="deterministic"), digest_size=16).hexdigest()


def changes_who_fits(before: Lifecycle, after: Lifecycle) -> bool:
    """Say whether another lifecycle.yaml may change a standing, or who fits a workflow."""
    return _differ(before, after, OF_SENDS_ALONE)


def changes_standings_alone(before: Lifecycle, after: Lifecycle) -> bool:
    """Say whether another lifecycle.yaml changes nothing of who fits but by the standings."""
    return not _differ(before, after, (*OF_SENDS_ALONE, *OF_STANDINGS_ALONE))


def _differ(before: Lifecycle, after: Lifecycle, but_for: Sequence[str]) -> bool:
    usual = msgspec.structs.asdict(Lifecycle())
    same = {name: usual[name] for name in but_for}
    return replace(before, **same) != replace(after, **same)


def _numbered(workflows: Mapping[str, Workflow], versions: Mapping[tuple[str, int], Workflow]) -> dict[str, Workflow]:
    """Return the workflows with the numbers that `apply` would give them: a content that was there before has its old one."""
    return {name: replace(each, version=_number(each, versions)) for name, each in workflows.items()}


def _number(workflow: Workflow, versions: Mapping[tuple[str, int], Workflow]) -> int:
    mine, last = content(workflow), 0
    for (name, number), each in versions.items():
        if name == workflow.name:
            last = max(last, number)
            if content(each) == mine:
                return number
    return last + 1
