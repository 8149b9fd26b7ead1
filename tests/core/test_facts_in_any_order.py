"""Facts do not depend on the order in which events arrive, nor on which of two records of a person they came to."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.address import judge_address
from engine.core.cadence import gaps as gaps_between
from engine.core.causes import cause_of
from engine.core.consents import history
from engine.core.customer import Customer
from engine.core.events import Event
from engine.core.facts import fold, is_known
from engine.core.fields import revenue
from engine.core.merging import given_up, join
from engine.core.moments import DAY, HOUR, zone
from engine.core.orders import Gap
from engine.core.rules import CauseRule
from tests.builders import PLAIN, START, event

ZONES = ("Europe/Berlin", "America/Los_Angeles", "Pacific/Auckland", "Asia/Kolkata")
NUMBERS = st.integers(0, 5).map(lambda number: f"o-{number}")
RULES = replace(PLAIN, causes=(CauseRule(event="order.refunded", means="quality", strength=1),))
PURPOSES = st.sampled_from(["newsletter", "marketing"])
AMOUNTS = st.sampled_from(["5.00", "12.50", "80.00"])

WHAT: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.one_of(
    st.tuples(
        st.just("order.placed"),
        st.fixed_dictionaries({"order_id": NUMBERS, "items": st.sampled_from([(), ({"category": "tea"},)])}),
    ),
    st.tuples(st.just("order.cancelled"), st.fixed_dictionaries({"order_id": NUMBERS})),
    st.tuples(
        st.just("order.refunded"),
        st.fixed_dictionaries({"order_id": NUMBERS}, optional={"amount": AMOUNTS, "currency": st.just("EUR")}),
    ),
    st.tuples(st.just("order.delivered"), st.fixed_dictionaries({"order_id": NUMBERS})),
    st.tuples(st.just("profile.updated"), st.fixed_dictionaries({"timezone": st.sampled_from(ZONES)})),
    st.tuples(st.just("profile.updated"), st.fixed_dictionaries({"first_name": st.sampled_from(["Ada", "Eva"])})),
    st.tuples(st.just("consent.given"), st.fixed_dictionaries({"purpose": PURPOSES, "basis": st.just("express")})),
    st.tuples(st.just("consent.withdrawn"), st.fixed_dictionaries({"purpose": PURPOSES})),
    st.tuples(st.just("email.unsubscribed"), st.fixed_dictionaries({"purpose": st.sampled_from(["", "newsletter"])})),
    st.tuples(st.sampled_from(["email.complained", "account.closed", "newsletter.confirmed"]), st.just({})),
    st.tuples(
        st.just("email.bounced"),
        st.fixed_dictionaries(
            {"kind": st.sampled_from(["dead", "unknown", "full"]), "email": st.sampled_from(["", "a@x.org", "b@x.org"])}
        ),
    ),
    st.tuples(st.just("email.clicked"), st.fixed_dictionaries({"machine": st.sampled_from([None, False, True])})),
    st.tuples(st.sampled_from(["email.replied", "customer.logged_in", "survey.answered"]), st.just({})),
    st.tuples(
        st.sampled_from(["ticket.opened", "ticket.solved", "survey.answered", "contract.cancelled"]),
        st.fixed_dictionaries({"cause": st.sampled_from(["", "price", "quality"])}),
    ),
)


@st.composite
def pasts(draw: st.DrawFn) -> list[Event]:
    """Some events of one customer, each at an instant of its own; an order number stands for one order."""
    drawn = draw(st.lists(WHAT, max_size=14))
    times = draw(st.lists(st.integers(0, 400 * 24), min_size=len(drawn), max_size=len(drawn), unique=True))
    events = [
        event(kind, START + hour * HOUR, "ada", str(hour), **data)
        for (kind, data), hour in zip(drawn, times, strict=True)
    ]
    moved = draw(st.none() | st.integers(0, 400 * 24))
    if moved is not None:  # a new address, told once
        events.append(event("profile.updated", START + moved * HOUR + 1, "ada", "moved", email="b@x.org"))
    return [each for each in events if each in first_of_each_order(events)]


def first_of_each_order(events: list[Event]) -> list[Event]:
    """The events without second orders and second cancellations of one number, which handling drops."""
    known: set[tuple[str, str]] = set()
    kept = []
    for each in events:
        about = (each.type, each.data.order_id) if each.type in ("order.placed", "order.cancelled") else (each.id, "")
        if about not in known:
            known.add(about)
            kept.append(each)
    return kept


def take(events: list[Event], customer: Customer | None = None) -> tuple[Customer, list[Gap]]:
    """Fold events as handling does: what is known already is left out."""
    customer = copy.copy(customer) if customer else Customer("ada", profile={"email": ("a@x.org", 0)})
    gaps: list[Gap] = []
    for each in events:
        if not (each.type in ("order.placed", "order.cancelled") and is_known(customer, each)):
            fold(customer, each, RULES, None, gaps)
    return customer, gaps


def facts(customer: Customer, past: list[Event]) -> dict[str, Any]:
    """What must be alike, whatever the order."""
    now = max((each.time for each in past), default=0)
    return {
        "orders": customer.orders,
        "revenue": revenue(customer),
        "profile": customer.profile,
        "permission": customer.permission,
        "stopped": customer.stopped,
        "consents": history(customer),
        "address": judge_address(customer, PLAIN),
        "life": customer.life,
        "last_reaction": customer.last_reaction,
        "under_way": [each for each in customer.under_way if each[1] > now - 60 * DAY],  # older ones hold nothing
        "open": set(customer.open_tickets),
        "refunded_at": customer.refunded_at,
        "trail": customer.trail,
        "evidence": customer.evidence,
        "cause": cause_of(customer),
    }


def standing_gaps(gaps: list[Gap]) -> Counter[tuple[str, int]]:
    """The intervals that are left when all changes are made."""
    left: Counter[tuple[str, int]] = Counter()
    for category, days, by in gaps:
        left[category, days] += by
    assert min(left.values(), default=0) >= 0, "an interval was taken out that was not there"
    return +left


@given(past=pasts(), data=st.data())
def test_the_order_of_arrival_changes_no_fact(past: list[Event], data: st.DataObject) -> None:
    """Orders, money, permission, stops, address and signs of life come out the same, however events are shuffled."""
    one, gaps = take(past)
    other, other_gaps = take(data.draw(st.permutations(past)))
    assert facts(one, past) == facts(other, past)
    assert standing_gaps(gaps) == standing_gaps(other_gaps)


@given(past=pasts())
def test_intervals_are_those_between_the_order_days_that_remain(past: list[Event]) -> None:
    """After any orders, cancellations and moves, the shop's intervals are those counted anew from the record."""
    customer, gaps = take(past)
    there = zone(customer.value("timezone") or PLAIN.timezone)
    assert [order.day for order in customer.orders] == [there.day(order.at) for order in customer.orders]
    expected: Counter[tuple[str, int]] = Counter()
    for category, days in (
        ("", [order.day for order in customer.orders]),
        ("tea", [order.day for order in customer.orders if "tea" in order.categories]),
    ):
        expected.update((category, each) for each in gaps_between(days))
    assert standing_gaps(gaps) == expected


@given(past=pasts(), data=st.data())
def test_two_records_of_a_person_join_to_what_one_would_have_been(past: list[Event], data: st.DataObject) -> None:
    """Events spread over two ids make, once the records are joined, the facts and intervals of one."""
    halves: tuple[list[Event], list[Event]] = ([], [])
    for each in past:
        halves[data.draw(st.integers(0, 1))].append(each)
    whole, gaps = take(past)
    mine, my_gaps = take(halves[0])
    other, other_gaps = take(halves[1])
    assert given_up(other, mine.id, 0).orders == ()
    joining: list[Gap] = []
    join(mine, other, PLAIN, joining)
    assert standing_gaps([*my_gaps, *other_gaps, *joining]) == standing_gaps(gaps)
    assert facts(mine, past) == facts(whole, past)
