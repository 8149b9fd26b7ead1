"""Faust, held: what of it a worker uses, and what it takes out of its hands.

Faust does the group: membership, the sticky assignment of the inbox together with the table's changelog, fetching, and the
flow of records through one agent. Three things it does not do here, for each is known to lose something (see
docs/decisions/0031-faust-held.md): it chooses no offset to commit, it reads no changelog, and it writes none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import faust
from aiokafka import TopicPartition
from faust.sensors import Sensor
from faust.stores.base import Store
from faust.tables import Table
from faust.transport.drivers.aiokafka import Consumer, Transport
from faust.types import TP

from engine.runtimes.kafka.brokers import Brokers
from engine.runtimes.kafka.stopping import fail_stop

MOST_FETCHED: Final = 4 * 1024 * 1024
"""Bytes of one partition fetched ahead; a record of the inbox has half a megabyte, or one entry."""


class Offsets(Protocol):
    """Who knows which offsets of the inbox are done with, and which come next."""

    def to_commit(self, tp: TP) -> int | None:
        """Return the offset up to which everything is durable; None where nothing was decided."""
        ...

    def to_read(self, committed: Mapping[TP, int | None]) -> dict[TP, int]:
        """Return from where each partition held is to be read, given what the group has committed."""
        ...


class HeldConsumer(Consumer):
    """Faust's consumer, which asks us for offsets, and leaves the changelog alone."""

    app: HeldApp

    def _new_offset(self, tp: TP) -> int | None:
        """Return what may be committed. Faust's own reckoning passes over records that are being decided."""
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return self.app.offsets.to_commit(tp)

    async def perform_seek(self) -> None:
        """Go to where reading must go on."""
        await super().perform_seek()
        inbox = {tp: self._committed_offset[tp] for tp in self.assignment() if tp.topic == self.app.inbox_name}
        begin = self.app.offsets.to_read(inbox)
        if begin:
            await super().seek_wait(begin)

    async def highwaters(self, *partitions: TP) -> dict[TP, int]:
        """Return the changelog as empty, so that Faust has nothing to recover."""
        return dict.fromkeys(partitions, 0)

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Do nothing for Faust, which seeks in the changelog alone."""

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        """Pause, and in truth where it is the changelog: Faust's own pause stops the handing on, not the fetching."""
        super().pause_partitions(tps)
        changelog = [
            TopicPartition(tp.topic, tp.partition)
            for tp in tps
            if self._is_changelog_tp(tp) and tp in self.assignment()
        ]
        self._thread._ensure_consumer().pause(*changelog)  # noqa: SLF001 - Faust has no way to say it

    def on_buffer_drop(self, tp: TP) -> None:
        """Go on with a partition whose records were too many, unless it was paused meanwhile: Faust would resume it."""
        if tp in self._paused_partitions:
            self._buffered_partitions.discard(tp)
        else:
            super().on_buffer_drop(tp)

    async def create_topic(self, topic: str, *_: object, **__: object) -> None:
        """Make no topic: `engine.runtimes.kafka.topics` makes them as they must be."""


class HeldTransport(Transport):
    """Faust's way to Kafka, with our consumer."""

    Consumer = HeldConsumer


class Customers(Store[bytes, bytes]):
    """The store of the table: what the shelves hold. It is read here, and written by flushes alone."""

    app: HeldApp

    def persisted_offset(self, tp: TP) -> int | None:  # noqa: ARG002 - Faust's signature
        """Return None: Faust keeps nothing."""
        return None

    async def need_active_standby_for(self, tp: TP) -> bool:  # noqa: ARG002 - as above
        """Return False: there are no standbys."""
        return False

    def apply_changelog_batch(self, batch: Iterable[Any], to_key: object, to_value: object) -> None:  # noqa: ARG002 - as above
        """Take nothing: a restore of our own reads the changelog.

        Raises:
            RuntimeError: Faust has read something all the same.

        """
        if list(batch):
            raise RuntimeError("Faust has read the changelog, which it must not")

    def reset_state(self) -> None:
        """Do nothing."""

    async def backup_partition(self, tp: TP | int, flush: bool = True, purge: bool = False, keep: int = 1) -> None:  # noqa: FBT001, FBT002 - Faust's signature
        """Do nothing: the changelog is the backup."""

    def restore_backup(self, tp: TP | int, latest: bool = True, backup_id: int = 0) -> None:  # noqa: FBT001, FBT002 - as above
        """Do nothing."""

    def __getitem__(self, key: bytes) -> bytes:
        found = self.app.look_up(key)
        if found is None:
            raise KeyError(key)
        return found

    def __contains__(self, key: object) -> bool:
        return isinstance(key, bytes) and self.app.look_up(key) is not None

    def __setitem__(self, key: bytes, value: bytes) -> None:
        raise TypeError("the table is written by flushes alone")

    def __delitem__(self, key: bytes) -> None:
        raise TypeError("the table is written by flushes alone")

    def __iter__(self) -> Iterator[bytes]:
        raise TypeError("the table is too large to go through; a partition's shelf may be")

    def __len__(self) -> int:
        raise TypeError("the table is too large to count; a partition's shelf may be")

    def _clear(self) -> None:
        raise TypeError("the table is written by flushes alone")


