"""What is counted for the shop as a whole, where its customers are in parts: never too much, and nobody left waiting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.allowances import NONE_YET, granted, left_at
from engine.core.customer import Customer
from engine.core.effects import Effect
from engine.core.moments import DAY, HOUR, MINUTE, SECOND, Length
from engine.core.rules import EnterAtMost, RampRule, RampSteps
from engine.core.shop import Shop
from engine.core.signals import TurnedAway
from engine.handling.allotting import Part, granted_to, held_by
from engine.handling.shares import Held, Share, allot
from engine.handling.sweeping import MOST_WITHOUT_PACE
from tests.builders import BERLIN, PLAIN, START, event, rules_of, somebody
from tests.handling.parted import GATEWAY, Parted

OFFER = """
workflow: coupon
enter_when_all:
  - event: customer.visited
    within: 1d
again_after: 2d
leave_when_any:
  - event: email.unsubscribed
stages:
  one:
    steps:
      - send: coupon_offer
        offer: ten
        late_at_most: 3d
    end: done
"""
TEN = "offers:\n  ten: {discount: 10%, minimum_basket: 20 EUR, valid_for: 14d, budget: 11 EUR per 5d}\n"
COST, BUDGET_OF_TEN, BUDGET_DAYS = 200, 1100, 5
CALLS = """
workflow: calls
enter_when_all:
  - event: customer.visited
    within: 1d
again_after: 1d
stages:
  one:
    steps:
      - hand_off: sales
        at_most: 3 per 6h
        late_at_most: 2d
    end: done
"""
LINED = """
workflow: lined
enter_when_all:
  - standing: prospect
again_after: never
stages:
  one:
    steps:
      - tag: let-in
    end: done
