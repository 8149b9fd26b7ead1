"""Bytewax: a stateful map over the topic, its state in SQLite by epochs of ten seconds; sends go to a file."""

from __future__ import annotations

import json
import sys
import time
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
from bytewax.connectors.files import FileSink
from bytewax.connectors.kafka import KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from benchmarks._peers.kernel import Kernel


def main(brokers: str, topic: str, count: int, rules: Path, folder: Path) -> None:
    """Take in all events of the topic, and say how long that took."""
    kernel = Kernel.of(rules)
    began = worked = 0.0
    recovery = folder / "bytewax"
    recovery.mkdir(parents=True)
    init_db_dir(recovery, 1)

    def step(state: bytes | None, raw: bytes) -> tuple[bytes, list[tuple[str, str]]]:
        nonlocal began, worked
        began, worked = began or time.perf_counter(), worked or time.process_time()
        after, sent = kernel.step(raw, state)
        return after, [(each, each) for each in sent]

    def keyed(message: KafkaSourceMessage[bytes, bytes]) -> tuple[str, bytes]:
        assert message.key is not None
        assert message.value is not None
        return message.key.decode(), message.value

    flow = Dataflow("peer")
    messages = op.input("in", flow, KafkaSource([brokers], [topic], tail=False, batch_size=1_000))
    decided = op.stateful_map("decide", op.map("key", messages, keyed), step)
    sends = op.flat_map("sends", decided, lambda pair: pair[1])
    op.output("out", sends, FileSink(folder / "bytewax.out"))
    cli_main(flow, epoch_interval=timedelta(seconds=10), recovery_config=RecoveryConfig(str(recovery)))
    assert kernel.events == count, "the whole topic"
    took, processor = time.perf_counter() - began, time.process_time() - worked
    print(json.dumps({"seconds": took, "events": kernel.events, "sends": kernel.sends, "processor": processor}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5]))
