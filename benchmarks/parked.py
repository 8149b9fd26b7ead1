"""A million customers who wait, embedded: what they take on disk and in memory, and how long a start takes.

Each has five events: an address, a permission, an order, and a mail of another sender that was sent and clicked. They
come in as history and are parked: each has a timer, some months away. Record and index are reported apart from the
journal and from the ids.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path

from benchmarks.timers import BEGIN, one_wait_one_mail
from connectors.memory import FixedClock
from engine.core.events import Consent, Event, Item, Mail, OrderPlaced, ProfileUpdated
from engine.core.moments import DAY, HOUR, MINUTE, Instant
from engine.runtimes.sqlite.database import FILE_NAME, open_to_read
from engine.runtimes.sqlite.engine import BATCH, Arrivals
from engine.runtimes.sqlite.opening import opened

CUSTOMERS = 1_000_000
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
        orders = (
            Event(f"again-{number}", "shop", "email.clicked", BEGIN, f"c-{number * 9_973 % total:07}", Mail("x"))
            for number in range(20_000)
        )
        while batch := list(islice(orders, BATCH)):
            engine.run([Arrivals(batch)])
        return ready, then, resident()


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
    print("must be 700 bytes for record and index, 250 MB resident, ready after 2 s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
