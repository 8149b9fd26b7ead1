"""A worker: decides partitions of the inbox, and keeps their customers. One process; as many of them as there are partitions.

It needs Kafka alone. Everything it keeps is in the changelog; what it has on a disk may be lost at any time. It ends rather
than going on after an error (see `stopping`), so something has to start it again.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import structlog
import uvloop
from aiokafka.errors import KafkaConnectionError, KafkaError
from faust.types import TP
from prometheus_client import CollectorRegistry, start_http_server

from engine.runtimes.kafka import stopping
from engine.runtimes.kafka.deciding import Deciding
from engine.runtimes.kafka.faust_app import HeldApp, make_app
from engine.runtimes.kafka.flushing import Flushing
from engine.runtimes.kafka.holding import Holding
from engine.runtimes.kafka.lookout import Lookout
from engine.runtimes.kafka.outbound import Outbound
from engine.runtimes.kafka.restoring import CannotRestore
from engine.runtimes.kafka.rules_topic import RulesDocument, RulesError, RulesReader
from engine.runtimes.kafka.shelf import MemoryShelf, Shelf
from engine.runtimes.kafka.stopping import fail_stop
from engine.runtimes.kafka.watchdog import Pulse, Watchdog, moment
from engine.runtimes.kafka.wire import partition_of
from engine.runtimes.kafka.worker_meters import WorkerMeters
from engine.runtimes.kafka.worker_options import WorkerOptions, Writer

NEW_TEMPLATES_AFTER: Final = 5.0
"""Seconds after which new wordings are used, which may come without a new epoch."""

GRACE: Final = 20.0
"""Seconds that stopping in order may take."""

log = structlog.get_logger(__name__)


def run_worker(options: WorkerOptions, writer: Writer) -> int:
    """Run a worker until SIGTERM or SIGINT; return how it ended (see `stopping`). It wants a process of its own."""
    uvloop.install()  # for all loops: Faust fetches in a thread, with one of its own
    gc.set_threshold(500_000, 20, 50)  # decoded records hold no cycles, and come and go by the thousand
    with asyncio.Runner() as runner:
        return runner.run(_run(options, writer))


async def _run(options: WorkerOptions, writer: Writer) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked() -> None:
        if not stop.is_set():
            stopping.leave_after(GRACE)
            stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
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
        self._deciding = Deciding(
            self._holding,
            self._flushing,
            self._rules,
            self._pulse,
            self._meters,
            partitions=options.partitions,
            use_templates=self._use_templates,
        )
        self._templates_of: RulesDocument | None = None
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
            lookout = Lookout(app, self._holding, self._pulse, self._meters)
            tasks = [
                asyncio.create_task(self._guarded(part), name=part.__qualname__)
                for part in (self._flushing.run, self._flushing.beat, lookout.run, self._refresh_templates)
            ]
            try:
                await app.start()
                await stop.wait()
                await self._end(tasks)
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
                    await self._deciding.take(event)
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
