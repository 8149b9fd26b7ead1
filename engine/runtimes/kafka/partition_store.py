"""The store of one partition: what is changed lies over what is durable, and everything that is asked is in memory.

Due times, lines and places in workflows are built from the table's values without decoding a record, and kept as records
change. The journal is the inbox, and identities are the gateway's: what becomes known here is told it by a word.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Iterable
from typing import Final, Protocol

from engine.books.journal import encode_signal
from engine.core.customer import Customer
from engine.core.effects import Effect
from engine.core.events import DeadLetter
from engine.core.moments import Instant
from engine.core.shop import Shop
from engine.core.signals import AnySignal, Happened
from engine.runtimes.kafka.values import GONE, Kept, customers_in, encode_body, head_of, indexed_in, kept_in, pack
from engine.runtimes.kafka.wire import Place, partition_of
from engine.runtimes.kafka.words import Heard, Known, Word, told

REFS_KEPT: Final = 64
"""References that are remembered of a customer: of what came last."""

REF_BYTES: Final = 8
"""Of each reference: among 64 of one customer, two are never the same by chance."""

PORTION: Final = 100
"""Customers whose records are read, decided and encoded together: so few stay in the processor's cache."""

_STALE: Final = 1_000

Batch = dict[bytes, bytes]
"""Values of the table by their keys, as one flush writes them."""


