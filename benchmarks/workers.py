"""Two workers on one installation: how much faster than one, and how long a partition stands still when one is killed.

First one worker decides an inbox, and then two decide another like it; the gateway has nothing to do meanwhile. Broker, both
workers and this process share the machine, so on two cores two workers cannot be twice as fast as one.

Then the changelog holds so many customers, events come at a steady pace, and one of two workers is killed with SIGKILL. Either
it is started again at once under its slot, and gets its partitions back without a rebalance. Or nobody starts it: the group
finds it gone after the session timeout, a rebalance begins, and the other takes over. Counted is from the kill until no
partition is further behind than it is without a kill, by what is committed, which happens every two seconds.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path

from msgspec import Struct

from benchmarks.embedded import live_rules
from benchmarks.kafka import PARTITIONS, SEED, metric, packed, processor_seconds, started
from benchmarks.recovery import fill_changelog
from engine.runtimes.kafka.wire import Record
from engine.runtimes.simulator.sample import sample_events
from tests.brokers import Cluster
from tests.kafka_harness import Installation, document
from tests.server_processes import free_port

CUSTOMERS = 5_000
EVENTS = 100_000
PARKED = 250_000
PAUSE = 0.5
"""Seconds between two records of a partition, in the steady pace: 3,000 events a second."""

BEHIND = 6
"""Records that a partition is behind at most without a kill: two seconds of them and the one that comes, and some more."""

SESSION_TIMEOUT = 10.0
"""Of `WorkerOptions`, as it is there unless it is told otherwise."""

PATIENCE = 600.0


class Running(Struct):
    """A worker, and where it shows its metrics."""

    slot: str
    port: int
    process: subprocess.Popen[bytes]

    def says(self, name: str) -> float:
        """Return what a metric of it says."""
        assert self.process.poll() is None, f"worker {self.slot} ended with {self.process.returncode}"
        return metric(self.port, f"winback_worker_{name}")


def main(events: int = EVENTS, parked: int = PARKED) -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory(prefix="winback-bench-") as name, Cluster(1) as cluster:
        print(f"seed {SEED}, {PARTITIONS} partitions, {os.cpu_count()} cores")
        inbox = packed(list(islice(sample_events(CUSTOMERS, SEED), events)))
        rates = []
        for count in (1, 2):
            installation = Installation(cluster.bootstrap, f"bench-{count}", Path(name), PARTITIONS)
            asyncio.run(_lay_out(installation))
            rates.append(_decide_all(installation, inbox, count, events))
        print(f"two workers are {rates[1] / rates[0]:.2f} times as fast as one")
        for again in (True, False):
            installation = Installation(cluster.bootstrap, f"bench-kill-{again}".lower(), Path(name), PARTITIONS)
            asyncio.run(fill_changelog(installation, parked))
            _kill(installation, inbox, parked, again=again)


def _decide_all(installation: Installation, inbox: Sequence[Sequence[Record]], count: int, events: int) -> float:
    """Let so many workers decide an inbox; return events a second, from when it was full to the last that is durable.

    It is filled when each of them has its share of the partitions: a rebalance is measured by itself, further down.
    """
    with ExitStack() as stack:
        workers = [stack.enter_context(_worker(installation, f"slot-{number}")) for number in range(count)]
        _wait(lambda: [each.says("partitions") for each in workers] == [PARTITIONS / count] * count)
        asyncio.run(installation.feed(inbox))
        first, began, spent = _durable(workers), time.perf_counter(), _spent(workers)
        _wait(lambda: _durable(workers) >= events)
        rate = (events - first) / (time.perf_counter() - began)
        spent = _spent(workers) - spent
        shares = ", ".join(f"{each.says('entries_total'):,.0f}" for each in workers)
    print(
        f"{count} worker{'s'[: count - 1]}: {rate:,.0f} events/s, {(events - first) / spent:,.0f} a processor second ({shares})"
    )
    return rate


def _durable(workers: Sequence[Running]) -> float:
    return sum(each.says("entries_total") for each in workers)


def _spent(workers: Sequence[Running]) -> float:
    return sum(processor_seconds(each.process.pid) for each in workers)


def _kill(installation: Installation, inbox: Sequence[Sequence[Record]], parked: int, *, again: bool) -> None:
    """Kill one of two workers while events come, and say how long what was fed waited."""
    with ExitStack() as stack:
        staying = stack.enter_context(_worker(installation, "staying"))
        killed = stack.enter_context(_worker(installation, "killed"))
        _wait(
            lambda: staying.says("partitions") + killed.says("partitions") == PARTITIONS and killed.says("partitions")
        )
        feeding = stack.enter_context(_feeding(installation, inbox))
        _wait(lambda: min(staying.says("entries_total"), killed.says("entries_total")) > 0)
        time.sleep(5)
        held = killed.says("partitions")
        killed.process.send_signal(signal.SIGKILL)
        killed.process.wait()
        began = time.perf_counter()
        workers = [staying]
        if again:
            workers.append(stack.enter_context(_worker(installation, "killed")))
        taken_over = _wait(lambda: sum(each.says("partitions") for each in workers) == PARTITIONS) - began
        caught_up = _wait(lambda: feeding.behind() <= BEHIND) - began
        still = feeding.goes_on
    how = "started again at once" if again else f"taken over, {SESSION_TIMEOUT:.0f} s session timeout"
    print(
        f"killed with {held:.0f} partitions, {parked:,} customers, {how}: held again after {taken_over:.1f} s,"
        f" caught up after {caught_up:.1f} s{'' if still else ' (events had run out)'}",
        flush=True,
    )


def _wait(holds: Callable[[], object]) -> float:
    """Wait until something holds; return when."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it does not come to hold"
        time.sleep(0.1)
    return time.perf_counter()


@contextmanager
def _worker(installation: Installation, slot: str) -> Iterator[Running]:
    port = free_port()
    with started("worker", installation.bootstrap, installation.prefix, str(port), "", SLOT=slot) as process:
        yield Running(slot, port, process)


class Feeding:
    """Feeds an inbox at the steady pace, until it is told to end or has nothing more."""

    def __init__(self, installation: Installation, inbox: Sequence[Sequence[Record]]) -> None:
        self._installation = installation
        self._enough = threading.Event()
        self._fed = [0] * len(inbox)
        waves = [self._counted(number, records) for number, records in enumerate(inbox)]
        self._thread = threading.Thread(target=lambda: asyncio.run(installation.feed(waves, pause=PAUSE, every=1)))

    @property
    def goes_on(self) -> bool:
        """Whether there is more to feed."""
        return self._thread.is_alive()

    def begin(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Feed no more."""
        self._enough.set()
        self._thread.join()

    def behind(self) -> int:
        """Return how many records the partition that is most behind has that were fed and are not committed."""
        committed = asyncio.run(self._installation.committed())
        return max(fed - (done or 0) for fed, done in zip(self._fed, committed, strict=True))

    def _counted(self, number: int, records: Sequence[Record]) -> Iterator[Record]:
        for record in records:
            if self._enough.is_set():
                return
            self._fed[number] += 1
            yield record


@contextmanager
def _feeding(installation: Installation, inbox: Sequence[Sequence[Record]]) -> Iterator[Feeding]:
    feeding = Feeding(installation, inbox)
    feeding.begin()
    try:
        yield feeding
    finally:
        feeding.end()


async def _lay_out(installation: Installation) -> None:
    await installation.create()
    await installation.put_rules([document(1, live_rules())])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
