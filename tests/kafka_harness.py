"""An installation on a real broker, for tests of workers: topics, rules, an inbox fed directly, worker processes, what they wrote.

`python -m tests.kafka_harness FILE` is a worker, as a process of its own, with a writer that makes plain messages.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from msgspec import Struct
from msgspec.structs import replace

from engine.cli.logs import log_to_stderr
from engine.core.customer import Customer
from engine.core.effects import Effect
from engine.core.rulebook import Rules
from engine.core.rules import RuleSet, Workflow
from engine.runtimes.kafka.brokers import Brokers
from engine.runtimes.kafka.effect_records import decode_effect
from engine.runtimes.kafka.producing import Producing
from engine.runtimes.kafka.rules_topic import RulesDocument, RulesWriter
from engine.runtimes.kafka.topic_names import TopicNames
from engine.runtimes.kafka.values import PLACE_KEY, Restored, head_of
from engine.runtimes.kafka.wire import PLACE_HEADER, Place, Record, encode_record, place_of
from engine.runtimes.kafka.worker import run_worker
from engine.runtimes.kafka.worker_options import WorkerOptions
from tests.server_processes import ServerProcess

KEY = b"k" * 32


class PlainWriter:
    """Makes messages that say which send they are."""

    def use(self, document: RulesDocument) -> None:
        """Need no templates."""

    def __call__(self, effect: Effect, record: Customer | None, rules: Rules) -> Mapping[str, Any]:  # noqa: ARG002 - the face of a writer
        """Return a short message; the template `broken` cannot be made."""
        if effect.data["template"] == "broken":
            raise LookupError("no such template")
        text = f"to {record.id if record else ''}"
        return {
            "subject": effect.data["template"],
            "text": text,
            "html": text,
            "headers": {},
            "message_id": effect.effect_id,
        }


class Installation:
    """One prefix on a broker."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path, partitions: int) -> None:
        self.bootstrap, self.folder, self.partitions = bootstrap, folder, partitions
        self.topics = TopicNames.of(prefix)
        self.prefix = prefix
        self._workers: list[WorkerProcess] = []

    async def create(self) -> None:
        """Make the topics."""
        names = self.topics
        await self.make(names.inbox, names.effects, names.sends)
        await self.make(names.changelog, settings={"cleanup.policy": "compact", "max.message.bytes": "33554432"})
        await self.make(names.events, names.letters, partitions=1)
        await self.make(names.rules, partitions=1, settings={"cleanup.policy": "compact"})

    async def make(self, *names: str, partitions: int | None = None, settings: Mapping[str, str] | None = None) -> None:
        """Make topics with some settings."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            count = partitions or self.partitions
            await admin.create_topics([NewTopic(name, count, 1, topic_configs=dict(settings or {})) for name in names])
        finally:
            await admin.close()

    @asynccontextmanager
    async def producer(self) -> AsyncIterator[AIOKafkaProducer]:
        """A producer, for as long as it is needed."""
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, enable_idempotence=True, acks="all")
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def put_rules(self, documents: Iterable[RulesDocument]) -> None:
        """Put the rules of epochs."""
        producing = Producing({"bootstrap_servers": self.bootstrap})
        await producing.start()
        try:
            for document in documents:
                await RulesWriter(producing, self.topics.rules).put(document)
        finally:
            await producing.stop()

    async def feed(self, inboxes: Sequence[Iterable[Record]], *, pause: float = 0.0, every: int = 100) -> None:
        """Put records into the inbox, partition by partition in step; `pause` seconds after each `every` of them."""
        async with self.producer() as producer:
            sent: list[Any] = []
            for wave, records in enumerate(_waves(inboxes)):
                for number, record in records:
                    sent.append(await producer.send(self.topics.inbox, encode_record(record), partition=number))
                if wave % every == every - 1:
                    await asyncio.gather(*sent)
                    sent = []
                    await asyncio.sleep(pause)
            await asyncio.gather(*sent)

    async def read(self, topic: str, partitions: int | None = None) -> dict[int, list[Any]]:
        """Return all records of a topic, by partition."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False)
        await consumer.start()
        found: dict[int, list[Any]] = {number: [] for number in range(partitions or self.partitions)}
        try:
            places = [TopicPartition(topic, number) for number in found]
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            ends = await consumer.end_offsets(places)
            while places := [each for each in places if await consumer.position(each) < ends[each]]:
                for place, records in (await consumer.getmany(*places, timeout_ms=1000)).items():
                    found[place.partition] += records
        finally:
            await consumer.stop()
        return found

    async def inbox(self) -> list[list[Any]]:
        """Return what is in the inbox, as (offset, value) by partition."""
        return [
            [(each.offset, each.value) for each in records] for records in (await self.read(self.topics.inbox)).values()
        ]

    async def effects(self) -> dict[Place, tuple[Effect, int]]:
        """Return the effects by their places, and how often each stands there.

        Raises:
            AssertionError: two different effects stand under one place.

        """
        found: dict[Place, tuple[Effect, int]] = {}
        for records in (await self.read(self.topics.effects)).values():
            for record in records:
                place = place_of(dict(record.headers)[PLACE_HEADER])
                effect = decode_effect(record.value, record.headers)
                known, times = found.get(place, (effect, 0))
                assert known == effect, f"another effect at {place}"
                found[place] = effect, times + 1
        return found

    async def tables(self) -> list[Restored]:
        """Return the tables, as their changelogs say."""
        tables = []
        for records in (await self.read(self.topics.changelog)).values():
            table = Restored()
            for record in records:
                table.take(record.key, record.value)
            tables.append(table)
        return tables

    async def reached(self) -> list[int]:
        """Return up to which offset each partition's table has come."""
        return [
            head_of(table.values[PLACE_KEY]).offset + 1 if PLACE_KEY in table.values else 0
            for table in await self.tables()
        ]

    async def caught_up(self, ends: Sequence[int], seconds: float = 90.0) -> float:
        """Wait until the tables have come so far; return how long that took.

        Raises:
            AssertionError: they did not in time, or a worker ended.

        """
        began = time.monotonic()
        while (reached := await self.reached()) != list(ends):
            assert time.monotonic() - began < seconds, f"came to {reached} of {ends}\n{self.said()}"
            await asyncio.sleep(0.25)
        return time.monotonic() - began

    async def has_come(self, records: int, seconds: float = 60.0) -> None:
        """Wait until so many records of all partitions are decided and durable.

        Raises:
            AssertionError: they were not in time.

        """
        began = time.monotonic()
        while (come := sum(await self.reached())) < records:
            assert time.monotonic() - began < seconds, f"came to {come} of {records} records\n{self.said()}"
            await asyncio.sleep(0.05)

    async def committed(self) -> list[int | None]:
        """Return what the group has committed of each partition of the inbox."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            found = await admin.list_consumer_group_offsets(self.group)
        finally:
            await admin.close()
        places = [TopicPartition(self.topics.inbox, number) for number in range(self.partitions)]
        return [found[place].offset if place in found else None for place in places]

    async def last_batches(self) -> list[list[tuple[bytes, bytes | None]]]:
        """Return the last entry of each key of the changelog, by partition: what a process might send once more."""
        found = await self.read(self.topics.changelog)
        return [list({each.key: (each.key, each.value) for each in entries}.values()) for entries in found.values()]

    async def write_changelog(self, entries: Sequence[Sequence[tuple[bytes, bytes | None]]]) -> None:
        """Append to the changelog."""
        async with self.producer() as producer:
            for number, some in enumerate(entries):
                for key, value in some:
                    await producer.send(self.topics.changelog, value, key=key, partition=number)
            await producer.flush()

    async def tick(self) -> None:
        """Put a tick into each partition, at an instant long past: time does not go on by it."""
        await self.feed([[Record(0)] for _ in range(self.partitions)])

    @property
    def group(self) -> str:
        """The workers' group."""
        return f"{self.prefix}-workers"

    def worker(self, slot: str = "", **changes: Any) -> WorkerProcess:
        """Start a worker."""
        options = WorkerOptions(
            brokers=Brokers(addresses=(self.bootstrap,)),
            topics=self.topics,
            group=self.group,
            partitions=self.partitions,
            key=KEY,
            slot=slot,
            session_timeout=3.0,
            commit_interval=0.5,
        )
        worker = WorkerProcess(replace(options, **changes), self.folder / f"worker-{len(self._workers)}")
        self._workers.append(worker)
        worker.start()
        return worker

    def stop(self) -> None:
        """Kill what still runs."""
        for worker in self._workers:
            worker.kill()

    def said(self) -> str:
        """Return what the workers have said last."""
        return "\n".join(f"--- {each.slot or each.folder.name}\n{each.said()}" for each in self._workers)


