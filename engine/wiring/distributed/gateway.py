"""`winback gateway` joined: the shop's topics and the two listeners, identities and the block list, and the inbox."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import TypeVar

import structlog
from aiohttp import web
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from connectors.bus import MappedTopic, Row, read_record
from connectors.bus.binding import is_tombstone
from engine.books.connection import Connection, DatabaseError
from engine.books.database import open_to_write
from engine.books.erasures import Erasures
from engine.books.identity_service import IdentityService
from engine.books.postgres import Server
from engine.books.shared_identities import SharedIdentities
from engine.books.suppressions import Suppressions
from engine.books.writer import Writer
from engine.core.customer import Customer
from engine.core.events import DeadLetter, Event
from engine.core.moments import Instant
from engine.core.reading import Read, Reader
from engine.core.rules import Lifecycle
from engine.core.source_topics import SourceTopic
from engine.handling import Taken
from engine.listeners import (
    READ,
    Answers,
    Callers,
    Intake,
    Notes,
    Objections,
    OpsSettings,
    Shopfront,
    ops_app,
    public_app,
    serve,
)
from engine.ports import Clock
from engine.rendering.brand import PLACEHOLDER, Brand
from engine.runtimes.kafka.brokers import Brokers
from engine.runtimes.kafka.gateway import Gateway, Topics
from engine.runtimes.kafka.producing import ProducerStoppedError, TooLargeError
from engine.runtimes.kafka.rules_topic import RulesError, RulesReader
from engine.runtimes.kafka.sources import ReadRecord, SourceRecord, SourcesFailedError
from engine.runtimes.kafka.topic_names import TopicNames
from engine.wiring.distributed.brokers import brokers_of
from engine.wiring.distributed.codes import SharedCodes
from engine.wiring.distributed.gateway_meters import GatewayMeters
from engine.wiring.distributed.incoming import mail_by_the_gateway
from engine.wiring.distributed.mapped_topics import source_topics
from engine.wiring.distributed.parts import PartStoppedError, Up, keep_going
from engine.wiring.distributed.topics import once_topics_are_right
from engine.wiring.heard import hooks_and_polls
from engine.wiring.in_force import kept_of
from engine.wiring.preferring import known_by
from engine.wiring.public_books import Change, PublicBooks
from engine.wiring.secret import Secrets, from_file, keys_of
from engine.wiring.settings import Settings, SettingsError

GROUP = "gateway"
"""The consumer group that remembers how far sources were read, behind the prefix."""

ANSWER_WITHIN = 15.0
"""Seconds that a request may wait for Kafka and PostgreSQL."""

LOOK_FOR_RULES = 1.0  # seconds of real time between two looks at the topic of the rules

T = TypeVar("T")
LOOK_WHO_IS_ERASED = 1.0  # seconds of real time between two looks at the list of the erased

log = structlog.get_logger(__name__)


async def gate(
    settings: Settings,
    environment: Mapping[str, str],
    clock: Clock,
    stop: asyncio.Event,
    *,
    told: Callable[[str], None] = lambda _: None,
) -> None:
    """Take in what happens, from the shop's topics and by HTTP, until `stop` is set. `told` hears what it is about.

    Raises:
        SettingsError: the settings cannot be followed.
        WrongTopicsError: a topic is missing, or is not what it must be.
        PartStoppedError: brokers or PostgreSQL were not there in time, or a topic can never be read or written.
        OSError: a listener's address is taken or may not be used.

    """
    brokers, secrets = brokers_of(settings, environment), keys_of(settings, environment)
    names = TopicNames.of(settings.kafka.prefix)
    topics = source_topics(settings.workflows, names)
    state = _State()
    async with AsyncExitStack() as stack:
        door = _Door(state)
        await _listeners(settings, environment, clock, secrets, door, state, stack)
        once = partial(_once, settings, clock, brokers, secrets, door, state, topics, told)
        checked = once_topics_are_right(settings, environment, once)
        await keep_going(checked, brokers, stop, reach_within=settings.kafka.reach_within)


class _State:
    """What the gateway shows of itself, and what it reads by; both outlive its beginnings."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.meters = GatewayMeters(self.registry)
        self.doing = "has not begun"
        self.reader = Reader()
        self.lifecycle = Lifecycle()
        self.brand: Brand = PLACEHOLDER

    def why_not_ready(self) -> str:
        return self.doing

    def read(self, raw: bytes, origin: str, now: Instant | None) -> Read:
        return self.reader.read(raw, origin, now)

    def shopfront(self) -> Shopfront:
        brand = self.brand
        return Shopfront(name=brand.name, support_email=brand.support_email, url=brand.url, imprint=brand.imprint)

    def follow(self, rules: RulesReader) -> None:
        """Read and show by the rules in force."""
        newest = rules.newest
        if newest is not None:
            self.reader = Reader(newest.rule_set.own_events)
            self.lifecycle = newest.rule_set.lifecycle
            self.brand = kept_of(newest.templates).brand


