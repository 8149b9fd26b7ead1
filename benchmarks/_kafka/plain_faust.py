"""Plain Faust: one event a record, a table of bytes in memory with Faust's own changelog, sends by Faust's own producer.

As its documentation shows it: an agent over a topic, `table[key] = value`, `topic.send`. uvloop is on, as with our worker.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import faust
import uvloop

from benchmarks._peers.kernel import Kernel


def main(brokers: str, topic: str, count: int, rules: Path, folder: Path) -> None:
    """Take in so many events, and say how long that took."""
    uvloop.install()
    kernel = Kernel.of(rules)
    partitions = int(os.environ["PARTITIONS"])
    app = faust.App(
        f"{topic}-plain-faust",
        broker=f"kafka://{brokers}",
        store="memory://",
        topic_partitions=partitions,
        topic_replication_factor=1,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        table_standby_replicas=0,
        web_enabled=False,
        autodiscover=False,
        datadir=str(folder / "faust"),
    )
    events = app.topic(topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    sends = app.topic(
        f"{topic}-faust-sends", key_type=bytes, value_type=bytes, value_serializer="raw", partitions=partitions
    )
    table = app.Table("customers", key_type=bytes, value_type=bytes, partitions=partitions)
    began = worked = 0.0

    @app.agent(events)
    async def deciding(stream: faust.StreamT[bytes]) -> None:
        nonlocal began, worked
        async for key, raw in stream.items():
            began, worked = began or time.perf_counter(), worked or time.process_time()
            table[key], sent = kernel.step(raw, table.get(key))
            for effect_id in sent:
                await sends.send(key=key, value=effect_id.encode())
            if kernel.events == count:
                await app.producer.flush()
                took, processor = time.perf_counter() - began, time.process_time() - worked
                said = {"seconds": took, "events": kernel.events, "sends": kernel.sends, "processor": processor}
                print(json.dumps(said), flush=True)
                os._exit(0)  # Faust's own stop takes seconds, which are not measured

    faust.Worker(app, loglevel="ERROR", redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5]))
