"""Gateway and partitions together, without a broker: who shares an address or is merged comes to the same as embedded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

from hypothesis import given, settings

from engine.core.customer import Customer
from engine.core.effects import SEND_REQUESTED
from engine.core.events import DeadLetter, Event
from engine.core.moments import MINUTE, Instant
from engine.core.rulebook import Rules
from engine.core.shop import Shop
from engine.core.signals import Handed, RulesChanged, ShopSignal, WentLive
from engine.runtimes.kafka.identifying import IdentitiesInMemory, Whose
from engine.runtimes.kafka.partition import Partition
from engine.runtimes.kafka.taking import Piece, Taking
from engine.runtimes.kafka.wire import Entry, Place, Record, entry_of_shop
from engine.runtimes.kafka.words import decode_word, encode_word, mark_of, told
from tests.builders import START
from tests.handling.parted import who_is_who
from tests.handling.test_across import (
    RULES,
    Act,
    active,
    any_words,
    events_of,
    everything,
    merges,
    one_shop,
    own_words,
    permitted,
    seeds,
    stories,
)

KEY = b"k" * 32
P = 4


class _InForce:
    """The rules of every epoch."""

    def rules(self, shop: Shop, *, key: bytes) -> Rules:
        return Rules(RULES, shop, key=key)


class _Done:
    """An entry that is in Kafka as soon as it is added."""

    def __init__(self) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.done.set_result(None)


class _Inbox:
    """The inbox's writing side: what is added waits until it is decided."""

    partitions = P

    def __init__(self) -> None:
        self.waiting: list[list[Entry]] = [[] for _ in range(P)]

    async def room(self) -> None:
        """There is always some."""

    def add(self, partition: int, entry: Entry) -> _Done:
        """Keep an entry."""
        self.waiting[partition].append(entry)
        return _Done()


class Distributed:
    """A gateway and four partitions. Words come again now and then, and partitions begin anew from what is durable."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now: Instant = START
        self.inbox, self.identities = _Inbox(), IdentitiesInMemory()
        whose = Whose(self.identities, KEY, lambda: self.now / 1_000_000)
        self.taking = Taking(self.inbox, whose, self.bury, self.look_at_list, lambda: self.now)  # type: ignore[arg-type] # a fake
        self.shelves: list[dict[bytes, bytes]] = [{} for _ in range(P)]
        self.offsets = [0] * P
        self.partitions = [self.begin(number) for number in range(P)]
        self.said: list[tuple[Piece, str]] = []
        for number in range(P):
            told_all: tuple[ShopSignal, ...] = (RulesChanged(1), WentLive())
            self.decide(number, [entry_of_shop(place, signal) for place, signal in enumerate(told_all, 1)])

    def begin(self, number: int) -> Partition:
        """A partition as of what is durable."""
        partition = Partition(number, P, lambda _: _InForce(), KEY, self.shelves[number])
        partition.handling.newcomer = permitted
        return partition

    def bury(self, letter: DeadLetter, _: Instant) -> asyncio.Future[None]:
        """Nothing here is unreadable."""
        raise AssertionError(letter)

    async def look_at_list(self, addresses: Sequence[str]) -> dict[str, Customer]:
        """Nobody is on a list."""
        assert addresses
        return {}

    def decide(self, number: int, entries: list[Entry]) -> None:
        """Decide a record; what it says to others waits for the gateway."""
        partition, offset = self.partitions[number], self.offsets[number]
        outcome = partition.decide(offset, Record(self.now, tuple(entries)))
        assert not outcome.letters
        self.offsets[number] += 1
        for place, word in outcome.words:
            value, headers = encode_word(word, place)
            self.said.append((decode_word(value, headers), f"winback.events/{number}/{place.packed().hex()}"))
        for place, effect in outcome.effects:
            if effect.type == SEND_REQUESTED and not effect.shadow:
                mark = mark_of(Place(place.partition, place.offset, -place.index))
                self.said.append((told(effect.customer, Handed(effect.effect_id, "done"), mark=mark), "results"))
        self.shelves[number].update(partition.dirty())
        partition.kept()
        if self.random.random() < 0.1:
            self.partitions[number] = self.begin(number)

    async def take(self, *events: Event) -> None:
        """Take events in, and let everything follow that does."""
        pieces: list[tuple[Piece, str]] = [(event, "shop") for event in events]
        for _ in range(200):
            await self.taking.take([piece for piece, _ in pieces], [origin for _, origin in pieces])
            before = pieces
            for number in self.random.sample(range(P), P):
                entries, self.inbox.waiting[number] = self.inbox.waiting[number], []
                if entries or not self.random.randrange(20):
                    self.decide(number, entries)
            self.now += 1000
            pieces, self.said = self.said, []
            if not pieces and not any(self.inbox.waiting):
                return
            if self.random.random() < 0.1:
                pieces = [*(each for each in before if not isinstance(each[0], Event)), *pieces]
        raise AssertionError("words without end")

    def customers(self) -> dict[str, Customer]:
        """All records there are."""
        return {
            name: record
            for each in self.partitions
            for name in each.store.scan("", 1000)
            if (record := each.load(name)) is not None
        }


async def lived(events: Sequence[Event], seed: int) -> Distributed:
    """A distributed shop after these events, each of them when all that follows from the one before has followed."""
    shop = Distributed(seed)
    for each in events:
        shop.now = max(shop.now, each.time)
        for number in range(P):
            shop.decide(number, [])
        await shop.take(each)
    return shop


@settings(max_examples=40)
@given(stories(own_words, active), seeds)
def test_gateway_and_partitions_make_of_all_what_one_engine_does(story: list[Act], seed: int) -> None:
    """Shares, noes, bounces, caps and runs are the same for everybody."""
    events = events_of(story, 10 * MINUTE)
    one, shop = one_shop(events), asyncio.run(lived(events, seed))
    assert everything(shop.customers()) == everything(one.store.customers)


@settings(max_examples=40)
@given(stories(any_words, active, merges), seeds)
def test_gateway_and_partitions_make_one_of_whom_one_engine_does(story: list[Act], seed: int) -> None:
    """Whoever is one person in one engine is so here, with all of their orders, once."""
    events = events_of(story, 10 * MINUTE)
    one, shop = one_shop(events), asyncio.run(lived(events, seed))
    found, expected = shop.customers(), one.store.customers
    assert who_is_who(expected).items() <= who_is_who(found).items()
    for name, record in everything(expected).items():
        theirs = everything(found)[name]
        assert (theirs["orders"], theirs["shares"], theirs["profile"]) == (
            record["orders"],
            record["shares"],
            record["profile"],
        )
