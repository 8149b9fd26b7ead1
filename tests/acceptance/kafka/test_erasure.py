"""Erasure on a real broker (R29): after the time that topics keep things for, nothing of the person is in any of them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from engine.books.database import open_to_read
from engine.books.postgres import Server
from engine.core.reading import encode
from engine.runtimes.kafka.topic_names import TopicNames
from tests.acceptance.kafka.test_commands_over_parts import PARTITIONS, Engine, engine
from tests.builders import START, event
from tests.searching import found_in

__all__ = ["engine"]

ADA, ADDRESS = "customer-4711-ada", "ada.lovelace@example.org"
WORDS = [ADA, ADDRESS, "Wilhelmina-Ada", "order-of-ada"]
SOON = """
from functools import partial
import engine.wiring.distributed.projector as parts
parts.shared_eraser = partial(parts.shared_eraser, settle=3_000_000)
from engine.cli import main
main()
"""
"""A projector that waits three seconds for what is on its way, and not ten minutes."""


async def in_topics(bootstrap: str, names: list[str]) -> dict[str, list[str]]:
    """What stands of her in which topic, keys and headers included."""
    found: dict[str, list[str]] = {}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        counts = {each["topic"]: len(each["partitions"]) for each in await admin.describe_topics(names)}
    finally:
        await admin.close()
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest")
    await consumer.start()
    try:
        for name in names:
            sources = [TopicPartition(name, each) for each in range(counts[name])]
            consumer.assign(sources)
            await consumer.seek_to_beginning(*sources)
            ends = await consumer.end_offsets(sources)
            while any([await consumer.position(each) < ends[each] for each in sources]):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for each in records:
                        raw = b"\0".join([each.key or b"", each.value or b"", *(text for _, text in each.headers)])
                        found.setdefault(name, []).extend(found_in(raw, WORDS))
    finally:
        await consumer.stop()
    return {name: said for name, said in found.items() if said}


async def let_time_pass(bootstrap: str, topics: TopicNames) -> None:
    """Let every topic's time be over: segments are closed at once, and go, or are compacted."""
    old = {"segment.ms": "500", "retention.ms": "1000"}
    compact = {
        "segment.ms": "500",
        "min.cleanable.dirty.ratio": "0.0",
        "max.compaction.lag.ms": "1000",
        "delete.retention.ms": "100",
        "max.message.bytes": "33554432",
        "cleanup.policy": "compact",
    }
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        for names, said in (
            ((topics.events, topics.results, topics.inbox, topics.effects, topics.sends, topics.letters), old),
            ((topics.changelog,), compact),
        ):
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=said) for name in names])
    finally:
        await admin.close()


@pytest.mark.long
def test_after_the_retention_nothing_is_in_any_topic(engine: Engine) -> None:
    """She is ingested and decided about, erased by a command, and gone from the books; then from topics, as their time ends."""
    topics = TopicNames.of(engine.settings["kafka_prefix"])
    every = [
        topics.events,
        topics.results,
        topics.inbox,
        topics.effects,
        topics.sends,
        topics.letters,
        topics.changelog,
    ]
    bootstrap = engine.settings["kafka_brokers"]
    for part in ("gateway", "worker"):
        engine.start(part)
    engine.start("projector", code=SOON)
    engine.until("the books are there", lambda: engine.call("status").code == 0)
    engine.until("all partitions are in the books", lambda: engine.status()["books"]["heard"] == PARTITIONS)
    file = engine.folder / "ada.jsonl"
    _write(file)
    assert engine.call("ingest", "ada.jsonl").code == 0
    engine.until("she is known", lambda: engine.call("explain", ADA).code == 0)
    exported = engine.call("export", ADDRESS, "--json")
    assert exported.json["profile"]["first_name"]["value"] == "Wilhelmina-Ada"
    assert {topics.events, topics.inbox, topics.changelog} <= asyncio.run(in_topics(bootstrap, every)).keys()

    erased = engine.call("erase", ADDRESS, "--why", "a letter", "--yes")
    assert erased.code == 0, erased.err
    number = erased.out.split("--proof ")[1].split()[0]
    engine.until("the proof is there", lambda: engine.call("erase", "--proof", number).code == 0)
    assert _in_books(engine) == {}
    again = engine.call("ingest", "ada.jsonl")
    assert again.code == 0, "the file goes into the topic; the gateway refuses what is in it"
    (proof,) = engine.call("erase", "--proof", number, "--json").json
    assert found_in(json.dumps(proof).encode(), WORDS) == []
    assert {each["place"] for each in proof["remains"]} >= {f"topic {name}" for name in every}

    asyncio.run(let_time_pass(bootstrap, topics))
    others = [each for each in every if each != topics.changelog]
    ticks = {"number": 0}

    def gone() -> bool:
        ticks["number"] += 1
        stranger = event(
            "order.placed", START, f"s{ticks['number']}", f"s{ticks['number']}", order_id=f"s{ticks['number']}"
        )
        (engine.folder / "s.jsonl").write_bytes(encode(stranger) + b"\n")
        engine.call("ingest", "s.jsonl")  # a segment is closed by what comes behind it
        return not asyncio.run(in_topics(bootstrap, every))

    engine.until("topics forget her", gone)
    assert others
    assert _in_books(engine) == {}, "nor does what came again"
    assert engine.call("explain", ADA).code == 1


def _write(file: Path) -> None:
    events = [
        event("profile.updated", START, ADA, "p", email=ADDRESS, first_name="Wilhelmina-Ada"),
        event("order.placed", START + 1, ADA, "o", order_id="order-of-ada", email=ADDRESS),
    ]
    file.write_bytes(b"".join(encode(each) + b"\n" for each in events))


def _in_books(engine: Engine) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    connection = open_to_read(Server(engine.settings["postgres_url"]))
    try:
        query = "select table_name from information_schema.tables where table_schema = current_schema()"
        for (table,) in connection.execute(query).fetchall():
            for row in connection.execute(f"select * from {table}"):
                raw = b"\0".join(bytes(e) if isinstance(e, bytes | memoryview) else str(e).encode() for e in row)
                if said := found_in(raw, WORDS):
                    found.setdefault(table, []).extend(said)
    finally:
        connection.close()
    return found
