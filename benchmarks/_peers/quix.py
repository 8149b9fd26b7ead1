"""Quix Streams: a stateful dataframe, its state in RocksDB with a changelog topic, at least once."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from quixstreams import Application, State

from benchmarks._peers.kernel import Kernel


def main(brokers: str, topic: str, count: int, rules: Path, folder: Path) -> None:
    """Take in so many events, and say how long that took."""
    kernel = Kernel.of(rules)
    began = worked = 0.0
    app = Application(
        broker_address=brokers,
        consumer_group=f"{topic}-quix",
        auto_offset_reset="earliest",
        state_dir=str(folder / "quix"),
        processing_guarantee="at-least-once",
        loglevel="WARNING",
    )
    events = app.topic(topic, value_deserializer="bytes", key_deserializer="str")
    sends = app.topic(f"{topic}-quix-sends", key_serializer="str", value_serializer="json")

    def step(raw: bytes, state: State) -> list[dict[str, str]]:
        nonlocal began, worked
        began, worked = began or time.perf_counter(), worked or time.process_time()
        after, sent = kernel.step(raw, state.get_bytes("record"))
        state.set_bytes("record", after)
        if kernel.events == count:
            app.stop()
        return [{"effect_id": each} for each in sent]

    frame = app.dataframe(events).apply(step, stateful=True, expand=True)
    frame.to_topic(sends)
    app.run()  # until stopped: the last checkpoint is in Kafka then
    took, processor = time.perf_counter() - began, time.process_time() - worked
    print(json.dumps({"seconds": took, "events": kernel.events, "sends": kernel.sends, "processor": processor}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5]))
