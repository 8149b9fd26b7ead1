"""The gateway on a real broker: order, at least once whatever is killed, dead letters, and nothing that stops it."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections.abc import Callable

import aiokafka.codec
import pytest

from engine.core.events import Event, Mail
from engine.core.signals import Happened
from engine.runtimes.kafka.identifying import IdentitiesInMemory
from engine.runtimes.kafka.sources import SourcesFailedError
from engine.runtimes.kafka.wire import Entry, partition_of
from engine.runtimes.kafka.words import Known, encode_word, told
from tests.brokers import Cluster
from tests.gateway_harness import PARTITIONS, Bus, present

NOW = "2026-01-31T10:15:00+01:00"


def order(customer: str, number: int, **data: object) -> bytes:
    """An order as the shop writes it."""
    event = {
        "specversion": "1.0",
        "id": f"o-{number}",
        "source": "shop",
        "type": "order.placed",
        "time": NOW,
        "data": {"order_id": str(number), "total": "1.00", "currency": "EUR", **data},
    }
    return json.dumps(event | ({"subject": customer} if customer else {})).encode()


def orders_of(entries: list[list[Entry]]) -> dict[str, list[int]]:
    """The orders that each customer was told, in order."""
    found: dict[str, list[int]] = {}
    for partition, each in enumerate(entries):
        for entry in each:
            signal_ = entry.decoded()
            assert isinstance(signal_, Happened)
            assert partition_of(entry.customer, PARTITIONS) == partition
            found.setdefault(entry.customer, []).append(int(signal_.event.data.order_id))
    return found


def in_order(numbers: list[int]) -> list[int]:
    """The first telling of each, in the order of their telling."""
    return list(dict.fromkeys(numbers))


async def bus_of(kafka: str, prefix: str, sources: dict[str, int]) -> Bus:
    """The topics of a test."""
    bus = Bus(kafka, prefix)
    await bus.make({f"{prefix}.{name}": count for name, count in sources.items()})
    return bus


async def test_events_keep_their_order_per_customer_within_a_source_partition(kafka: str, prefix: str) -> None:
    """Any partitioning of the shop's, ours by customer: what one partition says of a customer arrives as it was said."""
    bus = await bus_of(kafka, prefix, {"orders": 3})
    topic = f"{prefix}.orders"
    rows = [(number % 50 % 3, order(f"c-{number % 50}", number)) for number in range(5_000)]
    await bus.fill(topic, rows)
    gateway = bus.gateway([topic])
    await gateway.start()
    entries = await bus.wait_for(5_000)
    await gateway.stop()

    assert orders_of(entries) == {f"c-{who}": list(range(who, 5_000, 50)) for who in range(50)}
    origins = {entry.origin.rpartition("/")[0] for each in entries for entry in each}
    assert origins == {f"{topic}/{number}" for number in range(3)}
    assert await bus.letters() == []


async def test_http_and_topics_meet_in_one_inbox(kafka: str, prefix: str) -> None:
    """What is submitted is in Kafka when it is answered."""
    bus = await bus_of(kafka, prefix, {"events": 1})
    gateway = bus.gateway([f"{prefix}.events"])
    await gateway.start()
    opened = Event("1", "esp", "email.opened", present(), "", Mail(email="guest@example.org"))
    results = await gateway.submit([opened], ["POST /events"])
    (entry,) = [entry for each in await bus.entries() for entry in each]
    await gateway.stop()

    assert [each.customer_id for each in results] == ["mailto:guest@example.org"]
    assert (entry.customer, entry.origin) == ("mailto:guest@example.org", "POST /events")


