"""`winback sender` joined: PostgreSQL's lock, ledger and outbox, the mail server, the receivers of effects, and Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from engine.books import locks
from engine.books.backlog import Backlog
from engine.books.database import open_to_write
from engine.books.deliveries import Deliveries
from engine.books.limits import Limits
from engine.books.meters import DeliveryMeters, Meters
from engine.books.postgres import PostgresConnection, Server
from engine.books.relay import Relay
from engine.books.store import SqlStore
from engine.core.moments import zone
from engine.core.return_paths import ReturnPaths
from engine.ports import Clock, Message
from engine.rendering.envelope import Desk, message
from engine.runtimes.kafka.brokers import Brokers
from engine.runtimes.kafka.incoming import Incoming
from engine.runtimes.kafka.sender import hand_over, is_current
from engine.runtimes.kafka.telling import Teller, Telling
from engine.runtimes.kafka.topic_names import TopicNames
from engine.runtimes.kafka.transactions import Transactions
from engine.wiring.distributed.brokers import brokers_of
from engine.wiring.distributed.kept import ShopAsKept
from engine.wiring.distributed.monitoring import monitor
from engine.wiring.distributed.parts import Up, keep_going
from engine.wiring.distributed.topics import once_topics_are_right
from engine.wiring.handing_over import relay_settings_of
from engine.wiring.in_force import Kept
from engine.wiring.receivers import receivers_of
from engine.wiring.secret import Secrets, keys_of
from engine.wiring.seeding import Seeding
from engine.wiring.senders import mailbox_of, sender_of
from engine.wiring.settings import Settings, SettingsError

SENDER = "sender"
"""The lock that only one sender at a time holds; and, behind the prefix, the group whose lag shows how far it is."""

LOOK_FOR_LOCK = 0.5  # seconds of real time between two tries to take the sender's lock

log = structlog.get_logger(__name__)


async def send(
    settings: Settings,
    environment: Mapping[str, str],
    clock: Clock,
    stop: asyncio.Event,
    *,
    metrics: str = "",
    told: Callable[[str], None] = lambda _: None,
) -> None:
    """Hand over what workers release, until `stop` is set. `told` hears what it is about.

    Raises:
        SettingsError: the settings cannot be followed.
        WrongTopicsError: a topic is missing, or is not what it must be.
        PartStoppedError: brokers or PostgreSQL were not there in time.
        OSError: the mailbox cannot be written, or the address of `metrics` is taken.

    """
    if settings.sender.kind == "kafka":
        topic = TopicNames.of(settings.kafka.prefix).sends
        raise SettingsError(
            f"sender.kind is 'kafka': the shop's own mail service reads {topic}, which has one kind of reader, so no sender"
            " may run beside it; with sender.kind 'smtp' or 'mailbox' winback sender hands the mails over"
        )
    brokers, secrets = brokers_of(settings, environment), keys_of(settings, environment)
    state = _State()
    async with AsyncExitStack() as stack:
        if metrics:
            running = await monitor(metrics, state.why_not_ready, state.registry)
            stack.push_async_callback(running.stop)
        once = partial(_once, settings, environment, clock, brokers, secrets, state, told)
        checked = once_topics_are_right(settings, environment, once)
        await keep_going(checked, brokers, stop, reach_within=settings.kafka.reach_within)


class _State:
    """What the sender shows of itself; meters outlive its beginnings."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.meters, self.deliveries = Meters(self.registry), DeliveryMeters(self.registry)
        self.doing = "has not begun"

    def why_not_ready(self) -> str:
        return self.doing


async def _once(
    settings: Settings,
    environment: Mapping[str, str],
    clock: Clock,
    brokers: Brokers,
    secrets: Secrets,
    state: _State,
    told: Callable[[str], None],
    up: Up,
) -> None:
    """Begin, and hand over until cancelled."""
    async with AsyncExitStack() as stack:
        stack.callback(setattr, state, "doing", "begins anew")
        where = settings.books
        assert isinstance(where, Server), "who starts a sender has said where PostgreSQL is"
        connection = await asyncio.to_thread(open_to_write, where)
        stack.callback(connection.close)
        producer = AIOKafkaProducer(**brokers.client_options(), acks="all", enable_idempotence=True)
        stack.push_async_callback(producer.stop)
        await producer.start()
        up()
        await _take_lock(connection, state, told)
        await _hand_over(settings, environment, clock, brokers, secrets, state, connection, producer, stack)


async def _take_lock(connection: PostgresConnection, state: _State, told: Callable[[str], None]) -> None:
    """Wait until no other sender is at work."""
    waits = False
    while not await asyncio.to_thread(locks.take, connection, SENDER):
        if not waits:
            waits, state.doing = True, "another sender is at work; this one waits for its end"
            told(state.doing)
        await asyncio.sleep(LOOK_FOR_LOCK)
    told("hands over")


async def _hand_over(
    settings: Settings,
    environment: Mapping[str, str],
    clock: Clock,
    brokers: Brokers,
    secrets: Secrets,
    state: _State,
    connection: PostgresConnection,
    producer: AIOKafkaProducer,
    stack: AsyncExitStack,
) -> None:
    where, topics = connection.server, TopicNames.of(settings.kafka.prefix)
    kept: ShopAsKept

    def committed() -> None:
        telling.wake()
        relay.wake()

    def use(templates: Kept) -> None:
        if settings.sender.seeds:
            seeding.use(templates)

    books = Transactions(
        SqlStore(connection),
        clock,
        lambda now: zone(kept.rules.lifecycle.timezone).day(now),
        on_commit=committed,
    )
    stack.push_async_callback(books.close)
    kept = ShopAsKept(settings, where, on_templates=use)
    stack.callback(kept.close)
    sender = sender_of(settings, environment, clock, mailbox_of(settings.data, clock), lambda: kept.shop)
    stack.push_async_callback(sender.close)
    seeding = Seeding(settings, secrets, books, sender, lambda: kept.rules)
    said, teller = relay_settings_of(settings), Teller()
    limits = Limits(said.limit, said.limits)
    backlog = Backlog(where, limits, said, lambda: kept.pauses)
    stack.push_async_callback(backlog.close)
    relay = Relay(
        books,
        teller,
        backlog,
        limits,
        sender,
        partial(as_written, lambda: kept.desk, secrets.returns),
        clock,
        block_key=secrets.blocks,
        settings=said,
        meters=state.meters,
        on_done=seeding.on_done if settings.sender.seeds else None,
        is_current=is_current,
    )
    receivers = receivers_of(settings, environment, clock, sender, lambda: kept.desk)
    deliveries = Deliveries(books, teller, where, receivers, clock, lambda: kept.shop, meters=state.deliveries)
    stack.push_async_callback(deliveries.close)
    telling = Telling(books, producer, topics.results)
    consumer = AIOKafkaConsumer(
        **brokers.client_options(),
        group_id=f"{settings.kafka.prefix}-{SENDER}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    stack.push_async_callback(consumer.stop)
    await consumer.start()
    incoming = Incoming(consumer, topics.sends, settings.kafka.partitions, books, relay.wake)
    await kept.look()
    state.doing = ""
    beside = [kept.run, *([seeding.run] if settings.sender.seeds else [])]
    await hand_over(incoming, relay, deliveries, telling, beside)


def as_written(desk: Callable[[], Desk], paths: ReturnPaths, effect_id: str, data: Mapping[str, Any]) -> Message:
    """Return the message of a send as its worker wrote it; who writes, and where reports go, is said now."""
    made = message(desk(), effect_id, data, paths=paths)
    written = data.get("message_id")
    return replace(made, message_id=str(written)) if written else made
