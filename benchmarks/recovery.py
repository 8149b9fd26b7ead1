"""A worker begins anew: from an empty disk, from its disk, and from memory; what it holds then, and how long others wait.

The changelog holds so many customers of a made-up shop: records that the shipped workflows made, under new names. A worker is
killed with SIGKILL and started again under its slot; counted is from its start to the first record it has decided and made
durable, the start of Python included, and beside it what the restore itself took.
"""

from __future__ import annotations

import asyncio
import re
import signal
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.embedded import live_rules
from benchmarks.kafka import PARTITIONS, metric, packed, started
from engine.runtimes.kafka.outbound import Outbound
from engine.runtimes.kafka.partition import Partition
from engine.runtimes.kafka.values import (
    Kept,
    changelog_key,
    customers_in,
    encode_body,
    head_of,
    kept_in,
    pack,
)
from engine.runtimes.kafka.wire import Record, partition_of
from engine.runtimes.simulator.sample import sample_events
from tests.brokers import Cluster
from tests.kafka_harness import KEY, Installation, document
from tests.server_processes import free_port

CUSTOMERS = 250_000
MODELS = 300
SEED = 1


def main(customers: int = CUSTOMERS) -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory(prefix="winback-bench-") as name, Cluster(1) as cluster:
        folder = Path(name)
        inbox = Installation(cluster.bootstrap, "bench", folder, PARTITIONS)
        size = asyncio.run(fill_changelog(inbox, customers))
        print(f"{customers:,} customers, {size / customers:.0f} bytes each, {PARTITIONS} partitions")
        print(f"\n{'':34}{'restore s':>10}{'ready s':>9}{'resident MB':>13}{'MB a partition':>16}")
        rocks = str(folder / "rocks")
        for label, disk in (("in memory", ""), ("RocksDB, empty", rocks), ("RocksDB, as it was", rocks)):
            _begin(inbox, disk, label)


def _begin(inbox: Installation, disk: str, label: str) -> None:
    """Start a worker, see it decide something, and kill it."""
    port, began = free_port(), time.perf_counter()
    with started("worker", inbox.bootstrap, inbox.prefix, str(port), disk) as process:
        asyncio.run(inbox.feed([[Record(0)] for _ in range(PARTITIONS)]))
        while (
            metric(port, "winback_worker_records_total") < 1 or metric(port, "winback_worker_flush_seconds_count") < 1
        ):
            assert process.poll() is None, f"the worker ended with {process.returncode}"
            time.sleep(0.05)
        ready = time.perf_counter() - began
        restore = metric(port, "winback_worker_restore_seconds_sum")
        resident = _resident(process.pid)
        process.send_signal(signal.SIGKILL)
    print(f"{label:34}{restore:>10.1f}{ready:>9.1f}{resident:>13.0f}{resident / PARTITIONS:>16.1f}", flush=True)


def _resident(pid: int) -> float:
    said = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(r"VmRSS:\s+(\d+)", said)
    assert found is not None, "Linux says it"
    return int(found[1]) / 1024


async def fill_changelog(inbox: Installation, customers: int) -> int:
    """Put the rules, and customers into the changelog; return their bytes."""
    await inbox.create()
    rules = document(1, live_rules())
    await inbox.put_rules([rules])
    models = list(_models(rules))
    outbound = Outbound({"bootstrap_servers": inbox.bootstrap}, client_id="bench")
    await outbound.start()
    size, rows = 0, _no_rows()
    for number in range(customers):
        name = f"customer-{number:07}"
        value = _renamed(models[number % len(models)], name)
        size += len(value)
        rows[partition_of(name, PARTITIONS)].append((changelog_key(1, name.encode()), value, []))
        if number % 50_000 == 49_999 or number == customers - 1:
            await asyncio.gather(
                *(outbound.append_all(inbox.topics.changelog, each, some) for each, some in rows.items())
            )
            rows = _no_rows()
    await outbound.stop()
    return size


def _no_rows() -> dict[int, list[Any]]:
    return {number: [] for number in range(PARTITIONS)}


def _models(rules: Any) -> Iterator[bytes]:
    """Yield the values of some customers after the sample's events."""
    shelf: dict[bytes, bytes] = {}
    events = list(sample_events(MODELS, SEED))
    for number, inbox in enumerate(packed(events)):
        partition = Partition(number, PARTITIONS, lambda _: rules, KEY, shelf)
        partition.offset = -1
        for offset, record in enumerate(inbox):
            partition.decide(offset, record)
        yield from islice((value for _, value in customers_in(partition.dirty().items())), MODELS)


def _renamed(value: bytes, name: str) -> bytes:
    kept = kept_in(value)
    record = kept.record
    record.id = name
    body = encode_body(Kept(kept.waiting, kept.last_reaction, kept.stages, kept.refs, record))
    return pack(head_of(value).next_due, -1, body)


if __name__ == "__main__":
    main()
