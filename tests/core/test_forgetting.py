"""Old engagement is forgotten, and nothing that a condition may ask changes by it."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.conditions import View, holds, holds_from
from engine.core.customer import Customer, Mark
from engine.core.forgetting import ENGAGEMENT, forget
from engine.core.marks import KEPT_FIELDS
from engine.core.moments import DAY, Instant, Length
from engine.core.rules import EventSeen
from tests.builders import PLAIN, START, allowed

KEEP = PLAIN.keep.engagement.days
BEFORE: Instant = START - KEEP * DAY

marks = st.lists(
    st.builds(
        lambda days, machine: Mark(START - days * DAY - 1, {"machine": True} if machine else None),
        st.integers(0, 3 * KEEP),
        st.booleans(),
    ),
    max_size=12,
).map(lambda found: tuple(sorted(found, key=lambda mark: mark.at)))
conditions = st.builds(
    lambda event, absent, within, at_least, machine: EventSeen(
        event=event,
        absent=absent,
        within=within,
        at_least=at_least if within is not None else 1,
        where={"machine": machine} if machine is not None and event in ("email.opened", "email.clicked") else {},
    ),
    st.sampled_from(sorted(ENGAGEMENT)),
    st.booleans(),
    st.none() | st.builds(lambda days: Length(days=days), st.integers(1, KEEP - 2)),  # the zone may move a day
    st.integers(1, 4),
    st.none() | st.booleans(),
)


@given(st.dictionaries(st.sampled_from(sorted(ENGAGEMENT)), marks), conditions, st.integers(0, 60))
def test_whatever_a_condition_asks_is_answered_alike(
    trail: dict[str, tuple[Mark, ...]], condition: EventSeen, later: int
) -> None:
    """Now and at any time after, whether it holds and when it will is the same of a record that has forgotten."""
    known = Customer("ada", trail=trail, permission=allowed("tracking"))
    forgetful = copy.copy(known)
    forget(forgetful, BEFORE)
    answers = []
    for customer in (known, forgetful):
        view = View(customer, START + later * DAY, PLAIN)
        answers.append((holds(condition, view), holds_from(condition, view)))
    assert answers[0] == answers[1]


@given(st.dictionaries(st.sampled_from(sorted(ENGAGEMENT)), marks))
def test_what_is_old_goes_but_for_the_latest_of_each_kind(trail: dict[str, tuple[Mark, ...]]) -> None:
    """What is left is young, or the latest that somebody or a machine did; forgetting again finds nothing."""
    customer = Customer("ada", trail=trail)
    changed = forget(customer, BEFORE)
    assert changed == (customer.trail != trail)
    for kind, kept in customer.trail.items():
        old = [mark for mark in kept if mark.at < BEFORE]
        assert len(old) <= 2
        for mark in old:
            same = [each for each in trail[kind] if bool(each.fields) == bool(mark.fields)]
            assert same[-1] is mark
        assert [mark for mark in kept if mark.at >= BEFORE] == [mark for mark in trail[kind] if mark.at >= BEFORE]
    assert not forget(customer, BEFORE)


@pytest.mark.parametrize("kind", ["order.cancelled", "ticket.opened", "coupon.redeemed", "contract.cancelled"])
def test_what_the_customer_said_or_bought_stays(kind: str) -> None:
    """Only reading, clicking and visiting is engagement."""
    assert kind in KEPT_FIELDS
    customer = Customer("ada", trail={kind: (Mark(0), Mark(1))})
    assert not forget(customer, BEFORE)