class CustomersTable(Table[bytes, bytes]):
    """The table `customers`, whose store is ours."""

    def _new_store(self) -> Customers:
        return Customers("winback://", self.app, self, table_name=self.name, key_type=bytes, value_type=bytes)


class FailStop(Sensor):
    """Ends the process where Faust would log an error and go on."""

    def on_send_error(self, producer: object, exc: BaseException, state: object) -> None:  # noqa: ARG002 - Faust's signature
        """Stop: Faust could not send something."""
        fail_stop("something could not be sent", error=exc)


class HeldApp(faust.App):
    """An app of Faust with one agent on the inbox and one table."""

    offsets: Offsets
    inbox_name: str
    look_up: Callable[[bytes], bytes | None]

    async def seek(self) -> None:
        """Go to where reading must go on, in all partitions assigned."""
        if self.consumer.assignment():
            await self.consumer.perform_seek()

    @property
    def committed(self) -> Mapping[TP, int | None]:
        """What was committed last, by partition."""
        assert isinstance(self.consumer, HeldConsumer), "the transport makes it"
        return self.consumer._committed_offset  # noqa: SLF001 - Faust has no other way to ask

    def _new_transport(self) -> HeldTransport:
        return HeldTransport(self.conf.broker_consumer, self)


def make_app(
    group: str,
    brokers: Brokers,
    *,
    inbox: str,
    changelog: str,
    partitions: int,
    slot: str,
    session_timeout: float,
    commit_interval: float,
    folder: Path,
) -> tuple[HeldApp, Any]:
    """Return the app, and the channel of the inbox for its agent.

    Args:
        group: the consumer group.
        brokers: where Kafka is.
        inbox: topic read.
        changelog: topic of the table; it is assigned together with the inbox.
        partitions: of both.
        slot: the worker's lasting name in the group; empty for one that is new each time.
        session_timeout: seconds after which a silent worker loses its partitions.
        commit_interval: seconds between commits.
        folder: where Faust may put files; it has none.

    """
    app = HeldApp(
        group,
        broker=";".join(f"kafka://{address}" for address in brokers.addresses),
        broker_credentials=_credentials(brokers),
        processing_guarantee="at_least_once",
        topic_partitions=partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        Table=CustomersTable,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=slot or None,
        consumer_max_fetch_size=MOST_FETCHED,
        stream_wait_empty=True,
        stream_buffer_maxsize=64,
        broker_session_timeout=session_timeout,
        broker_heartbeat_interval=session_timeout / 5,
        broker_rebalance_timeout=60.0,
        broker_commit_interval=commit_interval,
        broker_request_timeout=max(90.0, session_timeout),
        recovery_consistency_check=False,
        web_enabled=False,
        datadir=str(folder),
        autodiscover=False,
    )
    app.inbox_name = inbox
    app.sensors.add(FailStop())
    raw: dict[str, Any] = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
    app.Table(
        "customers",
        key_type=bytes,
        value_type=bytes,
        partitions=partitions,
        changelog_topic=app.topic(changelog, partitions=partitions, **raw),
    )
    return app, app.topic(inbox, partitions=partitions, **raw)


def _credentials(brokers: Brokers) -> Any:
    context = brokers.ssl_context()
    if brokers.user:
        return faust.SASLCredentials(
            username=brokers.user,
            password=brokers.password,
            ssl_context=context,
            mechanism=brokers.client_options()["sasl_mechanism"],
        )
    return None if context is None else faust.SSLCredentials(context)
