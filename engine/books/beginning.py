"""What the first start puts in force: the files it finds. Later ones wait for an `apply`."""

from __future__ import annotations

from typing import Final

from engine.books import applied, rulebook
from engine.books.store import SqlStore
from engine.core.moments import Instant
from engine.core.rules import RuleSet
from engine.handling import Handling

FIRST_START: Final = "first start"
"""Who put the first set in force."""


def put_first_in_force(handling: Handling, store: SqlStore, now: Instant, rules: RuleSet, templates: str) -> None:
    """Put a set in force if none is, and keep the templates beside it, in the transaction under way."""
    if not handling.rules.shop.epoch:
        rulebook.apply(handling, rules, store, now, who=FIRST_START)
    if templates:
        modes = {name: switch.mode.value for name, switch in handling.rules.rule_set.switches.items()}
        said = applied.Said(changes=("what was there at the start",), modes=modes)
        epoch = handling.rules.shop.epoch
        applied.put(store.connection, now, who=FIRST_START, epoch=epoch, templates=templates, said=said)
