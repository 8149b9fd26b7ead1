"""The embedded engine on a shop's life, durable, beside bare sqlite3 writing the same rows.

A made-up shop's events come in as lines of JSON, one after the other, with the clock at each event's time, all shipped
workflows live. The first half of the history is taken in to fill the database. Then the clock starts: a piece of what
follows goes through the engine, everything included (reading, deciding, timers, journal, effects), and each batch is
committed with synchronous=FULL.

Two references start from copies of the same database and write the same rows in the same batches with nothing but
sqlite3. The first does it the way it is written at home: it reads each record, then writes one row after the other. The
second is the least that can be: whole lists by executemany, made ready beforehand, and nothing read. What the engine
keeps in `fresh` and folds in later, both write to its place at once, as anybody would.
"""

from __future__ import annotations

import cProfile
import gc
import io
import pickle
import pstats
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from connectors.memory import FixedClock
from engine.core.reading import Reader
from engine.core.rules import Mode, RuleSet
from engine.handling import Handling
from engine.language.folder import read_folder
from engine.runtimes.simulator.sample import sample_lines
from engine.runtimes.sqlite import rulebook
from engine.runtimes.sqlite.database import QUERIES, open_to_write
from engine.runtimes.sqlite.engine import BATCH, Arrivals, Engine
from engine.runtimes.sqlite.opening import opened
from engine.runtimes.sqlite.store import SqliteStore

CUSTOMERS = 100_000
EVENTS_A_CUSTOMER = 22
MEASURED = 200_000
SEED = 1

Rows = list[tuple[str, list[tuple[Any, ...]]]]


def live_rules() -> RuleSet:
    """Return the shipped workflows, all of them live."""
    rules = read_folder(Path("workflows")).rules
    assert rules is not None, "the shipped workflows are correct"
    return replace(rules, switches={name: replace(each, mode=Mode.LIVE) for name, each in rules.switches.items()})


class Recorder(sqlite3.Connection):
    """A connection that remembers the rows it writes in a batch."""

    rows: Rows | None = None

    def executemany(self, sql: str, rows: Iterable[Any]) -> sqlite3.Cursor:
        """Write rows, and remember them."""
        if self.rows is not None:
            self.rows.append((sql, list(rows)))
        return super().executemany(sql, rows)


def batches_of(lines: Iterator[bytes], most: int) -> Iterator[list[bytes]]:
    """Yield up to `most` lines, by the batch."""
    lines = islice(lines, most)
    while batch := list(islice(lines, BATCH)):
        yield batch


def take_in(engine: Engine, clock: FixedClock, batch: list[bytes]) -> float:
    """Read and decide a batch, the clock at its last event; return the seconds it took."""
    began = time.perf_counter()
    items = [item for read in map(Reader().read, batch) if (item := read.event or read.dead) is not None]
    clock.set(max(clock.now(), getattr(items[-1], "time", 0)))
    engine.run([Arrivals(items)])
    return time.perf_counter() - began


def row_by_row(connection: sqlite3.Connection, batch: Rows) -> float:
    """Read the record of each row that changes one, and write row after row; return the seconds it took."""
    updates = (QUERIES["update_record"], QUERIES["update_due"])
    pairs = [pair for sql, rows in batch for pair in _in_their_place(sql, rows)]
    began = time.perf_counter()
    connection.execute("begin immediate")
    for sql, rows in pairs:
        for row in rows:
            if sql in updates:
                connection.execute("select record from customer where num = ?", row[-1:]).fetchone()
            connection.execute(sql, row)
    connection.execute("commit")
    return time.perf_counter() - began


def at_once(connection: sqlite3.Connection, batch: Rows) -> float:
    """Write a batch by whole lists; return the seconds it took."""
    pairs = [pair for sql, rows in batch for pair in _in_their_place(sql, rows)]
    began = time.perf_counter()
    connection.execute("begin immediate")
    for sql, rows in pairs:
        connection.executemany(sql, rows)
    connection.execute("commit")
    return time.perf_counter() - began


