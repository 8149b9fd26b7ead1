"""A million customers who wait, embedded: what they take on disk and in memory, and how long a start takes.

Each has five events: an address, a permission, an order, and a mail of another sender that was sent and clicked. They
come in as history and are parked: each has a timer, some months away. Record and index are reported apart from the
journal and from the ids.

A start is timed twice: after an orderly stop, until the engine is open; and after a kill -9 in the midst of taking events
in, from the call of the new process until it has recovered, opened and committed its first event. That first batch also
brings the last event that was committed before the kill, which must be known.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from itertools import count, islice
from pathlib import Path

from benchmarks.timers import BEGIN, one_wait_one_mail
from connectors.memory import FixedClock
from engine.books.database import FILE_NAME, open_to_read
from engine.core.events import Consent, Event, Item, Mail, OrderPlaced, ProfileUpdated
from engine.core.moments import DAY, HOUR, MINUTE, Instant
from engine.runtimes.sqlite.engine import BATCH, Arrivals
from engine.runtimes.sqlite.opening import opened

CUSTOMERS = 1_000_000
KILLED_AFTER = 100_000
_RECORDS = ("customer", "sqlite_autoindex_customer_1", "customer_due", "customer_group", "under_way", "line")
_GROUPS = {
    "record and index": _RECORDS,
    "journal": ("journal",),
    "ids": ("seen", "identity", "fresh"),
    "effects": ("effect", "effect_customer"),
}

_START = """
import sys, time
from pathlib import Path
began = time.perf_counter()
from benchmarks.parked import go_on
print(*go_on(Path(sys.argv[1]), began))
"""


def parked(customers: int) -> Iterator[Event]:
    """Yield five events of each customer, in the order of time."""
    for number in range(customers):
        # 40503 is odd, so that ids come in no order that a table could profit from, as those of a shop's would.
        name = f"c-{number * 40_503 % customers:07}"
        at: Instant = BEGIN - 60 * DAY + number
        consent = Consent("newsletter", basis="express", proof="form of 2024")
        goods = (Item(sku="4711", name="House blend, 500 g", price=Decimal("11.90"), category="coffee"),)
        order = OrderPlaced(f"o-{number}", Decimal("49.90"), "EUR", f"{name}@example.org", goods)
        mail = Mail(f"m-{number}@shop.example", sender="newsletter-tool", name="June")
        address = ProfileUpdated(email=f"{name}@example.org", first_name="Ada", last_name="Lovelace", language="en")
        yield Event(f"p-{number}", "shop", "profile.updated", at, name, address)
        yield Event(f"c-{number}", "shop", "consent.given", at + MINUTE, name, consent)
        yield Event(f"o-{number}", "shop", "order.placed", at + HOUR, name, order)
        yield Event(f"s-{number}", "mails", "email.sent", at + DAY, name, mail)
        yield Event(f"k-{number}", "mails", "email.clicked", at + 2 * DAY, name, mail)


def fill(folder: Path, customers: int) -> float:
    """Take the events in; return how many a second."""
    began = time.perf_counter()
    with opened(folder, FixedClock(BEGIN), key=b"bench", first_rules=one_wait_one_mail()) as engine:
        events = parked(customers)
        while batch := list(islice(events, BATCH)):
            engine.run([Arrivals(batch)])
        while (wake := engine.next_wake()) is not None and wake <= BEGIN:
            engine.run([])
    return customers * 5 / (time.perf_counter() - began)


def resident() -> int:
    """Return the memory of this process that is in use, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000


def go_on(folder: Path, began: float) -> tuple[float, int, int]:
    """Start an engine on the folder; return the seconds until it was ready, and the memory then and after some work."""
    with opened(folder, FixedClock(BEGIN + 1), key=b"bench", first_rules=one_wait_one_mail()) as engine:
        ready, then = time.perf_counter() - began, resident()
        total = engine.store.connection.execute("select count(*) from customer").fetchone()[0]
        events = islice(clicks("again", total), 20_000)
        while batch := list(islice(events, BATCH)):
            engine.run([Arrivals(batch)])
        return ready, then, resident()


