"""Customers of other partitions: what they are told, what they tell, and how an address comes to be known of all.

Where one engine has a part of the shop's customers alone, what concerns another one goes by a word, which arrives a
moment later, at least once, and from one customer to another in order. So nothing here is asked of another record: each
side tells what it knows, and whoever hears of another for the first time answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from engine.core.address import address_ref
from engine.core.customer import Customer
from engine.core.ids import joined_ref, merge_ref
from engine.core.merging import MERGED, survivor, who_is_now
from engine.core.moments import Instant
from engine.core.sharing import SHARES_KEPT, address_of, is_about_address, known_of_address, named
from engine.core.signals import (
    AnySignal,
    Apart,
    GivenUp,
    Greeted,
    Happened,
    Introduced,
    Joined,
    Merging,
    Shares,
    TurnedAway,
)
from engine.core.whose import BY_ADDRESS, address_in, mail_key
from engine.ports import Elsewhere, Store

if TYPE_CHECKING:
    from engine.handling.handler import Handling

Told = tuple[str, AnySignal]


def claimed(key: str, earlier: str | None, customer_id: str, *, history: bool) -> Told | None:
    """Say who must be told what when an identity key belongs to a customer from now on, and whose it was before.

    Whoever keeps the keys asks it, and lets the key change hands when what it says is on its way for good, so that a
    crash between the two says it again. Who has lost the key in the meantime to a third one asks anew.
    """
    address = key.removeprefix(mail_key(""))
    if address == key or earlier is None or earlier == customer_id:
        return None
    if earlier.startswith(BY_ADDRESS):
        return earlier, GivenUp(customer_id)  # until now we had only the address
    return earlier, Introduced(customer_id, address_ref(address), history)


class Across:
    """What goes between this part of the shop's customers and the others, over the handling that decides."""

    def __init__(self, handling: Handling, elsewhere: Elsewhere) -> None:
        """Work with this handling; `elsewhere` takes the words."""
        self._handling = handling
        self.elsewhere = elsewhere

    # What goes out

    def tell(self, store: Store, customer_id: str, signal: AnySignal, now: Instant) -> None:
        """Tell a customer something, whether they are here or not."""
        if self.elsewhere.has(customer_id):
            self.elsewhere.tell(customer_id, signal)
        else:
            self.told(store, customer_id, signal, now)

    def follow(self, store: Store, told: Iterable[Told], now: Instant) -> None:
        """Tell others what follows for them."""
        for customer_id, signal in told:
            self.tell(store, customer_id, signal, now)

    def spread(self, store: Store, customer_id: str, told: Happened, now: Instant) -> None:
        """Tell everybody at the address an event is about; each takes it once, and tells those they know of in turn.

        An address that is not the customer's own is looked up where identities are kept.
        """
        event = told.event
        customer = store.load(customer_id) if is_about_address(event) else None
        if customer is None:
            return
        mine = address_of(customer)
        address = address_in(event) or mine
        if address == mine:
            for other in customer.shares:
                self.tell(store, other, Happened(named(event, other, address), told.history), now)
        elif customer_id != f"{BY_ADDRESS}{address}":
            self.elsewhere.heard(address, Happened(named(event, "", address), told.history))

    def has_joined(self, store: Store, customer_id: str, other: str, now: Instant) -> bool:
        """Say whether a record of another partition was merged into this one already, so that it cannot be the one to stay.

        What is forgotten of it shows on the way (`survivor`). To ask is to note it: who is given up and comes back has
        come in a circle.
        """
        return self.elsewhere.has(other) and store.seen(customer_id, joined_ref(other), now)

    def give_up(self, store: Store, other: Customer, stays: str, now: Instant, *, history: bool) -> None:
        """Send a record that was given up to the one that stays."""
        signal = Merging(other, merge_ref(other.id, stays, now), history)
        self.tell(store, stays, signal, now)

    # What comes in

    def told(self, store: Store, customer_id: str, signal: AnySignal, now: Instant) -> None:
        """Take in what a customer is told; one who was merged into another has it passed on."""
        handling, customer = self._handling, store.load(customer_id)
        if customer is not None and customer.gone.startswith(MERGED):
            self.pass_on(store, customer, signal, now)
            return
        match signal:
            case Happened():
                self._heard(store, customer_id, customer, signal, now)
            case GivenUp() if customer is None:  # the address belongs to somebody: what comes for it is theirs
                handling.decide_for(store, handling.newcomer(customer_id), None, signal, now)
            case GivenUp(stays):
                handling.merge(store, customer_id, who_is_now(store.load, stays), now, history=True)
            case Merging():
                self._joined(store, customer_id, customer, signal, now)
            case Introduced():
                if customer is not None:
                    self._introduced(store, customer, signal, now)
            case Greeted():
                if signal.other.id != customer_id:
                    self._greeted(store, customer_id, customer, signal, now)
            case TurnedAway():
                handling.turned_away(store, customer_id, signal, now)
            case Apart():
                handling.decide(store, customer_id, signal, now)
                self._keep_address(customer)
            case _:
                handling.decide(store, customer_id, signal, now)

    def pass_on(self, store: Store, given_up: Customer, signal: AnySignal, now: Instant) -> None:
        """Pass on what comes for a record that was merged into another."""
        stays = given_up.gone.removeprefix(MERGED)
        match signal:
            case Merging():
                self._join_further(store, given_up, stays, signal, now)
                return
            case GivenUp() | Apart():
                return
            case Greeted(other) if not other.gone:
                self.tell(store, other.id, Apart((given_up.id,)), now)
            case Happened(event, history):
                if event.type == "customer.merged" and event.data.into == given_up.id:
                    event = replace(event, data=replace(event.data, into=stays))
                signal = Happened(replace(event, customer=stays), history)
        self.tell(store, stays, signal, now)

    def _heard(self, store: Store, customer_id: str, customer: Customer | None, told: Happened, now: Instant) -> None:
        """Take in an event: passed on, of somebody at the same address, or of whoever has the address it names."""
        event = told.event
        if not event.customer and (customer is None or customer.gone or address_of(customer) != address_in(event)):
            return  # whoever has the key is gone, or at another address by now
        self._handling.take_of(store, customer_id, event, now, history=told.history)

    # One mail address, several customers

    def _introduced(self, store: Store, customer: Customer, signal: Introduced, now: Instant) -> None:
        """Note one who is said to have the same address, and tell them what is known of it; nothing is told of them yet."""
        if signal.other in (customer.id, *customer.shares) or not _has(customer, signal.address):
            return
        if not customer.gone:
            if len(customer.shares) >= SHARES_KEPT:
                return
            self._handling.decide(store, customer.id, Shares(Customer(signal.other), history=True), now)
        self._greet(store, customer, signal.other, signal, now)

    def _greeted(
        self, store: Store, customer_id: str, customer: Customer | None, signal: Greeted, now: Instant
    ) -> None:
        """Take over what another at the address knows of it; whoever is known here hears of them, too.

        Only of who has greeted: one who was only spoken of may be gone by now, and all would go on telling each other.
        """
        other = signal.other
        here = customer is not None and not customer.gone and _has(customer, signal.address)
        known = customer.shares if customer is not None else ()
        if not here or (other.id not in known and len(known) >= SHARES_KEPT and not other.gone):
            if not other.gone:
                self.tell(store, other.id, Apart((customer_id,)), now)
            return
        self._handling.decide(store, customer_id, Shares(other, signal.history), now)
        if other.gone:
            return
        if other.id not in known and customer is not None:
            self._greet(store, customer, other.id, signal, now)
        for each in known:
            if each != other.id:
                self.tell(store, each, Introduced(other.id, signal.address, signal.history), now)

    def _greet(self, store: Store, customer: Customer, other: str, signal: Introduced | Greeted, now: Instant) -> None:
        mine = store.load(customer.id) or customer
        self.tell(store, other, Greeted(known_of_address(mine), signal.address, signal.history), now)

    def _keep_address(self, customer: Customer | None) -> None:
        """Let the address be found under one who has it still, in case whoever has gone was the one it was found under."""
        if customer is not None and not customer.gone and (address := address_of(customer)):
            self.elsewhere.known(mail_key(address), customer.id, history=True)

    # Merges

    def _joined(self, store: Store, customer_id: str, customer: Customer | None, signal: Merging, now: Instant) -> None:
        if not store.seen(customer_id, signal.merge, now):
            mine = customer or self._handling.newcomer(customer_id)
            store.seen(customer_id, joined_ref(signal.other.id), now)
            self._handling.decide_for(store, mine, customer, Joined(signal.other, signal.history), now)

    def _join_further(self, store: Store, given_up: Customer, stays: str, signal: Merging, now: Instant) -> None:
        """Send a record on, after the one it was to be joined to; where that leads in a circle, one record comes back.

        Two that are merged into each other at one time have each given themselves up, and neither knows it.
        """
        trail = (*signal.past, (given_up.id, given_up.address_since))
        after_all = survivor(trail, stays)
        if after_all != given_up.id:
            self.tell(store, after_all or stays, replace(signal, past=trail), now)
        elif not store.seen(given_up.id, signal.merge, now):
            anew = self._handling.newcomer(given_up.id)
            self._handling.decide_for(store, anew, given_up, Joined(signal.other, signal.history), now)


def _has(customer: Customer, address: int) -> bool:
    return address_ref(address_of(customer)) == address