class WorkerProcess(ServerProcess):
    """A worker. It can be started again when it has ended, on the disk it left."""

    def __init__(self, options: WorkerOptions, folder: Path) -> None:
        self.folder, self.slot = folder, options.slot
        folder.mkdir()
        (folder / "options").write_bytes(msgspec.msgpack.encode(_Written.of(options)))
        super().__init__([sys.executable, "-m", "tests.kafka_harness", str(folder / "options")], folder / "log")

    def start(self) -> None:
        """Start it, or start it again."""
        if self._process is not None:
            self._ended(0)
        super().start()

    def said(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    def ended(self, seconds: float = 30.0) -> int:
        """Wait until it has ended; return its exit code."""
        assert self._process is not None, "it was started"
        if self.runs:
            self._ended(seconds)
        return self._process.returncode


class _Written(Struct):
    """Options as a file holds them: paths as text."""

    options: dict[str, Any]

    @classmethod
    def of(cls, options: WorkerOptions) -> _Written:
        return cls({name: _plain(getattr(options, name)) for name in options.__struct_fields__})

    def read(self) -> WorkerOptions:
        folder = self.options.pop("folder")
        made = msgspec.convert(self.options, WorkerOptions)
        return replace(made, folder=Path(folder) if folder else None)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return msgspec.to_builtins(value, builtin_types=(bytes,))


def document(epoch: int, rule_set: RuleSet, versions: Iterable[Workflow] = ()) -> RulesDocument:
    """Return the document of an epoch."""
    held = tuple(versions) or tuple(rule_set.workflows.values())
    return RulesDocument(epoch=epoch, at=0, applied=epoch, rule_set=rule_set, versions=held, templates="")


def _waves(inboxes: Sequence[Iterable[Record]]) -> Iterable[list[tuple[int, Record]]]:
    left = dict(enumerate(map(iter, inboxes)))
    while left:
        wave = []
        for number, records in list(left.items()):
            record = next(records, None)
            if record is None:
                del left[number]
            else:
                wave.append((number, record))
        yield wave


def main(path: str) -> int:
    """Run a worker as a file says."""
    log_to_stderr()
    return run_worker(msgspec.msgpack.decode(Path(path).read_bytes(), type=_Written).read(), PlainWriter())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
