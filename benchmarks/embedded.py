"""The embedded engine on a shop's life, durable, beside bare sqlite3 writing the same rows.

A made-up shop's events come in as lines of JSON, one after the other, with the clock at each event's time, all shipped
workflows live. The first half of the history is taken in to fill the database. Then the clock starts: a piece of what
follows goes through the engine, everything included (reading, deciding, timers, journal, effects), and each batch is
committed with synchronous=FULL.

The reference starts from a copy of the same database and writes the same rows in the same batches with nothing but
sqlite3's executemany, prepared beforehand: no reading, no deciding, no look-ups. What the engine keeps in `fresh` and
folds in later, it writes to its place at once, as anybody would.
"""

from __future__ import annotations

import cProfile
import gc
import io
import pstats
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
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
    """A connection that remembers the rows it writes, batch by batch. Remembering a list costs nothing."""

    batches: list[Rows] | None = None

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:  # type: ignore[override]  # it passes on what it gets
        """Execute, and note where a batch begins."""
        if self.batches is not None and sql == "begin immediate":
            self.batches.append([])
        return super().execute(sql, *arguments)

    def executemany(self, sql: str, rows: Iterable[Any]) -> sqlite3.Cursor:  # type: ignore[override]  # likewise
        """Write rows, and remember them."""
        if self.batches is not None:
            self.batches[-1].append((sql, list(rows)))
        return super().executemany(sql, rows)


def take_in(engine: Engine, clock: FixedClock, lines: Iterator[bytes], most: int) -> int:
    """Read and decide up to `most` events, the clock at each batch's last one; return how many there were."""
    reader = Reader()
    count = 0
    while count < most and (batch := list(islice(lines, min(BATCH, most - count)))):
        items = [read.event or read.dead for read in map(reader.read, batch)]
        last = items[-1]
        clock.set(max(clock.now(), getattr(last, "time", 0)))
        engine.run([Arrivals([item for item in items if item is not None])])
        count += len(batch)
    return count


def reference(folder: Path, batches: list[Rows]) -> float:
    """Write the same rows with nothing but sqlite3; return the seconds it took."""
    prepared = [[_in_their_place(sql, rows) for sql, rows in batch if not _is_folding(sql)] for batch in batches]
    flat = [[pair for pairs in batch for pair in pairs] for batch in prepared]
    connection = open_to_write(folder)
    connection.execute("pragma wal_autocheckpoint = 16000")
    began = time.perf_counter()
    for batch in flat:
        connection.execute("begin immediate")
        for sql, rows in batch:
            connection.executemany(sql, rows)
        connection.execute("commit")
    took = time.perf_counter() - began
    connection.close()
    return took


def _is_folding(sql: str) -> bool:
    return sql in (QUERIES["fold_identity"], QUERIES["fold_seen"])


def _in_their_place(sql: str, rows: list[tuple[Any, ...]]) -> Rows:
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
    take_in(engine, clock, lines, most)
    profile.disable()
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(15)
    print("\n".join(line for line in text.getvalue().splitlines()[6:] if line.strip()))


def main(customers: int = CUSTOMERS, measured: int = MEASURED) -> None:
    """Measure, and print both figures and their ratio."""
    with tempfile.TemporaryDirectory(prefix="winback-bench-") as temporary:
        folder, copy = Path(temporary, "engine"), Path(temporary, "reference")
        lines = sample_lines(customers, SEED)
        clock = FixedClock()
        with opened(folder, clock, key=b"bench", first_rules=live_rules(), history_after=None) as engine:
            began = time.perf_counter()
            loaded = take_in(engine, clock, lines, customers * EVENTS_A_CUSTOMER // 2)
            pace = loaded / (time.perf_counter() - began)
            print(f"{customers:,} customers, {loaded:,} events taken in first ({pace:,.0f} a second)", flush=True)
        shutil.copytree(folder, copy)
        ahead = list(islice(lines, measured))
        recorder = open_to_write(folder, kind=Recorder)
        engine = go_on(recorder, folder, clock)
        recorder.batches = []
        gc.collect()
        gc.freeze()
        began = time.perf_counter()
        count = take_in(engine, clock, iter(ahead), measured)
        took = time.perf_counter() - began
        batches, recorder.batches = recorder.batches, None
        bare = reference(copy, batches)
        print(f"engine:       {count / took:10,.0f} events/s   ({took / count * 1e6:.1f} us an event)")
        print(f"bare sqlite3: {count / bare:10,.0f} events/s   ({bare / count * 1e6:.1f} us an event)")
        print(f"ratio:        {bare / took:10.2f}   must be 0.6, and 12,000 events/s; hoped for 30,000")
        show_profile(engine, clock, lines)
        engine.close()
        recorder.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
