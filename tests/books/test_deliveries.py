"""Effects on their way to receivers, with a real database of either kind and honest fakes around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any, TypeVar

import msgspec
import pytest

from connectors.memory import FixedClock, MemoryReceiver
from engine.books import parcels
from engine.books.database import Where, open_to_write
from engine.books.deliveries import Deliveries
from engine.books.store import SqlStore
from engine.core.customer import Customer
from engine.core.effects import HANDED_OFF, SEND_GIVEN_OUT, SEND_REQUESTED, SUPPRESSED, TAGGED, Effect
from engine.core.events import Coupon, Event
from engine.core.moments import DAY, HOUR, MINUTE, SECOND, Instant
from engine.core.shop import Shop
from engine.ports import Receipt, Receiver, Store

T = TypeVar("T")
NOW: Instant = 1_767_607_200_000_000
LATER = Receipt("later", "503")


class Engine:
    """Transactions: each `ask` is one. What receivers tell is noted."""

    def __init__(self, where: Where, clock: FixedClock) -> None:
        self.store = SqlStore(open_to_write(where))
        self.clock = clock
        self.events: list[Event] = []
        self.changed = asyncio.Condition()
        self.on_commit: Callable[[], None] = lambda: None

    async def ask(self, change: Callable[[SqlStore, Instant], T], customers: Sequence[str] = ()) -> T:
        """Make a change in a transaction of its own, in another thread as the loop does."""

        def transaction() -> T:
            self.store.begin()
            self.store.prefetch(customers)
            result = change(self.store, self.clock.now())
            self.store.commit(self.clock.now())
            return result

        async with self.changed:
            result = await asyncio.to_thread(transaction)
            self.on_commit()
            self.changed.notify_all()
        return result

    def take(self, store: Store, event: Event, accepted: Instant, origin: str = "") -> None:  # noqa: ARG002 - a fake
        """Note an event that a receiver told."""
        self.events.append(event)

    async def decide(self, customer: str, *kinds: str, **changes: Any) -> list[str]:
        """Decide effects about a customer; return their ids."""
        effects = [
            Effect(kind, self.clock.now(), customer, f"e{self.clock.now() - NOW}{customer}", {}, number, **changes)
            for number, kind in enumerate(kinds)
        ]

        def change(store: SqlStore, _: Instant) -> None:
            store.save(store.load(customer), Customer(customer))
            store.put(effects)

        await self.ask(change)
        return [effect.id for effect in effects]

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until something is so after a transaction."""
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(done)

    async def pass_time(self, step: int, done: Callable[[], bool]) -> None:
        """Turn the clock, a step a transaction, until something is so."""
        async with asyncio.timeout(20):
            while not done():
                self.clock.advance(step)
                await self.ask(lambda _, __: None)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what is in the database."""
        return self.store.connection.execute(query).fetchall()

    def parcels(self) -> list[tuple[Any, ...]]:
        """Return the parcels, as (customer, attempts, why)."""
        return self.rows("select customer, attempts, why from parcel order by seq")

    def letters(self) -> list[tuple[str, str]]:
        """Return the dead letters, as (origin, reason)."""
        return self.rows("select origin, reason from dead_letter order by id")


@pytest.fixture
def clock() -> FixedClock:
    """The engine's clock."""
    return FixedClock(NOW)


@pytest.fixture
def engine(where: Where, clock: FixedClock) -> Iterator[Engine]:
    """An engine with an empty database."""
    made = Engine(where, clock)
    with closing(made.store.connection):
        yield made


Start = Callable[..., Any]
LIVE = Shop(live_since=NOW, gone_live=True)


@pytest.fixture
def running(where: Where, engine: Engine) -> Start:
    """Deliver to receivers, as a context; it begins when they are known to the database."""

    @asynccontextmanager
    async def start(*receivers: Receiver, shop: Shop = LIVE) -> AsyncIterator[Deliveries]:
        deliveries = Deliveries(engine, engine, where, receivers, engine.clock, lambda: shop)
        engine.on_commit = deliveries.wake
        task = asyncio.create_task(deliveries.run())
        try:
            await engine.until(lambda: engine.rows("select count(*) from receiver")[0][0] >= len(receivers))
            yield deliveries
        finally:
            deliveries.stop()
            await asyncio.wait_for(task, 10)
            await deliveries.close()

    return start


async def test_every_effect_of_its_types_comes_once_in_order(engine: Engine, running: Start) -> None:
    """A receiver gets what it takes, with its customer's record, in order for each customer; nothing else comes."""
    receiver = MemoryReceiver(types=(SUPPRESSED, TAGGED))
    async with running(receiver):
        wanted = []
        for number in range(200):
            wanted += (await engine.decide(f"c{number % 7}", SUPPRESSED, HANDED_OFF, TAGGED))[::2]
            engine.clock.advance(1)
        await engine.until(lambda: engine.rows("select position from receiver")[0][0] >= 600)

    assert sorted(receiver.calls) == sorted(wanted)
    for name in {each.customer for each in receiver.taken}:
        theirs = [each.id for each in receiver.taken if each.customer == name]
        assert theirs == [each for each in wanted if f"{name}." in each]
        record = receiver.records[name]
        assert record is not None
        assert record.id == name
    assert engine.parcels() == []


