"""One shop's customers in several parts that tell each other by words: late, more than once, and through a gateway.

Each part is a world of its own on one virtual clock. Words keep their order from one part to one customer, as on a bus
where they have the customer for a key; some come again later. The gateway keeps the identities, as the real one does.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import count
from random import Random

import msgspec

from engine.books.journal import decode_signal, encode_signal
from engine.core.allowances import key_of
from engine.core.customer import Customer
from engine.core.effects import Effect
from engine.core.events import Event
from engine.core.merging import MERGED
from engine.core.moments import SECOND, Instant
from engine.core.ramping import LINES
from engine.core.rulebook import Rules
from engine.core.rules import RuleSet
from engine.core.shop import Shop
from engine.core.signals import AnySignal, Granted, Happened
from engine.core.whose import keys_of, mail_key, unknown_at
from engine.handling.across import Across, Told, claimed
from engine.handling.allotting import Allotting, Part
from engine.runtimes.simulator.store import MemoryStore
from engine.runtimes.simulator.world import World
from tests.builders import START

GATEWAY = -1


class _Sender:
    """What one part tells the others; the port `Elsewhere`."""

    def __init__(self, parted: Parted, number: int) -> None:
        self._parted, self._number = parted, number

    def has(self, customer_id: str) -> bool:
        return self._parted.part_of(customer_id) != self._number

    def tell(self, customer_id: str, signal: AnySignal) -> None:
        self._parted.tell(self._number, customer_id, signal)

    def known(self, key: str, customer_id: str, *, history: bool) -> None:
        parted = self._parted
        parted.post((self._number, key), lambda: parted.learn(key, customer_id, history=history))

    def heard(self, address: str, told: Happened) -> None:
        parted, mark = self._parted, self._parted.mark()
        parted.post((self._number, address), lambda: parted.pass_to_owner(address, told, mark))


class _Store(MemoryStore):
    """A part's store: identities are the gateway's, and of each customer the last references are remembered."""

    def __init__(self, sink: Callable[[Effect], None]) -> None:
        super().__init__(sink)
        self._refs: dict[str, list[bytes]] = {}

    def find(self, key: str) -> None:  # noqa: ARG002 - nobody is known here
        return None

    def seen(self, customer_id: str, ref: bytes, now: Instant) -> bool:  # noqa: ARG002 - whatever its age
        refs = self._refs.setdefault(customer_id, [])
        if ref in refs:
            return True
        self._refs[customer_id] = [*refs, ref][-64:]
        return False


class Parted:
    """A shop in so many parts. `delay` says how long the next word is under way; `repeats` whether it comes again."""

    def __init__(
        self,
        rule_set: RuleSet,
        parts: int = 3,
        *,
        seed: int = 0,
        longest: Instant = 5 * SECOND,
        newcomer: Callable[[str], Customer] = Customer,
        granted: bool = False,
    ) -> None:
        self.now = START
        self.random = Random(seed)
        self.owners: dict[str, str] = {}
        self.delivered = 0
        self._longest = longest
        self._numbers = count()
        self._under_way: list[tuple[Instant, int, Callable[[], None]]] = []
        self._last: dict[object, Instant] = {}
        self.effects: list[Effect] = []
        self.worlds = [self._world(rule_set, number, newcomer, granted=granted) for number in range(parts)]
        self.office = Office(self, rule_set) if granted else None

    def _world(self, rule_set: RuleSet, number: int, newcomer: Callable[[str], Customer], *, granted: bool) -> World:
        shop = Shop(epoch=1, known_since=0, allowances={} if granted else None)
        rules = Rules(rule_set, shop, key=b"test")
        world = World(rules, newcomer=newcomer, store=_Store(self.effects.append))
        world.now = START
        world.handling.across = Across(world.handling, _Sender(self, number))
        world.handling.sweeping.close_day(world.store, START)
        return world

    # The bus and the gateway

    def part_of(self, customer_id: str) -> int:
        """In which part a customer is."""
        return sum(customer_id.encode()) % len(self.worlds)

    def post(self, lane: object, deliver: Callable[[], None], *, again: bool = True) -> None:
        """Let something arrive, after whatever was sent in the same lane before."""
        at = max(self.now + self.random.randint(0, self._longest), self._last.get(lane, 0))
        self._last[lane] = at
        heapq.heappush(self._under_way, (at, next(self._numbers), deliver))
        if again and self.random.random() < 0.3:
            late = at + self.random.randint(0, 20 * self._longest)
            heapq.heappush(self._under_way, (late, next(self._numbers), deliver))

    def mark(self) -> bytes:
        """What a repetition is known by."""
        return next(self._numbers).to_bytes(8, "big")

    def tell(self, source: int, customer_id: str, signal: AnySignal, mark: bytes = b"") -> None:
        """Tell a customer a signal, as bytes."""
        raw, mark = encode_signal(signal), mark or self.mark()
        self.post((source, customer_id), lambda: self._deliver(customer_id, decode_signal(raw), mark))

    def learn(self, key: str, customer_id: str, *, history: bool) -> None:
        """The gateway learns of a key."""
        told: Told | None = claimed(key, self.owners.get(key), customer_id, history=history)
        if told is not None:
            self.tell(GATEWAY, *told)
        self.owners[key] = customer_id

    def pass_to_owner(self, address: str, told: Happened, mark: bytes) -> None:
        """The gateway finds who has an address."""
        owner = self.owners.get(mail_key(address))
        if owner is not None:
            self.tell(GATEWAY, owner, told, mark)

    def _deliver(self, customer_id: str, signal: AnySignal, mark: bytes) -> None:
        world = self.worlds[self.part_of(customer_id)]
        self.delivered += 1
        world.now = self.now
        if not world.store.seen(customer_id, mark, self.now):
            assert world.handling.across is not None
            world.handling.across.told(world.store, customer_id, signal, self.now)
            world.settle()

    # What happens

    def take(self, event: Event) -> None:
        """The gateway takes in an event of the shop's."""
        customer_id = event.customer or next(filter(None, map(self.owners.get, keys_of(event))), "")
        if not customer_id:
            customer_id = unknown_at(event)
            self.owners[mail_key(event.email.strip().casefold())] = customer_id
        world = self.worlds[self.part_of(customer_id)]
        world.now = self.now
        world.handling.take_of(world.store, customer_id, event, self.now, history=False)
        world.settle()

    def until(self, when: Instant) -> None:
        """Let time pass up to an instant, with the words and timers of that time."""
        while self._under_way and self._under_way[0][0] <= when:
            at, _, deliver = heapq.heappop(self._under_way)
            self._pass(at)
            deliver()
        self._pass(when)

    def settle(self) -> None:
        """Let time pass until nothing is under way."""
        while self._under_way:
            self.until(self._under_way[0][0])
            assert self.delivered < 100_000, "words without end"

    def _pass(self, when: Instant) -> None:
        for world in self.worlds:
            world.run_until(when + 1)
            world.now = when
        self.now = when

    # What came of it

    def customers(self) -> dict[str, Customer]:
        """All records there are."""
        return {name: record for world in self.worlds for name, record in world.store.customers.items()}


