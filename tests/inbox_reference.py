"""What a partition must decide, folded from the records of its inbox over the simulator's store.

The store is the back-test's: records stay as they are, in memory, for ever; nothing is encoded, flushed or restored. Give
`fold` the records of one partition of a real `winback.inbox`, in order, and it returns what must stand in `winback.effects`.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable

import msgspec

from engine.books.journal import encode_signal
from engine.core import customer as records
from engine.core.allowances import Allowance
from engine.core.effects import Effect
from engine.core.events import DeadLetter
from engine.core.moments import Instant
from engine.core.rulebook import Rules
from engine.core.rules import RuleSet
from engine.core.shop import Shop
from engine.core.signals import AnySignal, Happened, RulesChanged, ShopSignal
from engine.handling import Handling
from engine.handling.across import Across
from engine.handling.timekeeping import OVERDUE_A_SECOND, Pace, Timekeeping
from engine.runtimes.kafka.partition import SLICES_A_TICK, TIMERS, InForce
from engine.runtimes.kafka.wire import SHOP, Entry, Place, Record, partition_of
from engine.runtimes.kafka.words import Heard, Known, Word, told
from engine.runtimes.simulator.store import MemoryStore

Placed = tuple[Place, Effect]


class ReferenceStore(MemoryStore):
    """The simulator's store, with the places of a partition: identities are others', references a ring of 64."""

    def __init__(self, number: int, partitions: int) -> None:
        super().__init__()
        self.here, self.partitions = number, partitions
        self.offset, self.index = -1, 0
        self.placed: list[Placed] = []
        self.words: list[tuple[Place, Word]] = []
        self.refs: defaultdict[str, deque[bytes]] = defaultdict(lambda: deque(maxlen=64))

    def place(self) -> Place:
        """Return the next place in the record under way."""
        self.index += 1
        return Place(self.here, self.offset, self.index)

    def put(self, effects: Iterable[Effect]) -> None:
        """Give effects their places."""
        self.placed += [(self.place(), effect) for effect in effects]

    def seen(self, customer_id: str, ref: bytes, now: Instant) -> bool:  # noqa: ARG002 - the last 64, however old
        """Say whether a reference is among the customer's last."""
        refs = self.refs[customer_id]
        if ref[:8] in refs:
            return True
        refs.append(ref[:8])
        return False

    def find(self, key: str) -> str | None:  # noqa: ARG002 - the gateway knows
        """Return nobody."""
        return None

    def know(self, key: str, customer_id: str) -> None:
        """Tell the gateway."""
        if not key.startswith("message:"):
            self.known(key, customer_id, history=False)

    def has(self, customer_id: str) -> bool:
        """Say whether a customer is of another partition."""
        return partition_of(customer_id, self.partitions) != self.here

    def tell(self, customer_id: str, signal: AnySignal) -> None:
        """Tell somebody elsewhere by a word."""
        self.words.append((self.place(), told(customer_id, signal)))

    def known(self, key: str, customer_id: str, *, history: bool) -> None:
        """Tell the gateway whose a key is."""
        self.words.append((self.place(), Known(key, customer_id, history)))

    def heard(self, address: str, told: Happened) -> None:
        """Tell the gateway what was heard of an address."""
        self.words.append((self.place(), Heard(address, encode_signal(told))))

    def earliest(self) -> Instant | None:
        """Return the next due time."""
        due = self.next_due()
        return None if due is None else due[0]


class Reference:
    """Folds the records of one partition, one after the other, each of them once."""

    def __init__(
        self,
        number: int,
        partitions: int,
        rules_of: Callable[[int], InForce],
        key: bytes,
        *,
        overdue_a_second: int | None = OVERDUE_A_SECOND,
    ) -> None:
        self.store = ReferenceStore(number, partitions)
        allowances: dict[str, Allowance] | None = {} if partitions > 1 else None
        self.handling = Handling(Rules(RuleSet(), Shop(allowances=allowances), key=key), whole=False)
        self._across = self.handling.across = Across(self.handling, self.store)
        self._time = Timekeeping(self.handling, Pace(overdue_a_second), timers=TIMERS)
        self._rules_of, self._key = rules_of, key
        self._accepted: Instant = 0
        self._word = 0

    @property
    def shop(self) -> Shop:
        """The shop as it is now."""
        return self.handling.rules.shop

    @property
    def letters(self) -> list[DeadLetter]:
        """All dead letters."""
        return self.store.dead_letters

    def fold(self, offset: int, record: Record) -> tuple[list[Placed], list[tuple[Place, Word]]]:
        """Decide a record; return its effects and its words."""
        store, now = self.store, max(record.at, self._accepted)
        store.offset, store.index, store.placed, store.words = offset, 0, [], []
        self.handling.sweeping.someone_waits(now)
        self._time.earliest = store.earliest()
        self._time.before(store, now)
        for entry in record.entries:
            self._take(entry, now)
        self._time.after(store, now)
        for _ in range(0 if record.entries or self.shop.time_stands else SLICES_A_TICK - 1):
            if self.handling.sweeping.wake <= now:
                self._time.after(store, now)
        self._accepted = now
        return store.placed, store.words

    def _take(self, entry: Entry, now: Instant) -> None:
        try:
            signal = entry.decoded()
        except msgspec.DecodeError:
            self.store.dead_letters.append(DeadLetter(entry.signal, "", entry.origin))
            return
        if entry.customer == SHOP:
            if isinstance(signal, ShopSignal) and int.from_bytes(entry.mark) > self._word:
                self._word = int.from_bytes(entry.mark)
                self._tell(signal, now)
        elif entry.mark:
            if not self.store.seen(entry.customer, entry.mark, now):
                self._across.told(self.store, entry.customer, signal, now)
        elif isinstance(signal, Happened):
            history = signal.history or not self.shop.epoch
            self.handling.take_of(self.store, entry.customer, signal.event, now, history=history)
        else:
            self._across.told(self.store, entry.customer, signal, now)

    def _tell(self, signal: ShopSignal, now: Instant) -> None:
        if isinstance(signal, RulesChanged):
            self.shop.live_since = self.shop.live_since if self.shop.epoch else now
            self.handling.rules = self._rules_of(signal.epoch).rules(self.shop, key=self._key)
        self.handling.sweeping.tell(self.store, signal, now)

    def records(self) -> dict[str, bytes]:
        """Return every customer's record, as it would be stored."""
        return {name: records.encode(each) for name, each in self.store.customers.items()}


def fold(
    inbox: Iterable[tuple[int, Record]], number: int, partitions: int, rules_of: Callable[[int], InForce], key: bytes
) -> list[Placed]:
    """Return the effects of a partition, from the records of its inbox with their offsets."""
    reference = Reference(number, partitions, rules_of, key)
    return [placed for offset, record in inbox for placed in reference.fold(offset, record)[0]]
