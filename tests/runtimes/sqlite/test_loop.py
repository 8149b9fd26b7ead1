"""The loop: batches, timers, the clock, back-pressure, and what happens when something breaks."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.memory import FixedClock
from engine.books.connection import Connection
from engine.core.events import DeadLetter, Event, OrderPlaced
from engine.core.moments import DAY, HOUR, MINUTE, SECOND, Instant
from engine.core.rules import LapseRule, Lifecycle, RuleSet
from engine.core.signals import Look, PauseSet
from engine.handling.timekeeping import POISON_A_MINUTE
from engine.runtimes.sqlite.engine import Arrivals, Engine, EngineStopped
from engine.runtimes.sqlite.loop import Loop
from engine.runtimes.sqlite.opening import opened

NOW: Instant = 20_000 * DAY
RULES = RuleSet(lifecycle=Lifecycle(lapsed_after=LapseRule("days", (30, 1)), warm_up=None))


def order(number: int, customer: str = "ada", at: Instant = NOW) -> Event:
    """An order of a customer."""
    return Event(f"o{number}", "shop", "order.placed", at, customer, OrderPlaced(f"o{number}", Decimal(10), "EUR"))


@asynccontextmanager
async def running(
    folder: Path, clock: FixedClock, *, on_commit: Callable[[], None] | None = None, **options: Any
) -> AsyncIterator[Loop]:
    """A loop over a data folder, from its start to its orderly stop."""
    with opened(folder, clock, key=b"k", first_rules=RULES) as engine:
        loop = Loop(engine, on_commit=on_commit, **{"linger": 0.0, **options})
        await loop.start()
        yield loop
        await loop.stop()


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """Return what another connection reads from the database."""
    connection = sqlite3.connect(folder / "winback.sqlite3")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


async def test_an_answer_comes_after_the_commit(tmp_path: Path) -> None:
    """When `submit` returns, another process can read what was submitted; the results are in its order."""
    async with running(tmp_path, FixedClock(NOW)) as loop:
        items: list[Event | DeadLetter] = [order(1), DeadLetter(b"{", "no JSON", "here:1"), order(1), order(2, "bob")]
        results = await loop.submit(items)
        assert [result.status for result in results] == ["accepted", "dead_letter", "duplicate", "accepted"]
        assert rows(tmp_path, "select id from customer order by id") == [("ada",), ("bob",)]
        assert rows(tmp_path, "select origin, reason from dead_letter") == [("here:1", "no JSON")]


async def test_more_than_a_batch_is_taken_in_order(tmp_path: Path) -> None:
    """A submission of several batches is answered whole, in its order."""
    async with running(tmp_path, FixedClock(NOW), most_waiting=1_000) as loop:
        items = [order(number, f"c{number % 7}") for number in range(2_300)]
        results = await loop.submit([*items, order(0, "c0")])
        assert [result.status for result in results] == ["accepted"] * 2_300 + ["duplicate"]
        assert loop.figures().events == 2_301
        assert loop.figures().commits >= 3


async def test_everything_of_a_batch_is_accepted_at_one_instant(tmp_path: Path) -> None:
    """The instant is the clock's, read once a batch, and is in the journal."""
    clock = FixedClock(NOW)
    async with running(tmp_path, clock) as loop:
        await loop.submit([order(1), order(2)])
        clock.advance(SECOND)
        await loop.submit([order(3)])
    found = rows(tmp_path, "select accepted from journal where customer = 'ada' order by seq")
    assert found == [(NOW,), (NOW,), (NOW + SECOND,)]


async def test_a_clock_that_was_set_back_does_not_go_back(tmp_path: Path) -> None:
    """Over a restart with an earlier clock, `accepted` stays where it was until the clock has caught up."""
    async with running(tmp_path, FixedClock(NOW)) as loop:
        await loop.submit([order(1)])
    clock = FixedClock(NOW - HOUR)
    async with running(tmp_path, clock) as loop:
        await loop.submit([order(2)])
        clock.set(NOW + 1)
        await loop.submit([order(3)])
    found = rows(tmp_path, "select accepted from journal where customer = 'ada' order by seq")
    assert found == [(NOW,), (NOW,), (NOW + 1,)]


async def test_a_timer_rings_when_it_is_due_and_not_before(tmp_path: Path) -> None:
    """A customer lapses at the instant that was set at the last order, found by the clock alone."""
    clock = FixedClock(NOW)
    async with running(tmp_path, clock) as loop:
        await loop.submit([order(1)])
        due = loop.figures().earliest
        assert due is not None
        clock.set(due - 1)
        loop.wake()
        await loop.write(lambda _: None)
        assert rows(tmp_path, "select standing from customer") == [("active",)]
        clock.set(due)
        loop.wake()
        await loop.write(lambda _: None)
        assert rows(tmp_path, "select standing from customer") == [("lapsed",)]


async def test_timers_ring_in_order_after_a_pause_of_the_engine(tmp_path: Path) -> None:
    """What fell due while the engine stood still rings in (due, customer) order, before what comes now."""
    clock = FixedClock(NOW)
    async with running(tmp_path, clock) as loop:
        await loop.submit([order(1, "b"), order(2, "a"), order(3, "z", at=NOW - DAY)])
    clock.set(NOW + 60 * DAY)
    async with running(tmp_path, clock) as loop:
        await loop.submit([order(4, "new", at=clock.now())])
    told = rows(tmp_path, 'select customer from effect where body like \'%"to":"lapsed"%\' order by seq')
    assert told == [("z",), ("a",), ("b",)]


