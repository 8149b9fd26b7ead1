from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.core.breaker import Breaker, MailDay
from engine.core.cadence import Cadence
from engine.core.ramp import Ramp, RampDay
from engine.core.shop import Draining, Pace, Pause, Shop, Sweep
from engine.runtimes.kafka.combining import combined, summed_cadence

GAPS = st.lists(st.tuples(st.sampled_from(["", "wine", "tea"]), st.integers(1, 400), st.integers(0, 3)), max_size=60)


@given(GAPS)
def test_reorder_intervals_are_those_of_one_shop_wherever_customers_are(gaps: list[tuple[str, int, int]]) -> None:
    """Counted in parts and added up, they are what one shop would have counted: mean and quantiles are exact."""
    whole, parts = Cadence(), [Cadence() for _ in range(4)]
    for category, days, partition in gaps:
        whole.change(category, days, 1)
        parts[partition].change(category, days, 1)
    assert summed_cadence(parts) == whole


def test_without_partitions_the_shop_is_the_offices_own() -> None:
    """Before any partition was heard of there is nothing to add."""
    office = Shop(epoch=2, budgets={"ten": {3: 4}})
    assert combined(office, []) == office


def test_what_is_the_offices_is_not_the_partitions_to_say() -> None:
    """A partition that has not heard of a pause yet does not end it, nor does one take the shop's day back."""
    pause = Pause("engine", "", 5, "why")
    office = Shop(epoch=3, day=9, gone_live=True, live_since=7, pauses=(pause,))
    shop = combined(office, [Shop(epoch=2, day=8), Shop()])
    assert (shop.epoch, shop.day, shop.gone_live, shop.live_since, shop.pauses) == (3, 9, True, 7, (pause,))


def test_counts_are_summed_over_partitions() -> None:
    """Budgets, hand-offs, codes and what is left to drain are those of all partitions together."""
    one = Shop(
        known_since=50,
        budgets={"ten": {1: 100, 2: 5}},
        hand_offs={"sales": (3, 9)},
        codes={"ten": ["B", "A"]},
        granted={"ten": 7},
        draining=Draining("skip", 4, 2),
        last_history_at=8,
        refused=("thanks",),
    )
    other = Shop(
        known_since=20,
        budgets={"ten": {2: 6}, "box": {2: 1}},
        hand_offs={"sales": (5,), "care": (1,)},
        codes={"ten": ["C"]},
        granted={"ten": 3},
        draining=Draining("skip", 4, 5),
        refused=("thanks", "notice"),
    )
    shop = combined(Shop(), [one, other, Shop()])
    assert shop.budgets == {"ten": {1: 100, 2: 11}, "box": {2: 1}}
    assert shop.hand_offs == {"sales": (3, 5, 9), "care": (1,)}
    assert (sorted(shop.codes["ten"]), shop.granted) == (["A", "B", "C"], {"ten": 10})
    assert shop.draining == Draining("skip", 4, 7)
    assert (shop.known_since, shop.last_history_at, shop.refused) == (20, 8, ("thanks", "notice"))


def test_who_entered_is_added_up_within_the_offices_window() -> None:
    """A partition that has not begun the new window yet says nothing of it."""
    old, new = Shop(paces={"w": Pace(1, 9)}), Shop(paces={"w": Pace(5, 2)})
    assert combined(Shop(paces={"w": Pace(5)}), [old, new, new]).paces == {"w": Pace(5, 4)}
    assert combined(Shop(paces={"w": Pace(5)}), [old]).paces == {"w": Pace(5)}


def test_the_only_partition_begins_its_windows_itself() -> None:
    """Where there are no others, it is the whole shop."""
    assert combined(Shop(), [Shop(paces={"w": Pace(1, 9)})], alone=True).paces == {"w": Pace(1, 9)}


def test_the_shop_is_swept_while_a_partition_is() -> None:
    """`status` says that everybody is being looked at until every partition has done so."""
    assert combined(Shop(), [Shop(), Shop(sweep=Sweep("c9"))]).sweep == Sweep("c9")
    assert combined(Shop(sweep=Sweep()), [Shop(), Shop()]).sweep is None


def test_ramps_are_judged_by_the_office_alone() -> None:
    """Partitions only count what left and what failed; the only partition judges its own."""
    judged, counted = {"gmail": Ramp(4, 10, 7)}, {"gmail": Ramp(4, 0, 3, (RampDay(4, 3),))}
    assert combined(Shop(ramps=judged), [Shop(ramps=counted), Shop()]).ramps == judged
    assert combined(Shop(), [Shop(ramps=counted)], alone=True).ramps == counted


def test_mails_of_all_partitions_are_added_up_since_the_office_began_anew() -> None:
    """What a partition counted before it heard that a pause was lifted is left out; the office itself counts nothing."""
    office = Shop(breakers={"gmail": Breaker(7)})
    one = Shop(breakers={"gmail": Breaker(7, (MailDay(1, 5, bounces=1),)), "gmx": Breaker(0, (MailDay(1, 2),))})
    other = Shop(breakers={"gmail": Breaker(7, (MailDay(1, 3),)), "gmx": Breaker(0, (MailDay(2, 4),))})
    behind = Shop(breakers={"gmail": Breaker(0, (MailDay(1, 90, bounces=80),))})
    assert combined(office, [one, other, behind]).breakers == {
        "gmail": Breaker(7, (MailDay(1, 8, bounces=1),)),
        "gmx": Breaker(0, (MailDay(1, 2), MailDay(2, 4))),
    }
