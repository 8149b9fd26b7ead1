"""A worker: decides partitions of the inbox, and keeps their customers. One process; as many of them as there are partitions.

It needs Kafka alone. Everything it keeps is in the changelog; what it has on a disk may be lost at any time. It ends rather
than going on after an error (see `stopping`), so something has to start it again.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import structlog
import uvloop
from aiokafka.errors import KafkaConnectionError, KafkaError
from faust.types import TP
from msgspec import DecodeError, Struct
from prometheus_client import CollectorRegistry, start_http_server

from engine.core.customer import Customer
from engine.core.effects import Effect
from engine.core.events import DeadLetter
from engine.core.moments import SECOND
from engine.core.rulebook import Rules
from engine.handling.timekeeping import POISON_A_MINUTE, PoisonWatch
from engine.runtimes.kafka import stopping
from engine.runtimes.kafka.brokers import Brokers
from engine.runtimes.kafka.faust_app import HeldApp, make_app
from engine.runtimes.kafka.flushing import Flushing
from engine.runtimes.kafka.held import Held, Message
from engine.runtimes.kafka.holding import Holding
from engine.runtimes.kafka.outbound import Outbound
from engine.runtimes.kafka.partition import epochs_in
from engine.runtimes.kafka.restoring import CannotRestore
from engine.runtimes.kafka.rules_topic import RulesDocument, RulesError, RulesReader
from engine.runtimes.kafka.shelf import MemoryShelf, Shelf
from engine.runtimes.kafka.stopping import fail_stop
from engine.runtimes.kafka.topic_names import TopicNames
from engine.runtimes.kafka.watchdog import STALL, Pulse, Watchdog, moment
from engine.runtimes.kafka.wire import SHOP, Record, decode_record, partition_of
from engine.runtimes.kafka.worker_meters import WorkerMeters

LOOKED_INTO: Final = 100
"""Records of a partition whose every entry is checked to belong there; of later ones it is one entry each."""

NEW_TEMPLATES_AFTER: Final = 5.0
"""Seconds after which new wordings are used, which may come without a new epoch."""

GRACE: Final = 20.0
"""Seconds that stopping in order may take."""

log = structlog.get_logger(__name__)


class Writer(Protocol):
    """Makes messages."""

    def use(self, document: RulesDocument) -> None:
        """Write with these templates from now on."""
        ...

    def __call__(self, effect: Effect, record: Customer | None, rules: Rules) -> Mapping[str, Any]:
        """Return what a requested send is complete with: subject, text, html, headers, message_id.

        Raises:
            Exception: no message can be made; the customer is told that the send was refused.

        """
        ...


class WorkerOptions(Struct, frozen=True, kw_only=True):
    """How a worker runs.

    `slot` is its lasting name: a process started anew under it gets the same partitions back, without a rebalance. `folder`
    is where its customers lie in RocksDB; in memory where it is None. `metrics` is where Prometheus asks, as host and port.
    `reach_within` are the seconds it waits for the brokers at first, `stall` those without progress after which it is killed.
    """

    brokers: Brokers
    topics: TopicNames
    group: str
    partitions: int
    key: bytes
    slot: str = ""
    folder: Path | None = None
    metrics: tuple[str, int] | None = None
    session_timeout: float = 10.0
    commit_interval: float = 2.0
    reach_within: float = 60.0
    stall: float = STALL


def run_worker(options: WorkerOptions, writer: Writer) -> int:
    """Run a worker until SIGTERM or SIGINT; return how it ended (see `stopping`). It wants a process of its own."""
    uvloop.install()  # for all loops: Faust fetches in a thread, with one of its own
    gc.set_threshold(500_000, 20, 50)  # decoded records hold no cycles, and come and go by the thousand
    with asyncio.Runner() as runner:
        return runner.run(_run(options, writer))


async def _run(options: WorkerOptions, writer: Writer) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    worker = Worker(options, writer)
    try:
        await worker.start(stop)
    except (CannotStart, RulesError, KafkaError) as error:
        why = f"Kafka at {options.brokers.named}: {error}" if isinstance(error, KafkaError) else str(error)
        log.error("the worker cannot start", why=why)  # noqa: TRY400 - the message says it all
        return stopping.NOT_STARTED
    await worker.run(stop)
    return stopping.STOPPED


class CannotStart(Exception):
    """Brokers or topics are not as they must be; the message says what."""


class Worker:
    """The parts of a worker, joined."""

    def __init__(self, options: WorkerOptions, writer: Writer) -> None:
        self._options, self._writer = options, writer
        self._registry = CollectorRegistry()
        self._meters = WorkerMeters(self._registry)
        self._pulse = Pulse(turned=moment())
        self._connection = options.brokers.client_options()
        self._outbound = Outbound(self._connection, client_id=options.slot or options.group)
        self._rules = RulesReader(options.topics.rules, self._connection)
        self._holding = Holding(
            self._connection,
            options.topics,
            options.partitions,
            self._rules,
            options.key,
            writer,
            self._new_shelf,
            self._pulse,
            self._meters,
            rewind=2 * options.commit_interval,
        )
        self._flushing = Flushing(
            self._holding.held,
            self._outbound,
            options.topics,
            self._pulse,
            self._meters,
            most_pause=options.session_timeout / 2,
            on_halted=self._halted,
        )
        self._poison = PoisonWatch()
        self._looked_into: dict[int, int] = {}
        self._templates_of: RulesDocument | None = None
        self._uncommitted: dict[TP, tuple[int | None, float]] = {}
        self._app: HeldApp

    # Beginning and end ------------------------------------------------------------------------------------------------

    async def start(self, stop: asyncio.Event) -> None:
        """Reach the brokers, look at the topics, read the rules.

        Raises:
            CannotStart: the brokers do not answer in time, or topics are not as they must be.
            RulesError: the rules cannot be read.

        """
        options = self._options
        deadline = moment() + options.reach_within
        while True:
            try:
                await self._outbound.start()
                break
            except KafkaConnectionError as error:
                if moment() > deadline or stop.is_set():
                    raise CannotStart(f"Kafka at {options.brokers.named} does not answer ({error})") from None
                await self._outbound.stop()
                await asyncio.sleep(0.5)
                self._outbound = self._flushing.outbound = Outbound(
                    self._connection, client_id=options.slot or options.group
                )
        for topic in (options.topics.inbox, options.topics.effects, options.topics.sends, options.topics.changelog):
            found = await self._outbound.partitions(topic)
            if found != options.partitions:
                raise CannotStart(
                    f"{topic} has {found} partitions, and kafka.partitions says {options.partitions}: their number can never"
                    " be changed; write the one that the topic has, or take another prefix for a new installation"
                )
        await self._rules.start()
        self._use_templates()

    async def run(self, stop: asyncio.Event) -> None:
        """Decide until `stop` is set, then end in order. Whatever goes wrong meanwhile ends the process."""
        if self._options.metrics is not None:
            host, port = self._options.metrics
            start_http_server(port, host, registry=self._registry)
        watchdog = Watchdog(self._pulse, self._options.stall)
        watchdog.start()
        with tempfile.TemporaryDirectory(prefix="winback-worker-") as folder:
            self._app = app = self._made_app(Path(folder))
            self._pulse.turned = moment()
            tasks = [
                asyncio.create_task(self._guarded(part), name=part.__name__)
                for part in (self._flushing.run, self._flushing.beat, self._look_around, self._refresh_templates)
            ]
            try:
                await app.start()
                await stop.wait()
                async with asyncio.timeout(GRACE):
                    await self._end(tasks)
            except TimeoutError:
                log.warning("stopping took too long; what was acknowledged is durable")
                stopping.leave()
            except Exception as error:  # noqa: BLE001 - see `stopping`
                fail_stop("it could not go on", error=error)
            finally:
                watchdog.stop()

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        """Decide no more, make all of it durable, commit, and leave."""
        app = self._app
        app.consumer.stop_flow()
        app.flow_control.suspend()
        app.flow_control.clear()
        await self._flushing.everything()
        await app.consumer.commit()
        for task in tasks:
            task.cancel()
        await app.stop()
        self._holding.close()
        await self._outbound.stop()
        await self._rules.stop()

    def _made_app(self, folder: Path) -> HeldApp:
        options = self._options
        app, inbox = make_app(
            options.group,
            options.brokers,
            inbox=options.topics.inbox,
            changelog=options.topics.changelog,
            partitions=options.partitions,
            slot=options.slot,
            session_timeout=options.session_timeout,
            commit_interval=options.commit_interval,
            folder=folder,
        )
        app.offsets, app.look_up = self, self._look_up

        async def deciding(stream: Any) -> None:
            async for event in stream.noack().events():
                try:
                    await self._take(event)
                except BaseException as error:  # noqa: BLE001 - leaving the loop would acknowledge the record
                    fail_stop("a record could not be decided", error=error)

        async def assigned(*args: Any, **_: object) -> None:
            numbers = [tp.partition for tp in args[-1] if tp.topic == options.topics.inbox]
            self._holding.assigned(numbers, app.consumer_generation_id)

        async def complete(*_: object, **__: object) -> None:
            await self._guarded(self._holding.take_over)
            await app.seek()  # now: Faust lets records come before it seeks
            self._meters.holds({number: each.partition.store.customers for number, each in self._holding.held.items()})

        app.agent(inbox, name="deciding", concurrency=1)(deciding)
        app.on_partitions_assigned.connect(assigned, weak=False)
        app.on_rebalance_complete.connect(complete, weak=False)
        app.finalize()
        return app

    async def _guarded(self, part: Any) -> None:
        """Run a part; end the process when it fails: nobody would look at the task's exception."""
        try:
            await part()
        except (CannotRestore, RulesError) as error:
            fail_stop(str(error))
        except KafkaError as error:
            fail_stop(f"Kafka at {self._options.brokers.named}: {error}", error=error)
        except BaseExceptionGroup as group:
            first = _first_of(group)
            fail_stop(f"{getattr(part, '__qualname__', part)}: {type(first).__name__}: {first}", error=first)
        except Exception as error:  # noqa: BLE001 - see `stopping`
            fail_stop(f"{getattr(part, '__qualname__', part)} failed", error=error)

    def _new_shelf(self, number: int) -> Shelf:
        if self._options.folder is None:
            return MemoryShelf()
        from engine.runtimes.kafka.disk_shelf import DiskShelf  # noqa: PLC0415 - RocksDB is for those who have a folder

        return DiskShelf(self._options.folder / str(number))

    # Deciding ---------------------------------------------------------------------------------------------------------

    async def _take(self, event: Any) -> None:
        """Decide a record of the inbox, if it is the one that comes next."""
        message = event.message
        held = self._holding.held.get(message.partition)
        if held is None or held.expected is None:
            fail_stop(f"a record came of partition {message.partition}, which this worker does not hold")
        if message.offset < held.expected:
            event.ack()  # read twice
            return
        if message.offset > held.expected:
            fail_stop(f"partition {held.number}: offset {held.expected} was to come, and {message.offset} came")
        record = self._record_in(held, message)
        for epoch in epochs_in(record):
            await self._rules.wait_for(epoch)
        self._use_templates()
        self._decide(held, message.offset, record, event)
        await self._flushing.room()

    def _decide(self, held: Held, offset: int, record: Record, event: Message) -> None:
        outcome = held.decide(offset, record, event)
        self._pulse.steps += 1
        self._meters.decided(outcome.poisoned)
        if self._poison.is_too_much(outcome.poisoned, held.partition.accepted):
            fail_stop(
                f"more than {POISON_A_MINUTE} decisions failed within a minute: this is no bad event but a defect; the dead"
                " letters say what they met"
            )
        self._flushing.note()

    def _record_in(self, held: Held, message: Any) -> Record:
        """Return the record; what is none is a dead letter, and in its place time stands still."""
        try:
            record = decode_record(message.value or b"")
        except DecodeError as error:
            where = f"{message.topic}, partition {message.partition}, offset {message.offset}"
            held.bury(DeadLetter(message.value or b"", f"no record of ours: {error}", where))
            return Record(held.partition.accepted)
        self._check_hash(held.number, message.offset, record)
        return record

    def _check_hash(self, number: int, offset: int, record: Record) -> None:
        """Stop where a customer is in a partition that is not theirs: they would have two records."""
        entries = [each for each in record.entries if each.customer != SHOP]
        if not entries:
            return
        looked_into = self._looked_into[number] = self._looked_into.get(number, 0) + 1
        chosen = entries if looked_into <= LOOKED_INTO else [entries[offset % len(entries)]]
        for entry in chosen:
            right = partition_of(entry.customer, self._options.partitions)
            if right != number:
                fail_stop(
                    f"{self._options.topics.inbox}, offset {offset}: a customer of partition {right} is in partition {number};"
                    " something else than our gateway writes there, or with another number of partitions"
                )

    # What Faust asks --------------------------------------------------------------------------------------------------

    def to_commit(self, tp: TP) -> int | None:
        """Return the offset up to which everything is durable."""
        held = self._holding.held.get(tp.partition)
        return None if held is None else held.durable

    def to_read(self, committed: Mapping[TP, int | None]) -> dict[TP, int]:
        """Return from where each partition held is to be read."""
        found = {tp: self._holding.begin_at(tp.partition, offset) for tp, offset in committed.items()}
        return {tp: begin for tp, begin in found.items() if begin is not None}

    def _look_up(self, key: bytes) -> bytes | None:
        held = self._holding.held.get(partition_of(key.decode(), self._options.partitions))
        return None if held is None else held.shelf.get(key)

    # Beside it --------------------------------------------------------------------------------------------------------

    def _halted(self, seconds: float) -> None:
        """Stop after a pause in which others may have taken over. What slipped through is harmless: see `values`."""
        fail_stop(f"the process stood still for {seconds:.1f} s", code=stopping.HALTED)

    async def _look_around(self) -> None:
        """See once a second how far behind we are, for the metrics and the watchdog, and whether Faust has crashed."""
        while True:
            await asyncio.sleep(1)
            if self._app.crashed:
                fail_stop("Faust has crashed", error=self._app.crash_reason)
            consumer, lag = self._app.consumer, {}
            for number, held in self._holding.held.items():
                tp = TP(self._options.topics.inbox, number)
                end = consumer.highwater(tp) if tp in consumer.assignment() else None
                lag[number] = max(0, (end or 0) - (held.expected or 0))
            behind = [held.partition.accepted for number, held in self._holding.held.items() if lag[number]]
            self._meters.behind(lag, max(0.0, time.time() - min(behind) / SECOND) if behind else 0.0)
            waiting = any(held.news.messages for held in self._holding.held.values())
            self._pulse.behind = waiting or any(lag.values())
            self._pulse.uncommitted_since = self._oldest_uncommitted()

    def _oldest_uncommitted(self) -> float | None:
        """Return since when something durable waits to be committed while no commit moves."""
        now, waiting = moment(), {}
        committed = self._app.committed
        for number, held in self._holding.held.items():
            tp = TP(self._options.topics.inbox, number)
            if held.durable is not None and committed[tp] != held.durable:
                before = self._uncommitted.get(tp)
                waiting[tp] = before if before is not None and before[0] == committed[tp] else (committed[tp], now)
        self._uncommitted = waiting
        return min((since for _, since in waiting.values()), default=None)

    def _use_templates(self) -> None:
        newest = self._rules.newest
        if newest is not None and newest is not self._templates_of:
            self._templates_of = newest
            self._writer.use(newest)

    async def _refresh_templates(self) -> None:
        while True:
            await asyncio.sleep(NEW_TEMPLATES_AFTER)
            try:
                if await self._rules.read_on():
                    self._use_templates()
            except KafkaError as error:
                log.warning("the rules cannot be looked at just now", error=repr(error))


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first that failed of what went on at the same time."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