class _Door:
    """Where requests come in: the gateway of the moment. It stands open while brokers or PostgreSQL are away."""

    def __init__(self, state: _State) -> None:
        self._state = state
        self._gateway: Gateway | None = None
        self._opened = asyncio.Event()

    def open(self, gateway: Gateway) -> None:
        """Let requests in."""
        self._gateway = gateway
        self._opened.set()

    def close(self) -> None:
        """Let them wait."""
        self._opened.clear()

    async def submit(self, items: Sequence[Event | DeadLetter], origins: Sequence[str]) -> Sequence[Taken]:
        """Take in events; those who wait too long are told that nobody knows, and bring them again."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await self._opened.wait()
                assert self._gateway is not None, "it was opened with one"
                return await self._gateway.submit(items, origins)
        except (TimeoutError, ProducerStoppedError):
            said = f"{self._state.doing or 'Kafka does not answer in time'}; bring it again: twice changes nothing"
            raise web.HTTPServiceUnavailable(text=said, headers={"Retry-After": "10"}) from None


async def _listeners(
    settings: Settings,
    environment: Mapping[str, str],
    clock: Clock,
    secrets: Secrets,
    door: _Door,
    state: _State,
    stack: AsyncExitStack,
) -> None:
    """Open the public listener and ops; the stack closes them."""
    writer = Writer(_server(settings), "blocks")
    stack.push_async_callback(writer.close)

    async def write(change: Change[T]) -> T:
        now = clock.now()

        def made(connection: Connection) -> T:
            known = SharedIdentities(connection)
            result = change(connection, known, now)
            known.flush()
            return result

        return await writer.write(made)

    books = PublicBooks(write, secrets.blocks)
    objections = Objections(books.note, clock)
    intake = Intake(state.read, door.submit, clock)
    hooks = hooks_and_polls(settings, environment, intake, books, objections, clock, state.registry, stack)
    codes = SharedCodes(_server(settings), writer, door.submit, clock)
    answers = Answers(intake, books.block, books.unblock, objections, clock, settings.links_begin_with)
    host, port = _split(settings.listen.public)
    app = public_app(
        secrets.links,
        answers,
        state.shopfront,
        state.why_not_ready,
        state.registry,
        hooks=hooks,
        clock=clock,
        notes=Notes(intake, READ, state.registry),
        callers=Callers(settings.listen.trusted_proxies),
        known=known_by(settings.books, lambda: state.lifecycle, clock.now),
        tracks=settings.tracking.opens or settings.tracking.clicks,
    )
    public = await serve(app, host, port)
    stack.push_async_callback(public.stop)
    host, port = _split(settings.listen.ops)
    token = from_file(settings.listen.ops_token_file, "WINBACK_LISTEN_OPS_TOKEN", environment)
    checkout = from_file(settings.coupons.token_file, "WINBACK_COUPONS_TOKEN", environment)
    try:
        said = OpsSettings(host=host, token=token, coupons_token=checkout)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    ops = await serve(ops_app(said, intake, state.why_not_ready, state.registry, codes=codes), host, port)
    stack.push_async_callback(ops.stop)
    await mail_by_the_gateway(
        settings, environment, secrets, intake, door.submit, books, clock, lambda: state.brand, state.registry, stack
    )


async def _once(
    settings: Settings,
    clock: Clock,
    brokers: Brokers,
    secrets: Secrets,
    door: _Door,
    state: _State,
    topics: Mapping[str, SourceTopic],
    told: Callable[[str], None],
    up: Up,
) -> None:
    """Begin, and take in until cancelled."""
    server, names = _server(settings), TopicNames.of(settings.kafka.prefix)
    async with AsyncExitStack() as stack:
        stack.callback(setattr, state, "doing", "begins anew")
        (await asyncio.to_thread(open_to_write, server)).close()  # its tables are there from now on
        rules = await stack.enter_async_context(RulesReader(names.rules, brokers.client_options()))
        up()
        await _first_rules(rules, state, told)
        identities, lists = IdentityService(server), Writer(server, "list")
        erased = Erasures(secrets.blocks)
        await lists.write(erased.refresh)
        stack.push_async_callback(identities.close)
        stack.push_async_callback(lists.close)
        gateway = Gateway(
            brokers.client_options(),
            Topics(names.inbox, settings.kafka.partitions, names.letters, f"{settings.kafka.prefix}-{GROUP}"),
            _readers(names, topics, state),
            identities,
            partial(_listed, lists, Suppressions(secrets.blocks)),
            secrets.messages,
            clock.now,
            erased,
        )
        await gateway.start()
        stack.push_async_callback(gateway.stop)
        state.meters.figures, state.meters.lags = gateway.figures, gateway.lags
        door.open(gateway)
        stack.callback(door.close)
        state.doing = ""
        told("takes in")
        await _while_it_goes(gateway, rules, state, partial(lists.write, erased.refresh))


async def _while_it_goes(
    gateway: Gateway, rules: RulesReader, state: _State, refresh: Callable[[], Awaitable[None]]
) -> None:
    following = asyncio.create_task(_follow(rules, state))
    list_of_erased = asyncio.create_task(_look_who_is_erased(refresh))
    ended = asyncio.create_task(gateway.ended())
    try:
        done, _ = await asyncio.wait([following, list_of_erased, ended], return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    except (ProducerStoppedError, SourcesFailedError, TooLargeError, RulesError) as error:
        raise PartStoppedError(str(error)) from error
    finally:
        tasks = (following, list_of_erased, ended)
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _first_rules(rules: RulesReader, state: _State, told: Callable[[str], None]) -> None:
    """Wait until there are rules: without them the shop's own events would be dead letters."""
    if rules.newest is None:
        state.doing = "waits for the first rules: start winback projector"
        told(state.doing)
    while rules.newest is None:
        await asyncio.sleep(LOOK_FOR_RULES)
        await rules.read_on()
    state.follow(rules)