"""

# Sharing out -----------------------------------------------------------------------------------------------------------

helds = st.builds(
    Held, st.integers(-3, 40), st.one_of(st.just(0), st.integers(0, 60)), st.integers(0, 90), st.booleans()
)


@given(st.integers(-50, 300), st.lists(helds, min_size=1, max_size=8), st.booleans())
def test_no_more_is_shared_out_than_is_free(free: int, parts: list[Held], stock: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
    """Nobody gives back what they have not, nobody is told two things, and who waits goes before any stock."""
    shares = allot(free, parts, stock=stock)
    assert sum(each.amount for each in shares) <= max(0, free)
    for held, share in zip(parts, shares, strict=True):
        assert (share.amount > 0) + (share.back > 0) + share.used_up <= 1
        assert 0 <= share.back <= max(0, held.left)
        assert share.amount >= 0
        if share.amount and not stock:
            assert held.left + share.amount == held.wanted
    unmet = [held for held, share in zip(parts, shares, strict=True) if held.wanted > held.left + share.amount]
    if unmet and free >= 0:
        least = min(each.wanted - each.left for each in unmet)
        stocked = sum(
            share.amount for held, share in zip(parts, shares, strict=True) if held.wanted <= held.left and share.amount
        )
        left_over = free - sum(each.amount for each in shares) + stocked
        assert left_over < least


def test_who_wants_what_others_have_gets_it_when_they_gave_it_back() -> None:
    """Those where nobody waits are asked first; where all together have too little, it is said that there is no more."""
    parts = [Held(0, wanted=5), Held(4), Held(3), Held(2, wanted=9)]
    assert allot(0, parts) == [Share(), Share(back=4), Share(back=1), Share(used_up=True)]
    assert allot(0, [Held(0, wanted=5), Held(4), Held(3), Held(2, wanted=4)])[1:3] == [Share(back=4), Share(back=3)]
    assert allot(5, [Held(0, wanted=5), Held(0), Held(4), Held(2, wanted=9)])[0] == Share(5)
    assert allot(0, [Held(0, wanted=5), Held(2), Held(2)]) == [Share(used_up=True), Share(), Share()]
    assert allot(0, [Held(0, wanted=5, used_up=True), Held(2), Held(2)]) == [Share()] * 3


def test_half_stays_at_hand() -> None:
    """A stock is an equal part of the other half, filled up when less than half of it is left."""
    assert allot(80, [Held(), Held(), Held(), Held()]) == [Share(10)] * 4
    assert allot(60, [Held(10), Held(6), Held(4), Held(0)]) == [Share(), Share(), Share(6), Share(10)]
    assert allot(3, [Held(), Held(), Held(), Held()]) == [Share()] * 4


def test_what_a_part_knows_of_is_granted_whatever_the_books_say() -> None:
    """Books restored from a backup have forgotten a grant: it counts as soon as the part speaks of it."""
    shop = Shop(allowances={"budget ten": granted(granted(NONE_YET, 7), 5)})
    part = Part(shop, {"budget ten": 7})
    assert (held_by(part, "budget ten").left, granted_to(part, "budget ten")) == (12, 12)
    assert held_by(Part(shop, {"budget ten": 20}), "budget ten").left == 20
    assert held_by(Part(None, {"budget ten": 7}), "budget ten").left == 7


# In parts that hear of it late -----------------------------------------------------------------------------------------


class Step(Struct, frozen=True):
    """So long after the step before, this customer comes (-1: nobody does)."""

    minutes: int
    who: int


steps = st.lists(st.builds(Step, st.integers(0, 600), st.integers(-1, 30)), max_size=25)
seeds = st.integers(0, 1_000)


def played(shop: Parted, story: Iterable[Step]) -> Parted:
    """Let customers come, and the office work at each step and between them."""
    for number, step in enumerate(story):
        works(shop, step.minutes * MINUTE)
        if step.who >= 0:
            shop.take(event("customer.visited", shop.now, f"c{step.who}", f"v-{number}"))
    return shop


def works(shop: Parted, long: int, turns: int = 3) -> None:
    """Let so much time pass in which the office hears and shares out a few times."""
    assert shop.office is not None
    for _ in range(turns):
        shop.office.listens()
        shop.until(shop.now + long // (2 * turns))
        shop.office.works()
        shop.until(shop.now + long // (2 * turns))


def of_type(effects: Iterable[Effect], kind: str) -> list[Effect]:
    """The effects of a type, in order of time."""
    return sorted((each for each in effects if each.type == kind), key=lambda each: each.time)


def spent_on(effects: Iterable[Effect], last: int, days: int) -> int:
    """What coupons of so many days up to one may cost."""
    return sum(COST for each in of_type(effects, fx.COUPON_ISSUED) if last - days < BERLIN.day(each.time) <= last)


@given(steps, seeds, st.sampled_from([5 * SECOND, 20 * MINUTE, 12 * HOUR]))
def test_a_budget_is_never_overspent_by_any_number_of_parts(story: list[Step], seed: int, longest: int) -> None:
    """However late grants and what parts say are: in no window of the budget do coupons cost more than it."""
    rules = rules_of(OFFER, offers=TEN)
    shop = played(Parted(rules, parts=4, seed=seed, longest=longest, newcomer=somebody, granted=True), story)
    for day in range(BERLIN.day(START), BERLIN.day(shop.now) + 1):
        assert spent_on(shop.effects, day, BUDGET_DAYS) <= BUDGET_OF_TEN


@given(steps, seeds, st.sampled_from([5 * SECOND, 20 * MINUTE, 12 * HOUR]))
def test_a_team_is_never_given_more_than_it_takes(story: list[Step], seed: int, longest: int) -> None:
    """In no six hours more than three, counted back from any of them."""
    shop = played(Parted(rules_of(CALLS), parts=4, seed=seed, longest=longest, newcomer=somebody, granted=True), story)
    given_at = [each.time for each in of_type(shop.effects, fx.HANDED_OFF)]
    assert all(later - first >= 6 * HOUR for first, later in zip(given_at, given_at[3:], strict=False))


def lined_up(parts: int, pace: EnterAtMost | None, count: int, **how: Any) -> Parted:
    """So many customers who fit by what was known before, and wait to be let in; the later ones showed life later."""
    rules = rules_of(LINED)
    switches = {name: replace(each, enter_at_most=pace) for name, each in rules.switches.items()}
    shop = Parted(replace(rules, switches=switches), parts=parts, newcomer=somebody, granted=True, **how)
    for number in range(count):
        name = f"c{number}"
        world = shop.worlds[shop.part_of(name)]
        world.store.save(None, waiting(name, START - DAY + number))
        world.handling.sweeping.someone_waits(START)
    return shop


def waiting(name: str, reacted: int) -> Customer:
    """Somebody who stands in the line."""
    return somebody(name, waiting=("lined",), last_reaction=reacted)


@given(seeds, st.sampled_from([5 * SECOND, 20 * MINUTE, 5 * HOUR]), st.integers(1, 7), st.integers(5, 30))
def test_no_more_are_let_in_than_the_pace_says(seed: int, longest: int, pace: int, count: int) -> None:
    """In each window; where all is heard of in time, in the order of one line, and nobody waits longer than needed."""
    shop = lined_up(4, EnterAtMost(pace, Length(minutes=24 * 60)), count, seed=seed, longest=longest)
    days = -(-count // pace) + 1
    for _ in range(days):
        works(shop, DAY, turns=12 if longest < HOUR else 3)
    let_in = of_type(shop.effects, fx.RUN_STARTED)
    assert shop.office is not None
    if longest < HOUR:
        assert len(let_in) == count
        numbers = [int(each.customer[1:]) for each in let_in]
        chunks = [numbers[place : place + pace] for place in range(0, count, pace)]
        assert [sorted(each) for each in chunks] == [
            sorted(range(count)[::-1][place : place + pace]) for place in range(0, count, pace)
        ]
    for first, later in zip(let_in, let_in[pace:], strict=False):
        assert later.time - first.time >= 0
    windows = shop.office.windows["lined"]
    assert all(sum(since <= each.time < until for each in let_in) <= pace for since, until in windows)
    assert all(any(since <= each.time < until for since, until in windows) for each in let_in)


def test_all_is_used_in_the_end_though_one_part_alone_wants_it() -> None:
    """What others hold in stock comes back to where it is wanted, within two turns of the office."""
    shop = Parted(rules_of(OFFER, offers=TEN), parts=4, newcomer=somebody, granted=True)
    works(shop, HOUR)
    here = [name for name in (f"c{number}" for number in range(60)) if shop.part_of(name) == 0][:6]
    for number, name in enumerate(here):
        shop.take(event("customer.visited", shop.now, name, f"v-{number}"))
    works(shop, HOUR, turns=6)
    assert len(of_type(shop.effects, fx.COUPON_ISSUED)) == BUDGET_OF_TEN // COST
    (dropped,) = of_type(shop.effects, fx.SEND_DROPPED)
    assert dropped.data["reason"] == "budget_spent"
    works(shop, 6 * DAY, turns=10)
    shop.take(event("customer.visited", shop.now, here[5], "v-later"))
    works(shop, HOUR, turns=6)
    assert len(of_type(shop.effects, fx.COUPON_ISSUED)) == BUDGET_OF_TEN // COST + 1


def test_nobody_is_refused_while_grants_are_on_their_way() -> None:
    """A part that has nothing yet lets its customers wait, and tells why; they get what embedded would have given them."""
    shop = Parted(rules_of(OFFER, offers=TEN), parts=4, newcomer=somebody, granted=True)
    shop.take(event("customer.visited", shop.now, "c1"))
    shop.until(shop.now + HOUR)
    assert [each.data["reason"] for each in of_type(shop.effects, fx.SEND_DEFERRED)] == ["no grant yet"]
    works(shop, HOUR)
    assert len(of_type(shop.effects, fx.COUPON_ISSUED)) == 1


@pytest.mark.parametrize(("count", "let_in"), [(40, 40), (MOST_WITHOUT_PACE + 1, 0)])
def test_a_line_without_a_pace_is_let_in_only_if_it_is_short(count: int, let_in: int) -> None:
    """It is the length of the whole shop's line that counts, not that of one part's."""
    shop = lined_up(4, None, count)
    works(shop, HOUR, turns=4)
    assert len(of_type(shop.effects, fx.RUN_STARTED)) == let_in
    assert shop.office is not None
    assert shop.office.rules.shop.refused == (() if let_in else ("lined",))


# The ramp --------------------------------------------------------------------------------------------------------------

WRITES = """
workflow: writes
enter_when_all:
  - event: customer.visited
    within: 1d
