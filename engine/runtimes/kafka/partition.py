"""One partition: a small engine whose journal is its part of the inbox. Pure: no Kafka, no clock.

It has a handling, a store and a shop of its own. Whatever it decides follows from the records of its inbox alone, in
order: it remembers nothing between two records but what a flush makes durable. So it can be taken up by another process
from any flush, and gives the same effects at the same places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from engine.core.customer import Customer
from engine.core.effects import Effect
from engine.core.erasing import is_empty, let_go_of
from engine.core.events import DeadLetter
from engine.core.moments import Instant
from engine.core.rulebook import Rules
from engine.core.rules import RuleSet
from engine.core.shop import Shop
from engine.core.signals import Forgotten, Happened, RulesChanged, ShopSignal
from engine.handling import Handling
from engine.handling.across import Across
from engine.handling.timekeeping import OVERDUE_A_SECOND, Pace, Timekeeping
from engine.runtimes.kafka.partition_store import Batch, PartitionStore, Shelf
from engine.runtimes.kafka.values import PLACE_KEY, SHOP_KEY, Reached, encode_body, head_of, pack, reached_in, shop_in
from engine.runtimes.kafka.wire import SHOP, Entry, Place, Record
from engine.runtimes.kafka.words import Word

TIMERS: Final = 1_000
"""Due customers that ring in one record, before what has come and after it; the others in the next one.

What one record changes goes into one batch of the changelog, so it has to be bounded; a tick a second comes anyway."""

SLICES_A_TICK: Final = 4
"""Slices of the shop's own work in a record without entries, for there may be none but one a second."""


class InForce(Protocol):
    """What holds in an epoch, as it was put into the topic of the rules."""

    def rules(self, shop: Shop, *, key: bytes) -> Rules:
        """Return the rules that decisions are made by."""
        ...


class Outcome(Struct, frozen=True):
    """What the deciding of a record asks for: to be in Kafka before anything of it is acknowledged.

    `next_due` is when the next timer is due, `poisoned` how many decisions failed (their letters are among `letters`).
    """

    effects: list[tuple[Place, Effect]] = []
    words: list[tuple[Place, Word]] = []
    letters: list[DeadLetter] = []
    next_due: Instant | None = None
    poisoned: int = 0


