"""One gateway on a real broker, beside a bare consumer of the same topics, in one run.

A made-up shop's events, one a record, go into an inbox of the partition count a new installation gets. They name their
customer, as CloudEvents or in the shop's own JSON (mapped by connectors.yaml); or only an address, whose owner is asked of
PostgreSQL. Counted is from the first record read to the last event that is durable in the inbox.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from engine.books.database import open_to_write
from engine.books.postgres import Server
from engine.core.events import Event
from engine.core.reading import encode
from engine.runtimes.simulator.sample import sample_events
from tests.brokers import Cluster
from tests.postgres_servers import Server as PostgresServer

CUSTOMERS = 50_000
EVENTS = 300_000
SEED = 1
SOURCE_PARTITIONS = 8
PARTITIONS = 32
ROUNDS = 2
MAPPING = """\
topics:
  bench.mapped:
    events:
      - type: order.placed
        id: nr
        time: {field: order.at, as: milliseconds}
        customer: order.customer.id
        data:
          order_id: order.number
          total: {field: order.cents, as: minor_units}
          currency: order.currency
"""


def main(events: int = EVENTS) -> None:
    """Measure one after the other, and print rates and ratios."""
    with (
        tempfile.TemporaryDirectory(prefix="winback-bench-") as name,
        Cluster(1) as cluster,
        PostgresServer() as postgres,
    ):
        sample = list(islice(sample_events(CUSTOMERS, SEED), events))
        topics: dict[str, Callable[[Event], bytes]] = {"events": encode, "guests": by_address, "mapped": of_the_shop}
        asyncio.run(_fill(cluster.bootstrap, {f"bench.{each}": map(make, sample) for each, make in topics.items()}))
        mapping = Path(name) / "connectors.yaml"
        mapping.write_text(MAPPING)
        dsn = postgres.database()
        open_to_write(Server(dsn)).close()
        print(
            f"{len(sample):,} events of {CUSTOMERS:,} customers, seed {SEED}, {PARTITIONS} partitions, {os.cpu_count()} cores"
        )

        def run(what: str, topic: str, *more: str, **environment: str) -> tuple[float, float]:
            return max(
                _run(what, cluster.bootstrap, topic, len(sample), f"{name}/{topic}-{turn}", more, environment)
                for turn in range(ROUNDS)
            )

        raw = run("raw", "bench.events")
        rows = {
            "raw consume, each event read": raw,
            "gateway, CloudEvents": run("gateway", "bench.events"),
            "gateway, mapped JSON": run("gateway", "bench.mapped", str(mapping)),
            "gateway, guests by address": run("gateway", "bench.guests", DSN=dsn),
        }
    print(f"\n{'':32}{'events/s':>10}{'of raw':>9}{'per processor s':>18}   (the better of {ROUNDS})")
    for what, (rate, a_processor) in rows.items():
        print(f"{what:32}{rate:>10,.0f}{rate / raw[0]:>9.0%}{a_processor:>18,.0f}")


def by_address(event: Event) -> bytes:
    """Return an event of the same customer that names an address alone."""
    raw: dict[str, Any] = msgspec.json.decode(encode(event))
    raw["data"]["email"] = f"{raw.pop('subject')}@example.org"
    return msgspec.json.encode(raw)


def of_the_shop(event: Event) -> bytes:
    """Return an order of the same customer in the shop's own form."""
    order = {
        "number": event.id,
        "at": event.time // 1_000,
        "customer": {"id": event.customer, "name": "Ada Example"},
        "cents": 4_990,
        "currency": "EUR",
        "lines": [{"sku": "cup-1", "qty": 2}],
    }
    return json.dumps({"nr": event.id, "kind": "order", "order": order}).encode()


def _run(
    what: str, brokers: str, topic: str, events: int, folder: str, more: Iterable[str], environment: dict[str, str]
) -> tuple[float, float]:
    """Return events a second, and events a second that a processor worked for the process."""
    command = [sys.executable, "-m", f"benchmarks._kafka.{what}", brokers, topic, str(events), "-", folder, *more]
    told = {**os.environ, "PARTITIONS": str(PARTITIONS), **environment}
    done = subprocess.run(command, env=told, stdout=subprocess.PIPE, check=True, timeout=600)
    figure = json.loads(done.stdout.splitlines()[-1])
    return figure["events"] / figure["seconds"], figure["events"] / figure["processor"]


async def _fill(brokers: str, topics: dict[str, Iterable[bytes]]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    await admin.create_topics([NewTopic(name, SOURCE_PARTITIONS, 1) for name in topics])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=brokers, linger_ms=20, max_batch_size=500_000)
    await producer.start()
    for name, values in topics.items():
        sent = [await producer.send(name, value, partition=at % SOURCE_PARTITIONS) for at, value in enumerate(values)]
        await asyncio.gather(*sent)
    await producer.stop()


if __name__ == "__main__":
    main()
