"""Customers in several parts who share an address or turn out to be one person: the same becomes of them as in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from engine.core.customer import Customer
from engine.core.events import Event
from engine.core.moments import HOUR, MINUTE, Length
from engine.core.rulebook import Rules
from engine.core.rules import Cap, Purpose
from engine.core.sharing import ABOUT_ADDRESS, SHARES_KEPT, address_of
from engine.core.shop import Shop
from engine.core.signals import Handed, Happened
from engine.runtimes.simulator.world import World
from tests.builders import PLAIN, START, allowed, event, rules_of
from tests.handling.parted import GATEWAY, Parted, living, who_is_who

VISITS = """
workflow: visits
enter_when_all:
  - event: customer.visited
    within: 1d
again_after: 2d
leave_when_any:
  - event: email.unsubscribed
stages:
  only:
    steps:
      - send: hello
      - wait: 1d
    end: done
"""
CAPPED = replace(PLAIN, caps=(Cap(Purpose.MARKETING, 1, Length(days=2)),))
RULES = rules_of(VISITS, lifecycle=CAPPED)
NAMES = ("ada", "bob", "cyd", "dan", "eve", "fay")
ADDRESSES = ("home@example.org", "Work@example.org", "club@example.org")


def permitted(name: str) -> Customer:
    """Somebody who allows everything, of whom no address is known yet."""
    return Customer(name, permission=allowed(), epoch=1)


class Act(Struct, frozen=True):
    """One thing that happens: to whom, and which address it is about (-1: none)."""

    kind: str
    who: int
    address: int = -1
    other: int = 0


def happening(act: Act, number: int, at: int) -> Event:
    """The event of an act; what names an address alone names no customer."""
    name, address = NAMES[act.who], ADDRESSES[act.address] if act.address >= 0 else ""
    kind, data = act.kind, dict[str, Any]()
    match kind:
        case "profile.updated":
            data = {"email": address}
        case "customer.merged":
            data = {"into": NAMES[act.other]}
        case "order.placed":
            data = {"order_id": f"o-{number}"}
        case "email.bounced":
            data = {"kind": "dead", "status": "5.1.1", "email": address}
        case "email.unsubscribed" | "email.complained":
            data = {"email": address}
        case "consent.withdrawn" | "consent.given":
            data = {"purpose": "marketing", "email": address}
    if act.other == act.who and kind.startswith("email.") and address:
        name = ""
    return event(kind, at, name, f"e-{number}", **data)


def one_shop(events: list[Event], told: list[tuple[str, str]] | None = None) -> World:
    """The same in one engine, which has all customers; `told` collects whom a no stops at once, and what for."""
    world = World(Rules(RULES, Shop(epoch=1, known_since=0), key=b"test"), newcomer=permitted)
    world.now = START
    world.handling.sweeping.close_day(world.store, START)
    for each in events:
        world.run_until(each.time + 1)
        before = {name: record.stopped for name, record in world.store.customers.items()}
        world.take(each, each.time)
        if told is not None and each.type in ABOUT_ADDRESS:
            records = world.store.customers.items()
            told += ((name, stop) for name, now in records for stop in now.stopped if stop not in before.get(name, ()))
    return world


def parted(events: list[Event], seed: int, **how: Any) -> Parted:
    """The same in three parts, with all words in at the end."""
    shop = Parted(RULES, seed=seed, newcomer=permitted, **how)
    for each in events:
        shop.until(each.time)
        shop.take(each)
    shop.settle()
    return shop


def facts(customer: Customer) -> dict[str, Any]:
    """What must be the same of a customer wherever they are kept, but for when a send left; so a run has another id, too."""
    return {
        "gone": customer.gone,
        "shares": set(customer.shares),
        "profile": {key: value for key, (value, _) in customer.profile.items()},
        "orders": [(order.ref, order.amount) for order in customer.orders],
        "stopped": {purpose: (each.at, each.by) for purpose, each in customer.stopped.items()},
        "permission": {key: replace(each, used=min(each.used, 1)) for key, each in customer.permission.items()},
        "proofs": {(each.at, each.clear, each.address) for each in customer.proofs},
        "address": customer.address,
        "released": [each.template for each in customer.releases],
        "runs": {(each.workflow, each.stage, each.step, each.doing) for each in customer.runs},
        "ended": {name: each.outcome for name, each in customer.ended.items()},
    }


def everything(records: Mapping[str, Customer]) -> dict[str, dict[str, Any]]:
    """The facts of all who were not merged into others."""
    return {each.id: facts(each) for each in living(records.values())}


moves = st.builds(Act, st.just("profile.updated"), st.integers(0, 5), st.sampled_from([0, 0, 0, 1, 2]))
NOES = ("email.unsubscribed", "email.complained", "email.bounced", "consent.withdrawn")
own_words = st.builds(Act, st.sampled_from(NOES), st.integers(0, 5))
any_words = st.builds(Act, st.sampled_from(NOES), st.integers(0, 5), st.integers(-1, 2), st.integers(0, 5))
active = st.builds(Act, st.sampled_from(["customer.visited", "order.placed", "consent.given"]), st.integers(0, 5))
others = st.one_of(active, st.builds(Act, st.just("customer.ended"), st.integers(0, 5)))
merges = st.builds(Act, st.just("customer.merged"), st.integers(0, 5), st.just(-1), st.integers(0, 5))
seeds = st.integers(0, 1_000)


def stories(*kinds: st.SearchStrategy[Act]) -> st.SearchStrategy[list[Act]]:
    """Stories long enough for people to meet, with as many addresses given as all else together."""
    return st.lists(st.one_of(*[moves] * len(kinds), *kinds), min_size=8, max_size=25)


def events_of(story: list[Act], apart: int) -> list[Event]:
    """The events of a story, so far apart."""
    return [happening(act, number, START + number * apart) for number, act in enumerate(story, 1)]


@given(stories(own_words, others), seeds)
def test_the_same_becomes_of_all_as_in_one_engine(story: list[Act], seed: int) -> None:
    """Where words arrive before the next thing happens, every customer's facts are those of one engine."""
    events = events_of(story, 10 * MINUTE)
    one, parts = one_shop(events), parted(events, seed)
    one.run_until(parts.now + 1)
    assert everything(parts.customers()) == everything(one.store.customers)


