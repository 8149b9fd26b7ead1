"""The history of what was said of each permission: with its proof, bounded, and the same whatever order it comes in."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from engine.core.consents import SAID_KEPT, YES, Said, forget_rehearsed, history, note, proof_of, wording_hash
from engine.core.customer import Customer
from engine.core.merging import join
from engine.trace.permissions import consents_told
from tests.builders import PLAIN, START, ago, event, folded, somebody

KEYS = ("newsletter/email", "marketing/phone")
SAID = st.builds(
    Said,
    at=st.integers(0, 60),
    key=st.sampled_from(KEYS),
    what=st.sampled_from(["requested", "asked", "given", "confirmed", "withdrawn"]),
)


@given(st.lists(SAID, max_size=60, unique_by=str), st.randoms(use_true_random=False))
def test_the_order_of_hearing_does_not_matter(said: list[Said], chance: random.Random) -> None:
    """Nor does it matter whether one record heard it, or two that turned out to be of one person."""
    one, two, other = Customer("a"), Customer("a"), Customer("b")
    note(one, *said)
    shuffled = list(said)
    chance.shuffle(shuffled)
    for each in shuffled[: len(said) // 2]:
        note(two, each)
    for each in shuffled[len(said) // 2 :]:
        note(other, each)
    join(two, other, PLAIN, [])
    assert history(one) == history(two)


@given(st.lists(SAID, max_size=80, unique_by=str))
def test_it_is_bounded_and_never_loses_the_latest_yes(said: list[Said]) -> None:
    """A dozen of each purpose and channel, and beyond them the yes that a permission rests on."""
    customer = Customer("a")
    for each in said:
        note(customer, each)
    for key in KEYS:
        kept = [each for each in history(customer) if each.key == key]
        assert len(kept) <= SAID_KEPT + 1
        yes = [each.at for each in said if each.key == key and each.what in YES]
        assert max(yes, default=None) == max((each.at for each in kept if each.what in YES), default=None)


def test_each_event_leaves_its_proof() -> None:
    """Wording, page and IP address as they were given; the source of the event; the day it expires."""
    proof = {"wording": "Yes, write to me", "page": "https://shop.example/till", "ip": "203.0.113.9"}
    customer = folded(
        event("newsletter.subscribed", ago("9d"), proof=proof),
        event("newsletter.confirmed", ago("8d"), proof={**proof, "mail": "e1"}),
        event("consent.given", ago("7d"), purpose="marketing", channel="phone", expires="2030-01-01", proof="on paper"),
        event("consent.withdrawn", ago("6d"), purpose="marketing", channel="phone"),
        event("email.unsubscribed", ago("5d"), purpose="newsletter"),
    )
    told = [(each.key, each.what, each.by) for each in history(customer)]
    assert told == [
        ("newsletter/email", "requested", "newsletter.subscribed"),
        ("newsletter/email", "confirmed", "newsletter.confirmed"),
        ("marketing/phone", "given", "consent.given"),
        ("marketing/phone", "withdrawn", "consent.withdrawn"),
        ("newsletter", "stopped", "email.unsubscribed"),
    ]
    first, confirmed, given_, *_ = history(customer)
    assert (first.proof, first.source) == (proof, "test")
    assert confirmed.proof["mail"] == "e1"
    assert given_.proof == {"text": "on paper", "expires": "2030-01-01"}


def test_a_yes_while_one_stands_renews_it() -> None:
    """Told as `renewed`; after a no, of whatever form, it is given anew."""
    customer = folded(
        event("consent.given", ago("9d"), purpose="newsletter", proof="a"),
        event("newsletter.confirmed", ago("8d")),
        event("email.complained", ago("7d")),
        event("newsletter.confirmed", ago("6d")),
    )
    assert [each.what for each in consents_told(customer)] == ["given", "renewed", "stopped", "stopped", "confirmed"]


def test_what_is_too_long_is_proven_by_its_hash() -> None:
    """Bounded, and still the same wording to whoever has it."""
    long = "x" * 5_000
    kept = proof_of({"wording": long})
    assert len(kept["wording"]) == 2_000
    assert kept["wording_sha256"] == wording_hash(long)


def test_a_rehearsal_leaves_no_trace_in_it() -> None:
    """Questions that only the mailbox got were asked of nobody; what the customer said stays."""
    customer = somebody()
    note(customer, Said(START - 5, "newsletter/email", "asked", source="winback"), Said(START - 4, KEYS[0], "given"))
    forget_rehearsed(customer, START)
    assert [each.what for each in history(customer)] == ["given"]


def test_what_was_packed_once_can_be_read_for_ever() -> None:
    """A history as the first version wrote it says today what it said then: a proof is no use to who cannot read it."""
    packed = (
        "9b38fd3c039bdc9b839cf9986620dc87d5f928c635c35cb33a32b55847a1202735b13815e8cad54606c67a067a8686c67ae6602fec847901"
        "a45b2fb522111827a9faa0a40200"
    )
    proof = {"wording": "Yes, please", "ip": "203.0.113.7", "page": "https://shop.example/form"}
    said = Said(1722852060000000, "newsletter/email", "confirmed", "newsletter.confirmed", "shop", "express", proof)
    assert history(Customer("c-1", consents=bytes.fromhex(packed))) == (said,)
