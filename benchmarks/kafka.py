"""One worker on a real broker, beside other stream engines that run the same `core.decide`, in one run.

A made-up shop's events lie in a topic of single events, keyed by customer, and in the inbox as the gateway packs them when
they come at 30,000 a second and it lingers 50 ms: at the partition count a new installation gets. Each application is a
process of its own and has the machine, and the broker, to itself while it runs. Counted is from its first event to the last
one that is durable where it keeps what it decided (Bytewax keeps by epochs of ten seconds, the last of which is not waited for).

Our worker does more than the others: timers ring when they are due, effects and sends leave complete, a send's customer is
looked up for the message, and what it acknowledges is in Kafka.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from msgspec import Struct
from msgspec.structs import replace

from benchmarks.embedded import live_rules
from engine.core.events import Event
from engine.core.reading import encode
from engine.core.rules import RuleSet
from engine.core.signals import Happened, RulesChanged, WentLive
from engine.runtimes.kafka.wire import Entry, Record, entry_of, entry_of_shop, in_records, partition_of
from engine.runtimes.simulator.sample import sample_events
from tests.brokers import Cluster
from tests.kafka_harness import Installation, document
from tests.server_processes import free_port

PARTITIONS = 32
CUSTOMERS = 5_000
EVENTS = 100_000
PACKED = 1_500
"""Events of 50 ms at 30,000 a second."""

SEED = 1
PEERS = Path(".cache/peers/bin/python")
TOPIC = "bench.single"
PATIENCE = 900.0
"""Seconds that one application may take."""


class Figure(Struct, frozen=True):
    """What an application said of itself."""

    seconds: float
    events: int
    sends: int = 0
    processor: float = 0.0
    """Seconds that processors worked for the process meanwhile, all its threads."""
    peak: float = 0.0
    """Megabytes of memory it had at most, as Linux says; 0 where nobody says it."""

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds


class Ground(Struct, frozen=True):
    """Where the applications run."""

    brokers: str
    folder: Path
    rules: Path
    memory: Installation
    disk: Installation


def main(events: int = EVENTS) -> None:
    """Measure one after the other, and print rates and ratios."""
    with tempfile.TemporaryDirectory(prefix="winback-bench-") as name, Cluster(1) as cluster:
        folder = Path(name)
        rules = live_rules()
        (folder / "rules.json").write_bytes(msgspec.json.encode(rules))
        memory, disk = (Installation(cluster.bootstrap, each, folder, PARTITIONS) for each in ("memory", "disk"))
        ground = Ground(cluster.bootstrap, folder, folder / "rules.json", memory, disk)
        sample = list(islice(sample_events(CUSTOMERS, SEED), events))
        asyncio.run(_fill(ground, rules, sample))
        print(
            f"{len(sample):,} events of {CUSTOMERS:,} customers, seed {SEED}, {PARTITIONS} partitions, {os.cpu_count()} cores"
        )
        figures = dict(_measured(ground, len(sample)))
    _print(figures)


def _measured(ground: Ground, events: int) -> Iterator[tuple[str, Figure]]:
    ours, theirs = [sys.executable, "-m", "benchmarks._kafka.{}"], [str(PEERS), "-m", "benchmarks._peers.{}"]
    yield "raw consume", _run(ground, ours, "raw", events)
    yield "winback gateway", _run(ground, ours, "gateway", events)
    yield "winback worker, in memory", _worker(ground.memory, events, "")
    yield "winback worker, RocksDB", _worker(ground.disk, events, str(ground.folder / "rocks"))
    yield "plain Faust table agent", _run(ground, ours, "plain_faust", events)
    if PEERS.exists():
        yield "Quix Streams 3.28", _run(ground, theirs, "quix", events)
        yield "Bytewax 0.21", _run(ground, theirs, "bytewax", events)
    else:
        print("Quix Streams and Bytewax are not installed: `./dev bench kafka` does that")


def _run(ground: Ground, command: Sequence[str], name: str, events: int) -> Figure:
    """Run an application to its end; the last line it prints is its figure."""
    folder = ground.folder / name
    folder.mkdir()
    arguments = [ground.brokers, TOPIC, str(events), str(ground.rules), str(folder)]
    with (folder / "said").open("w+b") as said:
        process = subprocess.Popen(
            [each.format(name) for each in command] + arguments,
            env={**os.environ, "PARTITIONS": str(PARTITIONS)},
            stdout=said,
        )
        peak, deadline = 0.0, time.monotonic() + PATIENCE
        while process.poll() is None:
            peak = max(peak, peak_memory(process.pid))
            if time.monotonic() > deadline:
                process.kill()
            time.sleep(0.1)
        if process.returncode:
            raise SystemExit(f"{name} ended with {process.returncode}")
        said.seek(0)
        last = said.read().splitlines()[-1]
    figure = msgspec.json.decode(last, type=Figure)
    return replace(figure, peak=peak)


def _worker(inbox: Installation, events: int, folder: str) -> Figure:
    """Run our worker; count from what was durable first to when all is, as its metrics say."""
    port = free_port()
    with started("worker", inbox.bootstrap, inbox.prefix, str(port), folder) as process:
        first = _durable(process, port, 1)
        began, worked = time.perf_counter(), processor_seconds(process.pid)
        _durable(process, port, events)
        took, worked = time.perf_counter() - began, processor_seconds(process.pid) - worked
        return Figure(took, events - first, processor=worked, peak=peak_memory(process.pid))


def _durable(process: subprocess.Popen[bytes], port: int, events: int) -> int:
    """Wait until so many events are durable; return how many are."""
    while (done := int(metric(port, "winback_worker_entries_total"))) < events:
        assert process.poll() is None, f"the worker ended with {process.returncode}"
        time.sleep(0.02)
    return done


def processor_seconds(pid: int) -> float:
    """Return the seconds that processors have worked for a process that runs, as Linux says."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_memory(pid: int) -> float:
    """Return the megabytes that a process had in memory at most, as Linux says; 0 where nobody does."""
    try:
        said = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+)", said)
    return int(found[1]) / 1024 if found else 0.0


