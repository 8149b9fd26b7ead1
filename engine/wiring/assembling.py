"""The parts of the embedded engine joined: loop, relay, deliveries, composer, control; what is opened is closed in turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry

from connectors.mailbox import Mailbox
from engine.books.backlog import Backlog
from engine.books.deliveries import Deliveries
from engine.books.erasures import Erasures
from engine.books.limits import Limits
from engine.books.meters import DeliveryMeters, Meters
from engine.books.relay import Relay
from engine.books.suppressions import Suppressions
from engine.books.views import Views
from engine.listeners import Running
from engine.ports import Clock, Sender
from engine.rendering.envelope import Desk
from engine.runtimes.sqlite.engine import Engine
from engine.runtimes.sqlite.loop import Loop
from engine.wiring import in_force
from engine.wiring.clock import clock_trouble
from engine.wiring.composing import Composer
from engine.wiring.control import EngineControl, Place
from engine.wiring.effect_log import Following
from engine.wiring.erased_files import DataFolder
from engine.wiring.erasing import Eraser
from engine.wiring.handing_over import relay_settings_of
from engine.wiring.incoming.running import WaysIn
from engine.wiring.preflight.probing import probes_of
from engine.wiring.ramp_metrics import add_ramp_metrics
from engine.wiring.receivers import receivers_of
from engine.wiring.secret import Secrets
from engine.wiring.seeding import Seeding
from engine.wiring.senders import mailbox_of, sender_of
from engine.wiring.settings import Settings
from engine.wiring.waiting import WaitingFiles

CALLS_MAY_TAKE = 20.0  # seconds that calls under way get when the engine stops
CODES_MAY_TAKE = 10.0  # seconds that receivers get to hear of the void codes of somebody who is erased


@dataclass
class Program:
    """A running engine. `ended` is done when it has stopped by itself, which it only does when it fails."""

    settings: Settings
    engine: Engine
    loop: Loop
    relay: Relay
    deliveries: Deliveries
    control: EngineControl
    sender: Sender
    desk: Callable[[], Desk]
    mailbox: Mailbox
    waiting: WaitingFiles
    registry: CollectorRegistry
    ops: Running | None = None
    public: Running | None = None
    incoming: WaysIn | None = None
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def idle(self) -> bool:
        """Say whether every released send has ended, and every receiver has taken what there is for it."""
        return await self.relay.idle() and await self.deliveries.idle()

    async def ended(self) -> None:
        """Wait until a part of it fails, and raise what it failed of."""
        waiting = [asyncio.ensure_future(self.loop.ended()), *self.tasks]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    @property
    def shop_is_live(self) -> bool:
        """Whether `go-live` was said."""
        return self.engine.handling.rules.shop.gone_live


async def assembled(
    settings: Settings,
    environment: Mapping[str, str],
    clock: Clock,
    secrets: Secrets,
    engine: Engine,
    stack: AsyncExitStack,
    *,
    erasures: Erasures,
    shadow: bool,
) -> Program:
    """Start the loop, the relay and the effect files; what is opened is closed by the stack, in turn."""
    data, handling = settings.data, engine.handling
    news, effects = asyncio.Event(), asyncio.Event()

    def committed() -> None:
        news.set()
        effects.set()
        relay.wake()
        deliveries.wake()

    registry = CollectorRegistry()
    add_ramp_metrics(registry, data, lambda: handling.rules, engine.now)
    views = Views(data)
    stack.callback(views.close)
    mailbox = mailbox_of(data, clock)
    sender = sender_of(settings, environment, clock, mailbox, lambda: handling.rules.shop)
    stack.push_async_callback(sender.close)
    composer = Composer(settings, secrets, lambda: handling.rules, views.record, clock.now)
    loop = Loop(engine, on_commit=committed)
    seeding = Seeding(settings, secrets, loop, sender, lambda: handling.rules)
    relay = _relay(settings, secrets, engine, loop, sender, composer, registry, stack, seeding=seeding)

    waiting = WaitingFiles(settings, lambda: handling.rules, shadow=shadow)

    def use(kept: in_force.Kept) -> None:
        composer.use(kept)
        seeding.use(kept)
        waiting.look_anew()

    use(in_force.kept_of(views.templates()))
    receivers = receivers_of(settings, environment, clock, sender, lambda: composer.desk)
    deliveries = Deliveries(
        loop, handling, data, receivers, engine, lambda: handling.rules.shop, meters=DeliveryMeters(registry)
    )
    stack.push_async_callback(deliveries.close)

    def about() -> dict[str, Any]:
        figures = loop.figures()
        return {
            "waiting": figures.waiting,
            "lag": figures.lag,
            "events": figures.events,
            "trouble": relay.trouble,
            "clock": clock_trouble(clock),
            "receivers": dict(deliveries.troubles),
            "refused_of_erased": erasures.refused,
            "incoming": dict(program.incoming.troubles) if program.incoming is not None else {},
        }

    following = Following(data)
    folder = DataFolder(data, mailbox, following)

    async def told() -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(CODES_MAY_TAKE):
                while not await deliveries.idle():  # noqa: ASYNC110 - it is asked of the books, and no event tells
                    await asyncio.sleep(0.05)
                return True
        return False

    eraser = Eraser(
        erasures,
        loop.ask,
        data,
        lambda: handling.rules.shop,
        files=folder,
        empty_log=engine.empty_log,
        told=told,
        remains=folder.remains,
    )
    place = Place(
        handling=handling,
        ask=loop.ask,
        submit=loop.submit,
        settings=settings,
        suppressions=Suppressions(secrets.blocks),
        look=partial(probes_of, settings, environment, clock, secrets.links),
        shadow=shadow,
        on_rules=use,
        about=about,
        erasures=erasures,
        end_erasures=eraser.end_all,
    )
    control = EngineControl(place)
    program = Program(
        settings,
        engine,
        loop,
        relay,
        deliveries,
        control,
        sender,
        lambda: composer.desk,
        mailbox,
        waiting,
        registry,
    )
    await loop.start()
    program.tasks.append(task(stack, following.run(effects)))
    stack.push_async_callback(loop.stop)
    program.tasks.append(task(stack, eraser.run()))
    if settings.sender.seeds:
        program.tasks.append(task(stack, seeding.run()))
    for part in (relay, deliveries):
        handing = asyncio.create_task(part.run())
        program.tasks.append(handing)
        stack.push_async_callback(_let_calls_end, part, handing)
    return program


def _relay(
    settings: Settings,
    secrets: Secrets,
    engine: Engine,
    loop: Loop,
    sender: Sender,
    composer: Composer,
    registry: CollectorRegistry,
    stack: AsyncExitStack,
    *,
    seeding: Seeding,
) -> Relay:
    said, relay_settings = settings.sender, relay_settings_of(settings)
    handling = engine.handling
    limits = Limits(relay_settings.limit, relay_settings.limits)
    backlog = Backlog(settings.data, limits, relay_settings, lambda: handling.rules.shop.pauses)
    stack.push_async_callback(backlog.close)
    return Relay(
        loop,
        handling,
        backlog,
        limits,
        sender,
        composer,
        engine,
        block_key=secrets.blocks,
        settings=relay_settings,
        meters=Meters(registry),
        on_done=seeding.on_done if said.seeds else None,
    )


async def _let_calls_end(part: Relay | Deliveries, handing: asyncio.Task[None]) -> None:
    part.stop()
    done, _ = await asyncio.wait([handing], timeout=CALLS_MAY_TAKE)
    if not done:
        handing.cancel()
    with suppress(asyncio.CancelledError, Exception):  # why it failed was told by `ended`
        await handing


def task(stack: AsyncExitStack, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    """Begin work that ends with the stack."""
    begun = asyncio.create_task(work)
    stack.push_async_callback(let_go, begun)
    return begun


async def let_go(begun: asyncio.Task[None]) -> None:
    """End work, and wait until it has."""
    begun.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await begun
