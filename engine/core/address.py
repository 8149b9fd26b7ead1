"""Whether mail can arrive: proofs that it cannot, and what shows that it can after all."""

from __future__ import annotations

from engine.core.customer import Customer
from engine.core.moments import Instant
from engine.core.rules import Address, Lifecycle


def judge_address(customer: Customer, lifecycle: Lifecycle) -> Address:
    """Say whether mail can arrive: clear proofs kill an address, doubtful ones only when they lie days apart."""
    proofs = customer.proofs
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


def weigh_proofs(customer: Customer) -> None:
    """A human click or an order after a proof shows that the address lives; so does a new address."""
    if customer.proofs:
        last_order = customer.orders[-1].at if customer.orders else 0
        alive = max(customer.life.get("click", 0), last_order, customer.address_given)
        customer.proofs = tuple(proof for proof in customer.proofs if proof.at > alive)
