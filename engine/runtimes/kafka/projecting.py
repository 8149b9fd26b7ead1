"""From the topics into the books: what was read of effects, snapshots and dead letters, in one transaction.

How far each topic was read is kept in the same transaction, so nothing gets into the books twice. An effect comes again
when a worker decides a record anew; its place says so. A customer's record comes again, and older, from a worker that lost
its partition; the inbox offset it was decided at says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from msgspec.structs import replace

from engine.books import partition_shops, positions, rulebook, shop_words
from engine.books.erasures import Erasures
from engine.books.expiry import Expiry
from engine.books.partition_shops import PartitionShop
from engine.books.positions import Position, Source
from engine.core.erasing import ERASED
from engine.core.events import Event, Reason
from engine.core.moments import Day, Instant, zone
from engine.core.rules import Lifecycle
from engine.core.shop import Shop
from engine.runtimes.kafka.combining import combined
from engine.runtimes.kafka.effect_records import decode_effect
from engine.runtimes.kafka.letters import decode_letter
from engine.runtimes.kafka.shop_store import ShopStore
from engine.runtimes.kafka.topic_names import TopicNames
from engine.runtimes.kafka.values import (
    PLACE_KEY,
    SHOP_KEY,
    head_of,
    kept_in,
    reached_in,
    shop_in,
    split_key,
)
from engine.runtimes.kafka.wire import PLACE_HEADER, place_of

PORTION: Final = 500
"""Records that are read from the books and written together."""


class Consumed(Protocol):
    """A record as a consumer has it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp: int


class Projector:
    """Writes what was read. One thread at a time may use it."""

    def __init__(self, store: ShopStore, topics: TopicNames, erasures: Erasures | None = None) -> None:
        """Go on where the books stand. With `erasures` an erasure begins where a record comes that is empty by one."""
        self._store, self._topics, self._erasures = store, topics, erasures
        self._rules: tuple[int, Lifecycle] | None = None
        self._expiry = Expiry(store.connection)
        self._tallied: Day | None = None
        self.reload()

    def reload(self) -> None:
        """Take from the books how far they are: at the beginning, and after a transaction that failed."""
        connection = self._store.connection
        self.positions = positions.positions(connection)
        self._shops = partition_shops.shops(connection)

    def project(self, consumed: Sequence[Consumed], *, combine: bool = True) -> None:
        """Write what was read, in the order it was read of each partition; what the books have already is left out.

        With `combine` the shop as a whole is reckoned anew from its partitions, which takes long where there are many.

        Raises:
            DatabaseError: nothing of it is written, or it is not known: `reload`, and read again from there.
            ValueError: a record is none of ours: a foreign writer, or a newer winback.

        """
        store = self._store
        self._tallied = None
        store.begin()
        try:
            moved = self._write(consumed)
            positions.move(store.connection, moved)
            if combine:
                store.save_shop(combined(store.kept, self._partitions(), alone=store.partitions == 1))
            self._forget_what_is_old()
            shop_words.note_as_of(store.connection, self.as_of())
            store.commit(self.as_of())
        except BaseException:
            store.rollback()
            self._shops = partition_shops.shops(store.connection)
            raise
        self.positions |= moved

    def _forget_what_is_old(self) -> None:
        """Delete what has been kept for its time (`keep:`), a slice an hour, by the time that all partitions have come to.

        It is done here and not at the office: whoever writes these rows all day waits for nobody then.
        """
        if self.as_of():
            self._expiry.run(self.as_of(), self._lifecycle().keep)

    def as_of(self) -> Instant:
        """Return the instant up to which every partition is in the books; 0 while some were not heard of."""
        if len(self._shops) < self._store.partitions:
            return 0
        return min(each.at for each in self._shops.values())

    def _partitions(self) -> list[Shop]:
        return [each.shop for each in self._shops.values() if each.shop is not None]

    # One topic after the other ----------------------------------------------------------------------------------------

    def _write(self, consumed: Sequence[Consumed]) -> dict[Source, Position]:
        moved: dict[Source, Position] = {}
        snapshots = _Snapshots()
        for record in consumed:
            source = (record.topic, record.partition)
            position = moved.get(source) or self.positions.get(source) or Position()
            if record.offset < position.offset:
                continue
            place = position.place
            if record.topic == self._topics.effects:
                place = self._effect(record, place)
            elif record.topic == self._topics.changelog:
                snapshots.take(record)
            elif record.topic == self._topics.letters:
                self._letter(record)
            moved[source] = Position(record.offset + 1, place)
        self._store.tally.flush(self._tallied or 0)
        self._save(snapshots)
        return moved

    def _effect(self, record: Consumed, last: tuple[int, int]) -> tuple[int, int]:
        """Append an effect to the log, unless it is there already; return the place up to which effects are."""
        headers = dict(record.headers)
        packed = headers.get(PLACE_HEADER)
        if record.value is None or packed is None:
            raise ValueError(f"{_where(record)} is no effect of ours: it names no place")
        place = place_of(packed)
        if (place.offset, place.index) <= last:
            return last
        effect = decode_effect(record.value, record.headers)
        day = zone(self._lifecycle().timezone).day(effect.time)
        if self._tallied is not None and day != self._tallied:
            self._store.tally.flush(self._tallied)
        self._tallied = day
        self._store.put([effect])
        return place.offset, place.index

    def _letter(self, record: Consumed) -> None:
        letter, at = decode_letter(record.value or b"", record.headers)
        if self._erasures is not None and self._erasures.knows_bytes(letter.raw):
            return
        self._store.bury(letter, at or record.timestamp * 1_000)

    def _save(self, snapshots: _Snapshots) -> None:
        """Save the newest record of each customer, and what partitions say of themselves."""
        for partition, (shop, reached) in snapshots.partitions.items():
            kept = self._shops.get(partition) or PartitionShop(partition)
            newer = _newer(kept, shop, reached)
            if newer != kept:
                self._shops[partition] = newer
                partition_shops.save(self._store.connection, newer)
                shop_words.go_on_after(self._store.connection, newer.word)
        customers = list(snapshots.customers.items())
        for start in range(0, len(customers), PORTION):
            self._save_portion(dict(customers[start : start + PORTION]))

    def _save_portion(self, newest: Mapping[str, bytes]) -> None:
        store = self._store
        known = positions.decided_at(store.connection, list(newest))
        news = {each: value for each, value in newest.items() if head_of(value).offset > known.get(each, -1)}
        store.prefetch(news)
        saved = []
        for each, value in news.items():
            record = kept_in(value).record
            if record.gone == ERASED and self._erasures is not None:
                self._erase(self._erasures, each)
                continue
            store.save(None, record)
            saved.append((each, head_of(value).offset))
        positions.note_decided_at(store.connection, saved)
        store.end_portion()

    def _erase(self, erasures: Erasures, customer_id: str) -> None:
        """Begin to erase somebody, unless that has begun; their row stays as it is until it goes."""
        store = self._store
        if erasures.found(store.connection, customer_id=customer_id) is None:
            asked = Event("", "an event", ERASED, self._now(), customer_id, Reason())
            erasures.begin(store, customer_id, store.load(customer_id), asked, self._now())

    def _now(self) -> Instant:
        """Return the latest instant that any partition has come to."""
        return max((each.at for each in self._shops.values()), default=0)

    def _lifecycle(self) -> Lifecycle:
        """Return the shop's time zone, and for how long it keeps what, by the rules in force."""
        epoch = self._store.kept.epoch
        if self._rules is None or self._rules[0] != epoch:
            self._rules = epoch, rulebook.set_of(self._store.connection, epoch).lifecycle if epoch else Lifecycle()
        return self._rules[1]


