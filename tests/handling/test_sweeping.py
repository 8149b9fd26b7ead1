"""The shop's own work: closing days, sweeps that go on where they stopped, and lines let in at their pace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.cadence import Cadence
from engine.core.moments import DAY, HOUR, Length
from engine.core.rulebook import Rules
from engine.core.rules import EnterAtMost, LapseRule, Mode, Standing
from engine.core.shop import Draining, Pace, Pause, Shop, Sweep, is_warm
from engine.core.signals import CodesGranted, RulesChanged, WentLive
from engine.handling import Handling
from engine.handling.granting import BLOCK, grants
from engine.handling.sweeping import SETTLING, SLICE
from tests.builders import PLAIN, START, Play, ago, rules_of

NOTICE = """
workflow: notice
enter_when_all:
  - standing: lapsed
again_after: 365d
stages:
  only:
    steps:
      - tag: away
    end: noticed
"""
MEASURED = replace(PLAIN, lapsed_after=LapseRule("reorder_interval", (2, 1)))


def restart(play: Play) -> None:
    """Stop and start: the shop's state comes back from what was stored, all else in memory is lost."""
    raw = msgspec.msgpack.encode(play.world.handling.rules.shop)
    shop = msgspec.msgpack.decode(raw, type=Shop)
    assert shop == play.world.handling.rules.shop
    old = play.world.handling.rules
    rules = Rules(old.rule_set, shop, old.versions, key=b"test")
    play.world.handling = Handling(rules, history_after=play.world.handling.history_after)
    play.world.handling.sweeping.someone_waits(play.now)


def entered(play: Play) -> list[str]:
    """Who has entered a workflow, in order."""
    return [each.customer for each in play.effects if each.type == fx.RUN_STARTED]


def shop_of_intervals(days: int, number: int = 1_000) -> Cadence:
    """So many intervals of so many days."""
    cadence = Cadence()
    cadence.overall.change_many(days, number)
    return cadence


# Days ----------------------------------------------------------------------------------------------------------------


def test_the_interval_is_closed_once_a_shop_day() -> None:
    """It holds for the day, whatever orders come in during it; the next midnight takes them in."""
    play = Play(lifecycle=MEASURED)
    play.orders(time=ago("50d"))
    play.orders()
    assert play.shop.cadence.overall.lengths == {50: 1}
    assert play.shop.thresholds.overall == 400
    play.passes("1d")
    assert play.shop.thresholds.overall == 100


@pytest.mark.parametrize("shrinks_to", [28, 10])
def test_a_shorter_interval_makes_due_earlier(shrinks_to: int) -> None:
    """By a little or by a lot: who has lapsed by the new one is found within a day, without any event of theirs."""
    play = Play(lifecycle=replace(MEASURED, lapsed_at_least=1))
    play.shop.cadence = shop_of_intervals(30)
    play.until(START + DAY)
    play.orders(time=play.now - 57 * DAY)
    assert play.customer().standing is Standing.ACTIVE
    play.shop.cadence = shop_of_intervals(shrinks_to)
    play.passes("1d")
    assert play.customer().standing is Standing.LAPSED


def test_a_longer_interval_is_noticed_when_it_rings() -> None:
    """A due time that is early does no harm: the customer is judged by the threshold of that day."""
    play = Play(lifecycle=MEASURED)
    play.shop.cadence = shop_of_intervals(30)
    play.until(START + DAY)
    play.orders(time=play.now - 58 * DAY)
    play.shop.cadence = shop_of_intervals(40)
    play.passes("15d")
    assert play.customer().standing is Standing.ACTIVE
    play.passes("10d")
    assert play.customer().standing is Standing.LAPSED


# Sweeps --------------------------------------------------------------------------------------------------------------


def many(play: Play, number: int) -> list[str]:
    """So many customers who lapsed long ago, the later the name the later the order."""
    names = [f"c-{place:05}" for place in range(number)]
    for place, name in enumerate(names):
        play.orders(name, time=ago("100d") + place)
    return names


