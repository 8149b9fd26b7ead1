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
from engine.core.ids import merge_ref
from engine.core.merging import MERGED, survivor, who_is_now
from engine.core.moments import Instant
from engine.core.sharing import SHARES_KEPT, address_of, is_about_address, known_of_address, named
from engine.core.signals import AnySignal, Apart, GivenUp, Greeted, Happened, Introduced, Joined, Merging, Shares
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
            case Introduced() | Greeted():
                self._met(store, customer_id, customer, signal, now)
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
                signal = Happened(replace(event, customer=stays), history)
        self.tell(store, stays, signal, now)

    def _heard(self, store: Store, customer_id: str, customer: Customer | None, told: Happened, now: Instant) -> None:
        """Take in an event: passed on, of somebody at the same address, or of whoever has the address it names."""
        event = told.event
        if not event.customer and (customer is None or address_of(customer) != address_in(event)):
            return  # whoever has the key has gone to another address meanwhile
        self._handling.take_of(store, customer_id, event, now, history=told.history)

    # One mail address, several customers

    def _met(
        self, store: Store, customer_id: str, customer: Customer | None, signal: Introduced | Greeted, now: Instant
    ) -> None:
        """Meet another at the same address: note them and greet them, unless both know of each other already."""
        other = Customer(signal.other) if isinstance(signal, Introduced) else signal.other
        if other.id == customer_id:
            return
        lists_me = isinstance(signal, Greeted) and not other.gone
        if customer is None or not _may_meet(customer, other, signal.address):
            if lists_me:
                self.tell(store, other.id, Apart((customer_id,)), now)
            return
        if customer.gone and lists_me:
            self.tell(store, other.id, Apart((customer_id,)), now)
        known, shares = other.id in customer.shares, customer.shares
        if not customer.gone and not (known and isinstance(signal, Introduced)):
            quietly = signal.history or isinstance(signal, Introduced)  # of whom nothing is told yet
            self._handling.decide(store, customer_id, Shares(other, quietly), now)
        if known or other.gone:
            return
        mine = store.load(customer_id) or customer
        self.tell(store, other.id, Greeted(known_of_address(mine), signal.address, signal.history), now)
        for each in shares:
            self.tell(store, each, Introduced(other.id, signal.address, signal.history), now)

    def _keep_address(self, customer: Customer | None) -> None:
        """Let the address be found under one who has it still, in case whoever has gone was the one it was found under."""
        if customer is not None and not customer.gone and (address := address_of(customer)):
            self.elsewhere.known(mail_key(address), customer.id, history=True)

    # Merges

    def _joined(self, store: Store, customer_id: str, customer: Customer | None, signal: Merging, now: Instant) -> None:
        if not store.seen(customer_id, signal.merge, now):
            before = customer
            mine = customer or self._handling.newcomer(customer_id)
            self._handling.decide_for(store, mine, before, Joined(signal.other, signal.history), now)

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


def _may_meet(customer: Customer, other: Customer, address: int) -> bool:
    """Say whether a customer has the address still, and there is room among those they know of."""
    if address_ref(address_of(customer)) != address:
        return False
    return other.gone != "" or other.id in customer.shares or len(customer.shares) < SHARES_KEPT