class _Snapshots:
    """The newest value of each key among what was read of the changelog."""

    def __init__(self) -> None:
        self.customers: dict[str, bytes] = {}
        self.partitions: dict[int, tuple[bytes | None, bytes | None]] = {}

    def take(self, record: Consumed) -> None:
        """Take a value, unless one that was decided further on is there; deletions are of keys that were replaced."""
        if record.value is None or record.key is None:
            return
        _, key = split_key(record.key)
        if key in (SHOP_KEY, PLACE_KEY):
            shop, reached = self.partitions.get(record.partition, (None, None))
            if key == SHOP_KEY:
                shop = _further(shop, record.value)
            else:
                reached = _further(reached, record.value)
            self.partitions[record.partition] = shop, reached
        else:
            customer = key.decode()
            self.customers[customer] = _further(self.customers.get(customer), record.value)


def _further(one: bytes | None, other: bytes) -> bytes:
    return other if one is None or head_of(other).offset >= head_of(one).offset else one


def _newer(kept: PartitionShop, shop: bytes | None, reached: bytes | None) -> PartitionShop:
    """Return what is known of a partition after these values."""
    if shop is not None and head_of(shop).offset > kept.decided_at:
        kept = replace(kept, decided_at=head_of(shop).offset, shop=shop_in(shop))
    if reached is not None and head_of(reached).offset > kept.reached:
        place = reached_in(reached)
        kept = replace(kept, reached=head_of(reached).offset, at=place.accepted, word=place.word)
    return kept


def _where(record: Consumed) -> str:
    return f"{record.topic}, partition {record.partition}, offset {record.offset}"
