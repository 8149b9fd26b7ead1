"""A shop that is split among partitions is the same shop when they are put together again."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from engine.core.allowances import BUDGET, ENTRIES, HAND_OFFS
from engine.core.cadence import Cadence
from engine.core.moments import DAY, HOUR
from engine.core.ramp import Ramp, RampDay
from engine.core.rulebook import Rules
from engine.core.shop import Moved, Pace, Pause, Shop, Sweep
from engine.handling.allotting import Allotting, Part
from engine.runtimes.kafka.combining import combined
from engine.runtimes.kafka.splitting import split
from tests.builders import rules_of

NOW = 20_000 * DAY
KEPT_APART = ("codes", "granted", "allowances", "used_up")
"""What is granted anew where the shop moves in."""


def lived() -> Shop:
    """Return the state of a shop that has lived for a while."""
    cadence = Cadence()
    for days in (20, 30, 30, 90):
        cadence.change("", days, 1)
        cadence.change("shoes", days, 1)
    return Shop(
        live_since=NOW - 90 * DAY,
        gone_live=True,
        known_since=NOW - 900 * DAY,
        epoch=7,
        day=20_000,
        cadence=cadence,
        pauses=(Pause("workflow", "causes", NOW - HOUR, "a typo", "ada"),),
        armed={"": 120},
        judged_to=NOW - DAY,
        judge_to=NOW,
        last_history_at=NOW - 80 * DAY,
        sweep=Sweep("c-5", first=("causes",)),
        paces={"welcome-back": Pace(NOW - HOUR, 17)},
        used_up={"welcome-back": NOW + HOUR},
        refused=("occasions",),
        budgets={"gift": {19_998: 500, 20_000: 250}},
        codes={"gift": ["B", "A"]},
        granted={"gift": 12},
        hand_offs={"key-accounts": (NOW - 2 * HOUR, NOW - HOUR)},
        moves=(Moved(7, "causes", "move", 3),),
        ramps={"gmail": Ramp(20_000, 200, used=30, days=(RampDay(20_000, 30),))},
        suppressions_at=NOW - 80 * DAY,
        forgotten_to="c-9",
    )


@pytest.mark.parametrize("partitions", [1, 2, 5])
def test_put_together_again_it_is_the_same_shop(partitions: int) -> None:
    """Sums are what they were, and what holds for the shop holds in every part."""
    shop = lived()
    parts = split(shop, partitions)
    again = combined(shop, parts, alone=partitions == 1)
    there, here = (msgspec.structs.asdict(each) for each in (again, shop))
    assert {name for name in here if there[name] != here[name]} <= set(KEPT_APART)
    assert all(part.pauses == shop.pauses and part.epoch == shop.epoch for part in parts)


def test_the_only_partition_is_the_whole_shop_and_others_are_granted_what_they_may_use() -> None:
    """None of several parts may use anything before it is granted."""
    assert [part.allowances for part in split(lived(), 1)] == [None]
    assert [part.allowances for part in split(lived(), 3)] == [{}, {}, {}]


COUPON = """
workflow: coupon
enter_when_all:
  - standing: lapsed
again_after: 365d
enter_at_most: 20 per 1d
leave_when_any:
  - event: email.unsubscribed
stages:
  one:
    steps:
      - send: coupon_offer
        offer: ten
      - hand_off: sales
        at_most: 3 per 1d
    end: done
"""
TEN = "offers:\n  ten: {discount: 10%, minimum_basket: 20 EUR, valid_for: 14d, budget: 11 EUR per 5d}\n"


@pytest.mark.parametrize("partitions", [2, 5])
def test_what_was_used_before_the_move_counts_against_every_limit(partitions: int) -> None:
    """The office grants no more than is left: of a budget, of a window's places, and of a team's time."""
    shop = Shop(
        live_since=1,
        gone_live=True,
        known_since=1,
        epoch=1,
        budgets={"ten": {NOW // DAY: 1_000}},
        paces={"coupon": Pace(NOW - HOUR, 17)},
        hand_offs={"sales": (NOW - 2 * HOUR, NOW - HOUR)},
    )
    rule_set = rules_of(COUPON, offers=TEN)
    rules = Rules(rule_set, shop, {("coupon", 1): rule_set.workflows["coupon"]}, key=b"key")
    parts = [Part(part) for part in split(shop, partitions)]
    line = [number % partitions for number in range(50)]
    granted: Counter[str] = Counter()
    for _, grant in Allotting(rules, parts, lambda _, limit: line[:limit], lambda _: 50).grants(NOW):
        granted[grant.what] += grant.amount
    assert granted[ENTRIES] == 3
    assert granted[BUDGET] <= 100
    assert granted[HAND_OFFS] <= 1