async def test_no_more_at_a_time_than_a_receiver_takes(engine: Engine, running: Start) -> None:
    """Effects of several customers are in hand at once, as many as the receiver says; of one customer one."""
    receiver = MemoryReceiver(at_once=3)
    async with running(receiver):
        pass
    for number in range(20):
        await engine.decide(f"c{number // 2}", SUPPRESSED)
        engine.clock.advance(1)
    receiver.hold()
    async with running(receiver):
        async with asyncio.timeout(10):
            while len(receiver.calls) < 3:
                await engine.ask(lambda _, __: None)
        assert len({each.rpartition("c")[2] for each in receiver.calls}) == 3
        receiver.go_on()
        await engine.until(lambda: len(receiver.taken) == 20)
    assert receiver.most_at_once == 3


@pytest.mark.parametrize(
    ("kind", "shop", "changes"),
    [
        (SEND_REQUESTED, LIVE, {}),
        (SUPPRESSED, LIVE, {"shadow": True}),
        (SUPPRESSED, Shop(live_since=NOW), {}),
        (SUPPRESSED, Shop(live_since=NOW + HOUR, gone_live=True), {}),
    ],
    ids=["a mail", "shadow", "before go-live", "decided before go-live"],
)
async def test_what_may_not_leave_does_not(
    engine: Engine, running: Start, kind: str, shop: Shop, changes: dict[str, Any]
) -> None:
    """No mail is told to anyone who could send it again; shadow and rehearsal reach nobody."""
    receiver = MemoryReceiver(types=(SEND_REQUESTED, SUPPRESSED))
    async with running(receiver, shop=shop) as deliveries:
        await engine.decide("ada", kind, **changes)
        while not await deliveries.idle():
            await asyncio.wait_for(engine.ask(lambda _, __: None), 10)
    assert receiver.calls == []


async def test_what_is_given_out_comes_as_a_requested_send(engine: Engine, running: Start) -> None:
    """A letter leaves when its text is there, under the type that the outside knows."""
    receiver = MemoryReceiver(types=(SEND_REQUESTED,))
    async with running(receiver):
        await engine.decide("ada", SEND_GIVEN_OUT)
        await engine.until(lambda: bool(receiver.taken))
    assert [each.type for each in receiver.taken] == [SEND_REQUESTED]


async def test_a_new_receiver_begins_at_the_present(engine: Engine, running: Start) -> None:
    """What was decided before a receiver was first there does not come; what is decided while it is away does."""
    await engine.decide("ada", SUPPRESSED)
    receiver = MemoryReceiver()
    async with running(receiver):
        pass
    engine.clock.advance(1)
    (meanwhile,) = await engine.decide("ada", SUPPRESSED)
    async with running(receiver):
        await engine.until(lambda: bool(receiver.taken))
    assert receiver.calls == [meanwhile]


async def test_one_receiver_in_trouble_does_not_hold_up_another(engine: Engine, running: Start) -> None:
    """Each receiver goes its own pace."""
    well, ill = MemoryReceiver("well"), MemoryReceiver("ill", script=lambda _: LATER)
    async with running(well, ill) as deliveries:
        await engine.decide("ada", SUPPRESSED)
        await engine.until(lambda: bool(well.taken) and bool(engine.parcels()))
        assert deliveries.troubles == {"ill": "503"}


async def test_what_comes_after_a_parcel_waits_behind_it(engine: Engine, running: Start) -> None:
    """While an effect is in trouble, later ones for the same customer wait; those of others go on. Then order holds."""
    trouble = {"ada"}
    receiver = MemoryReceiver(script=lambda effect: LATER if effect.customer in trouble else None)
    async with running(receiver):
        first = await engine.decide("ada", SUPPRESSED)
        await engine.until(lambda: engine.parcels() == [("ada", 1, "503")])
        engine.clock.advance(2 * MINUTE)
        second = await engine.decide("ada", SUPPRESSED)
        other = await engine.decide("bob", SUPPRESSED)
        await engine.pass_time(SECOND, lambda: len(engine.parcels()) == 2 and len(receiver.taken) == 1)
        assert [each.id for each in receiver.taken] == other
        trouble.clear()
        engine.clock.advance(HOUR)
        await engine.until(lambda: not engine.parcels())
    assert [each.id for each in receiver.taken] == [*other, *first, *second]


async def test_after_days_it_is_a_dead_letter_and_the_next_goes_on(engine: Engine, running: Start) -> None:
    """What nobody took for three days, often tried, is a dead letter with the last reason; what waited behind it is tried."""
    receiver = MemoryReceiver(script=lambda effect: LATER if effect.ordinal == 0 else None)
    async with running(receiver):
        await engine.decide("ada", SUPPRESSED, SUPPRESSED)
        await engine.pass_time(10 * MINUTE, lambda: bool(engine.letters()) and not engine.parcels())
    assert engine.letters() == [("receiver memory", "not taken for days: 503")]
    assert engine.clock.now() - NOW >= 3 * DAY
    assert [each.ordinal for each in receiver.taken] == [1]


