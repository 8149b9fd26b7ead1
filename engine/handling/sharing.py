"""Who else must be told what, where customers share an address: pairs of a customer and the signal for them.

A group is complete: each of them names all others. It is found by the address's key, which belongs to its newest member.
Pairs are made one after the other, so each is made of the records as the ones before have left them.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.core.customer import Customer
from engine.core.moments import Instant
from engine.core.sharing import SHARES_KEPT, address_of, is_about_address, known_of_address, named, that_count
from engine.core.signals import AnySignal, Apart, Counted, Handed, Happened, Shares, TimeUp
from engine.ports import Store

Told = tuple[str, AnySignal]


def met(store: Store, owner_id: str, newcomer_id: str, *, history: bool) -> Iterator[Told]:
    """Somebody's new address is known as another's: both sides take over what the other knows of it."""
    owner, newcomer = store.load(owner_id), store.load(newcomer_id)
    if owner is None or newcomer is None or newcomer.gone or address_of(owner) != address_of(newcomer):
        return  # the owner has gone to another address meanwhile, or was merged into somebody who has another
    group = [each for each in (owner_id, *owner.shares) if each not in (newcomer_id, *newcomer.shares)]
    if len(newcomer.shares) + len(group) > SHARES_KEPT:
        return
    for other_id in group:
        other, mine = store.load(other_id), store.load(newcomer_id)
        if other is None or mine is None:
            continue
        yield newcomer_id, Shares(known_of_address(other), history)
        if not other.gone:
            yield other_id, Shares(known_of_address(mine), history)


def followed(store: Store, before: Customer, after: Customer, signal: AnySignal) -> Iterator[Told]:
    """Yield what a decision about one who shares an address means for the others: they part, or a send counts."""
    if after.gone or address_of(after) != address_of(before):
        key = f"mail:{address_of(before)}"
        if store.find(key) == after.id:
            store.know(key, before.shares[-1])
        if after.shares:
            yield after.id, Apart(after.shares)
        for other in before.shares:
            yield other, Apart((after.id,))
    elif after.releases is not before.releases and not isinstance(signal, Counted | Shares):
        released = tuple(each for each in that_count(after.releases) if each not in before.releases)
        came_back = _came_back(before, after, signal)
        if released or came_back:
            for other in after.shares:
                yield other, Counted(released, came_back)


def _came_back(before: Customer, after: Customer, signal: AnySignal) -> str:
    """Return the effect of a send that counted, and after its hand-over does no more; empty if there is none."""
    if not isinstance(signal, Handed):
        return ""
    counted, counts = ({each.effect_id for each in that_count(record.releases)} for record in (before, after))
    return signal.effect_id if signal.effect_id in counted - counts else ""


def overheard(store: Store, customer_id: str, told: Happened, now: Instant) -> Iterator[Told]:
    """Yield an event about an address for everybody else who has it.

    That is the address the event names, else the customer's own: one from before may be another's today. Each hears the
    event with the address in it, since a bounce counts against the one it names alone.
    """
    event = told.event
    customer = store.load(customer_id) if is_about_address(event) else None
    if customer is None:
        return
    mine = address_of(customer)
    address = event.email.strip().casefold() or mine
    if address == mine:
        others = customer.shares
    else:
        owner_id = store.find(f"mail:{address}")
        owner = store.load(owner_id) if owner_id else None
        others = () if owner is None or address_of(owner) != address else (owner.id, *owner.shares)
    for other_id in others:
        other = store.load(other_id)
        if other is None or other.gone or other_id == customer_id:
            continue
        if not told.history and other.next_due is not None and other.next_due < now:
            yield other_id, TimeUp()  # what is overdue goes before what has just come
        yield other_id, Happened(named(event, other_id, address), told.history)