def test_what_is_overdue_rings_at_a_pace(tmp_path: Path) -> None:
    """After a stop so many ring a second; the rest wait, and nothing is due sooner than the pace allows."""
    clock = FixedClock(NOW)
    with opened(tmp_path, clock, key=b"k", first_rules=RULES, overdue_a_second=10) as engine:
        engine.run([Arrivals([order(number, f"c{number:02}") for number in range(25)])])
        clock.set(NOW + 60 * DAY)

        def lapsed() -> int:
            count: int = engine.store.connection.execute(
                "select count(*) from customer where standing = 'lapsed'"
            ).fetchone()[0]
            return count

        engine.run([])
        assert lapsed() == 10
        engine.run([])
        assert lapsed() == 10
        wake = engine.next_wake()
        assert wake is not None
        assert clock.now() < wake <= clock.now() + SECOND
        clock.advance(SECOND)
        engine.run([])
        assert lapsed() == 20
        clock.advance(MINUTE)
        engine.run([])
        assert lapsed() == 25


async def test_signals_and_changes_share_the_transaction(tmp_path: Path) -> None:
    """Signals, shop signals and changes of the outbox are made in order, each answered after its commit."""
    told: list[str] = []
    async with running(tmp_path, FixedClock(NOW), on_commit=lambda: told.append("commit")) as loop:
        await loop.submit([order(1)])
        await asyncio.gather(
            loop.signal("ada", Look()),
            loop.tell(PauseSet("engine", "", "a test")),
            loop.write(lambda connection: connection.execute("insert into blocked values (x'01', 5)")),
        )
        assert rows(tmp_path, "select at from blocked") == [(5,)]
        assert rows(tmp_path, "select count(*) from journal where customer = ''") == [(2,)]
        assert told


async def test_a_change_that_fails_is_taken_back_alone(tmp_path: Path) -> None:
    """What a change raises comes to whoever asked; what it wrote is gone, what others did in the same batch is not."""

    def wrong(connection: Connection) -> None:
        connection.execute("insert into blocked values (x'01', 5)")
        raise ValueError("wrong")

    def twice(connection: Connection) -> None:
        connection.execute("insert into blocked values (x'02', 5), (x'02', 6)")

    async with running(tmp_path, FixedClock(NOW), linger=0.05) as loop:
        done = await asyncio.gather(
            loop.submit([order(1)]), loop.write(wrong), loop.write(twice), return_exceptions=True
        )
        assert isinstance(done[0], list)
        assert isinstance(done[1], ValueError)
        assert isinstance(done[2], sqlite3.IntegrityError)
        assert rows(tmp_path, "select * from blocked") == []
        assert rows(tmp_path, "select id from customer") == [("ada",)]


async def test_a_failing_database_stops_the_engine(tmp_path: Path) -> None:
    """When the store fails, all who wait are told so, nothing of the batch is there, and nothing more is taken."""

    def full(_: Connection) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with opened(tmp_path, FixedClock(NOW), key=b"k", first_rules=RULES) as engine:
        loop = Loop(engine, linger=0.05)
        await loop.start()
        done = await asyncio.gather(loop.submit([order(1)]), loop.write(full), return_exceptions=True)
        assert [type(each) for each in done] == [EngineStopped, EngineStopped]
        with pytest.raises(EngineStopped, match="disk is full"):
            await loop.ended()
        with pytest.raises(EngineStopped, match="disk is full"):
            await loop.submit([order(2)])
    assert rows(tmp_path, "select count(*) from customer") == [(0,)]


async def test_poison_without_end_stops_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One decision that fails is set aside; more than fifty within a minute stop the engine."""

    def fails(*_: object) -> None:
        raise RuntimeError("a defect")

    with opened(tmp_path, FixedClock(NOW), key=b"k", first_rules=RULES) as engine:
        loop = Loop(engine, linger=0.0)
        await loop.start()
        monkeypatch.setattr("engine.handling.handler.decide", fails)
        await loop.submit([order(1)])
        assert loop.figures().poisoned == 1
        with pytest.raises(EngineStopped, match="within a minute"):
            await loop.submit([order(number, f"c{number}") for number in range(POISON_A_MINUTE)])
        with pytest.raises(EngineStopped):
            await loop.ended()
    assert rows(tmp_path, "select count(*) from dead_letter") == [(POISON_A_MINUTE + 1,)]


async def test_a_stop_finishes_what_waits(tmp_path: Path) -> None:
    """What was brought before the stop is done, what comes after is refused, and the log is emptied."""
    with opened(tmp_path, FixedClock(NOW), key=b"k", first_rules=RULES) as engine:
        loop = Loop(engine, linger=0.0)
        await loop.start()
        waiting = [asyncio.create_task(loop.submit([order(number)])) for number in range(50)]
        await asyncio.sleep(0)
        await loop.stop()
        assert {(await each)[0].status for each in waiting} == {"accepted"}
        with pytest.raises(EngineStopped, match="stop"):
            await loop.submit([order(99)])
        assert (tmp_path / "winback.sqlite3-wal").stat().st_size == 0


async def test_the_first_start_takes_the_rules_it_finds(tmp_path: Path) -> None:
    """A new folder takes the rules it is given; a later start keeps those, whatever it finds."""
    async with running(tmp_path, FixedClock(NOW)):
        pass
    with opened(tmp_path, FixedClock(NOW), key=b"k", first_rules=RuleSet()) as engine:
        assert isinstance(engine, Engine)
        assert engine.handling.rules.lifecycle == RULES.lifecycle
        assert engine.handling.rules.shop.epoch == 1
        assert engine.handling.rules.shop.live_since == NOW