async def test_what_cannot_be_read_is_a_dead_letter_and_stops_nothing(kafka: str, prefix: str) -> None:
    """Broken JSON, five megabytes, deep nesting, tombstones, foreign words: each has its reason, all others arrive."""
    bus = await bus_of(kafka, prefix, {"orders": 1})
    topic = f"{prefix}.orders"
    large = order("c-1", 9, note="x" * 5_000_000)
    await bus.fill(
        topic,
        [
            (0, order("c-1", 1)),
            (0, b"{not json"),
            (0, None),
            (0, large),
            (0, b'{"data":' + b"[" * 2_000 + b"]" * 2_000 + b"}"),
            (0, b"\xff\xfe"),
            (0, order("", 5)),
            (0, order("c-1", 2)),
        ],
    )
    async with bus.producer() as producer:
        await producer.send(topic, b"\xc1", headers=[("winback-kind", b"told")])
        await producer.send(topic, order("c-1", 3))
    gateway = bus.gateway([topic])
    await gateway.start()
    entries = await bus.wait_for(3)
    figures = gateway.figures()
    await gateway.stop()
    letters = await bus.letters()

    assert orders_of(entries) == {"c-1": [1, 2, 3]}
    assert figures.tombstones == 1
    assert [each.origin for each in letters] == [f"{topic}/0/{offset}" for offset in (1, 3, 4, 5, 6, 8)]
    reasons = [each.reason for each in letters]
    assert "longer than 1,000,000 bytes" in reasons[1]
    assert [
        key in reason
        for key, reason in zip(("JSON", "longer", "nested", "UTF-8", "nobody", "word"), reasons, strict=True)
    ] == [True] * 6
    assert letters[0].raw == b"{not json"


async def test_time_goes_on_in_every_partition(kafka: str, prefix: str) -> None:
    """Each second each partition of the inbox is told the time, with one gateway or two."""
    bus = await bus_of(kafka, prefix, {"events": 1})
    gateways = [bus.gateway([f"{prefix}.events"]) for _ in range(2)]
    for gateway in gateways:
        await gateway.start()
    began = present()
    inbox = await bus.inbox()
    while any(len(records) < 4 for records in inbox):
        assert present() - began < 30_000_000
        await asyncio.sleep(0.2)
        inbox = await bus.inbox()
    for gateway in gateways:
        await gateway.stop()

    for records in inbox:
        stamps = [record.at for record in records]
        assert all(abs(at - began) < 30_000_000 for at in stamps)
        assert all(record.entries == () for record in records)


async def test_two_gateways_share_the_topics_and_lose_nothing_when_one_leaves(kafka: str, prefix: str) -> None:
    """A second one takes over a part, and all of it when the first goes; order holds all the way."""
    bus = await bus_of(kafka, prefix, {"orders": 4})
    topic = f"{prefix}.orders"
    rows = [(number % 40 % 4, order(f"c-{number % 40}", number)) for number in range(6_000)]
    first, second = bus.gateway([topic]), bus.gateway([topic])
    await first.start()
    await bus.fill(topic, rows[:2_000])
    await second.start()
    await bus.fill(topic, rows[2_000:4_000])
    await bus.wait_for(4_000)
    await first.stop()
    await bus.fill(topic, rows[4_000:])
    await bus.wait_for(6_000)
    await second.stop()

    told_ = orders_of(await bus.entries())
    assert {who: in_order(numbers) for who, numbers in told_.items()} == {
        f"c-{who}": list(range(who, 6_000, 40)) for who in range(40)
    }


async def test_a_gateway_that_is_killed_loses_nothing(kafka: str, prefix: str) -> None:
    """SIGKILL at any moment: what was not in Kafka yet is read again, in order; what was is told twice at most."""
    bus = await bus_of(kafka, prefix, {"orders": 2})
    topic = f"{prefix}.orders"
    total, draw = 20_000, random.Random(6)
    filling = asyncio.create_task(
        bus.fill(topic, [(number % 20 % 2, order(f"c-{number % 20}", number)) for number in range(total)])
    )
    for _ in range(3):
        process = bus.process([topic])
        at_least = sum(map(len, await bus.entries())) + draw.randrange(1, 3_000)
        try:
            await bus.wait_for(min(at_least, total), 60)
        finally:
            process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(process.wait)
    await filling
    gateway = bus.gateway([topic])
    await gateway.start()
    deadline = asyncio.get_running_loop().time() + 60
    told_ = orders_of(await bus.entries())
    while sum(len(set(numbers)) for numbers in told_.values()) < total:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.2)
        told_ = orders_of(await bus.entries())
    await gateway.stop()

    assert {who: in_order(numbers) for who, numbers in told_.items()} == {
        f"c-{who}": list(range(who, total, 20)) for who in range(20)
    }


