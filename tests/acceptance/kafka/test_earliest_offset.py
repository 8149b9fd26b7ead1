"""A gateway that begins at the earliest offset of topics that hold years: it teaches a live engine, and sends nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from engine.core.reading import encode
from engine.runtimes.simulator.sample import sample_events
from tests.acceptance.kafka.commands import ROOT
from tests.acceptance.kafka.test_commands_over_parts import Engine
from tests.cli.conftest import all_live

EVENTS = list(sample_events(60, seed=11))
CUSTOMERS = len({event.customer for event in EVENTS})
CODECS = (None, "gzip")


@pytest.fixture
def engine(tmp_path: Path, kafka: str, prefix: str, postgres: str) -> Iterator[Engine]:
    """Topics made, nothing started; the shipped workflows, all of them live."""
    shutil.copytree(ROOT / "workflows", tmp_path / "workflows")
    for scenarios in (tmp_path / "workflows").glob("*.scenarios.yaml"):
        scenarios.unlink()  # they are played by other tests
    all_live(tmp_path / "workflows")
    with ExitStack() as stack:
        made = Engine(tmp_path, kafka, prefix, postgres, stack)
        assert made.call("topics", "--create").code == 0
        yield made


def write_history(kafka: str, topic: str) -> None:
    """Write the history, a half packed and a half not, with a tombstone, broken JSON and 5 MB among it."""
    half = len(EVENTS) // 2
    for codec, events in zip(CODECS, (EVENTS[:half], EVENTS[half:]), strict=True):
        producer = KafkaProducer(
            bootstrap_servers=kafka, acks="all", compression_type=codec, linger_ms=20, max_request_size=16 << 20
        )
        with closing(producer):
            for event in events:
                producer.send(topic, encode(event), key=event.customer.encode())
            producer.send(topic, None, key=b"c-gone")
            producer.send(topic, b"{broken")
            producer.send(topic, b'{"specversion":"1.0","x":"' + b"y" * 5_000_000 + b'"}')
            producer.flush(60)


def records_in(kafka: str, topic: str) -> int:
    """How many records a topic has had."""
    with closing(KafkaConsumer(bootstrap_servers=kafka, group_id=None)) as consumer:
        places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        return int(sum(consumer.end_offsets(places).values()))


def test_the_earliest_offset_teaches_and_sends_nothing(engine: Engine, kafka: str, prefix: str, postgres: str) -> None:
    """Live, with every workflow live: three years from a topic's beginning are all known, and nobody enters or is written to."""
    for part in ("worker", "projector"):
        engine.start(part)
    engine.until("the books are there", lambda: engine.call("status").code == 0)
    assert engine.call("go-live", "--no-suppressions").code == 0
    write_history(kafka, f"{prefix}.events")

    engine.start("gateway")
    engine.until("everybody is known", lambda: engine.status()["customers"] == CUSTOMERS)

    def all_is_read() -> bool:
        groups = json.loads(engine.call("topics", "--json").out)["groups"]
        return bool(groups) and all(group["lag"] == 0 for group in groups if group["topic"] == f"{prefix}.events")

    engine.until("the topic is read to its end", all_is_read)
    engine.until("dead letters are in the books", lambda: len(engine.call("dead-letters", "list", "--json").json) == 4)
    engine.until("the books are as of after that", lambda: engine.status()["books"]["seconds"] < 3)
    with psycopg.connect(postgres) as connection:
        entered = connection.execute("select count(*) from under_way").fetchone()
        decided = connection.execute("select type, count(*) from effect group by type").fetchall()
    assert (entered, decided) == ((0,), [])
    assert records_in(kafka, f"{prefix}.sends") == 0
    assert engine.status()["outbox"] == 0