def test_a_sweep_goes_on_where_it_stopped() -> None:
    """After a restart between two slices, everybody was come by once."""
    play = Play(NOTICE, mode=Mode.DRAFT)
    names = many(play, SLICE + 20)
    handling = play.world.handling
    switch = replace(play.rule_set.switches["notice"], mode=Mode.LIVE, enter_at_most=EnterAtMost(5_000, Length(days=1)))
    rules = replace(play.rule_set, switches={"notice": switch})
    handling.rules = Rules(rules, handling.rules.shop, key=b"test")
    handling.sweeping.tell(play.world.store, RulesChanged(2), play.now)
    handling.advance(play.world.store, play.now)
    assert [play.shop.sweep] == [Sweep(after=names[SLICE - 1])]
    restart(play)
    play.works()
    assert [play.shop.sweep] == [None]
    assert sorted(entered(play)) == names


def test_a_change_during_the_sweep_of_go_live_forgets_nothing() -> None:
    """It begins anew, and what was rehearsed is still ended."""
    play = Play(NOTICE.replace("- tag: away", "- wait: 30d"))
    play.orders(time=ago("60d"))
    play.passes("2d")
    play.world.handling.sweeping.tell(play.world.store, WentLive(), play.now)
    play.world.handling.sweeping.tell(play.world.store, RulesChanged(2), play.now)
    assert play.shop.sweep == Sweep(rehearsed=True)
    play.works()
    assert play.outcomes() == ["rehearsal"]


# Paces ---------------------------------------------------------------------------------------------------------------


def paced(play: Play, **switch: Any) -> None:
    """Set the workflow live at a pace."""
    play.switches("notice", mode=Mode.LIVE, **switch)


@pytest.mark.parametrize("between", [lambda _: None, restart], ids=["as it runs", "over restarts"])
def test_a_pace_is_kept(between: Callable[[Play], None]) -> None:
    """Seven a day, the latest reaction first, nobody twice, over restarts too."""
    play = Play(NOTICE, mode=Mode.DRAFT)
    names = many(play, 20)
    paced(play, enter_at_most=EnterAtMost(7, Length(days=1)))
    counts = [len(entered(play))]
    for _ in range(3):
        between(play)
        play.works()
        counts.append(len(entered(play)))
        play.passes("1d")
    assert counts == [7, 7, 14, 20]
    assert entered(play) == names[::-1]


def test_raising_reach_lets_more_in_and_nobody_twice() -> None:
    """From 20 % to 60 %: those it had are left alone, the new ones line up and enter at the pace."""
    play = Play(NOTICE, mode=Mode.DRAFT)
    many(play, 60)
    paced(play, enter_at_most=EnterAtMost(100, Length(days=1)), reach=2_000)
    first = set(entered(play))
    play.switches("notice", reach=6_000)
    play.passes("2d")
    assert first < set(entered(play))
    assert len(entered(play)) == len(set(entered(play)))


def test_who_comes_to_fit_by_himself_does_not_wait() -> None:
    """The line is for those who fitted already; where nobody is left over, a lapse of tonight enters tonight."""
    play = Play(NOTICE, mode=Mode.DRAFT)
    many(play, 3)
    play.orders("new", time=ago("60d"))
    paced(play, enter_at_most=EnterAtMost(3, Length(days=1)))
    assert len(entered(play)) == 3
    play.passes("20h")
    assert entered(play)[-1] == "new"


@pytest.mark.parametrize("between", [lambda _: None, restart], ids=["as it runs", "over restarts"])
def test_nobody_jumps_a_line_that_the_pace_has_left_over(between: Callable[[Play], None]) -> None:
    """While some wait for the next window, whoever comes to fit waits with them, so that no window sees more entries."""
    play = Play(NOTICE, mode=Mode.DRAFT)
    many(play, 10)
    play.orders("new", time=ago("60d"))
    paced(play, enter_at_most=EnterAtMost(4, Length(days=1)))
    between(play)
    play.passes("20h")
    assert play.customer("new").standing is Standing.LAPSED
    assert len(entered(play)) == 4
    play.passes("1d")
    assert entered(play)[4] == "new"
    assert len(entered(play)) == 8