@given(stories(any_words, others, merges), seeds)
def test_a_merge_is_a_merge_and_a_no_is_a_no(story: list[Act], seed: int) -> None:
    """Whoever one engine makes one person, and whoever it tells a no at once, so do the parts.

    Left out is whom a no reaches that was not about their address, only since somebody who had heard of it came to it
    or was merged into one there: that goes by the order in which those at an address meet, in one engine too.
    """
    events = events_of(story, 10 * MINUTE)
    told: list[tuple[str, str]] = []
    one, parts = one_shop(events, told), parted(events, seed)
    expected, found = one.store.customers, parts.customers()
    now = who_is_who(expected)
    assert now.items() <= who_is_who(found).items()
    for name, record in everything(expected).items():
        theirs = facts(found[name])
        assert {key: theirs[key] for key in LASTING} == {key: record[key] for key in LASTING}
    for name, purpose in told:
        if purpose in expected[now[name]].stopped:
            assert purpose in found[now[name]].stopped


LASTING = ("gone", "shares", "profile", "orders")


# Words that are late ---------------------------------------------------------------------------------------------------


SLOW = {"longest": 2 * HOUR}


@given(stories(any_words, active, merges), seeds)
def test_words_that_overtake_events_end_in_one_picture(story: list[Act], seed: int) -> None:
    """However late they are: nobody is lost or doubled by merges, and whoever shares an address knows of all others."""
    events = events_of(story, MINUTE)
    one, parts = one_shop(events), parted(events, seed, **SLOW)
    found = parts.customers()
    who_is_who(found)  # raises for a circle
    orders = sorted(order.ref for each in living(found.values()) for order in each.orders)
    assert orders == sorted(order.ref for each in living(one.store.customers.values()) for order in each.orders)
    here = [each for each in living(found.values()) if not each.gone]
    for each in here:
        address = address_of(each)
        neighbours = {one.id for one in here if address and one is not each and address_of(one) == address}
        assert set(each.shares) == neighbours


@given(st.permutations(range(6)), st.lists(own_words, max_size=8), st.integers(1, 3), seeds)
def test_no_objection_is_lost_on_the_way_to_a_new_neighbour(
    order: list[int], said: list[Act], addresses: int, seed: int
) -> None:
    """Somebody says no while it is still being told who shares the address: all of them have heard it in the end."""
    story = [Act("profile.updated", who, who % addresses) for who in order]
    for number, act in enumerate(said):
        moved = next(place for place, each in enumerate(story) if each.who == act.who) + 1
        story.insert(moved + seed * (number + 3) % (len(story) + 1 - moved), act)
    found = parted(events_of(story, MINUTE), seed, **SLOW).customers()
    for act in said:
        for name, each in found.items():
            if name == NAMES[act.who] or address_of(each) == address_of(found[NAMES[act.who]]) != "":
                match act.kind:
                    case "email.bounced":
                        assert each.proofs
                    case "consent.withdrawn":
                        assert not each.permission["marketing/email"].given
                    case _:
                        assert "newsletter" in each.stopped


