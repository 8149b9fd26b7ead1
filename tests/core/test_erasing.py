"""Erasure in the core: what is left of a record, by which keys somebody is known, and what a trace of them is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.customer import Customer, Order, encode
from engine.core.deciding import decide
from engine.core.erasing import (
    ERASED,
    Person,
    Traces,
    blocks_of,
    empty,
    erased_key,
    is_empty,
    keys_in,
    keys_in_bytes,
    let_go_of,
    person_of,
)
from engine.core.events import Event
from engine.core.rulebook import Rules
from engine.core.rules import RuleSet
from engine.core.shop import Shop, Sweep
from engine.core.signals import Happened
from tests.builders import START, event

KEY = b"the key of a test"
ADA = Person(
    ("c-17", "mailto:ada@example.org"),
    ("ada@example.org",),
    ("0123456789abcdef",),
    ("WB-7K2M9QX4TD",),
    ("+49 30 9018",),
)


def test_an_erased_record_is_who_it_was_and_nothing_else() -> None:
    """Whatever it held is as new; what comes later is not noted."""
    rules = Rules(RuleSet(), Shop(), key=KEY)
    before = Customer(
        "c-17", profile={"email": ("a@example.org", START)}, orders=(Order(START, 1, 1, 1, "EUR"),), tags=("vip",)
    )
    after = decide(before, Happened(event("customer.erased", START, "c-17", "x")), START, rules).customer
    assert encode(after) == encode(Customer("c-17", epoch=after.epoch, gone=ERASED))
    assert is_empty(after)
    assert not is_empty(before)
    late = Happened(event("order.placed", START, "c-17", "y", order_id="1"))
    assert encode(decide(after, late, START, rules).customer) == encode(after)
    emptied = Customer("c-17", tags=("vip",), data_requested=START)
    empty(emptied)
    assert encode(emptied) == encode(Customer("c-17", gone=ERASED))


def test_an_address_that_others_have_stays_theirs() -> None:
    """Of a record that shares its address the id alone counts; else the address of the record, or of who asks."""
    asks = event("customer.erased", START, "c-17", "x", email="Asked@Example.org")
    record = Customer("c-17", profile={"email": ("Ada@Example.org", START), "phone": ("+49 30", START)})
    person = person_of("c-17", record, asks)
    assert (person.addresses, person.spelled, person.numbers) == (
        ("ada@example.org",),
        ("Ada@Example.org",),
        ("+49 30",),
    )
    assert person_of("c-17", None, asks).addresses == ("asked@example.org",)
    assert person_of("mailto:x@example.org", None, event("customer.erased", START, "", "x")).addresses == (
        "x@example.org",
    )
    record.shares = ("c-18",)
    shared = person_of("c-17", record, asks)
    assert (shared.addresses, shared.spelled, shared.shares_address) == ((), (), True)


@pytest.mark.parametrize(
    ("told", "known"),
    [
        (event("order.placed", START, "c-17", "a", order_id="1"), True),
        (event("order.placed", START, "c-18", "a", order_id="1", email=" ADA@example.org"), True),
        (event("email.opened", START, "", "a", message_id="<0123456789abcdef@shop.example>"), True),
        (event("coupon.redeemed", START, "", "a", code="WB-7K2M9QX4TD"), True),
        (event("customer.merged", START, "c-18", "a", into="c-17"), True),
        (event("order.placed", START, "c-18", "c-17", order_id="c-17", email="adam@example.org"), False),
        (event("email.opened", START, "", "a", message_id="fedcba"), False),
    ],
)
def test_by_which_events_somebody_is_known(told: Event, known: bool) -> None:  # noqa: FBT001 - a column of the table
    """By subject, address, message, code and whom they are merged into; not by what merely looks alike."""
    erased = {erased_key(KEY, each) for each in ADA.identity_keys()}
    assert any(erased_key(KEY, each) in erased for each in keys_in(told)) == known


@pytest.mark.parametrize(
    ("raw", "known"),
    [
        (b'{"type": "no.such", "subject": "c-17"}', True),
        (b'{"subject" : "c\\u002d17"', True),
        (b"4711;Ada <ADA@Example.org>;10,00", True),
        (b'{"data": {"message_id": "<0123456789abcdef.x.y@shop.example>"}}', True),
        (b'{"type": "no.such", "subject": "c-170"}', False),
        (b"adam@example.org", False),
        (b"\xff\xfe\x00", False),
    ],
)
def test_by_which_bytes_somebody_is_known(raw: bytes, known: bool) -> None:  # noqa: FBT001 - a column of the table
    """What cannot be read is looked through for addresses and for the fields that name somebody."""
    assert bool(set(keys_in_bytes(raw)) & set(ADA.identity_keys())) == known


@given(st.binary(max_size=400))
def test_any_bytes_can_be_looked_through(raw: bytes) -> None:
    """Whatever they are, nothing is raised, and nobody is found in them who is not there."""
    keys_in_bytes(raw)
    Traces(ADA).are_whose(raw)


def test_a_trace_is_taken_out_of_what_is_others() -> None:
    """Addresses, numbers and codes anywhere; an id only where a customer is named, for 17 is an order, too."""
    traces = Traces(Person(("17",), ("ada@example.org",), numbers=("+49 30 9018",)))
    others = {
        "order_id": "17",
        "note": "call +49 30 9018 or ADA@example.org",
        "others": ["17", "18"],
        "stays": "17",
        "n": 17,
    }
    assert traces.without(others) == {"order_id": "17", "note": "call  or ", "others": ["", "18"], "stays": "", "n": 17}
    assert traces.without(["17"]) == ["17"]


@given(
    st.recursive(st.text() | st.integers() | st.none(), lambda each: st.lists(each) | st.dictionaries(st.text(), each))
)
def test_what_has_no_trace_stays_as_it_is(value: object) -> None:
    """Nothing else is changed by it."""
    if "ada@example.org" not in str(value).casefold():
        assert Traces(Person(("c-17",), ("ada@example.org",))).without(value, "x") == value or "c-17" in str(value)


def test_the_block_list_has_every_purpose() -> None:
    """Service mails are blocked as well, for the id and for the address."""
    assert len(set(blocks_of(KEY, Person(("c-17",), ("ada@example.org",))))) == 6


def test_keys_tell_nobody_without_the_secret() -> None:
    """Another key gives another hash, and so does another kind of identity of the same letters."""
    assert len({erased_key(key, each) for key in (b"a", b"b") for each in ("customer:x", "mail:x")}) == 4


def test_what_goes_through_everybody_forgets_that_it_had_come_to_them() -> None:
    """A sweep and the hourly forgetting begin anew, if the person is their bookmark; else they go on."""
    shop = Shop(forgotten_to="c-17", sweep=Sweep("c-17", first=("w",)))
    let_go_of(shop, ("c-18",))
    assert (shop.forgotten_to, shop.sweep) == ("c-17", Sweep("c-17", first=("w",)))
    let_go_of(shop, ("c-17",))
    assert (shop.forgotten_to, shop.sweep) == ("", Sweep("", first=("w",)))
