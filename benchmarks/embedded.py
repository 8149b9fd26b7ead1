"""The embedded engine on a shop's life, durable, beside bare sqlite3 writing the same rows.

A made-up shop's events come in as lines of JSON, one after the other, with the clock at each event's time, all shipped
workflows live. The first half of the history is taken in to fill the database. Then the clock starts: a piece of what
follows goes through the engine, everything included (reading, deciding, timers, journal, effects), and each batch is
committed with synchronous=FULL.

Two references start from copies of the same database and write the same rows in the same batches with nothing but
sqlite3. The first does it the way it is written at home: it reads each record, then writes one row after the other. The
second is the least that can be: whole lists by executemany, made ready beforehand, and nothing read. What the engine
keeps in `fresh` and folds in later, both write to its place at once, as anybody would; and where the engine writes a
record more than once in a batch, since it works through it in portions, both write it once.

Beside the time on the wall stands the processor's, of all threads, with its own ratio. The two are measured one after
the other, so where other programs use the machine the wall tells as much of them as of the engine.
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
from engine.books import rulebook
from engine.books.database import open_to_write
from engine.books.queries import QUERIES
from engine.books.store import SqlStore
from engine.core.reading import Reader
from engine.core.rules import Mode, RuleSet
from engine.handling import Handling
from engine.language.folder import read_folder
from engine.runtimes.simulator.sample import sample_lines
from engine.runtimes.sqlite.engine import BATCH, Arrivals, Engine
from engine.runtimes.sqlite.opening import opened

CUSTOMERS = 100_000
EVENTS_A_CUSTOMER = 22
MEASURED = 200_000
SEED = 1

UPDATES = (QUERIES["update_record"], QUERIES["update_due"])
"""What changes a record: that alone, or its due time too."""

Rows = list[tuple[str, list[tuple[Any, ...]]]]


def live_rules() -> RuleSet:
    """Return the shipped workflows, all of them live."""
    rules = read_folder(Path("workflows")).rules
    assert rules is not None, "the shipped workflows are correct"
    return replace(rules, switches={name: replace(each, mode=Mode.LIVE) for name, each in rules.switches.items()})


class Spent:
    """Seconds that went by, and that the processor worked for this process, inside `with` blocks."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def __enter__(self) -> None:
        self.wall -= time.perf_counter()
        self.cpu -= time.process_time()

    def __exit__(self, *_: object) -> None:
        self.wall += time.perf_counter()
        self.cpu += time.process_time()


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


def take_in(engine: Engine, clock: FixedClock, batch: list[bytes], spent: Spent) -> None:
    """Read and decide a batch, the clock at its last event."""
    with spent:
        items = [item for read in map(Reader().read, batch) if (item := read.event or read.dead) is not None]
        clock.set(max(clock.now(), getattr(items[-1], "time", 0)))
        engine.run([Arrivals(items)])


def row_by_row(connection: sqlite3.Connection, batch: Rows, spent: Spent) -> None:
    """Read the record of each row that changes one, and write row after row."""
    with spent:
        connection.execute("begin immediate")
        for sql, rows in batch:
            for row in rows:
                if sql in UPDATES:
                    connection.execute("select record from customer where num = ?", row[-1:]).fetchone()
                connection.execute(sql, row)
        connection.execute("commit")


def at_once(connection: sqlite3.Connection, batch: Rows, spent: Spent) -> None:
    """Write a batch by whole lists."""
    with spent:
        connection.execute("begin immediate")
        for sql, rows in batch:
            connection.executemany(sql, rows)
        connection.execute("commit")