@pytest.mark.parametrize("away", [3, pytest.param(300, marks=pytest.mark.long)])
async def test_a_broker_that_goes_away_and_comes_back_is_waited_for(
    clusters: Callable[[int], Cluster], prefix: str, away: int
) -> None:
    """Killed under load: the gateway lives on, what is in hand stays in hand, and everything arrives, in order."""
    cluster = await asyncio.to_thread(clusters, 1)
    bus = await bus_of(cluster.bootstrap, prefix, {"orders": 2})
    topic = f"{prefix}.orders"
    await bus.fill(topic, [(number % 20 % 2, order(f"c-{number % 20}", number)) for number in range(4_000)])
    gateway = bus.gateway([topic])
    await gateway.start()
    await bus.wait_for(500)
    broker = cluster.brokers[0]
    await asyncio.to_thread(broker.kill)
    waiting = asyncio.create_task(
        gateway.submit([Event("x", "shop", "customer.visited", present(), "c-0", None)], [""])
    )
    await asyncio.sleep(away)
    assert not waiting.done()
    await asyncio.to_thread(broker.start)
    await waiting
    await bus.fill(topic, [(number % 20 % 2, order(f"c-{number % 20}", number)) for number in range(4_000, 6_000)])
    await bus.wait_for(6_001)
    await gateway.stop()

    told_: dict[str, list[int]] = {}
    for each in await bus.entries():
        for entry in each:
            if entry.origin:
                told_.setdefault(entry.customer, []).append(int(entry.decoded().event.data.order_id))  # type: ignore[union-attr] # all are Happened
    assert {who: in_order(numbers) for who, numbers in told_.items()} == {
        f"c-{who}": list(range(who, 6_000, 20)) for who in range(20)
    }


async def test_while_the_identities_are_away_other_partitions_go_on(kafka: str, prefix: str) -> None:
    """A partition that holds a question waits, with its order kept; none of the others does."""
    bus = await bus_of(kafka, prefix, {"orders": 2})
    topic = f"{prefix}.orders"
    await bus.fill(
        topic, [(0, order("", 0, email="ada@example.org")), *((0, order("c-1", number)) for number in range(1, 9))]
    )
    await bus.fill(topic, [(1, order("c-2", number)) for number in range(9, 20)])
    identities = IdentitiesInMemory()
    identities.away = True
    gateway = bus.gateway([topic], identities)
    await gateway.start()
    assert orders_of(await bus.wait_for(11)) == {"c-2": list(range(9, 20))}
    assert gateway.figures().identities_away
    identities.away = False
    entries = await bus.wait_for(20)
    await gateway.stop()

    assert orders_of(entries) == {
        "mailto:ada@example.org": [0],
        "c-1": list(range(1, 9)),
        "c-2": list(range(9, 20)),
    }


async def test_words_go_from_topic_to_partition(kafka: str, prefix: str) -> None:
    """What a worker tells a customer elsewhere, and which keys are known, by headers on a topic of events."""
    bus = await bus_of(kafka, prefix, {"events": 1})
    topic = f"{prefix}.events"
    identities = IdentitiesInMemory()
    word = told("c-7", Happened(Event("v", "shop", "customer.visited", 1, "c-7", None)), mark=b"12345678")
    async with bus.producer() as producer:
        for each in (word, Known("coupon:WB-1", "c-3")):
            value, headers = encode_word(each)
            await producer.send(topic, value, headers=headers)
        await producer.send(topic, order("c-1", 1))
    gateway = bus.gateway([topic], identities)
    await gateway.start()
    entries = await bus.wait_for(2)
    await gateway.stop()

    marks = {entry.customer: entry.mark for each in entries for entry in each}
    assert marks == {"c-7": b"12345678", "c-1": b""}
    assert identities.owners == {"coupon:WB-1": "c-3"}


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_every_codec_of_the_shop_is_read_or_named(kafka: str, prefix: str, codec: str) -> None:
    """However the shop compresses its records; where the package for it is missing the gateway stops and names it."""
    bus = await bus_of(kafka, prefix, {})
    topic = f"{prefix}.orders"
    await bus.make({topic: 1}, ours=False, settings={"compression.type": codec})  # so the broker itself packs them
    await bus.fill(topic, [(0, order("c-1", number)) for number in range(100)], linger_ms=20)
    gateway = bus.gateway([topic])
    await gateway.start()
    try:
        if getattr(aiokafka.codec, f"has_{codec}")():
            assert orders_of(await bus.wait_for(100)) == {"c-1": list(range(100))}
        else:
            async with asyncio.timeout(30):
                with pytest.raises(SourcesFailedError, match=f"{topic}/0 cannot be read: .* cramjam"):
                    await gateway.ended()
    finally:
        await gateway.stop()
