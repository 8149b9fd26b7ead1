"""The shop's desk: where commands change what is the shop's own, on the distributed engine.

It has the face of `Handling`, so that commands are the same on both engines. What it decides is the shop's state alone, by
the same code as the embedded engine; whatever is to be decided about a customer it tells their partition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from msgspec.structs import replace

from engine.books import rulebook
from engine.books.journal import encode_signal
from engine.core.cadence import thresholds
from engine.core.erasing import ERASED, REFUSED
from engine.core.events import Event
from engine.core.moments import Instant
from engine.core.rulebook import Rules
from engine.core.rules import RuleSet
from engine.core.shop import Shop
from engine.core.signals import AnySignal, DayClosed, EngagementForgotten, Happened, RulesChanged, ShopSignal, WentLive
from engine.handling import HISTORY_AFTER, Handling, Taken
from engine.handling.sweeping import Sweeping
from engine.ports import Clock, Store
from engine.runtimes.kafka.shop_store import ShopStore

T = TypeVar("T")

_CLOSES: tuple[type[ShopSignal], ...] = (RulesChanged, WentLive)
"""What closes the reorder interval anew on the embedded engine; partitions are told the thresholds right after it."""


class Desk(Handling):
    """Decides what concerns the shop, and passes on what concerns a customer."""

    def __init__(self, rules: Rules, *, history_after: int | None = HISTORY_AFTER) -> None:
        super().__init__(rules, history_after=history_after)
        self.sweeping = _Telling(self)

    def take(self, store: Store, event: Event, accepted: Instant, origin: str = "", *, history: bool = False) -> Taken:
        """Tell an event to whoever it is about; whether it was seen before, their partition knows."""
        assert isinstance(store, ShopStore), "a desk works over the distributed books"
        if self.erasures is not None and self.erasures.knows(event):
            return Taken("refused", reason=REFUSED)
        customer_id = event.customer or self._whose(store, event)
        if not customer_id:
            return self._of_nobody(store, event, accepted, origin)
        if event.type == ERASED and self.erasures is not None:
            self.erasures.begin(store, customer_id, store.load(customer_id), event, accepted)
        history = history or self.is_history(event, accepted)
        about = replace(event, customer=customer_id)
        store.tell_customer(customer_id, encode_signal(Happened(about, history)), accepted, origin=origin)
        return Taken("accepted", customer_id, history)

    def is_history(self, event: Event, accepted: Instant) -> bool:
        """Say whether an event is none of today's news."""
        after = self.history_after
        return after is not None and self._is_history(event, accepted, after)

    def decide(self, store: Store, customer_id: str, signal: AnySignal, now: Instant) -> None:
        """Tell the customer's partition."""
        store.journal(customer_id, signal, now)


class _Telling(Sweeping):
    """Applies what concerns the shop to its state, and tells the partitions."""

    def tell(self, store: Store, signal: ShopSignal, now: Instant) -> None:
        """Apply a signal and tell it; one that closes the day goes with the thresholds of all partitions together."""
        if isinstance(signal, EngagementForgotten):
            store.journal("", signal, now)  # the records are the partitions', and so is how far they have come
            return
        rules = self.handling.rules
        if isinstance(signal, DayClosed) and signal.thresholds is None:
            signal = DayClosed(thresholds(rules.shop.cadence, rules.lifecycle), rules.shop.known_since)
        super().tell(store, signal, now)
        if isinstance(signal, _CLOSES):
            self.tell(store, DayClosed(), now)


class Bureau:
    """Opens transactions at the desk: loads the shop as it is then, and keeps what was changed."""

    def __init__(
        self, store: ShopStore, clock: Clock, *, key: bytes, history_after: int | None = HISTORY_AFTER
    ) -> None:
        """Work through this store, whose connection is used by one thread at a time."""
        self._store, self._clock, self._key = store, clock, key
        self.desk = Desk(Rules(RuleSet(), Shop(), key=key), history_after=history_after)
        self.accepted: Instant = 0

    def ask(self, change: Callable[[ShopStore, Instant], T]) -> T:
        """Make a change in one transaction; return what it returns after the commit.

        Raises:
            DatabaseError: it was not made, or it is not known.

        """
        store = self._store
        with self._begun() as now:
            result = change(store, now)
            store.save_shop(self.desk.rules.shop)
            store.commit(now)
        return result

    def refresh(self) -> None:
        """Take the shop and the rules in force as they are now."""
        with self._begun():
            self._store.rollback()

    @contextmanager
    def _begun(self) -> Iterator[Instant]:
        """Open a transaction with the shop as it is then, and yield its instant; what raises leaves nothing."""
        self._store.begin()
        try:
            self._refresh()
            self.accepted = max(self._clock.now(), self.accepted, self._store.as_of)
            yield self.accepted
        except BaseException:
            self._store.rollback()
            raise

    def _refresh(self) -> None:
        """Take the shop and the rules in force as this transaction finds them."""
        shop, desk = self._store.kept, self.desk
        if desk.rules.shop.epoch != shop.epoch:
            desk.rules = rulebook.rules_of(self._store.connection, shop.epoch, shop, key=self._key)
        desk.rules.shop = shop
