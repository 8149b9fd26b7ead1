"""The journal decided anew gives the same records."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from copy import deepcopy as copy_of
from itertools import islice
from pathlib import Path
from typing import TypeVar, cast

import pytest
from msgspec.structs import replace

from connectors.memory import FixedClock
from engine.books import rulebook
from engine.books.database import FILE_NAME, open_to_read, open_to_write
from engine.books.erasures import Erasures
from engine.books.store import SqlStore
from engine.core.erasing import ERASED
from engine.core.events import Event, Reason, Visit
from engine.core.moments import DAY, HOUR, Instant, Length
from engine.core.rules import Mode, RuleSet
from engine.core.signals import PauseEnded, PauseSet, WentLive
from engine.language.folder import read_folder
from engine.runtimes.simulator.sample import sample_events
from engine.runtimes.sqlite.backup import back_up
from engine.runtimes.sqlite.engine import Arrivals, Asked, Engine
from engine.runtimes.sqlite.opening import opened
from engine.runtimes.sqlite.replay import ReplayDiffers, differing, replay
from engine.wiring.erasing import Eraser

T = TypeVar("T")
KEY = b"the key of this shop"


def shipped(mode: Mode) -> RuleSet:
    """The shipped workflows, in one mode; the journal is kept for as long as this shop lives."""
    rules = read_folder(Path("workflows")).rules
    assert rules is not None
    keep = replace(rules.lifecycle.keep, engagement=Length(days=2_000))
    rules = replace(rules, lifecycle=replace(rules.lifecycle, keep=keep))
    return replace(rules, switches={name: replace(each, mode=mode) for name, each in rules.switches.items()})


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which a shop has lived: history, news, a restart, an edit, `go-live`, and a pause."""
    folder = tmp_path_factory.mktemp("lived")
    events = sample_events(60, 7)
    history = list(islice(events, 700))
    clock = FixedClock(history[-1].time + DAY)
    with opened(folder, clock, key=KEY, first_rules=shipped(Mode.SHADOW)) as engine:
        for part in (history[500:], history[:500], history[300:600]):
            engine.run([Arrivals(part)])
        clock.advance(2 * HOUR)
        engine.run([])
    with opened(folder, clock, key=KEY, first_rules=RuleSet()) as engine:
        tell = engine.handling.sweeping.tell
        engine.run([Asked(lambda store, now: rulebook.apply(engine.handling, shipped(Mode.LIVE), store, now))])
        engine.run([Asked(lambda store, now: tell(store, WentLive(), now))])
        live(engine, clock, list(islice(events, 300)))
        engine.run([Asked(lambda store, now: tell(store, PauseSet("engine", "", "a test"), now))])
        live(engine, clock, list(islice(events, 100)))
        engine.run([Asked(lambda store, now: tell(store, PauseEnded("engine", "", "send"), now))])
        live(engine, clock, list(events))
    return folder


def live(engine: Engine, clock: FixedClock, events: list[Event]) -> None:
    """Take in events by the handful, each handful when its last event happened, with ticks between them."""
    for at in range(0, len(events), 7):
        part = events[at : at + 7]
        clock.set(max(clock.now(), part[-1].time))
        engine.run([Arrivals(part)])
        engine.run([])


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """An empty database to replay into."""
    with closing(open_to_write(tmp_path)) as connection:
        yield connection


def test_a_replay_gives_the_same_bytes(lived: Path, copy: sqlite3.Connection) -> None:
    """Deciding the journal anew, through restarts, edits, `go-live` and pauses, gives each record byte for byte."""
    with closing(open_to_read(lived)) as source:
        count = replay(source, copy, key=KEY)
        assert count == source.execute("select max(seq) from journal").fetchone()[0] > 1_000
        assert differing(source, copy) == []
        for query in ("select * from journal", "select type, time, customer, body from effect", "select * from line"):
            assert copy.execute(query).fetchall() == source.execute(query).fetchall()
        assert source.execute("select count(distinct type) from effect").fetchone()[0] > 5


def test_a_replay_notices_another_key(lived: Path, copy: sqlite3.Connection) -> None:
    """With another key other codes come out, and the records that hold one differ."""
    with closing(open_to_read(lived)) as source:
        replay(source, copy, key=b"another key")
        assert differing(source, copy) != []


def test_a_replay_notices_a_journal_with_a_hole(lived: Path, copy: sqlite3.Connection, tmp_path: Path) -> None:
    """When something that followed from an entry is not in the journal, the replay says where."""
    with closing(open_to_read(lived)) as source, closing(open_to_write(tmp_path / "holed")) as holed:
        source.backup(holed)
        merged = holed.execute("select min(seq) from journal where customer = '' and seq > 1").fetchone()[0]
        holed.execute(
            "update journal set customer = 'nobody', signal = x'81A67369676E616CA46C6F6F6B' where seq = ?", (merged,)
        )
        with pytest.raises(ReplayDiffers, match=f"entry {merged} "):
            replay(holed, copy, key=KEY)


def test_somebody_erased_leaves_the_others_as_they_are(lived: Path, tmp_path: Path) -> None:
    """From a backup made after an erasure a replay agrees, the shop's sums included; from before it, it says why it cannot."""
    folder, before, after = tmp_path / "shop", tmp_path / "before", tmp_path / "after"
    shutil.copytree(lived, folder)
    with closing(open_to_read(folder)) as source:
        (now,) = source.execute("select accepted from shop").fetchone()
        name, others = source.execute(
            "select customer, count(*) from journal where customer <> '' group by 1 order by 2 desc limit 1"
        ).fetchone()
        kept = dict(source.execute("select id, record from customer where id <> ?", (name,)))
    assert others > 5
    for copied in (before, after):
        copied.mkdir()
    back_up(folder, before / FILE_NAME, 0)
    clock, erasures = FixedClock(now + HOUR), Erasures(b"the key of the list")
    with opened(folder, clock, key=KEY, first_rules=RuleSet(), erasures=erasures) as engine:
        sums = copy_of(engine.handling.rules.shop.cadence)

        async def ask(change: Callable[[SqlStore, Instant], T]) -> T:
            asked = Asked(change)
            engine.run([asked])
            assert asked.error is None
            return cast("T", asked.result)

        eraser = Eraser(erasures, ask, folder, lambda: engine.handling.rules.shop, empty_log=engine.empty_log)
        engine.run([Arrivals([Event("gone", "test", ERASED, now, name, Reason())])])
        (proof,) = asyncio.run(eraser.end_all())
        assert sums == engine.handling.rules.shop.cadence, "the shop's sums are nobody's"
        assert name not in str(proof)
        back_up(folder, after / FILE_NAME, 0)
        for number in range(40):
            clock.advance(HOUR)
            told = Event(
                f"v{number}", "test", "customer.visited", clock.now(), sorted(kept)[number % len(kept)], Visit()
            )
            engine.run([Arrivals([told])])
        clock.advance(3 * DAY)
        for _ in range(20):
            engine.run([])
    with closing(open_to_read(folder)) as source:
        assert not source.execute("select count(*) from journal where customer = ?", (name,)).fetchone()[0]
        assert {*kept} == {each for (each,) in source.execute("select id from customer")}
        with closing(open_to_write(after)) as target:
            assert replay(source, target, key=KEY) > 0
            assert differing(source, target) == []
        with closing(open_to_write(before)) as target, pytest.raises(ReplayDiffers, match="was erased at entry"):
            replay(source, target, key=KEY)