class Partition:
    """Decides the records of one partition of the inbox, in the order of their offsets.

    An exception out of `decide` leaves it half-way through a record: whoever runs it must let go of it, and begin anew
    from what is durable.
    """

    def __init__(
        self,
        number: int,
        partitions: int,
        rules_of: Callable[[int], InForce],
        key: bytes,
        shelf: Shelf,
        *,
        overdue_a_second: int | None = OVERDUE_A_SECOND,
    ) -> None:
        """Go on from what is durable.

        Args:
            number: of the partition, of so many `partitions`.
            rules_of: returns what holds in an epoch; asked for the shop's own, and for each that a record names.
            key: the secret that makes codes unguessable.
            shelf: what is durable; it may only get what was taken by `dirty`, and is looked into at any time.
            overdue_a_second: at which pace timers ring that no tick has rung for more than a minute; None: all at once.

        """
        self._rules_of, self._key = rules_of, key
        self.store = PartitionStore(number, partitions, shelf)
        place, shop_value = shelf.get(PLACE_KEY), shelf.get(SHOP_KEY)
        self._reached = Reached() if place is None else reached_in(place)
        self.offset = -1 if place is None else head_of(place).offset
        shop = Shop() if shop_value is None else shop_in(shop_value)
        # what is counted for the whole shop is granted; the only partition is the whole shop, wherever it came from
        shop.allowances = (shop.allowances or {}) if partitions > 1 else None
        self._shop_body = b"" if shop_value is None else encode_body(shop)
        rules = rules_of(shop.epoch).rules(shop, key=key) if shop.epoch else Rules(RuleSet(), shop, key=key)
        self.handling = Handling(rules, whole=False)
        self._across = self.handling.across = Across(self.handling, self.store)
        self._time = Timekeeping(self.handling, _pace(overdue_a_second, self._reached), timers=TIMERS)
        self._time.earliest = self.store.earliest()

    @property
    def number(self) -> int:
        """Which partition it is."""
        return self.store.number

    @property
    def shop(self) -> Shop:
        """The shop's state, as far as it is in this partition."""
        return self.handling.rules.shop

    @property
    def next_due(self) -> Instant | None:
        """When the next timer is due, None where nothing is due ever."""
        return self.store.earliest()

    @property
    def accepted(self) -> Instant:
        """The instant of the last record that was decided; it never goes back."""
        return self._reached.accepted

    def load(self, customer_id: str) -> Customer | None:
        """Return a record as of the last record of the inbox, None where there is none."""
        return self.store.load(customer_id)

    def decide(self, offset: int, record: Record) -> Outcome:
        """Decide a record of the inbox; one that was decided before asks for nothing.

        Raises:
            Exception: whatever the handling raises, but for decisions that fail, or `rules_of` of an unknown epoch.

        """
        if offset <= self.offset:
            return Outcome(next_due=self._time.earliest)
        store, handling = self.store, self.handling
        now, poisoned = max(record.at, self._reached.accepted), handling.poisoned
        store.begin(offset)
        handling.sweeping.someone_waits(now)  # rather than remembering who is known not to wait
        word = self._reached.word
        self._time.before(store, now)
        for entry in record.entries:
            word = self._take(entry, word, now)
            store.end_portion()
        self._time.after(store, now)
        if not record.entries:
            self._go_on(now)
        pace = self._time.pace
        self._reached, self.offset = Reached(now, word, pace.tokens, pace.last), offset
        failed = handling.poisoned - poisoned
        return Outcome(store.effects, store.words, store.letters, self._time.earliest, failed)

    def dirty(self) -> Batch:
        """Return the values that a flush must make durable, all at once; they stay in force here until `kept`."""
        batch = self.store.take_changed()
        body = encode_body(self.shop)
        if body != self._shop_body:
            self._shop_body = body
            batch[SHOP_KEY] = pack(None, self.offset, body)
        batch[PLACE_KEY] = pack(None, self.offset, encode_body(self._reached))
        return batch

    def kept(self) -> None:
        """The oldest batch that `dirty` has returned is durable, and on the shelf."""
        self.store.let_go()

    def _take(self, entry: Entry, word: int, now: Instant) -> int:
        """Decide an entry; return the number of the shop's last word."""
        try:
            signal = entry.decoded()
        except msgspec.DecodeError as error:
            reason = f"no signal that this version knows: {error}"
            self.store.bury(DeadLetter(entry.signal, reason, entry.origin), now)
            return word
        if entry.customer == SHOP:
            number = int.from_bytes(entry.mark, "big")
            if number > word and isinstance(signal, ShopSignal):
                self._tell(signal, now)
                return number
        elif isinstance(signal, Forgotten):
            self._forget(entry.customer)
        elif isinstance(signal, Happened) and not entry.mark:
            history = signal.history or not self.shop.epoch
            self.handling.take_of(self.store, entry.customer, signal.event, now, history=history)
        elif not entry.mark or not self.store.seen(entry.customer, entry.mark, now):
            self._across.told(self.store, entry.customer, signal, now)
        return word

    def _forget(self, customer_id: str) -> None:
        """Delete what is left of somebody who was erased; whoever is there after all stays."""
        record = self.store.load(customer_id)
        if record is not None and is_empty(record):
            let_go_of(self.shop, (customer_id,))
            self.store.forget(customer_id)

    def _tell(self, signal: ShopSignal, now: Instant) -> None:
        if isinstance(signal, RulesChanged):
            shop = self.shop
            if not shop.epoch:
                shop.live_since = now  # the first start: what happened before it is history
            self.handling.rules = self._rules_of(signal.epoch).rules(shop, key=self._key)
        self.handling.sweeping.tell(self.store, signal, now)

    def _go_on(self, now: Instant) -> None:
        """Do more slices of the shop's own work while there is some at this instant, and nothing else to do."""
        sweeping = self.handling.sweeping
        for _ in range(SLICES_A_TICK - 1):
            if sweeping.wake > now or self.shop.time_stands:
                break
            self._time.after(self.store, now)


def epochs_in(record: Record) -> Iterator[int]:
    """Yield the epochs whose rules must be at hand before a record is decided."""
    for entry in record.entries:
        if entry.customer == SHOP:
            try:
                signal = entry.decoded()
            except msgspec.DecodeError:
                continue  # a dead letter, when it is decided
            if isinstance(signal, RulesChanged):
                yield signal.epoch


def _pace(a_second: int | None, reached: Reached) -> Pace:
    pace = Pace(a_second)
    if reached.tokens is not None:
        pace.tokens, pace.last = reached.tokens, reached.paced_at
    return pace