def test_history_has_to_settle_first() -> None:
    """Nobody is let in while more of a history may be on its way: an hour after its last event."""
    play = Play(NOTICE, history_after=72 * HOUR)
    play.orders(time=ago("100d"))
    play.until(START + SETTLING - 1)
    assert entered(play) == []
    play.until(START + SETTLING)
    assert entered(play) == ["ada"]


def test_who_no_longer_fits_leaves_the_line() -> None:
    """Somebody orders while they wait: they are not let in."""
    play = Play(NOTICE, mode=Mode.DRAFT)
    many(play, 3)
    paced(play, enter_at_most=EnterAtMost(1, Length(days=1)))
    play.orders("c-00000")
    play.passes("5d")
    assert sorted(entered(play)) == ["c-00001", "c-00002"]
    assert play.world.store.line_length("notice") == 0


# State ---------------------------------------------------------------------------------------------------------------


def test_the_shops_state_survives_being_stored() -> None:
    """All of it, with its instants, days and money."""
    shop = Shop(
        live_since=5,
        gone_live=True,
        known_since=3,
        epoch=7,
        day=20_000,
        cadence=shop_of_intervals(30),
        pauses=(Pause("domain", "x.org", 9, "why", "who"),),
        sweep=Sweep("c-1", rehearsed=True),
        draining=Draining("shift", 4, 12),
        paces={"notice": Pace(8, 3)},
        refused=("notice",),
        budgets={"ten": {20_000: 250, 20_001: 5}},
        codes={"box": ["B", "A"]},
        granted={"box": 2},
    )
    shop.cadence.categories = {"tea": shop_of_intervals(20).overall}
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(shop), type=Shop) == shop


def test_it_is_warm_when_the_known_facts_reach_back_far_enough() -> None:
    """Counted in the shop's calendar days; with nothing known it is not, with `none` it always is."""
    lifecycle = replace(PLAIN, warm_up=Length(days=90))
    assert not is_warm(Shop(), lifecycle, START)
    assert is_warm(Shop(), PLAIN, START)
    assert is_warm(Shop(known_since=ago("90d")), lifecycle, START)
    assert not is_warm(Shop(known_since=ago("90d") + 1), lifecycle, START)


def test_codes_are_granted_in_blocks_and_never_twice() -> None:
    """A block when less than half of one is left, the next codes of the pool each time; two offers share none."""
    offers = rules_of(
        NOTICE,
        offers="offers:\n"
        "  box: {free_trial: a box, cost: 6 EUR, valid_for: 30d, codes: pool, pool: codes.csv}\n"
        "  crate: {free_trial: a crate, cost: 9 EUR, valid_for: 30d, codes: pool, pool: codes.csv}\n",
    ).offers.values()
    file = [f"CODE-{number}" for number in range(2 * BLOCK + 10)]
    left, shop = list(file), Shop()

    def take(pool: str, count: int) -> list[str]:
        assert pool == "codes.csv"
        taken, left[:count] = left[:count], []
        return taken

    first, second = grants(shop, offers, take)
    assert first == CodesGranted("box", tuple(file[:BLOCK]))
    assert second == CodesGranted("crate", tuple(file[BLOCK : 2 * BLOCK]))
    shop.codes = {"box": list(first.codes), "crate": list(second.codes)}
    assert list(grants(shop, offers, take)) == []
    shop.codes["box"] = list(first.codes[: BLOCK // 2 - 1])
    assert [each.codes for each in grants(shop, offers, take)] == [tuple(file[2 * BLOCK :])]
    assert list(grants(shop, offers, take)) == []