again_after: 1d
leave_when_any:
  - event: email.unsubscribed
stages:
  one:
    steps:
      - send: hello
        late_at_most: 20d
    end: done
"""


def ramped(steps: RampSteps, **how: Any) -> Parted:
    """A shop with a ramp, all of whose customers are at one provider."""
    rules = rules_of(WRITES, lifecycle=replace(PLAIN, ramp=RampRule(steps)))
    return Parted(rules, parts=4, newcomer=somebody, granted=True, **how)


@given(steps, seeds, st.sampled_from([5 * SECOND, 20 * MINUTE, 12 * HOUR]))
def test_no_more_leave_on_the_ramp_than_a_day_allows(story: list[Step], seed: int, longest: int) -> None:
    """From however many parts, and however late it is known what has left."""
    shop = played(ramped(RampSteps(start=4, until=4), seed=seed, longest=longest), story)
    by_day = Counter(BERLIN.day(each.time) for each in of_type(shop.effects, fx.SEND_REQUESTED))
    assert all(count <= 4 for count in by_day.values())


def visits(shop: Parted, count: int) -> None:
    """So many customers come now; the later in the list, the later was their sign of life."""
    for number in range(count):
        name = f"c{number}"
        world = shop.worlds[shop.part_of(name)]
        world.store.save(world.store.load(name), somebody(name, last_reaction=START - DAY + number))
        shop.take(event("customer.visited", shop.now, name, f"v-{number} {shop.now}"))


def test_the_ramps_line_is_one_line() -> None:
    """The first find a stock, as it was; then those go whose sign of life was the latest, of whichever part they are."""
    shop = ramped(RampSteps(start=5, until=5))
    works(shop, HOUR, turns=4)
    visits(shop, 20)
    works(shop, 3 * DAY, turns=60)
    sent = [int(each.customer[1:]) for each in of_type(shop.effects, fx.SEND_REQUESTED)]
    assert len(sent) == 20
    assert sorted(sent[5:10]) == sorted(set(range(20)) - set(sent[:5]))[-5:]


def test_what_was_not_used_of_a_day_is_not_used_on_the_next() -> None:
    """A part's stock of yesterday is nothing today; today's comes when the office has spoken."""
    shop = ramped(RampSteps(start=40, until=40))
    visits(shop, 1)
    works(shop, 2 * HOUR, turns=4)
    stock = [world.handling.rules.shop.allowances or {} for world in shop.worlds]
    assert [left_at(each["ramp others"], shop.now) > 2 for each in stock] == [True] * 4
    shop.until(shop.now + DAY)
    visits(shop, 8)
    shop.until(shop.now + 2 * HOUR)
    assert len(of_type(shop.effects, fx.SEND_REQUESTED)) == 1
    works(shop, HOUR, turns=4)
    assert len(of_type(shop.effects, fx.SEND_REQUESTED)) == 1 + 8


def test_the_ramp_steps_back_by_what_all_parts_have_seen_fail() -> None:
    """No part alone has sent enough to tell; together they have: nothing more that day, and half as many the next."""
    shop = ramped(RampSteps(start=80, until=80))
    works(shop, HOUR, turns=4)
    visits(shop, 60)
    works(shop, HOUR, turns=8)
    sent = of_type(shop.effects, fx.SEND_REQUESTED)
    assert len(sent) == 60
    for each in sent[:20]:
        shop.take(
            event("email.bounced", shop.now, each.customer, kind="dead", status="5.1.1", message_id=each.effect_id)
        )
    works(shop, HOUR, turns=8)
    assert shop.office is not None
    (ramp,) = shop.office.rules.shop.ramps.values()
    assert (ramp.stopped, ramp.allowed) == (True, 40)
    shop.take(event("customer.visited", shop.now, "zoe"))
    works(shop, HOUR)
    assert len(of_type(shop.effects, fx.SEND_REQUESTED)) == 60
    works(shop, DAY, turns=8)
    assert of_type(shop.effects, fx.SEND_REQUESTED)[-1].customer == "zoe"


def test_what_a_server_thinks_of_us_is_counted_where_the_mail_left_from() -> None:
    """The sender tells the customer, whose part counts it for the ramp."""
    shop = ramped(RampSteps(start=80, until=80))
    visits(shop, 4)
    works(shop, HOUR, turns=4)
    sent = of_type(shop.effects, fx.SEND_REQUESTED)[0]
    shop.tell(GATEWAY, sent.customer, TurnedAway("others", sent.effect_id, sent.time))
    works(shop, HOUR)
    assert shop.office is not None
    assert [each.policy for ramp in shop.office.rules.shop.ramps.values() for each in ramp.days] == [1]
