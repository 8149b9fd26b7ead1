"""Raw consume: aiokafka fetches, and each event is read from its bytes. Nothing is decided and nothing kept."""

from __future__ import annotations

import json
import sys
import time

import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from engine.core.reading import Reader


async def consume(brokers: str, topic: str, count: int) -> None:
    """Read so many events, and say how long that took."""
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    places = [TopicPartition(topic, number) for number in await _partitions(consumer, topic)]
    consumer.assign(places)
    await consumer.seek_to_beginning(*places)
    read, began, spent, done = Reader().read, 0.0, 0.0, 0
    while done < count:
        for records in (await consumer.getmany(timeout_ms=1_000, max_records=2_000)).values():
            began, spent = began or time.perf_counter(), spent or time.process_time()
            for record in records:
                assert read(record.value).event is not None, "the sample holds no bad line"
            done += len(records)
    took, worked = time.perf_counter() - began, time.process_time() - spent
    print(json.dumps({"seconds": took, "events": done, "sends": 0, "processor": worked}))
    await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client._wait_on_metadata(topic)  # noqa: SLF001 - the public way needs a subscription
    found: set[int] = consumer.partitions_for_topic(topic)
    return found


if __name__ == "__main__":
    uvloop.run(consume(sys.argv[1], sys.argv[2], int(sys.argv[3])))
