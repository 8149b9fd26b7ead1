"""Whether mail can arrive: proofs that it cannot, and what shows that it can after all."""

from __future__ import annotations

from engine.core.customer import MARKS_KEPT, Customer, Proof
from engine.core.ids import ref
from engine.core.moments import Instant
from engine.core.rules import Address, Lifecycle


def judge_address(customer: Customer, lifecycle: Lifecycle) -> Address:
    """Say whether mail can arrive: clear proofs kill an address, doubtful ones only when they lie days apart."""
    proofs = proofs_that_count(customer)
    if not proofs:
        return Address.OK
    rule = lifecycle.dead_address
    if sum(proof.clear for proof in proofs) >= rule.clear_proofs:
        return Address.DEAD
    apart = 0
    last: Instant | None = None
    for proof in proofs:
        if last is None or proof.at - last >= rule.apart.roughly:
            apart, last = apart + 1, proof.at
    return Address.DEAD if apart >= rule.doubtful_proofs else Address.DOUBTFUL


def proofs_that_count(customer: Customer) -> tuple[Proof, ...]:
    """Return the proofs against the present address that no sign of life refutes.

    A human click or an order after a proof shows that the address lives; so does a new address. Refuted proofs are kept
    all the same, so that it does not matter which of them is heard of first.
    """
    if not customer.proofs:
        return ()
    last_order = customer.orders[-1].at if customer.orders else 0
    shown = max(customer.life.get("click", 0), last_order)
    alive = max(shown, customer.address_given)
    theirs = (0, address_ref(str(customer.value("email") or "")))
    known = customer.value("email") is not None
    return tuple(
        proof
        for proof in customer.proofs
        if proof.at > (shown if proof.inherited else alive) and (not known or proof.address in theirs)
    )


def address_ref(address: str) -> int:
    """Return what stands for an address in a proof, however it is capitalised; 0 for none."""
    return ref(address.strip().casefold()) if address else 0


def add_proofs(customer: Customer, proofs: tuple[Proof, ...]) -> None:
    """Keep proofs on the caller's own copy, the latest ones."""
    kept = sorted((*customer.proofs, *proofs), key=lambda each: (each.at, each.clear, each.status, each.address))
    customer.proofs = tuple(kept[-MARKS_KEPT:])