def clicks(word: str, total: int) -> Iterator[Event]:
    """Yield events about customers here and there, without an end; `word` tells their ids from others'."""
    for number in count():
        yield Event(f"{word}-{number}", "shop", "email.clicked", BEGIN, f"c-{number * 9_973 % total:07}", Mail("x"))


def go_on_until_killed(folder: Path, total: int) -> None:
    """Take in batch after batch, and say after each commit how many events that were."""
    with opened(folder, FixedClock(BEGIN + 2), key=b"bench", first_rules=one_wait_one_mail()) as engine:
        events = clicks("killed", total)
        for batches in count(1):
            engine.run([Arrivals(list(islice(events, BATCH)))])
            print(batches * BATCH, flush=True)


def go_on_after_kill(folder: Path, total: int, committed: int) -> None:
    """Take in the last event that was committed, and a new one; say when both are answered as they must be."""
    with opened(folder, FixedClock(BEGIN + 3), key=b"bench", first_rules=one_wait_one_mail()) as engine:
        last = next(islice(clicks("killed", total), committed - 1, None))
        arrivals = Arrivals([last, next(clicks("after", total))])
        engine.run([arrivals])
        print(*(taken.status for taken in arrivals.results), flush=True)


def process(call: str, folder: Path, *numbers: int) -> subprocess.Popen[str]:
    """Call one of this module's functions in a process of its own."""
    script = f"import sys; from pathlib import Path; from benchmarks.parked import {call}; "
    script += f"{call}(Path(sys.argv[1]), *map(int, sys.argv[2:]))"
    return subprocess.Popen(
        [sys.executable, "-c", script, folder, *map(str, numbers)], stdout=subprocess.PIPE, text=True
    )


def restart_after_kill(folder: Path, customers: int) -> tuple[float, int, float]:
    """Kill an engine while it takes events in, and start another.

    Returns:
        the seconds to the new one's first commit, the events before the kill, and the megabytes of write-ahead log left.

    """
    with process("go_on_until_killed", folder, customers) as engine:
        assert engine.stdout is not None, "it is a pipe"
        committed = next(number for line in engine.stdout if (number := int(line)) >= KILLED_AFTER)
        engine.kill()
    log = (folder / f"{FILE_NAME}-wal").stat().st_size / 1e6
    began = time.perf_counter()
    with process("go_on_after_kill", folder, customers, committed) as engine:
        assert engine.stdout is not None, "it is a pipe"
        answer = engine.stdout.readline().split()
        took = time.perf_counter() - began
    assert answer == ["duplicate", "accepted"], f"what was committed is there: {answer}"
    return took, committed, log


def main(customers: int = CUSTOMERS) -> None:
    """Measure, and print bytes a customer, memory and the time of a start."""
    with tempfile.TemporaryDirectory(prefix="winback-bench-") as temporary:
        folder = Path(temporary)
        pace = fill(folder, customers)
        print(f"{customers:,} customers with 5 events each taken in, {pace:,.0f} events a second", flush=True)
        connection = open_to_read(folder)
        sizes = dict(connection.execute("select name, sum(pgsize) from dbstat group by name"))
        record = connection.execute("select avg(length(record)) from customer").fetchone()[0]
        connection.close()
        for title, names in _GROUPS.items():
            each = sum(sizes.get(name, 0) for name in names) / customers
            print(f"{title + ':':18}{each:8,.0f} bytes a customer")
        print(f"(a record alone: {record:,.0f} bytes; the file: {(folder / FILE_NAME).stat().st_size / 1e6:,.0f} MB)")
        done = subprocess.run([sys.executable, "-c", _START, folder], capture_output=True, text=True, check=True)
        ready, then, after = done.stdout.split()
        print(
            f"ready {float(ready):.2f} s after the start with {then} MB resident; {after} MB after 20,000 events more"
        )
        took, committed, log = restart_after_kill(folder, customers)
        print(
            f"killed after {committed:,} events more ({log:,.0f} MB of log left): "
            f"a new process has its first commit after {took:.2f} s"
        )
    print("must be 700 bytes for record and index, 250 MB resident, ready after 2 s, and after a kill -9 after 10 s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