def test_a_crowd_under_one_address_is_no_household() -> None:
    """Nobody has more than eight others, and the tenth begins another group, as in one engine."""
    shop = Parted(RULES, newcomer=permitted)
    for number in range(12):
        shop.until(START + number * 10 * MINUTE)
        shop.take(event("profile.updated", shop.now, f"c{number}", email=ADDRESSES[0]))
    shop.settle()
    found = shop.customers()
    assert {len(found[f"c{number}"].shares) for number in range(9)} == {SHARES_KEPT}
    assert set(found["c9"].shares) == {"c10", "c11"}


@given(seeds)
def test_a_crowd_that_comes_at_once_is_mutual(seed: int) -> None:
    """Who of a dozen meet within moments goes by chance; whoever knows of another is known to them."""
    shop = Parted(RULES, seed=seed, newcomer=permitted)
    for number in range(12):
        shop.take(event("profile.updated", shop.now, f"c{number}", email=ADDRESSES[0]))
    shop.settle()
    found = shop.customers()
    assert all(len(each.shares) <= SHARES_KEPT for each in found.values())
    assert all(name in found[other].shares for name, each in found.items() for other in each.shares)


@pytest.mark.parametrize("apart", [MINUTE, 1])
def test_an_address_is_found_under_somebody_who_has_it(apart: int) -> None:
    """Its newest owner goes away again, even before they were introduced: who comes next meets those who are there."""
    shop = Parted(RULES, newcomer=permitted)
    shop.take(event("profile.updated", shop.now, "ada", email=ADDRESSES[0]))
    shop.settle()
    shop.take(event("profile.updated", shop.now, "bob", email=ADDRESSES[0]))
    shop.until(shop.now + apart)
    shop.take(event("profile.updated", shop.now, "bob", email=ADDRESSES[1]))
    shop.settle()
    assert shop.owners["mail:home@example.org"] == "ada"
    shop.take(event("profile.updated", shop.now, "cyd", email=ADDRESSES[0]))
    shop.settle()
    found = shop.customers()
    assert [found[name].shares for name in ("ada", "bob", "cyd")] == [("cyd",), (), ("ada",)]


def test_who_gives_an_address_that_was_known_alone_takes_over_what_was_said() -> None:
    """And what comes late for the address alone goes to them, whether there was a record of it or not."""
    shop = Parted(RULES, newcomer=permitted)
    said = event("email.unsubscribed", shop.now, "", email=ADDRESSES[0])
    shop.take(said)
    shop.take(event("profile.updated", shop.now, "ada", email=ADDRESSES[0]))
    shop.owners["mail:work@example.org"] = "mailto:work@example.org"  # an event of theirs is still under way
    shop.take(event("profile.updated", shop.now, "bob", email=ADDRESSES[1]))
    shop.settle()
    shop.tell(GATEWAY, "mailto:work@example.org", Happened(event("email.complained", shop.now, "", email="")))
    shop.settle()
    found = shop.customers()
    assert all("newsletter" in found[name].stopped for name in ("ada", "bob"))
    assert found["mailto:work@example.org"].gone == "merged into bob"


@pytest.mark.parametrize("apart", [MINUTE, 0])
def test_two_that_are_merged_into_each_other_are_one(apart: int) -> None:
    """Neither is lost: the second merge says nothing new, or, where both are under way at once, one of them comes back."""
    shop = Parted(RULES, newcomer=permitted)
    for name in ("ada", "bob"):
        shop.take(event("order.placed", shop.now, name, order_id=name))
    for name, into in (("ada", "bob"), ("bob", "ada")):
        shop.take(event("customer.merged", shop.now, name, into=into))
        shop.until(shop.now + apart)
    shop.settle()
    (one,) = living(shop.customers().values())
    assert len(one.orders) == 2
    assert {one.id} == set(who_is_who(shop.customers()).values())
    assert apart == 0 or one.id == "bob"


def test_what_the_sender_tells_follows_a_merged_record() -> None:
    """What the sender tells of a run that went over to another record comes to that one."""
    shop = Parted(RULES, newcomer=permitted)
    world = shop.worlds[shop.part_of("ada")]
    world._hand_over = lambda _now: None  # type: ignore[method-assign, assignment] # a slow mail server
    shop.take(event("profile.updated", shop.now, "ada", email=ADDRESSES[0]))
    shop.take(event("customer.visited", shop.now, "ada"))
    (sent,) = world.store.outbox
    world.store.outbox.clear()
    shop.take(event("customer.merged", shop.now, "ada", into="bob"))
    shop.settle()
    shop.tell(GATEWAY, "ada", Handed(sent.effect_id, "done"))
    shop.settle()
    (run,) = shop.customers()["bob"].runs
    assert run.doing == "waiting"
