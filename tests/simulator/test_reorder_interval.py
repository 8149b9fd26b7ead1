"""The reorder interval moves every day, up and down; standings must follow it on the day."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from engine.core.events import Event, OrderPlaced
from engine.core.moments import HOUR, MINUTE, Instant, day_number, zone
from engine.core.rules import Lifecycle, RuleSet
from engine.language.folder import read_folder
from engine.runtimes.simulator.backtest import Setting, run_backtest
from tests.simulator.effects_read import standing_changes
from tests.simulator.reckoning import reckoned

BERLIN = zone("Europe/Berlin")
START = day_number(2024, 1, 1)
CLOCKS = (0, 0, 9 * HOUR, 24 * HOUR - MINUTE)
ROOT = Path(__file__).parents[2]

Ordered = tuple[int, int, str]
"""Day, clock time, customer."""


def orders_of_a_moody_shop(seed: int) -> list[Ordered]:
    """A few customers whose rhythms get quicker, with now and then a long pause: the interval goes up and down."""
    chance = Random(seed)
    length = chance.randint(60, 500)
    found = []
    for number in range(chance.randint(3, 40)):
        day, base, quickening = chance.randint(0, length // 2), chance.choice([3, 10, 40, 90]), chance.random()
        while day < length:
            found.append((START + day, chance.choice(CLOCKS), f"c{number}"))
            mean = base * (1 - day / length * quickening) + chance.choice([0, 0, 200]) * chance.random()
            day += int(chance.expovariate(1 / max(1.0, mean))) + chance.choice([0, 1])
            if chance.random() < 0.15:
                break
    return found


def at(day: int, clock: int) -> Instant:
    """The instant of a clock time in the shop."""
    return BERLIN.at(day, clock)


def events_of(orders: list[Ordered]) -> list[Event]:
    """The orders as events."""
    return [
        Event(f"e{n}", "shop", "order.placed", at(day, clock), customer, OrderPlaced(f"o{n}", Decimal(9), "EUR"))
        for n, (day, clock, customer) in enumerate(orders)
    ]


def by_day(orders: list[Ordered], *, at_start: bool) -> dict[int, list[str]]:
    """Customers by day, in the order of the clock: those who ordered at midnight, or those who did so later."""
    found: dict[int, list[str]] = {}
    for day, clock, customer in sorted(orders):
        if (clock == 0) == at_start:
            found.setdefault(day, []).append(customer)
    return found


@pytest.mark.parametrize("rules", ["no workflows", "shipped workflows"])
@pytest.mark.parametrize("seeds", [range(20), range(20, 40), range(40, 60)], ids=str)
def test_standings_follow_the_interval_on_the_day(seeds: range, rules: str, tmp_path: Path) -> None:
    """Who lapses and returns, and on which day, is as a reckoning by hand says, also where the interval shrinks."""
    rule_set = read_folder(ROOT / "workflows").rules if rules == "shipped workflows" else RuleSet(lifecycle=Lifecycle())
    assert rule_set is not None
    shrinkages = 0
    for seed in seeds:
        orders = orders_of_a_moody_shop(seed)
        expected = reckoned(by_day(orders, at_start=True), by_day(orders, at_start=False))
        run_backtest(events_of(orders), rule_set, tmp_path, Setting(all_drafts=True))
        assert standing_changes(tmp_path) == expected.changes, f"seed {seed}"
        shrinkages += sum(
            after < before for before, after in zip(expected.thresholds, expected.thresholds[1:], strict=False)
        )
    assert shrinkages > 100, "the shop must be moody enough to show something"