async def _follow(rules: RulesReader, state: _State) -> None:
    while True:
        await asyncio.sleep(LOOK_FOR_RULES)
        try:
            if await rules.read_on():
                state.follow(rules)
        except KafkaError as error:
            log.warning("the rules cannot be looked at now", error=repr(error))


async def _look_who_is_erased(refresh: Callable[[], Awaitable[None]]) -> None:
    """Take over the list of the erased as others write it."""
    while True:
        await asyncio.sleep(LOOK_WHO_IS_ERASED)
        try:
            await refresh()
        except DatabaseError as error:
            log.warning("the list of the erased cannot be looked at now", error=str(error))


def _readers(names: TopicNames, topics: Mapping[str, SourceTopic], state: _State) -> dict[str, ReadRecord]:
    """Return how each source topic is read: ours, and those of connectors.yaml."""

    def cloud_events(record: SourceRecord, origin: str, now: Instant) -> Read:
        if is_tombstone(record.value, record.headers):
            return Read()
        return read_record(record.value, record.headers, origin, now, state.read)

    def mapped(topic: SourceTopic) -> ReadRecord:
        reading = MappedTopic(topic, state.read)

        def read(record: SourceRecord, origin: str, now: Instant) -> Read:
            return reading.read(Row(record.value, record.key, record.headers, record.timestamp), origin, now)

        return read

    of_the_shop = {name: mapped(topic) if topic.events else cloud_events for name, topic in topics.items()}
    return {names.events: cloud_events, names.results: cloud_events, **of_the_shop}


async def _listed(writer: Writer, suppressions: Suppressions, addresses: Sequence[str]) -> Mapping[str, Customer]:
    """Say what imported suppressions know of addresses."""

    def ask(connection: Connection) -> dict[str, Customer]:
        asked = ((address, suppressions.known(connection, address)) for address in addresses)
        return {address: known for address, known in asked if known is not None}

    return await writer.write(ask)


def _server(settings: Settings) -> Server:
    where = settings.books
    assert isinstance(where, Server), "who starts a gateway has said where PostgreSQL is"
    return where


def _split(place: str) -> tuple[str, int]:
    host, _, port = place.rpartition(":")
    return host.strip("[]"), int(port)
