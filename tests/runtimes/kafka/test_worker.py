"""Workers on a real broker: whatever dies, stands still or is lost, each record is decided to the same effects at the same places."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from functools import lru_cache
from pathlib import Path
from random import Random

import pytest

from engine.core import customer as records
from engine.runtimes.kafka.stopping import HALTED
from engine.runtimes.kafka.values import customers_in, kept_in
from tests.brokers import Cluster
from tests.inbox_streams import Stream, made_up
from tests.kafka_harness import Installation, document

PARTITIONS = 3


@lru_cache
def stream(seed: int = 1, customers: int = 40, days: int = 120) -> Stream:
    """A made-up shop's inbox: some five thousand records, pauses, edits, merges."""
    return made_up(seed, customers=customers, days=days, partitions=PARTITIONS)


@lru_cache
def long_stream() -> Stream:
    """More than a hundred thousand events of three years, with their timers."""
    made = made_up(7, customers=2_300, days=1_095, partitions=PARTITIONS, unrest=0.02, most=200)
    assert made.events > 100_000
    return made


async def installed(bootstrap: str, prefix: str, folder: Path, of: Stream) -> Installation:
    """Make the topics, and put the rules."""
    made = Installation(bootstrap, prefix, folder, PARTITIONS)
    await made.create()
    await made.put_rules([document(epoch, each.rule_set, each.versions) for epoch, each in of.documents.items()])
    return made


@pytest.fixture
async def shop(kafka: str, prefix: str, tmp_path: Path) -> AsyncIterator[Installation]:
    """An installation with the rules of the stream, and nothing in its inbox yet."""
    made = await installed(kafka, prefix, tmp_path, stream())
    yield made
    made.stop()


async def as_decided(made: Installation, of: Stream, *, seconds: float = 90.0) -> float:
    """Wait until everything is decided, and see that it is what the reference has; return how long it took."""
    took = await made.caught_up([len(inbox) for inbox in of.inboxes], seconds)
    effects = await made.effects()
    wanted = {place: effect for placed in of.effects for place, effect in placed}
    assert {place: effect for place, (effect, _) in effects.items()} == wanted
    for table, reference in zip(await made.tables(), of.references, strict=True):
        found = {name: records.encode(kept_in(value).record) for name, value in customers_in(table.values.items())}
        assert found == reference.records()
    return took


async def test_a_worker_decides_what_the_reference_does(shop: Installation) -> None:
    """One worker, undisturbed: every effect once; stopped in order it exits 0, and nothing is decided again by the next."""
    await shop.feed(stream().inboxes)
    worker = shop.worker()
    await as_decided(shop, stream())
    assert {times for _, times in (await shop.effects()).values()} == {1}
    with socket.socket() as asked:
        assert asked.connect_ex(("127.0.0.1", 6066)), "Faust's own web server is off"
    worker.stop()
    assert worker.ended() == 0, worker.said()
    assert await shop.committed() == [len(inbox) for inbox in stream().inboxes]


@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 3])
async def test_a_hundred_thousand_events_are_decided_alike(
    kafka: str, prefix: str, tmp_path: Path, workers: int
) -> None:
    """By one worker and by three: every effect of the reference at its place, once, and the same records."""
    shop = await installed(kafka, prefix, tmp_path, long_stream())
    try:
        for number in range(workers):
            shop.worker(f"slot-{number}")
        await shop.feed(long_stream().inboxes)
        await as_decided(shop, long_stream(), seconds=600)
    finally:
        shop.stop()


