"""Our projector and office, on topics that a worker has written or is writing.

It takes its own arguments: `python -m benchmarks._kafka.projector BROKERS PREFIX METRICS-PORT DATABASE-URL`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time

from prometheus_client import CollectorRegistry, start_http_server

from benchmarks.embedded import live_rules
from engine.books import rulebook
from engine.books.postgres import Server
from engine.core.moments import Instant
from engine.runtimes.kafka.desk import Desk
from engine.runtimes.kafka.projector import Meters, Place, run_projector
from engine.runtimes.kafka.shop_store import ShopStore
from engine.runtimes.kafka.topic_names import TopicNames
from tests.kafka_harness import KEY


class TimeOfDay:
    """The clock that the office works by."""

    def now(self) -> Instant:
        """Return the time."""
        return time.time_ns() // 1_000


def put_in_force(desk: Desk, store: ShopStore, now: Instant) -> None:
    """Begin with the shipped rules."""
    if not desk.rules.shop.epoch:
        rulebook.apply(desk, live_rules(), store, now, who="first start")


async def project(brokers: str, prefix: str, port: int, url: str) -> None:
    """Project until it is ended."""
    registry = CollectorRegistry()
    meters = Meters(registry)
    place = Place(
        server=Server(url),
        clients={"bootstrap_servers": brokers},
        topics=TopicNames.of(prefix),
        partitions=int(os.environ["PARTITIONS"]),
    )

    def up() -> None:
        start_http_server(port, "127.0.0.1", registry=registry)

    await run_projector(place, TimeOfDay(), key=KEY, up=up, begin=put_in_force, meters=meters)


if __name__ == "__main__":
    asyncio.run(project(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