class Office:
    """Grants parts what is the whole shop's, by what they said last; words and what they say are late, too."""

    def __init__(self, parted: Parted, rule_set: RuleSet) -> None:
        self.rules = Rules(rule_set, Shop(epoch=1, known_since=0), key=b"test")
        self._parted = parted
        self._known: list[tuple[Shop | None, dict[str, list[tuple[int, str]]]]] = [(None, {}) for _ in parted.worlds]
        self._granted: list[dict[str, int]] = [{} for _ in parted.worlds]
        self.windows: dict[str, set[tuple[int, int]]] = {}

    def listens(self) -> None:
        """Let every part say how it stands now."""
        for number, world in enumerate(self._parted.worlds):
            raw = msgspec.msgpack.encode(world.handling.rules.shop)
            lines = {
                line: [(-world.store.customers[name].last_reaction, name) for name in world.store.line(line, 10_000)]
                for line in (*(each.name for each in self.rules.in_order), *LINES.values())
            }
            said = msgspec.msgpack.decode(raw, type=Shop), lines
            self._parted.post(("said", number), partial(self._known.__setitem__, number, said), again=False)

    def works(self) -> None:
        """Share out what there is."""
        parts = [Part(shop, granted) for (shop, _), granted in zip(self._known, self._granted, strict=True)]
        allotting = Allotting(self.rules, parts, self._line, lambda name: len(self._line(name, 1 << 60)))
        for number, signal in list(allotting.grants(self._parted.now)):
            self.windows.setdefault(signal.name, set()).add((signal.since, signal.until))
            key = key_of(signal.what, signal.name)
            self._granted[number][key] = self._granted[number].get(key, 0) + signal.amount
            self._parted.post(("office", number), partial(self._tell, number, signal), again=False)

    def _tell(self, number: int, signal: Granted) -> None:
        world = self._parted.worlds[number]
        world.handling.sweeping.tell(world.store, signal, self._parted.now)

    def _line(self, name: str, most: int) -> list[int]:
        waiting = [each for _, lines in self._known for each in lines.get(name, ())]
        return [self._parted.part_of(customer_id) for _, customer_id in sorted(waiting)[:most]]


def who_is_who(records: Mapping[str, Customer]) -> dict[str, str]:
    """Who each one is now, after all merges."""
    return {name: _who_is(records, name) for name in records}


def _who_is(records: Mapping[str, Customer], name: str) -> str:
    for _ in range(50):
        gone = records[name].gone if name in records else ""
        if not gone.startswith(MERGED):
            return name
        name = gone.removeprefix(MERGED)
    raise AssertionError(f"{name} was merged in a circle")


def living(records: Iterable[Customer]) -> list[Customer]:
    """Those who were not merged into others."""
    return [each for each in records if not each.gone.startswith(MERGED)]
