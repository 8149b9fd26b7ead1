"""What an event that says "no" puts on the block list."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.events import DATA, SAYS_NO, Event
from engine.core.links import block_key, customer_block_key
from engine.core.objections import No, block_keys, no_in

BOTH = ("marketing", "newsletter")


def event(kind: str, **data: Any) -> Event:
    """Return an event of nobody in particular."""
    return Event("1", "test", kind, 5, "", DATA[kind](**data))


@pytest.mark.parametrize(
    ("said", "purposes"),
    [
        (event("email.complained", email="Ada@example.org"), BOTH),
        (event("email.unsubscribed", email="Ada@example.org"), BOTH),
        (event("email.unsubscribed", email="Ada@example.org", purpose="newsletter"), ("newsletter",)),
        (event("consent.withdrawn", email="Ada@example.org", purpose="marketing"), ("marketing",)),
        (event("consent.withdrawn", email="Ada@example.org", purpose=""), BOTH),
        (event("customer.erased", email="Ada@example.org"), BOTH),
        (event("account.closed", email="Ada@example.org"), BOTH),
    ],
)
def test_a_no_stops_what_it_names_and_else_everything(said: Event, purposes: tuple[str, ...]) -> None:
    """A purpose that is named is stopped alone; without one everything that can be stopped is."""
    no = no_in(said)
    assert no is not None
    assert (no.at, no.purposes, no.keys) == (5, purposes, ("mail:ada@example.org",))


@pytest.mark.parametrize(
    "said",
    [
        event("order.placed", order_id="1", total=1, currency="EUR"),
        event("consent.withdrawn", purpose="tracking", email="ada@example.org"),
        event("consent.withdrawn", purpose="marketing", channel="phone", email="ada@example.org"),
    ],
)
def test_a_no_to_something_else_stops_no_mail(said: Event) -> None:
    """Calls and tracking have permissions of their own."""
    assert no_in(said) is None


def test_every_kind_of_no_is_looked_at() -> None:
    """Whatever is a "no" can be put on the block list."""
    for kind in SAYS_NO:
        needed = {"purpose": "marketing"} if kind == "consent.withdrawn" else {}
        assert no_in(event(kind, email="ada@example.org", **needed)) is not None


def test_the_address_and_the_customer_are_blocked() -> None:
    """The keys are those that the relay asks for: of the address as it is written anywhere, and of the person."""
    no = No(5, " Ada@example.org ", purposes=("newsletter",))
    assert list(block_keys(no, ["c1"], b"key")) == [
        block_key(b"key", "ada@example.org", "newsletter"),
        customer_block_key(b"key", "c1", "newsletter"),
    ]