def metric(port: int, name: str) -> float:
    """Return what a process' metrics say, the sum where there are several of the name; 0 while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            said = answer.read().decode()
    except OSError:
        return 0.0
    return sum(map(float, re.findall(rf"^{name}(?:\{{.*\}})? (\S+)", said, re.MULTILINE)))


@contextmanager
def started(name: str, *arguments: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of our own beside what is done meanwhile, with `more` in its environment."""
    environment = {**os.environ, "PARTITIONS": str(PARTITIONS), **more}
    process = subprocess.Popen([sys.executable, "-m", f"benchmarks._kafka.{name}", *arguments], env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


async def _fill(ground: Ground, rules: RuleSet, sample: Sequence[Event]) -> None:
    """Put the events into a topic of single ones, and into the inbox as the gateway packs them."""
    admin = AIOKafkaAdminClient(bootstrap_servers=ground.brokers)
    await admin.start()
    await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in (TOPIC, f"{TOPIC}-faust-sends")])
    await admin.close()
    async with ground.memory.producer() as producer:
        sent: list[Any] = []
        for event in sample:
            partition = partition_of(event.customer, PARTITIONS)
            sent.append(await producer.send(TOPIC, encode(event), key=event.customer.encode(), partition=partition))
        await asyncio.gather(*sent)
    for installation in (ground.memory, ground.disk):
        await installation.create()
        await installation.put_rules([document(1, rules)])
        await installation.feed(packed(sample))


def packed(sample: Iterable[Event]) -> list[list[Record]]:
    """Return the inbox that a gateway makes of these events; the shop's first words go before them."""
    inboxes: list[list[Record]] = [[] for _ in range(PARTITIONS)]
    events = iter(sample)
    while portion := list(islice(events, PACKED)):
        if not inboxes[0]:
            words = (entry_of_shop(1, RulesChanged(1)), entry_of_shop(2, WentLive()))
            for inbox in inboxes:
                inbox.append(Record(portion[0].time, words))
        entries: defaultdict[int, list[Entry]] = defaultdict(list)
        for event in portion:
            entries[partition_of(event.customer, PARTITIONS)].append(entry_of(event.customer, Happened(event)))
        for number, found in entries.items():
            inboxes[number] += in_records(portion[-1].time, found)
    return inboxes


def _print(figures: dict[str, Figure]) -> None:
    plain, raw = figures["plain Faust table agent"].rate, figures["raw consume"].rate
    heads = ("events/s", "x plain Faust", "of raw", "events/processor s", "peak MB", "sends")
    widths = (10, 15, 9, 20, 9, 9)
    print(f"\n{'':28}" + "".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=True)))
    for name, figure in figures.items():
        row = (
            f"{figure.rate:,.0f}",
            f"{figure.rate / plain:.1f}",
            f"{figure.rate / raw:.1%}",
            f"{figure.events / figure.processor:,.0f}",
            f"{figure.peak:,.0f}",
            f"{figure.sends:,}" if figure.sends else "",
        )
        print(f"{name:28}" + "".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)))


if __name__ == "__main__":
    main()