async def test_days_that_nobody_tried_in_count_for_nothing(engine: Engine, running: Start) -> None:
    """An engine that stood still for a week tries again as it should, before it gives up."""
    answers = iter([LATER] * 3)
    receiver = MemoryReceiver(script=lambda _: next(answers, None))
    async with running(receiver):
        await engine.decide("ada", SUPPRESSED)
        await engine.until(lambda: bool(engine.parcels()))
        await engine.pass_time(7 * DAY, lambda: bool(receiver.taken))
    assert engine.letters() == []


async def test_a_refused_effect_is_a_dead_letter_at_once_and_can_come_again(engine: Engine, running: Start) -> None:
    """A final no is told to people, with the effect; replayed it comes under the same id."""
    answers = iter([Receipt("refused", "410 gone")])
    receiver = MemoryReceiver(script=lambda _: next(answers, None))
    async with running(receiver):
        (effect_id,) = await engine.decide("ada", SUPPRESSED)
        await engine.until(lambda: bool(engine.letters()))
        assert engine.letters() == [("receiver memory", "410 gone")]
        raw = engine.rows("select raw from dead_letter")[0][0]
        event = msgspec.json.decode(raw)
        assert event["id"] == effect_id
        await engine.ask(lambda store, now: parcels.keep_again(store.connection, "memory", event, now))
        await engine.until(lambda: not engine.parcels())
    assert [each.id for each in receiver.taken] == [effect_id]


async def test_a_receiver_that_fails_is_in_trouble_and_nothing_is_lost(engine: Engine, running: Start) -> None:
    """An exception out of a receiver is a `later`: nobody knows what became of the effect."""

    def fail(_: Effect) -> Receipt | None:
        raise ZeroDivisionError

    async with running(MemoryReceiver(script=fail)):
        await engine.decide("ada", SUPPRESSED)
        await engine.until(lambda: bool(engine.parcels()))
    assert engine.parcels() == [("ada", 1, "the receiver failed: ZeroDivisionError")]


async def test_it_comes_no_sooner_than_the_receiver_says(engine: Engine, running: Start) -> None:
    """`retry_after` holds for the parcel and for everything else of that receiver."""
    answers = iter([Receipt("later", "429", retry_after=HOUR)])
    receiver = MemoryReceiver(script=lambda _: next(answers, None))
    async with running(receiver):
        await engine.decide("ada", SUPPRESSED)
        await engine.until(lambda: bool(engine.parcels()))
        engine.clock.advance(HOUR - 1)
        await engine.decide("bob", SUPPRESSED)
        assert len(receiver.calls) == 1
        engine.clock.advance(MINUTE)
        await engine.until(lambda: len(receiver.taken) == 2)


async def test_an_outage_makes_few_parcels(engine: Engine, running: Start) -> None:
    """While a receiver is down, effects stay in the log and one at a time is tried; after it all come, in order."""
    down = True
    receiver = MemoryReceiver(script=lambda _: LATER if down else None, at_once=1)
    async with running(receiver):
        wanted = []
        for number in range(500):
            wanted += await engine.decide(f"c{number % 5}", SUPPRESSED)
            engine.clock.advance(MINUTE)
        assert 0 < len(engine.parcels()) < 100
        down = False
        await engine.pass_time(MINUTE, lambda: len(receiver.taken) == 500 and not engine.parcels())
    for name in (f"c{number}" for number in range(5)):
        assert [e.id for e in receiver.taken if e.customer == name] == [e for e in wanted if f"{name}." in e]
    assert engine.letters() == []


async def test_what_a_receiver_tells_is_taken_in_with_the_note(engine: Engine, running: Start) -> None:
    """Events of a receipt are taken in as of then, in the transaction that notes the effect as taken."""
    told = Event("coupon-1", "shop", "coupon.ready", 0, "ada", Coupon("WB-1"))
    receiver = MemoryReceiver(script=lambda _: Receipt("done", events=(told,)))
    async with running(receiver):
        await engine.decide("ada", SUPPRESSED)
        await engine.until(lambda: bool(engine.events))
    assert engine.events == [msgspec.structs.replace(told, time=engine.clock.now())]


async def test_after_a_kill_in_a_call_the_effect_comes_again_under_its_id(engine: Engine, running: Start) -> None:
    """What was in hand when a process died comes again: at least once, never not at all."""
    receiver = MemoryReceiver()
    receiver.hold()
    async with running(receiver):
        (effect_id,) = await engine.decide("ada", SUPPRESSED)
        async with asyncio.timeout(10):
            while not receiver.calls:
                await engine.ask(lambda _, __: None)
        copy = engine.rows("select position from receiver")
        receiver.go_on()
        await engine.until(lambda: engine.rows("select position from receiver") > copy)
    engine.store.connection.execute("update receiver set position = ?", copy[0])
    async with running(receiver):
        await engine.until(lambda: len(receiver.taken) == 2)
    assert receiver.calls == [effect_id, effect_id]