def as_lists(batch: Rows) -> Rows:
    """Return the rows of a batch as one list for each statement, each customer's record once, as it was last."""
    lists: dict[str, list[tuple[Any, ...]]] = {QUERIES["insert_customer"]: []}
    last: dict[int, tuple[Any, ...]] = {}
    for sql, rows in (pair for written in batch for pair in _in_their_place(*written)):
        if sql in UPDATES:
            for record, *due, num in rows:  # a later update of the record alone leaves an earlier one's due time
                last[num] = (record, *(due or last.get(num, ())[1:-1]), num)
        else:
            lists.setdefault(sql, []).extend(rows)
    for length, sql in enumerate(UPDATES, start=2):
        lists[sql] = [row for row in last.values() if len(row) == length]
    return list(lists.items())


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
    store = SqlStore(connection)
    handling = Handling(rulebook.load(store, clock.now(), key=b"bench"), history_after=None)
    return Engine(connection, folder, handling, clock, store=store)


def show_profile(engine: Engine, clock: FixedClock, lines: Iterator[bytes], most: int = 20_000) -> None:
    """Print what the time goes into, over some more events."""
    profile = cProfile.Profile()
    profile.enable()
    for batch in batches_of(lines, most):
        take_in(engine, clock, batch, Spent())
    profile.disable()
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(15)
    print("\n".join(line for line in text.getvalue().splitlines()[6:] if line.strip()))


def reference(folder: Path, spool: Path, write: Callable[[sqlite3.Connection, Rows, Spent], None]) -> Spent:
    """Write all remembered batches to a copy of the database; return what it took."""
    connection = open_to_write(folder)
    connection.execute("pragma wal_autocheckpoint = 16000")
    spent = Spent()
    with spool.open("rb") as file, suppress(EOFError):
        while True:
            write(connection, as_lists(pickle.load(file)), spent)
    connection.close()
    return spent


def main(customers: int = CUSTOMERS, measured: int = MEASURED) -> None:
    """Measure, and print the figures and their ratios."""
    with tempfile.TemporaryDirectory(prefix="winback-bench-") as temporary:
        folder, copies, spool = Path(temporary, "engine"), Path(temporary, "copies"), Path(temporary, "rows")
        lines = sample_lines(customers, SEED)
        clock = FixedClock()
        first = customers * EVENTS_A_CUSTOMER // 2
        gc.set_threshold(500_000, 20, 50)  # as `opened` does; here it is to hold for the engine that is measured, too
        with opened(folder, clock, key=b"bench", first_rules=live_rules(), history_after=None) as engine:
            filling = Spent()
            for batch in batches_of(lines, first):
                take_in(engine, clock, batch, filling)
        pace = first / filling.wall
        print(f"{customers:,} customers, {first:,} events taken in first ({pace:,.0f} a second)", flush=True)
        for write in (row_by_row, at_once):
            shutil.copytree(folder, copies / write.__name__)
        recorder = open_to_write(folder, kind=Recorder)
        assert isinstance(recorder, Recorder), "as asked for"
        engine = go_on(recorder, folder, clock)
        spent, count = Spent(), 0
        with spool.open("wb") as file:
            for batch in batches_of(lines, measured):
                recorder.rows = []
                take_in(engine, clock, batch, spent)
                count += len(batch)
                pickle.dump(recorder.rows, file)
        recorder.rows = None
        show("engine", count, spent, spent)
        for write in (row_by_row, at_once):
            show(f"sqlite3 {write.__name__}", count, reference(copies / write.__name__, spool, write), spent)
        print("must be 0.6 of the reference and 12,000 events/s; hoped for 30,000")
        show_profile(engine, clock, lines)
        engine.close()
        recorder.close()


def show(name: str, count: int, spent: Spent, engine: Spent) -> None:
    """Print one figure, and how much of it the engine reaches."""
    print(
        f"{name.replace('_', ' '):20} {count / spent.wall:9,.0f} events/s {spent.wall / count * 1e6:6.1f} us an event; "
        f"the engine is {spent.wall / engine.wall:.2f} of it ({spent.cpu / count * 1e6:.1f} us of the processor; "
        f"{spent.cpu / engine.cpu:.2f})"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