async def test_a_worker_that_is_busy_stops_in_order(shop: Installation) -> None:
    """Asked to stop in the middle of its work, again and again, it leaves by itself, and the next goes on from there."""
    feeding = asyncio.create_task(shop.feed(stream().inboxes, pause=0.05, every=60))
    worker = shop.worker()
    for stop in range(3):
        await shop.has_come(sum(len(inbox) for inbox in stream().inboxes) * (stop + 1) // 6)
        worker.stop()
        assert worker.ended() == 0, worker.said()
        assert "stopping took too long" not in worker.said()
        worker.start()
    await feeding
    await as_decided(shop, stream())


@pytest.mark.parametrize("store", ["memory", "disk"])
async def test_a_killed_worker_loses_nothing(shop: Installation, tmp_path: Path, store: str) -> None:
    """Killed at any moment, again and again, and once with its disk lost: the same effects, and the same records."""
    folder = tmp_path / "rocks" if store == "disk" else None
    random = Random(3)
    feeding = asyncio.create_task(shop.feed(stream().inboxes, pause=0.25, every=60))
    worker = shop.worker("one", folder=folder)
    for kill in range(3):
        await shop.has_come(sum(len(inbox) for inbox in stream().inboxes) * (kill + 1) // 6)
        await asyncio.sleep(random.uniform(0, 0.3))
        worker.kill()
        if folder is not None and kill == 1:
            shutil.rmtree(folder)
        worker.start()
    await feeding
    await as_decided(shop, stream())


async def test_a_worker_that_stood_still_does_no_harm(shop: Installation) -> None:
    """Stopped for longer than the group waits, it ends when it goes on; another has its partitions, and all is as it was."""
    feeding = asyncio.create_task(shop.feed(stream().inboxes, pause=0.25, every=60))
    first = shop.worker("one")
    await shop.has_come(900)
    first.pause()
    second = shop.worker("two")
    await shop.has_come(2_000)
    first.resume()
    assert first.ended() == HALTED, first.said()
    await feeding
    await as_decided(shop, stream())
    assert second.runs


async def test_a_late_batch_of_an_earlier_process_changes_nothing(shop: Installation) -> None:
    """What a stopped process had on its way comes into the changelog after others have gone on: the next restore is as before."""
    half = [inbox[: len(inbox) // 2] for inbox in stream().inboxes]
    rest = [inbox[len(inbox) // 2 :] for inbox in stream().inboxes]
    await shop.feed(half)
    worker = shop.worker("one")
    await shop.caught_up([len(inbox) for inbox in half])
    late = await shop.last_batches()
    worker.kill()
    await shop.feed(rest)
    worker.start()
    await as_decided(shop, stream())
    worker.kill()
    await shop.write_changelog(late)
    worker.start()
    await shop.tick()
    await shop.caught_up([len(inbox) + 1 for inbox in stream().inboxes])
    for table, reference in zip(await shop.tables(), stream().references, strict=True):
        found = {name: records.encode(kept_in(value).record) for name, value in customers_in(table.values.items())}
        assert found == reference.records()


async def test_workers_come_and_go_under_load(shop: Installation) -> None:
    """One worker, then three; one of them leaves in order, and one is killed: nothing is lost."""
    feeding = asyncio.create_task(shop.feed(stream().inboxes, pause=0.25, every=40))
    workers = [shop.worker("one")]
    await shop.has_come(500)
    workers += [shop.worker("two"), shop.worker("three")]
    await shop.has_come(2_000)
    workers[0].stop()
    await shop.has_come(3_000)
    workers[1].kill()
    await feeding
    await as_decided(shop, stream())


@pytest.fixture
async def own_cluster(
    clusters: Callable[[int], Cluster], prefix: str, tmp_path: Path
) -> AsyncIterator[tuple[Cluster, Installation]]:
    """A broker that a test may stop, with the stream in its inbox."""
    cluster = clusters(1)
    made = await installed(cluster.bootstrap, prefix, tmp_path, stream())
    await made.feed(stream().inboxes)
    yield cluster, made
    made.stop()


@pytest.mark.long
async def test_a_broker_that_restarts_costs_time_alone(own_cluster: tuple[Cluster, Installation]) -> None:
    """The broker is stopped in order, and then killed, while a worker decides: it goes on, or is started again."""
    cluster, made = own_cluster
    worker = made.worker("one")
    await made.has_come(800)
    await asyncio.to_thread(cluster.brokers[0].restart)
    await made.has_come(1_600)
    await asyncio.to_thread(cluster.brokers[0].kill)
    await asyncio.to_thread(cluster.brokers[0].start)
    if not worker.runs:
        worker.start()
    await as_decided(made, stream())


@pytest.mark.long
async def test_a_broker_may_be_away_for_five_minutes(own_cluster: tuple[Cluster, Installation]) -> None:
    """A worker in the middle of its work waits, or ends with a word and is started again; nothing is lost, nothing twice."""
    cluster, made = own_cluster
    worker = made.worker("one")
    await made.has_come(800)
    await asyncio.to_thread(cluster.brokers[0].kill)
    await asyncio.sleep(300)
    await asyncio.to_thread(cluster.brokers[0].start)
    if not worker.runs:
        assert "the worker" in worker.said()
        worker.start()
    await as_decided(made, stream())
