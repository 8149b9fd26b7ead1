"""`winback projector` joined: the books, the office, and what the first start puts in force."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial

from prometheus_client import CollectorRegistry

from engine.books.beginning import put_first_in_force
from engine.books.database import open_to_write
from engine.books.erasures import Erasures
from engine.books.postgres import Server
from engine.books.views import Views
from engine.core.moments import Instant
from engine.core.rules import RuleSet
from engine.core.signals import MailLeaves
from engine.language.files import Checked
from engine.ports import Clock
from engine.runtimes.kafka.brokers import Brokers
from engine.runtimes.kafka.desk import Desk
from engine.runtimes.kafka.projector import Ask, Meters, Place, run_projector
from engine.runtimes.kafka.shop_store import ShopStore
from engine.runtimes.kafka.topic_names import TopicNames
from engine.wiring import in_force
from engine.wiring.checking import folder_as_it_stands
from engine.wiring.distributed.brokers import brokers_of
from engine.wiring.distributed.erasing import shared_eraser
from engine.wiring.distributed.monitoring import monitor
from engine.wiring.distributed.parts import PartStoppedError, Up, keep_going
from engine.wiring.distributed.topics import once_topics_are_right
from engine.wiring.pools import Pools
from engine.wiring.program import history_after
from engine.wiring.reaching import FilesHaveErrorsError
from engine.wiring.secret import keys_of
from engine.wiring.settings import Settings


async def project(
    settings: Settings,
    environment: Mapping[str, str],
    clock: Clock,
    stop: asyncio.Event,
    *,
    metrics: str = "",
    told: Callable[[str], None] = lambda _: None,
) -> None:
    """Bring what workers decided into the books, and do the office's work, until `stop` is set.

    Raises:
        SettingsError: the settings cannot be followed.
        WrongTopicsError: a topic is missing, or is not what it must be.
        FilesHaveErrorsError: this is the first start, and the workflow files have errors.
        PartStoppedError: brokers or PostgreSQL were not there in time, or a topic holds what is none of ours.
        OSError: the workflow files cannot be read, or the address of `metrics` is taken.

    """
    brokers = brokers_of(settings, environment)
    state = _State()
    async with AsyncExitStack() as stack:
        if metrics:
            running = await monitor(metrics, state.why_not_ready, state.registry)
            stack.push_async_callback(running.stop)
        once = partial(_once, settings, environment, clock, brokers, state, told)
        checked = once_topics_are_right(settings, environment, once)
        await keep_going(checked, brokers, stop, reach_within=settings.kafka.reach_within)


class _State:
    """What the projector shows of itself; meters outlive its beginnings."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.meters = Meters(self.registry)
        self.doing = "has not begun"

    def why_not_ready(self) -> str:
        return self.doing


async def _once(
    settings: Settings,
    environment: Mapping[str, str],
    clock: Clock,
    brokers: Brokers,
    state: _State,
    told: Callable[[str], None],
    up: Up,
) -> None:
    """Begin, and project until cancelled."""
    server = settings.books
    assert isinstance(server, Server), "who starts a projector has said where PostgreSQL is"
    first = await asyncio.to_thread(_first_set, settings, server)

    def begun() -> None:
        state.doing = ""
        up()
        told("projects")

    def begin(desk: Desk, store: ShopStore, now: Instant) -> None:
        if first is not None and not desk.rules.shop.epoch:
            templates = in_force.raw_of(in_force.of(first))
            put_first_in_force(desk, store, now, first.rules or RuleSet(), templates)
        shop = desk.rules.shop
        if shop.gone_live and not shop.meant_since and settings.sender.kind != "mailbox":
            desk.sweeping.tell(store, MailLeaves(), now)  # it went live with the mailbox, and has a mail server now

    secrets = keys_of(settings, environment)
    erasures = Erasures(secrets.blocks)
    place = Place(
        server=server,
        clients=brokers.client_options(),
        topics=TopicNames.of(settings.kafka.prefix),
        partitions=settings.kafka.partitions,
    )
    try:
        await run_projector(
            place,
            clock,
            key=secrets.codes,
            up=begun,
            begin=begin,
            beside=partial(_beside, settings, erasures),
            history_after=history_after(settings),
            meters=state.meters,
            erasures=erasures,
        )
    except* ValueError as group:
        raise PartStoppedError(str(group.exceptions[0])) from group
    finally:
        state.doing = "begins anew"


async def _beside(settings: Settings, erasures: Erasures, desk: Desk, ask: Ask) -> None:
    """Bring codes into the books, and end erasures, until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_bring_codes(settings, desk, ask))
        tasks.create_task(shared_eraser(settings, erasures, desk, ask).run())


async def _bring_codes(settings: Settings, desk: Desk, ask: Ask) -> None:
    """Bring new codes of the pools' files into the books, where the folder of workflows has such files."""
    with Views(settings.books) as views:
        await Pools(desk, ask, settings.workflows, views, None, grants=False).run()


def _first_set(settings: Settings, server: Server) -> Checked | None:
    """Return the set that a first start puts in force, None for a later start.

    Raises:
        DatabaseError: PostgreSQL cannot be used.
        FilesHaveErrorsError: the files have errors.
        OSError: they cannot be read.

    """
    open_to_write(server).close()  # its tables are there from now on
    with Views(server) as views:
        if views.shop()[1].epoch:
            return None
    checked = folder_as_it_stands(settings.workflows)
    if checked.rules is None:
        raise FilesHaveErrorsError(checked)
    return checked