class Shelf(Protocol):
    """What is durable of a partition: the values of its table, by customer (and the partition's own state)."""

    def get(self, key: bytes) -> bytes | None:
        """Return a value, None where there is none."""
        ...

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Return all values, in any order."""
        ...


class PartitionStore:
    """The store port of one partition, and its way to the others. `offset` is that of the record being decided."""

    def __init__(self, number: int, partitions: int, shelf: Shelf) -> None:
        self.number = number
        self.offset = -1
        self.effects: list[tuple[Place, Effect]] = []
        self.words: list[tuple[Place, Word]] = []
        self.letters: list[DeadLetter] = []
        self._partitions = partitions
        self._shelf = shelf
        self._index = 0
        self._records: dict[str, Customer | None] = {}
        self._refs: dict[str, bytes] = {}
        self._changed: dict[str, int] = {}  # of these, at which offset
        self._batch: Batch = {}  # what else has changed since the last flush
        self._under_way: deque[Batch] = deque()  # taken by a flush, and not yet on the shelf
        self._due: list[tuple[Instant, str]] = []  # a heap; entries that no longer hold are left in it
        self._due_of: dict[str, Instant] = {}
        self._lines: dict[str, dict[str, Instant]] = {}  # by line: who stands in it, and their last reaction
        self._stages: dict[str, tuple[tuple[str, str], ...]] = {}
        self._ids: list[str] | None = None
        self._count = 0
        self._build()

    def _build(self) -> None:
        for customer_id, value in customers_in(self._shelf.items()):
            self._count += 1
            due = head_of(value).next_due
            if due is not None:
                self._due_of[customer_id] = due
            index = indexed_in(value)
            if index.stages:
                self._stages[customer_id] = index.stages
            for name in index.waiting:
                self._lines.setdefault(name, {})[customer_id] = index.last_reaction
        self._heap()

    def _heap(self) -> None:
        self._due = [(due, customer_id) for customer_id, due in self._due_of.items()]
        heapq.heapify(self._due)

    # A record of the inbox, and a flush -------------------------------------------------------------------------------

    def begin(self, offset: int) -> None:
        """Begin with the next record of the inbox: what it asks for gets places of its own."""
        self.offset, self._index = offset, 0
        self.effects, self.words, self.letters = [], [], []

    @property
    def customers(self) -> int:
        """How many customers there are."""
        return self._count

    @property
    def changed(self) -> int:
        """How many customers a flush would write."""
        return len(self._batch) + len(self._changed)

    def end_portion(self) -> None:
        """Encode what has changed, and let go of all decoded records, if there are so many. It costs nothing but time."""
        if len(self._records) >= PORTION:
            self._encode()
            self._records, self._refs = {}, {}

    def _encode(self) -> None:
        for name, offset in self._changed.items():
            self._batch[name.encode()] = self._value(name, offset)
        self._changed = {}

    def take_changed(self) -> Batch:
        """Return the values of all customers changed since this was asked last, to be made durable."""
        self._encode()  # who was decided about stays decoded: the next events are often about the same
        batch, self._batch = self._batch, {}
        self._under_way.append(batch)
        return batch

    def let_go(self) -> None:
        """The oldest batch taken is durable, and on the shelf."""
        self._under_way.popleft()

    def _value(self, customer_id: str, offset: int) -> bytes:
        record = self._records[customer_id]
        assert record is not None, "whoever was changed is there"
        return value_of(record, self._refs[customer_id], offset)

    def _durable(self, customer_id: str) -> bytes | None:
        key = customer_id.encode()
        if key in self._batch:
            return self._batch[key]
        for batch in reversed(self._under_way):
            if key in batch:
                return batch[key]
        return self._shelf.get(key)

    # Records ----------------------------------------------------------------------------------------------------------

    def load(self, customer_id: str) -> Customer | None:
        """Return the customer's record as of now, None where there is none."""
        try:
            return self._records[customer_id]
        except KeyError:
            return self._read(customer_id)

    def _read(self, customer_id: str) -> Customer | None:
        value = self._durable(customer_id)
        if not value:
            self._records[customer_id], self._refs[customer_id] = None, b""
            return None
        kept = kept_in(value)
        self._records[customer_id] = record = kept.record
        self._refs[customer_id] = kept.refs
        return record

    def save(self, before: Customer | None, after: Customer) -> None:
        """Keep the record, its due time, its runs and its places in lines."""
        customer_id = after.id
        if before is None:
            self._count += 1
            self._refs.setdefault(customer_id, b"")
            if self._ids is not None:
                insort(self._ids, customer_id)
        self._records[customer_id] = after
        self._changed[customer_id] = self.offset
        if after.next_due != self._due_of.get(customer_id):
            self._set_due(customer_id, after.next_due)
        if before is None or before.waiting is not after.waiting or after.waiting:
            self._line_up(before.waiting if before else (), after)
        if before is None or before.runs is not after.runs:
            self._place(after)

    def forget(self, customer_id: str) -> None:
        """Delete what is left of a record that has come to its end: from the table, and from its changelog."""
        before = self.load(customer_id)
        if before is None:
            return
        if customer_id in self._due_of:
            self._set_due(customer_id, None)
        self._line_up(before.waiting, Customer(customer_id))
        self._stages.pop(customer_id, None)
        if self._ids is not None and customer_id in self._ids:
            self._ids.remove(customer_id)
        self._count -= 1
        self._changed.pop(customer_id, None)
        self._records[customer_id], self._refs[customer_id] = None, b""
        self._batch[customer_id.encode()] = GONE

    def _set_due(self, customer_id: str, due: Instant | None) -> None:
        if due is None:
            del self._due_of[customer_id]
            return
        self._due_of[customer_id] = due
        heapq.heappush(self._due, (due, customer_id))
        if len(self._due) > 2 * len(self._due_of) + _STALE:
            self._heap()

    def _line_up(self, before: tuple[str, ...], after: Customer) -> None:
        for name in before:
            if name not in after.waiting:
                self._lines[name].pop(after.id, None)
        for name in after.waiting:
            self._lines.setdefault(name, {})[after.id] = after.last_reaction

    def _place(self, after: Customer) -> None:
        if after.runs:
            self._stages[after.id] = _stages_of(after)
        else:
            self._stages.pop(after.id, None)

    # Who is due, waits, or is where -----------------------------------------------------------------------------------

    def due(self, now: Instant, limit: int) -> list[tuple[Instant, str]]:
        """Return who is due, in (due, customer) order."""
        found: list[tuple[Instant, str]] = []
        heap, due_of = self._due, self._due_of
        while heap and heap[0][0] <= now and len(found) < limit:
            entry = heapq.heappop(heap)
            if due_of.get(entry[1]) == entry[0] and entry not in found[-1:]:
                found.append(entry)
        for entry in found:
            heapq.heappush(heap, entry)
        return found

    def earliest(self) -> Instant | None:
        """Return the next due time of all customers, None where nothing is due ever."""
        heap = self._due
        while heap:
            due, customer_id = heap[0]
            if self._due_of.get(customer_id) == due:
                return due
            heapq.heappop(heap)
        return None

    def line(self, workflow: str, limit: int) -> list[str]:
        """Return who waits, the latest reaction first, then by id."""
        waiting = self._lines.get(workflow, {})
        return heapq.nsmallest(limit, waiting, key=lambda each: (-waiting[each], each))

    def line_length(self, workflow: str) -> int:
        """Return how many wait."""
        return len(self._lines.get(workflow, ()))

    def in_workflow(self, workflow: str, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        """Return those in a workflow, in the order of stage and id."""
        there = {
            (stage, customer_id)
            for customer_id, stages in self._stages.items()
            for name, stage in stages
            if name == workflow
        }
        return heapq.nsmallest(limit, (place for place in there if place > after))

    def scan(self, after: str, limit: int) -> list[str]:
        """Return ids that follow `after`, in order."""
        if self._ids is None:
            self._ids = sorted(self._everybody())
        place = bisect_right(self._ids, after)
        return self._ids[place : place + limit]

    def _everybody(self) -> set[str]:
        found = {customer_id for customer_id, _ in customers_in(self._shelf.items())}
        for batch in (*self._under_way, self._batch):
            for customer_id, value in customers_in(batch.items()):
                (found.discard if value == GONE else found.add)(customer_id)
        return found.union(self._changed)

    # What has come before, and what others are told -------------------------------------------------------------------

    def seen(self, customer_id: str, ref: bytes, now: Instant) -> bool:  # noqa: ARG002 - the last ones, whatever their age
        """Say whether this reference is among the last of the customer, and remember it."""
        record = self.load(customer_id)
        refs, short = self._refs[customer_id], ref[:REF_BYTES]
        place = refs.find(short)
        while place >= 0:
            if not place % REF_BYTES:
                return True
            place = refs.find(short, place + 1)
        self._refs[customer_id] = (refs + short)[-REFS_KEPT * REF_BYTES :]
        if record is not None:
            self._changed[customer_id] = self.offset
        return False

    def find(self, key: str) -> str | None:  # noqa: ARG002 - the gateway knows
        """Return nobody: whom an event is about is found before it comes here."""
        return None

    def know(self, key: str, customer_id: str) -> None:
        """Tell the gateway of an identity key. Our message ids name their customer themselves."""
        if not key.startswith("message:"):
            self.known(key, customer_id, history=False)

    def has(self, customer_id: str) -> bool:
        """Say whether a customer is kept elsewhere, in another partition."""
        return partition_of(customer_id, self._partitions) != self.number

    def tell(self, customer_id: str, signal: AnySignal) -> None:
        """Tell a customer of another partition a signal, by a word."""
        self.words.append((self._next_place(), told(customer_id, signal)))

    def known(self, key: str, customer_id: str, *, history: bool) -> None:
        """Tell the gateway that an identity key belongs to a customer from now on."""
        self.words.append((self._next_place(), Known(key, customer_id, history)))

    def heard(self, address: str, told: Happened) -> None:
        """Let the gateway tell whoever has an address what was heard about it."""
        self.words.append((self._next_place(), Heard(address, encode_signal(told))))

    def put(self, effects: Iterable[Effect]) -> None:
        """Give effects their places."""
        self.effects += ((self._next_place(), effect) for effect in effects)

    def _next_place(self) -> Place:
        self._index += 1
        return Place(self.number, self.offset, self._index)

    def journal(self, customer_id: str, signal: AnySignal, now: Instant) -> None:
        """Do nothing: the inbox is the journal."""

    def bury(self, letter: DeadLetter, now: Instant) -> bool:  # noqa: ARG002 - the books count the same ones
        """Give the letter out."""
        self.letters.append(letter)
        return True

    def save_shop(self, shop: Shop) -> None:
        """Do nothing: the partition keeps its shop with its place."""


def value_of(record: Customer, refs: bytes, offset: int) -> bytes:
    """Return the table's value of a customer: the record, the references seen last, and the offset it was decided at."""
    kept = Kept(record.waiting, record.last_reaction, _stages_of(record), refs, record)
    return pack(record.next_due, offset, encode_body(kept))


def _stages_of(record: Customer) -> tuple[tuple[str, str], ...]:
    return tuple((run.workflow, run.stage) for run in record.runs)
