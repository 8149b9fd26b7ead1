"""Our worker, on an inbox filled beforehand. It writes messages with one line of text, as the others write none.

It takes its own arguments: `python -m benchmarks._kafka.worker BROKERS PREFIX METRICS-PORT FOLDER`; an empty folder is memory.
With `PROFILE` in the environment it writes where its time went into that file when it is stopped. With `SLOT` it goes by
that name, where several run at a time.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks._kafka.sampling import sampled
from engine.runtimes.kafka.brokers import Brokers
from engine.runtimes.kafka.topic_names import TopicNames
from engine.runtimes.kafka.worker import run_worker
from engine.runtimes.kafka.worker_options import WorkerOptions
from tests.kafka_harness import KEY, PlainWriter


def main(brokers: str, prefix: str, port: int, folder: str) -> int:
    """Decide until stopped."""
    options = WorkerOptions(
        brokers=Brokers(addresses=(brokers,)),
        topics=TopicNames.of(prefix),
        group=f"{prefix}-workers",
        partitions=int(os.environ["PARTITIONS"]),
        key=KEY,
        slot=os.environ.get("SLOT", "one"),
        folder=Path(folder) if folder else None,
        metrics=("127.0.0.1", port),
    )
    path = os.environ.get("PROFILE")
    if not path:
        return run_worker(options, PlainWriter())
    with sampled(Path(path)):
        return run_worker(options, PlainWriter())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
