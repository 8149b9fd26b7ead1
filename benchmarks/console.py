"""The console's pages with a million customers: how long each takes, while the engine rests and while it takes events in.

The customers are those of `parked`; a fifth of them are under way in a workflow. Each page is asked for over HTTP, so a
figure is all that a browser waits for.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import aiohttp

from benchmarks.parked import clicks, parked
from benchmarks.timers import BEGIN, one_wait_one_mail
from connectors.memory import FixedClock
from engine.core.events import Event, Visit
from engine.core.moments import Instant
from engine.runtimes.sqlite.engine import BATCH, Arrivals
from engine.runtimes.sqlite.opening import opened
from engine.wiring.program import Program, running
from engine.wiring.settings import Settings

CUSTOMERS = 1_000_000
TIMES = 20
MUST = 300.0
"""Milliseconds."""

PAGES = {
    "today": "/",
    "workflows": "/workflows",
    "one workflow": "/workflows/waits",
    "a standing": "/customers?standing=active",
    "a standing, far on": "/customers?standing=active&after=900000/",
    "who cannot be mailed": "/customers?standing=active&hindrance=no+permission",
    "a stage": "/customers?workflow=waits&stage=only",
    "an id's beginning": "/customers?words=c-05",
    "an address": "/customers?words=c-0000042@example.org",
    "a story": "/customer?id=c-0000042",
    "changes": "/changes",
}


def under_way(customers: int) -> Iterator[Event]:
    """Yield what lets a fifth of the customers enter."""
    for number in range(0, customers, 5):
        yield Event(f"l-{number}", "shop", "customer.logged_in", BEGIN, f"c-{number:07}", Visit())


def fill(folder: Path, customers: int) -> None:
    """Take everything in."""
    clock = FixedClock(BEGIN)
    with opened(folder, clock, key=b"bench", first_rules=one_wait_one_mail(), overdue_a_second=None) as engine:
        for events in (parked(customers), under_way(customers)):
            while batch := list(islice(events, BATCH)):
                engine.run([Arrivals(batch)])
            clock.advance(1)


async def measured(program: Program) -> dict[str, list[float]]:
    """Return how long each page took, each time, in milliseconds."""
    assert program.ops is not None, "it listens"
    took: dict[str, list[float]] = {}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{program.ops.port}") as client:
        for name, path in PAGES.items():
            for _ in range(TIMES):
                began = time.perf_counter()
                async with client.get(path) as response:
                    await response.read()
                    assert response.status == 200, f"{path}: {response.status}"
                took.setdefault(name, []).append((time.perf_counter() - began) * 1_000)
    return took


async def take_in(program: Program, customers: int) -> None:
    """Take events in until cancelled."""
    events = clicks("load", customers)
    for _ in count():
        await program.loop.submit(list(islice(events, BATCH)))


async def look(folder: Path, customers: int, at: Instant) -> None:
    """Start the engine on the folder, and ask for its pages."""
    workflows = folder / "no-workflows"
    workflows.mkdir()
    places = {"public": "127.0.0.1:0", "ops": "127.0.0.1:0"}
    settings = Settings.model_validate({"data": folder, "workflows": workflows, "listen": places})
    async with running(settings, {}, FixedClock(at), None) as program:
        resting = await measured(program)
        load = asyncio.create_task(take_in(program, customers))
        before = program.loop.figures().events
        began = time.perf_counter()
        working = await measured(program)
        pace = (program.loop.figures().events - before) / (time.perf_counter() - began)
        load.cancel()
        await asyncio.wait([load])
    print(f"{'page':24}{'resting':>12}{'longest':>10}   {'taking events in':>18}{'longest':>10}   ms")
    for name, times in resting.items():
        then = working[name]
        print(
            f"{name:24}{statistics.median(times):12.1f}{max(times):10.1f}   "
            f"{statistics.median(then):18.1f}{max(then):10.1f}"
        )
    print(f"meanwhile {pace:,.0f} events a second were taken in")


def main(customers: int = CUSTOMERS) -> None:
    """Measure, and print milliseconds a page."""
    with tempfile.TemporaryDirectory(prefix="winback-bench-") as temporary:
        folder = Path(temporary) / "data"
        fill(folder, customers)
        print(f"{customers:,} customers", flush=True)
        asyncio.run(look(folder, customers, BEGIN + 2))
    print(f"must be under {MUST:.0f} ms")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