def _in_their_place(sql: str, rows: list[tuple[Any, ...]]) -> Rows:
    if sql in (QUERIES["fold_identity"], QUERIES["fold_seen"]):
        return []
    if sql != QUERIES["add_fresh"]:
        return [(sql, rows)]
    return [
        (QUERIES["fold_seen"], [(key, day) for _, key, _, day in rows if day is not None]),
        (QUERIES["fold_identity"], [(key, customer) for _, key, customer, _ in rows if customer is not None]),
    ]


def go_on(connection: sqlite3.Connection, folder: Path, clock: FixedClock) -> Engine:
    """Return the engine of a folder that has rules, over a connection of our own."""
    store = SqliteStore(connection)
    handling = Handling(rulebook.load(store, clock.now(), key=b"bench"), history_after=None)
    return Engine(connection, folder, handling, clock, store=store)


def show_profile(engine: Engine, clock: FixedClock, lines: Iterator[bytes], most: int = 20_000) -> None:
    """Print what the time goes into, over some more events."""
    profile = cProfile.Profile()
    profile.enable()
    for batch in batches_of(lines, most):
        take_in(engine, clock, batch)
    profile.disable()
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(15)
    print("\n".join(line for line in text.getvalue().splitlines()[6:] if line.strip()))


def reference(folder: Path, spool: Path, write: Callable[[sqlite3.Connection, Rows], float]) -> float:
    """Write all remembered batches to a copy of the database; return the seconds it took."""
    connection = open_to_write(folder)
    connection.execute("pragma wal_autocheckpoint = 16000")
    took = 0.0
    with spool.open("rb") as file, suppress(EOFError):
        while True:
            took += write(connection, pickle.load(file))
    connection.close()
    return took


def main(customers: int = CUSTOMERS, measured: int = MEASURED) -> None:
    """Measure, and print the figures and their ratios."""
    with tempfile.TemporaryDirectory(prefix="winback-bench-") as temporary:
        folder, copies, spool = Path(temporary, "engine"), Path(temporary, "copies"), Path(temporary, "rows")
        lines = sample_lines(customers, SEED)
        clock = FixedClock()
        first = customers * EVENTS_A_CUSTOMER // 2
        gc.set_threshold(500_000, 20, 50)  # as `opened` does; here it is to hold for the engine that is measured, too
        with opened(folder, clock, key=b"bench", first_rules=live_rules(), history_after=None) as engine:
            took = sum(take_in(engine, clock, batch) for batch in batches_of(lines, first))
        print(f"{customers:,} customers, {first:,} events taken in first ({first / took:,.0f} a second)", flush=True)
        for write in (row_by_row, at_once):
            shutil.copytree(folder, copies / write.__name__)
        recorder = open_to_write(folder, kind=Recorder)
        assert isinstance(recorder, Recorder), "as asked for"
        engine = go_on(recorder, folder, clock)
        took, count = 0.0, 0
        with spool.open("wb") as file:
            for batch in batches_of(lines, measured):
                recorder.rows = []
                took += take_in(engine, clock, batch)
                count += len(batch)
                pickle.dump(recorder.rows, file)
        recorder.rows = None
        show("engine", count, took, took)
        for write in (row_by_row, at_once):
            show(f"sqlite3 {write.__name__}", count, reference(copies / write.__name__, spool, write), took)
        print("must be 0.6 of the reference and 12,000 events/s; hoped for 30,000")
        show_profile(engine, clock, lines)
        engine.close()
        recorder.close()


def show(name: str, count: int, seconds: float, engine: float) -> None:
    """Print one figure, and how much of it the engine reaches."""
    pace, each = count / seconds, seconds / count * 1e6
    print(
        f"{name.replace('_', ' '):20} {pace:9,.0f} events/s {each:7.1f} us an event; the engine is {seconds / engine:.2f} of it"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
