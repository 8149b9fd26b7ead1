"""Customers under one mail address: what is about the address holds for all of them.

One person may have two accounts, and an address is a fact of its own: an objection, a bounce, a cap and a hold-out that
held for one account alone would be no better than none. So whoever shares an address knows of the others, and each of
their records holds what is about it. A yes, a sign of life, an offer or a run is the customer's own.
"""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.address import add_proofs, address_ref, proofs_that_count
from engine.core.customer import RELEASES_KEPT, Customer, Release
from engine.core.events import Event
from engine.core.permission import permit, stop
from engine.core.rules import Purpose

SHARES_KEPT = 8
"""More than nine customers under one address are no person: it is a counter's, or a placeholder."""

ABOUT_ADDRESS = frozenset({"email.bounced", "email.complained", "email.unsubscribed", "consent.withdrawn"})
"""Events that say no, or that mail cannot arrive; for everybody at the address. A closed account is about the account."""


def address_of(customer: Customer) -> str:
    """Return the customer's address as it is compared: without its capitals, empty where none is known."""
    return str(customer.value("email") or "").strip().casefold()


def is_about_address(event: Event) -> bool:
    """Say whether an event concerns everybody at the address. A withdrawn consent to be called on the phone does not."""
    return event.type in ABOUT_ADDRESS and event.field("channel") in (None, "email")


def named(event: Event, customer_id: str, address: str) -> Event:
    """Return an event about an address as it is told another who has it: a bounce counts against the one named alone."""
    return replace(event, customer=customer_id, data=replace(event.data, email=address))


def lot_key(customer: Customer) -> str:
    """Return what a customer's lots are drawn by: the address, so that all under it are in one arm; else the id.

    Remembered when a run begins, and taken over from whom they share an address with: a later address moves nobody.
    """
    if customer.drawn_as:
        return customer.drawn_as
    address = address_of(customer)
    return str(address_ref(address)) if address else customer.id


def known_of_address(customer: Customer) -> Customer:
    """Return what a record holds about its address, and nothing else: what those who share it must know."""
    here = address_ref(address_of(customer))
    stopped = {purpose: each for purpose, each in customer.stopped.items() if each.by in ABOUT_ADDRESS}
    withdrawn = {
        key: replace(each, yes_at=0, used=0)
        for key, each in customer.permission.items()
        if key.endswith("/email") and not each.given
    }
    return Customer(
        customer.id,
        stopped=stopped,
        permission=withdrawn,
        proofs=tuple(replace(proof, address=here, inherited=True) for proof in proofs_that_count(customer)),
        releases=that_count(customer.releases),
        drawn_as=customer.drawn_as,
        gone=customer.gone,
    )


def share(customer: Customer, other: Customer) -> None:
    """Take over what another knows of the address both have, on the caller's own copy."""
    if not other.gone and other.id not in customer.shares:
        customer.shares = (*customer.shares, other.id)[-SHARES_KEPT:]
    for purpose, each in other.stopped.items():
        stop(customer, purpose, each)
    for key, said in other.permission.items():
        permit(customer, key, said)
    known = {(proof.at, proof.clear, proof.status) for proof in customer.proofs}
    if new := tuple(proof for proof in other.proofs if (proof.at, proof.clear, proof.status) not in known):
        add_proofs(customer, new)
    count(customer, other.releases)
    customer.drawn_as = customer.drawn_as or other.drawn_as


def part(customer: Customer, others: tuple[str, ...]) -> None:
    """Forget those who share the address no more. What was known of it by then stays."""
    customer.shares = tuple(each for each in customer.shares if each not in others)


def that_count(releases: tuple[Release, ...]) -> tuple[Release, ...]:
    """Return the releases that count against the address's caps: mails, but for those of service."""
    return tuple(each for each in releases if each.channel == "email" and each.purpose != Purpose.SERVICE.value)


def count(customer: Customer, releases: tuple[Release, ...], given_back: str = "") -> None:
    """Let sends to another under the address count against the caps, but for one that is given back."""
    told = {given_back, *(each.effect_id for each in releases)}
    kept = [each for each in customer.releases if each.effect_id not in told]
    customer.releases = tuple(sorted((*kept, *releases), key=lambda each: each.at))[-RELEASES_KEPT:]
