"""The relay, with a real database of either kind and honest fakes around it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from connectors.memory import FixedClock, MemorySender
from engine.books import ledger
from engine.books.backlog import Backlog, RelaySettings
from engine.books.database import Where, open_to_read, open_to_write
from engine.books.limits import Limit, Limits
from engine.books.reconciling import LOOKS
from engine.books.relay import Relay
from engine.books.store import SqlStore
from engine.core.customer import Customer, Permission, Run, Stop
from engine.core.effects import SEND_GIVEN_OUT, SEND_REQUESTED, Effect
from engine.core.events import Event
from engine.core.links import block_key, customer_block_key
from engine.core.moments import MINUTE, SECOND, Instant, rfc3339
from engine.core.rules import Address, Mode
from engine.core.shop import Pause
from engine.core.signals import Handed, TurnedAway
from engine.ports import Message, Sender, Sent, Store
from engine.rendering.envelope import Desk, message

T = TypeVar("T")
NOW: Instant = 1_767_607_200_000_000
KEY = b"block key"
DESK = Desk(name="Shop", address="hello@shop.example", public_url="https://shop.example")


class Engine:
    """Transactions and decisions: each `ask` is one transaction; what is decided is noted, and ends the run's send."""

    def __init__(self, where: Where, clock: FixedClock) -> None:
        self.store = SqlStore(open_to_write(where))
        self.clock = clock
        self.handed: list[Handed] = []
        self.events: list[Event] = []
        self.turned_away_mails: list[tuple[str, str, Instant]] = []
        self.moved_out: set[str] = set()
        self.transactions = 0
        self.changed = asyncio.Condition()

    async def ask(self, change: Callable[[SqlStore, Instant], T], customers: Sequence[str] = ()) -> T:
        """Make a change in a transaction of its own."""
        self.store.begin()
        self.store.prefetch(customers)
        result = change(self.store, self.clock.now())
        self.store.commit(self.clock.now())
        self.transactions += 1
        async with self.changed:
            self.changed.notify_all()
        return result

    def decide(self, store: Store, customer_id: str, signal: Handed, now: Instant) -> None:  # noqa: ARG002 - a fake
        """Note what became of a send; its run goes on."""
        before = store.load(customer_id)
        if before is not None:
            store.save(before, customer(customer_id))
        self.handed.append(signal)

    def take(self, store: Store, event: Event, accepted: Instant, origin: str = "") -> None:  # noqa: ARG002 - a fake
        """Note an event of our own."""
        self.events.append(event)

    def look_if_moved(self, store: Store, customer_id: str, now: Instant) -> None:  # noqa: ARG002 - a fake
        """End the run of whoever an apply has moved out, and has not been looked at since."""
        if customer_id in self.moved_out:
            store.save(store.load(customer_id), customer(customer_id))

    def turned_away(self, store: Store, customer_id: str, signal: TurnedAway, now: Instant) -> None:  # noqa: ARG002 - a fake
        """Note a mail that was put off for what a server thinks of us."""
        self.turned_away_mails.append((customer_id, signal.effect_id, signal.at))

    async def release(self, number: int, address: str = "", **changes: Any) -> str:
        """Release a send of a customer of its own."""
        name, effect_id = f"c{number}", f"e{number:04}"
        data = {
            "purpose": "marketing",
            "customer": {"id": name, "email": address or f"{name}@example.org"},
            "template": "coupon_offer",
            "workflow": "readers",
            "subject": f"Mail {number}",
            "text": "Hello\n",
            "not_after": rfc3339(NOW + 3 * 24 * 60 * MINUTE),
            **changes,
        }

        def change(store: SqlStore, now: Instant) -> None:
            store.save(store.load(name), customer(name, effect_id))
            store.put([Effect(SEND_REQUESTED, now, name, effect_id, data)])

        await self.ask(change)
        return effect_id

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until something is so after a transaction."""
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(done)

    def outcomes(self) -> dict[str, str]:
        """Return what was decided last about each send."""
        return {each.effect_id: each.outcome for each in self.handed}

    def states(self) -> dict[str, str]:
        """Return the ledger."""
        return dict(self.store.connection.execute("select effect_id, state from ledger order by effect_id").fetchall())

    def waiting(self) -> int:
        """Return the length of the outbox."""
        return ledger.outbox_length(self.store.connection)


def customer(name: str, effect_id: str = "") -> Customer:
    """Return a customer whose run waits for the end of a send, if one is named."""
    doing = "sending" if effect_id else "waiting"
    run = Run("r", "readers", 1, Mode.LIVE, held_out=False, began=NOW, ends_at=NOW * 2, stage="s", doing=doing)
    return Customer(name, runs=(replace(run, effect_id=effect_id),))


def compose(effect_id: str, data: Mapping[str, Any]) -> Message:
    """Make the message of a send."""
    return message(DESK, effect_id, data)


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


@pytest.fixture
def running(where: Where, engine: Engine) -> Start:
    """Run a relay with a sender, as a context."""

    @asynccontextmanager
    async def start(
        sender: Sender,
        pauses: Callable[[], Sequence[Pause]] = tuple,
        make: Any = compose,
        is_current: Callable[[SqlStore, ledger.Queued], bool] = lambda _store, _queued: True,
        **settings: Any,
    ) -> AsyncIterator[Relay]:
        chosen = RelaySettings(**settings)
        limits = Limits(chosen.limit, chosen.limits)
        backlog = Backlog(where, limits, chosen, pauses)
        relay = Relay(
            engine,
            engine,
            backlog,
            limits,
            sender,
            make,
            engine.clock,
            block_key=KEY,
            settings=chosen,
            is_current=is_current,
        )
        task = asyncio.create_task(relay.run())
        try:
            yield relay
        finally:
            relay.stop()
            await task
            await backlog.close()

    return start


async def test_everything_released_is_handed_over_once_in_order(engine: Engine, running: Start) -> None:
    """Sends leave in the order of release, each once; the ledger knows them, the outbox is empty."""
    sent = []
    for number in range(30):
        sent.append(await engine.release(number))
        engine.clock.advance(1)
    sender = MemorySender()
    async with running(sender, at_once=1) as relay:
        await engine.until(lambda: len(engine.handed) == 30)
        assert await relay.idle()

    assert sender.calls == sent
    assert set(engine.outcomes().values()) == {"done"}
    assert engine.states() == dict.fromkeys(sent, "done")
    assert engine.waiting() == 0
    counted = engine.store.connection.execute("select workflow, detail, count from tally where what = 'sent'")
    assert counted.fetchall() == [("readers", "coupon_offer", 30)]


async def test_a_record_that_comes_just_now_is_no_reason_to_drop_a_send(engine: Engine, running: Start) -> None:
    """Where another process writes the records: one that is said to be current is read after that was said."""
    sent = await engine.release(1)
    engine.store.connection.execute("delete from customer")

    def comes(store: SqlStore, queued: ledger.Queued) -> bool:
        store.save(None, customer(queued.customer, queued.effect_id))
        return True

    sender = MemorySender()
    async with running(sender, is_current=comes):
        await engine.until(lambda: len(engine.handed) == 1)
    assert sender.calls == [sent]


async def test_a_call_is_on_disk_before_it_is_made(where: Where, engine: Engine, running: Start) -> None:
    """While the sender is called, the ledger says `calling` of that send and of no other."""
    seen: list[dict[str, str]] = []

    def look(_: Message) -> None:
        with closing(open_to_read(where)) as reader:
            seen.append(dict(reader.execute("select effect_id, state from ledger").fetchall()))

    for number in range(3):
        await engine.release(number)
    async with running(MemorySender(look), at_once=1):
        await engine.until(lambda: len(engine.handed) == 3)

    assert seen == [
        {"e0000": "calling"},
        {"e0000": "done", "e0001": "calling"},
        {"e0000": "done", "e0001": "done", "e0002": "calling"},
    ]


async def test_one_transaction_a_message(engine: Engine, running: Start) -> None:
    """The end of a call and the next call are noted together."""
    for number in range(50):
        await engine.release(number)
    engine.transactions = 0
    async with running(MemorySender(), at_once=1):
        await engine.until(lambda: len(engine.handed) == 50)
    assert engine.transactions <= 53


async def test_no_more_are_calling_than_connections(engine: Engine, running: Start) -> None:
    """With a sender that holds its calls, as many sends are `calling` as there are workers, however many wait."""
    sender = MemorySender()
    sender.hold()
    for number in range(20):
        await engine.release(number)
    async with running(sender, at_once=3):
        await engine.until(lambda: len(sender.calls) == 3)
        assert list(engine.states().values()) == ["calling"] * 3
        sender.go_on()
        await engine.until(lambda: len(engine.handed) == 20)
    assert sender.most_at_once == 3


@pytest.mark.parametrize(("honours_key", "outcome", "calls"), [(False, "uncertain", 0), (True, "done", 1)])
async def test_a_call_left_behind(
    engine: Engine, running: Start, *, honours_key: bool, outcome: str, calls: int
) -> None:
    """After a kill a send that was `calling` is uncertain, unless the other side recognises a second call."""
    effect_id = await engine.release(1)
    rows = ledger.due(engine.store.connection, NOW, 10)
    await engine.ask(lambda store, now: ledger.claim(store.connection, rows[0], "<m>", now))

    sender = MemorySender(honours_key=honours_key)
    async with running(sender):
        await engine.until(lambda: len(engine.handed) == 1)

    assert engine.outcomes() == {effect_id: outcome}
    assert engine.states() == {effect_id: outcome}
    assert len(sender.calls) == calls
    assert engine.waiting() == 0


async def test_a_call_left_behind_that_the_other_side_knows_is_done(engine: Engine, running: Start) -> None:
    """After a kill the other side is asked what became of a send that was `calling`; it is not sent again."""
    effect_id = await engine.release(1)
    rows = ledger.due(engine.store.connection, NOW, 10)
    await engine.ask(lambda store, now: ledger.claim(store.connection, rows[0], "<m>", now))

    sender = MemorySender(finds=lambda _: Sent("done"))
    async with running(sender):
        await engine.until(lambda: len(engine.handed) == 1)

    assert (engine.outcomes(), engine.states()) == ({effect_id: "done"}, {effect_id: "done"})
    assert (sender.asked, sender.calls, engine.waiting()) == ([effect_id], [], 0)
    counted = engine.store.connection.execute("select workflow, detail, count from tally where what = 'sent'")
    assert counted.fetchall() == [("readers", "coupon_offer", 1)]


async def test_a_call_of_unknown_end_is_done_when_the_other_side_comes_to_know_it(
    engine: Engine, running: Start
) -> None:
    """An index follows its queue: what is not found at once is `calling`, and done when it is found at the next look."""
    effect_id = await engine.release(1)
    known: list[Sent] = [Sent("unknown")]
    sender = MemorySender(lambda _: Sent("unknown", diagnostic="it broke"), finds=lambda _: known[-1])
    async with running(sender) as relay:
        await engine.until(lambda: sender.asked == [effect_id])
        assert engine.states() == {effect_id: "calling"}
        assert not await relay.idle()
        known.append(Sent("done"))
        engine.clock.advance(5 * SECOND)
        await engine.until(lambda: len(engine.handed) == 1)
        assert await relay.idle()

    assert (engine.outcomes(), engine.states()) == ({effect_id: "done"}, {effect_id: "done"})
    assert (len(sender.asked), len(sender.calls)) == (2, 1)


async def test_a_call_that_the_other_side_never_comes_to_know_is_uncertain(engine: Engine, running: Start) -> None:
    """After the last look nobody can tell: it is listed as uncertain, with why, and not sent again."""
    effect_id = await engine.release(1)
    asked = asyncio.Event()

    def finds(_: str) -> Sent:
        asked.set()
        return Sent("unknown")

    sender = MemorySender(lambda _: Sent("unknown", diagnostic="it broke"), finds=finds)
    async with running(sender):
        for wait in LOOKS:
            engine.clock.set(NOW + wait)
            await asyncio.wait_for(asked.wait(), 5)
            asked.clear()
        await engine.until(lambda: len(engine.handed) == 1)

    assert engine.handed == [Handed(effect_id, "uncertain", "it broke")]
    assert (engine.states(), len(sender.calls), len(sender.asked)) == ({effect_id: "uncertain"}, 1, len(LOOKS))


async def test_a_stop_leaves_a_call_of_unknown_end_to_the_next_start(engine: Engine, running: Start) -> None:
    """What is not settled when the relay stops is asked about when it starts again; in between it is `calling`."""
    effect_id = await engine.release(1)
    sender = MemorySender(lambda _: Sent("unknown", diagnostic="it broke"), finds=lambda _: Sent("unknown"))
    async with running(sender):
        await engine.until(lambda: sender.asked == [effect_id])
    assert engine.states() == {effect_id: "calling"}

    async with running(MemorySender(finds=lambda _: Sent("done"))):
        await engine.until(lambda: len(engine.handed) == 1)
    assert engine.states() == {effect_id: "done"}


async def test_a_service_that_names_a_time_gets_it(engine: Engine, running: Start) -> None:
    """`retry_after` of a service that nobody may use now closes the way for as long as it says."""
    await engine.release(1)
    answers = iter([Sent("later", "unreachable", diagnostic="429", retry_after=40 * SECOND), Sent("done")])
    sender = MemorySender(lambda _: next(answers))
    async with running(sender) as relay:
        await engine.until(lambda: list(engine.states().values()) == ["reserved"])
        engine.clock.advance(39 * SECOND)
        assert relay.trouble == "429"
        engine.clock.advance(1 * SECOND)
        await engine.until(lambda: len(engine.handed) == 1)
    assert list(engine.states().values()) == ["done"]


async def test_nothing_leaves_of_a_run_that_an_apply_has_ended(engine: Engine, running: Start) -> None:
    """Whoever has not been looked at since is looked at before the call, however far the sweep has come."""
    first, second = await engine.release(1), await engine.release(2)
    engine.moved_out = {"c1"}
    sender = MemorySender()
    async with running(sender):
        await engine.until(lambda: len(engine.handed) == 2)

    assert sender.calls == [second]
    assert engine.outcomes() == {first: "blocked", second: "done"}


async def test_what_has_left_once_never_leaves_again(engine: Engine, running: Start) -> None:
    """A send released anew under an effect id that the ledger knows as done is answered from the ledger."""
    effect_id = await engine.release(1)
    async with running(MemorySender()):
        await engine.until(lambda: len(engine.handed) == 1)
    await engine.release(1)
    sender = MemorySender()
    async with running(sender):
        await engine.until(lambda: len(engine.handed) == 2)

    assert sender.calls == []
    assert engine.handed[1] == Handed(effect_id, "done")
    assert engine.waiting() == 0


async def test_a_temporary_no_is_tried_again_later_and_later(engine: Engine, running: Start) -> None:
    """The waits after a temporary no double, with a spread of half; between them the send is `reserved`."""
    effect_id = await engine.release(1)
    answers = iter([Sent("later", "soft", diagnostic="451 wait")] * 4 + [Sent("done")])
    sender = MemorySender(lambda _: next(answers))
    waits = []
    async with running(sender) as relay:
        for calls in range(1, 5):
            await engine.until(lambda: list(engine.states().values()) == ["reserved"])
            assert len(sender.calls) == calls
            (next_try,) = engine.store.connection.execute("select next_try from outbox").fetchone()
            waits.append((next_try - engine.clock.now()) / SECOND)
            engine.clock.set(next_try - 1)
            relay.wake()
            await asyncio.sleep(0)
            assert len(sender.calls) == calls
            engine.clock.set(next_try)
            relay.wake()
            await engine.until(lambda: list(engine.states().values()) != ["reserved"] or len(sender.calls) > calls)  # noqa: B023 - awaited in this turn
        await engine.until(lambda: len(engine.handed) == 1)

    assert engine.outcomes() == {effect_id: "done"}
    for doubling, wait in enumerate(waits):
        assert 2.5 * 2**doubling <= wait <= 5 * 2**doubling


async def test_a_mail_that_is_put_off_for_what_we_are_is_told_once(engine: Engine, running: Start) -> None:
    """A temporary no that speaks of us as a sender is told with its first answer; one of another kind, or to service, never."""
    thinks_ill = Sent("later", "policy", "4.7.28", turned_away=True)
    answers = {"c1": [thinks_ill, thinks_ill], "c2": [Sent("later", "soft")], "c3": [thinks_ill]}
    sender = MemorySender(lambda given: answers[given.recipient[:2]].pop(0) if answers[given.recipient[:2]] else None)
    for number, purpose in ((1, "marketing"), (2, "marketing"), (3, "service")):
        await engine.release(number, purpose=purpose)
    async with running(sender) as relay:
        async with asyncio.timeout(10):
            while len(engine.handed) < 3:
                if "calling" not in engine.states().values():
                    engine.clock.advance(SECOND)
                    relay.wake()
                await asyncio.sleep(0.001)
    assert engine.turned_away_mails == [("c1", "e0001", NOW)]


async def test_a_refusal_is_a_bounce(engine: Engine, running: Start) -> None:
    """A permanent no ends the send as refused and comes in as `email.bounced` from smtp, in one transaction."""
    effect_id = await engine.release(1)
    no = Sent("refused", "dead", "5.1.1", "550 5.1.1 no such user")
    async with running(MemorySender(lambda _: no)):
        await engine.until(lambda: len(engine.handed) == 1)

    (bounce,) = engine.events
    assert (bounce.type, bounce.source, bounce.customer) == ("email.bounced", "smtp", "c1")
    assert (bounce.data.message_id, bounce.data.kind, bounce.data.status) == (effect_id, "dead", "5.1.1")
    assert engine.handed == [Handed(effect_id, "refused", "dead 5.1.1")]
    assert engine.states() == {effect_id: "refused"}


async def test_an_unknown_end_is_uncertain_and_not_repeated(engine: Engine, running: Start) -> None:
    """Where the server fell silent with the message in hand, the send is listed and never sent again."""
    effect_id = await engine.release(1)
    sender = MemorySender(lambda _: Sent("unknown", diagnostic="silence"))
    async with running(sender):
        await engine.until(lambda: len(engine.handed) == 1)
    async with running(sender) as relay:
        assert await relay.idle()
    assert engine.handed == [Handed(effect_id, "uncertain", "silence")]
    assert len(sender.calls) == 1


async def test_a_sender_that_raises_leaves_the_send_uncertain(engine: Engine, running: Start) -> None:
    """A defect in a sender stops neither the relay nor the others; nobody knows whether its message left."""

    def fails_once(given: Message) -> None:
        if given.effect_id == "e0001":
            raise RuntimeError("a defect")

    for number in (1, 2):
        await engine.release(number)
    async with running(MemorySender(fails_once)):
        await engine.until(lambda: len(engine.handed) == 2)
    assert engine.outcomes() == {"e0001": "uncertain", "e0002": "done"}


async def test_a_message_that_cannot_be_made_holds_up_nobody(engine: Engine, running: Start) -> None:
    """A template that fails for one customer refuses that send, without a bounce; the next one leaves."""

    def fails_once(effect_id: str, data: Mapping[str, Any]) -> Message:
        if effect_id == "e0001":
            raise ValueError("no such variable")
        return compose(effect_id, data)

    for number in (1, 2):
        await engine.release(number)
    sender = MemorySender()
    async with running(sender, make=fails_once):
        await engine.until(lambda: len(engine.handed) == 2)
    assert engine.outcomes() == {"e0001": "refused", "e0002": "done"}
    assert engine.events == []
    assert sender.calls == ["e0002"]


OBJECTIONS = [
    ({"gone": "erased"}, "the customer is gone"),
    ({"stopped": {"marketing": Stop(NOW, "event email.unsubscribed")}}, "stopped"),
    ({"address": Address.DEAD}, "address_dead"),
    ({"runs": ()}, "the run has moved on"),
]


@pytest.mark.parametrize(("fields", "why"), OBJECTIONS)
async def test_nothing_leaves_that_was_overtaken(
    engine: Engine, running: Start, fields: dict[str, Any], why: str
) -> None:
    """What became known after the release stops the send at the last moment: a no, a dead address, an exit."""
    effect_id = await engine.release(1)

    def overtake(store: SqlStore, _: Instant) -> None:
        record = customer("c1", effect_id)
        for name, value in fields.items():
            setattr(record, name, value)
        store.save(None, record)

    await engine.ask(overtake)
    sender = MemorySender()
    async with running(sender):
        await engine.until(lambda: len(engine.handed) == 1)
    assert sender.calls == []
    assert engine.handed == [Handed(effect_id, "blocked", why)]
    assert engine.states() == {effect_id: "dropped"}


@pytest.mark.parametrize(
    "key", [block_key(KEY, "C1@example.org ", "marketing"), customer_block_key(KEY, "c1", "marketing")]
)
async def test_the_block_list_stops_a_send(engine: Engine, running: Start, key: bytes) -> None:
    """A "no" on a public page, by address or by customer, holds for what lies in the outbox; other purposes go on."""
    await engine.release(1)
    await engine.release(2, "c1@example.org", purpose="service")
    await engine.ask(lambda store, now: ledger.block(store.connection, [key], now))
    async with running(MemorySender()):
        await engine.until(lambda: len(engine.handed) == 2)
    assert engine.outcomes() == {"e0001": "blocked", "e0002": "done"}


@pytest.mark.parametrize(("said", "outcome"), [(NOW - 1, "blocked"), (NOW, "blocked"), (NOW + 1, "done")])
async def test_a_later_yes_counts_more_than_the_block_list(
    engine: Engine, running: Start, said: Instant, outcome: str
) -> None:
    """Whoever said no on a public page and gives permission after that, from wherever, is written to again."""
    effect_id = await engine.release(1)

    def change(store: SqlStore, now: Instant) -> None:
        ledger.block(store.connection, [customer_block_key(KEY, "c1", "marketing")], now)
        record = customer("c1", effect_id)
        record.permission = {"marketing/email": Permission(given=True, at=said)}
        store.save(None, record)

    await engine.ask(change)
    async with running(MemorySender()):
        await engine.until(lambda: len(engine.handed) == 1)
    assert engine.outcomes() == {effect_id: outcome}


async def test_what_is_late_does_not_leave(engine: Engine, running: Start) -> None:
    """After `not_after` a send ends as late without a call."""
    await engine.release(1, not_after=rfc3339(NOW + SECOND))
    engine.clock.advance(SECOND + 1)
    sender = MemorySender()
    async with running(sender):
        await engine.until(lambda: len(engine.handed) == 1)
    assert (engine.outcomes(), sender.calls) == ({"e0001": "late"}, [])


async def test_temporary_noes_end_as_late(engine: Engine, running: Start) -> None:
    """A send that only meets temporary noes ends as late once its last moment is over, not later."""
    await engine.release(1, not_after=rfc3339(NOW + 20 * SECOND))
    sender = MemorySender(lambda _: Sent("later", "soft"))
    async with running(sender) as relay:
        while not engine.handed:
            await engine.until(lambda: list(engine.states().values()) != ["calling"])
            if not engine.handed:
                (next_try,) = engine.store.connection.execute("select next_try from outbox").fetchone()
                engine.clock.set(max(next_try, engine.clock.now()))
                calls = len(sender.calls)
                relay.wake()
                await engine.until(lambda: bool(engine.handed) or len(sender.calls) > calls)  # noqa: B023 - awaited here
    assert engine.outcomes() == {"e0001": "late"}
    assert engine.clock.now() == NOW + 20 * SECOND + 1


async def test_what_lay_too_long_is_asked_again(engine: Engine, running: Start) -> None:
    """A send that has lain for a quarter of an hour goes back, also while the mail server cannot be reached."""
    for number in range(3):
        await engine.release(number)
    sender = MemorySender(lambda _: Sent("later", "unreachable", diagnostic="refused"))
    async with running(sender, at_once=1) as relay:
        await engine.until(lambda: bool(relay.trouble))
        assert relay.trouble == "refused"
        engine.clock.advance(15 * MINUTE)
        relay.wake()
        await engine.until(lambda: len(engine.handed) == 3)
    assert set(engine.outcomes().values()) == {"again"}
    assert engine.waiting() == 0


async def test_an_unreachable_server_is_asked_seldom(engine: Engine, running: Start) -> None:
    """While nothing can be reached, one send tries for all of them, at intervals that grow."""
    for number in range(100):
        await engine.release(number)
    sender = MemorySender(lambda _: Sent("later", "unreachable", diagnostic="refused"))
    async with running(sender, at_once=1) as relay:
        for calls, wait in enumerate([1, 2, 4, 8], start=1):
            await engine.until(lambda: len(sender.calls) == calls and bool(relay.trouble))  # noqa: B023 - awaited here
            engine.clock.advance(wait * SECOND)
            relay.wake()
        await engine.until(lambda: len(sender.calls) == 5)
    assert engine.handed == []


async def test_a_busy_domain_does_not_hold_up_the_others(engine: Engine, running: Start) -> None:
    """A domain that says 421 is left alone for a minute; mail to others goes on meanwhile."""
    for number in range(5):
        await engine.release(number, f"c{number}@busy.example")
        await engine.release(number + 10)
    sender = MemorySender(lambda given: Sent("later", "busy") if given.recipient.endswith("busy.example") else None)
    async with running(sender, at_once=1) as relay:
        await engine.until(lambda: len(engine.handed) == 5)
        assert sum(call < "e0010" for call in sender.calls) == 1
        engine.clock.advance(MINUTE)
        relay.wake()
        await engine.until(lambda: sum(call < "e0010" for call in sender.calls) == 2)
    assert set(engine.outcomes()) == {f"e{number:04}" for number in range(10, 15)}


async def test_a_domain_has_its_rate(engine: Engine, running: Start) -> None:
    """With ten a second and a burst of three, three leave at once and ten in the next second of the engine's clock."""
    for number in range(40):
        await engine.release(number)
    sender = MemorySender()
    async with running(sender, limits={"example.org": Limit(rate=10, burst=3)}) as relay:
        await engine.until(lambda: len(engine.handed) == 3)
        for _ in range(10):
            engine.clock.advance(SECOND // 10)
            relay.wake()
            done = len(engine.handed)
            await engine.until(lambda: len(engine.handed) == done + 1)  # noqa: B023 - awaited here
    assert len(sender.calls) == 13


async def test_a_domain_has_its_number_at_once(engine: Engine, running: Start) -> None:
    """No more calls are under way to one domain than it is allowed."""
    for number in range(12):
        await engine.release(number)
    sender = MemorySender()
    async with running(sender, at_once=6, limit=Limit(at_once=2)):
        await engine.until(lambda: len(engine.handed) == 12)
    assert sender.most_at_once <= 2


@pytest.mark.parametrize(
    ("scope", "name", "stays"),
    [
        ("engine", "", set()),
        ("workflow", "readers", {"e0600"}),
        ("template", "coupon_offer", {"e0600"}),
        ("domain", "example.org", {"e0600"}),
    ],
)
async def test_a_pause_holds_what_lies_in_the_outbox(
    engine: Engine, running: Start, scope: str, name: str, stays: set[str]
) -> None:
    """A pause gives back all it covers, however much that is, and lets the rest go on."""
    sender = MemorySender()
    sender.hold()
    for number in range(600):
        await engine.release(number)
    await engine.release(600, "x@other.example", workflow="other", template="other")
    pauses: list[Pause] = []
    async with running(sender, pauses=lambda: tuple(pauses), at_once=1) as relay:
        await engine.until(lambda: len(sender.calls) == 1)
        pauses.append(Pause(scope, name, NOW, "complaints"))
        relay.wake()
        sender.go_on()
        await engine.until(lambda: len(engine.handed) == 601)

    done = {effect_id for effect_id, outcome in engine.outcomes().items() if outcome == "done"}
    assert done == {"e0000"} | stays
    assert engine.waiting() == 0


async def test_only_some_addresses_on_a_staging_system(engine: Engine, running: Start) -> None:
    """With `only_to`, others are dropped, and the word says why."""
    await engine.release(1, "ada@Shop.example")
    await engine.release(2, "ada@example.org")
    sender = MemorySender()
    async with running(sender, only_to=("*@shop.example",)):
        await engine.until(lambda: len(engine.handed) == 2)
    assert sender.calls == ["e0001"]
    assert Handed("e0002", "blocked", "only_to") in engine.handed


async def test_stop_waits_for_the_call_under_way(engine: Engine, running: Start) -> None:
    """After `stop` no call begins, and the one under way ends and is put on record."""
    sender = MemorySender()
    sender.hold()
    for number in range(3):
        await engine.release(number)
    async with running(sender, at_once=1) as relay:
        await engine.until(lambda: len(sender.calls) == 1)
        relay.stop()
        sender.go_on()
    assert engine.states() == {"e0000": "done"}
    assert engine.waiting() == 2


def test_a_released_anew_send_is_not_lost(engine: Engine) -> None:
    """Leaving the outbox names the release: one that came back under the same effect id stays."""
    connection = engine.store.connection
    old = ledger.Queued("e1", 1, "c", "d", "t", "w", 0, 0, json.dumps({}))
    connection.execute(
        "insert into outbox (effect_id, seq, customer, recipient_domain, template, workflow, queued_at, next_try, body)"
        " values ('e1', 2, 'c', 'd', 't', 'w', 0, 0, '{}')"
    )
    ledger.leave_outbox(connection, old)
    assert ledger.outbox_length(connection) == 1


# Other channels than email -------------------------------------------------------------------------------------------


def given_out(engine: Engine) -> list[tuple[str, dict[str, Any]]]:
    """What was put among the effects instead of being called: effect ids, and their data."""
    query = "select effect_id, body from effect where type = ? order by seq"
    found = engine.store.connection.execute(query, (SEND_GIVEN_OUT,)).fetchall()
    return [(effect_id, json.loads(body)) for effect_id, body in found]


async def test_a_letter_is_not_mailed_but_given_out_with_its_text(engine: Engine, running: Start) -> None:
    """It is put among the effects, once, in the transaction that ends it as done; the sender never hears of it."""
    for number, channel in enumerate(["letter", "email", "sms", "push", "phone"]):
        known = {"id": f"c{number}", "email": f"c{number}@example.org", "postal": "S 1"}
        await engine.release(number, channel=channel, customer=known)
    sender = MemorySender()
    async with running(sender, at_once=2) as relay:
        await engine.until(lambda: len(engine.handed) == 5)
        assert await relay.idle()

    assert sender.calls == ["e0001"]
    assert set(engine.outcomes().values()) == {"done"}
    assert set(engine.states().values()) == {"done"}
    told = dict(given_out(engine))
    assert sorted(told) == ["e0000", "e0002", "e0003", "e0004"]
    assert (told["e0000"]["text"], told["e0000"]["customer"]["postal"]) == ("Hello\n", "S 1")


@pytest.mark.parametrize(
    ("changes", "blocked"),
    [
        ({}, False),
        ({"address": Address.DEAD}, False),  # a letter arrives all the same
        ({"stopped": {"marketing": Stop(NOW, "workflow dead-addresses", "email")}}, False),
        ({"stopped": {"marketing": Stop(NOW, "email.unsubscribed")}}, True),
        ({"gone": "deceased"}, True),
    ],
)
async def test_a_no_to_a_letter_counts_until_it_leaves(
    engine: Engine,
    running: Start,
    changes: dict[str, Any],
    blocked: bool,  # noqa: FBT001 - a table's column
) -> None:
    """What the record says at the last moment decides, by the letter's own channel."""
    await engine.release(1, channel="letter")
    record = customer("c1", "e0001")

    def change(store: SqlStore, _: Instant) -> None:
        store.save(record, replace(record, **changes))

    await engine.ask(change)
    async with running(MemorySender()):
        await engine.until(lambda: bool(engine.handed))
    assert engine.outcomes() == {"e0001": "blocked" if blocked else "done"}
    assert len(given_out(engine)) == (not blocked)


async def test_a_no_on_a_public_page_stops_a_letter(engine: Engine, running: Start) -> None:
    """The block list holds for every channel."""
    await engine.release(1, channel="letter")
    keys = [customer_block_key(KEY, "c1", "marketing")]

    def change(store: SqlStore, now: Instant) -> None:
        ledger.block(store.connection, keys, now)

    await engine.ask(change)
    async with running(MemorySender()):
        await engine.until(lambda: bool(engine.handed))
    assert engine.outcomes() == {"e0001": "blocked"}
    assert given_out(engine) == []


async def test_a_letter_that_was_given_out_is_never_given_out_again(engine: Engine, running: Start) -> None:
    """Released anew by mistake, it ends as it had ended."""
    await engine.release(1, channel="letter")
    async with running(MemorySender()):
        await engine.until(lambda: len(engine.handed) == 1)
        await engine.release(1, channel="letter")
        await engine.until(lambda: len(engine.handed) == 2)
    assert [each.outcome for each in engine.handed] == ["done", "done"]
    assert len(given_out(engine)) == 1


async def test_a_letter_that_cannot_be_made_is_refused(engine: Engine, running: Start) -> None:
    """A template that fails is a fault of the message, whatever its channel."""

    def fails(effect_id: str, data: Mapping[str, Any]) -> Message:
        raise LookupError(f"no template {data['template']} for {effect_id}")

    await engine.release(1, channel="letter")
    async with running(MemorySender(), make=fails):
        await engine.until(lambda: bool(engine.handed))
    assert engine.outcomes() == {"e0001": "refused"}
    assert given_out(engine) == []
