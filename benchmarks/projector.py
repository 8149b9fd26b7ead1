"""The projector's pace into PostgreSQL, beside the worker whose effects and customers it writes there, in one run.

First a worker decides an inbox alone, and then a projector alone writes what came of it: records, effects and customers a
second. Then both begin at the same time on another inbox: how much slower the worker is, and how long after it the books
have everything.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import time
from contextlib import closing
from itertools import islice
from pathlib import Path

from benchmarks.embedded import live_rules
from benchmarks.kafka import PARTITIONS, SEED, metric, packed, processor_seconds, started
from engine.books.database import open_to_write
from engine.books.postgres import Server
from engine.runtimes.simulator.sample import sample_events
from tests.brokers import Cluster
from tests.kafka_harness import Installation, document
from tests.postgres_servers import Server as PostgresServer
from tests.server_processes import free_port

CUSTOMERS = 5_000
EVENTS = 100_000
PATIENCE = 600.0
RECORDS = "winback_projector_records_total"


def main(events: int = EVENTS) -> None:
    """Measure, and print."""
    with (
        tempfile.TemporaryDirectory(prefix="winback-bench-") as name,
        Cluster(1) as cluster,
        PostgresServer() as postgres,
    ):
        alone, both = (Installation(cluster.bootstrap, each, Path(name), PARTITIONS) for each in ("alone", "both"))
        asyncio.run(_fill([alone, both], events))
        print(
            f"{events:,} events of {CUSTOMERS:,} customers, seed {SEED}, {PARTITIONS} partitions, {os.cpu_count()} cores"
        )
        port = free_port()
        with started("worker", alone.bootstrap, alone.prefix, str(port), "") as worker:
            _show("worker alone", events, _decided(worker, port, events), processor_seconds(worker.pid))
        url, port = postgres.database(), free_port()
        with started("projector", alone.bootstrap, alone.prefix, str(port), url) as projector:
            took, records, spent = _written(projector, port)
            _show("projector alone, records", records, took, spent)
        effects, customers = _in_books(url)
        print(
            f"  with those it began with: {effects:,} effects, and the values of {customers:,} customers again and again"
        )
        _beside(both, events, postgres.database())


def _beside(both: Installation, events: int, url: str) -> None:
    """Let worker and projector begin together."""
    of_worker, of_projector = free_port(), free_port()
    with (
        started("projector", both.bootstrap, both.prefix, str(of_projector), url) as projector,
        started("worker", both.bootstrap, both.prefix, str(of_worker), "") as worker,
    ):
        took = _decided(worker, of_worker, events)
        behind = int(metric(of_projector, "winback_projector_behind"))
        _show("worker, projector beside it", events, took, processor_seconds(worker.pid))
        began = time.perf_counter()
        _written(projector, of_projector)
        print(f"  the books were {behind:,} records behind then, and had all {time.perf_counter() - began:.1f} s later")


def _decided(worker: subprocess.Popen[bytes], port: int, events: int) -> float:
    """Return the seconds from the first to the last event that is durable."""
    began = 0.0
    while (done := metric(port, "winback_worker_entries_total")) < events:
        assert worker.poll() is None, f"the worker ended with {worker.returncode}"
        began = began or (time.perf_counter() if done else 0.0)
        time.sleep(0.02)
    return time.perf_counter() - began


def _written(projector: subprocess.Popen[bytes], port: int) -> tuple[float, int, float]:
    """Return the seconds until nothing waits to be written, since some was; what was written then, and processor seconds."""
    began = first = spent = 0.0
    deadline = time.perf_counter() + PATIENCE
    while not began or metric(port, "winback_projector_behind") > 0:
        assert projector.poll() is None, f"the projector ended with {projector.returncode}"
        assert time.perf_counter() < deadline, "the projector does not come to an end"
        if not began and (first := metric(port, RECORDS)):
            began, spent = time.perf_counter(), processor_seconds(projector.pid)
        time.sleep(0.05)
    took, spent = time.perf_counter() - began, processor_seconds(projector.pid) - spent
    return took, int(metric(port, RECORDS) - first), spent


def _in_books(url: str) -> tuple[int, int]:
    with closing(open_to_write(Server(url))) as connection:
        counts = [connection.execute(f"SELECT count(*) FROM {name}").fetchone() for name in ("effect", "customer")]
    return int(counts[0][0]), int(counts[1][0])


def _show(name: str, count: int, took: float, spent: float) -> None:
    print(f"{name:30}{count:>10,}{count / took:>10,.0f} a second{count / spent:>10,.0f} a processor second", flush=True)


async def _fill(installations: list[Installation], events: int) -> None:
    rules = live_rules()
    inbox = packed(list(islice(sample_events(CUSTOMERS, SEED), events)))
    for each in installations:
        await each.create()
        await each.put_rules([document(1, rules)])
        await each.feed(inbox)


if __name__ == "__main__":
    main()
