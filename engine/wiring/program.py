"""The embedded engine as a program: settings, database, rules, loop, relay, effect files, watcher and listeners joined."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from connectors.mailbox import Mailbox
from engine.core.moments import DAY, MINUTE, Instant
from engine.core.rules import Mode, RuleSet
from engine.core.signals import MailLeaves, PauseEnded, PauseSet
from engine.language.files import Checked
from engine.listeners import Running
from engine.listeners.control import ControlRefusedError
from engine.ports import Clock, Sender
from engine.runtimes.sqlite import applied, rulebook
from engine.runtimes.sqlite.backlog import Backlog, RelaySettings
from engine.runtimes.sqlite.database import FILE_NAME, update
from engine.runtimes.sqlite.deliveries import Deliveries
from engine.runtimes.sqlite.engine import Asked, Engine
from engine.runtimes.sqlite.limits import Limit, Limits
from engine.runtimes.sqlite.loop import Loop
from engine.runtimes.sqlite.meters import DeliveryMeters, Meters
from engine.runtimes.sqlite.opening import opened
from engine.runtimes.sqlite.relay import Relay
from engine.runtimes.sqlite.store import SqliteStore
from engine.runtimes.sqlite.suppressions import Suppressions
from engine.runtimes.sqlite.views import Views
from engine.wiring import effect_log, in_force
from engine.wiring.applying import SHADOW_PAUSE, as_shadow, as_the_files_say, changes
from engine.wiring.clock import clock_trouble, mark
from engine.wiring.composing import Composer
from engine.wiring.control import EngineControl, Place
from engine.wiring.listening import listeners
from engine.wiring.pools import Pools
from engine.wiring.preflight.probing import probes_of
from engine.wiring.ramp_metrics import add_ramp_metrics
from engine.wiring.receivers import receivers_of
from engine.wiring.secret import Secrets, keys_of
from engine.wiring.seeding import Seeding
from engine.wiring.senders import mailbox_of, sender_of
from engine.wiring.settings import Settings
from engine.wiring.tidying import keep_tidy
from engine.wiring.waiting import WaitingFiles
from engine.wiring.watching import watch

CALLS_MAY_TAKE = 20.0  # seconds that calls under way get when the engine stops

log = structlog.get_logger(__name__)


def history_after(settings: Settings) -> int:
    """Return `history_after` in microseconds."""
    return settings.history_after.days * DAY + settings.history_after.minutes * MINUTE


def is_first_start(data: Path) -> bool:
    """Say whether no rules were ever put in force in a data folder; a database of an older version is updated first."""
    update(data)
    if not (data / FILE_NAME).exists():
        return True
    with Views(data) as views:
        return not views.shop()[1].epoch


@dataclass
class Program:
    """A running engine. `ended` is done when it has stopped by itself, which it only does when it fails."""

    settings: Settings
    engine: Engine
    loop: Loop
    relay: Relay
    deliveries: Deliveries
    control: EngineControl
    mailbox: Mailbox
    waiting: WaitingFiles
    registry: CollectorRegistry
    ops: Running | None = None
    public: Running | None = None
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


@asynccontextmanager
async def running(
    settings: Settings,
    environment: Mapping[str, str],
    clock: Clock,
    first: Checked | None,
    *,
    follow: bool = False,
    shadow: bool = False,
    listen: bool = True,
    hold: str = "",
    overdue_a_second: int | None = 2_000,
) -> AsyncIterator[Program]:
    """Run the engine while the context lasts.

    Args:
        settings: how.
        environment: where secrets may be.
        clock: the time of day.
        first: the checked set that the first start puts in force; later starts go on with what is in force.
        follow: apply each good set of changed files at once.
        shadow: everything live walks as shadow, and nothing leaves.
        listen: open the two listeners.
        hold: why all sends are to be paused from the beginning, empty where they are not.
        overdue_a_second: pace of what fell due while the engine stood still; None is no limit.

    Raises:
        DatabaseError: another engine uses the data folder, or the database cannot be used.
        SettingsError: the settings cannot be followed.
        OSError: a folder cannot be written, or a listener's address is taken.

    """
    data = settings.data
    secrets = keys_of(settings, environment)
    mark(settings)
    first_rules = first.rules if first is not None and first.rules is not None else RuleSet()
    with opened(
        data,
        clock,
        key=secrets.codes,
        first_rules=first_rules,  # with the modes of the files; `_set_shadow` changes them before anybody is known
        templates=in_force.to_begin_with(data, first),
        suppressions=Suppressions(secrets.blocks),
        history_after=history_after(settings),
        overdue_a_second=overdue_a_second,
    ) as engine:
        in_force.forget_old(data)
        if hold:
            _hold(engine, hold)
        async with AsyncExitStack() as stack:
            program = await _assembled(settings, environment, clock, secrets, engine, stack, shadow=shadow)
            await _set_shadow(program, shadow=shadow)
            await _note_that_mail_leaves(program)
            await _keep_in_codes(program, stack)
            program.tasks.append(_task(stack, keep_tidy(engine, program.mailbox)))
            if follow or listen:
                follower = _follower(program, follow=follow)
                program.tasks.append(_task(stack, watch(settings.workflows, follower)))
            if listen:
                looking = asyncio.create_task(program.waiting.look())
                stack.push_async_callback(_let_go, looking)
                program.ops, program.public = await listeners(
                    settings,
                    environment,
                    engine,
                    loop=program.loop,
                    control=program.control,
                    mailbox=program.mailbox,
                    secrets=secrets,
                    waiting=program.waiting,
                    stack=stack,
                    registry=program.registry,
                )
            yield program


async def _keep_in_codes(program: Program, stack: AsyncExitStack) -> None:
    """Grant codes of pools now, so that none is missing when the first input comes, and from then on."""
    settings = program.settings
    views = stack.enter_context(Views(settings.data))
    pools = Pools(program.engine, program.loop, settings.workflows, views, program.registry)
    await pools.look()
    program.tasks.append(_task(stack, pools.run()))


async def _assembled(
    settings: Settings,
    environment: Mapping[str, str],
    clock: Clock,
    secrets: Secrets,
    engine: Engine,
    stack: AsyncExitStack,
    *,
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
        }

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
    )
    control = EngineControl(place)
    program = Program(settings, engine, loop, relay, deliveries, control, mailbox, waiting, registry)
    await loop.start()
    program.tasks.append(_task(stack, effect_log.follow(data, effects)))
    stack.push_async_callback(loop.stop)
    if settings.sender.seeds:
        program.tasks.append(_task(stack, seeding.run()))
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
    said = settings.sender
    relay_settings = RelaySettings(
        at_once=settings.smtp.connections,
        only_to=said.only_to,
        limit=Limit(**said.limit.model_dump()),
        limits={name: Limit(**each.model_dump()) for name, each in said.limits.items()},
    )
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


def _task(stack: AsyncExitStack, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    task = asyncio.create_task(work)
    stack.push_async_callback(_let_go, task)
    return task


async def _let_go(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await task


# Shadow and following ------------------------------------------------------------------------------------------------


def _hold(engine: Engine, why: str) -> None:
    """Pause all sends before the relay begins; a pause of everything that holds already stays as it is."""
    handling = engine.handling
    if not any(each.scope == "engine" for each in handling.rules.shop.pauses):
        signal = PauseSet("engine", "", why, "winback run")
        engine.run([Asked(lambda store, now: handling.sweeping.tell(store, signal, now))])


async def _set_shadow(program: Program, *, shadow: bool) -> None:
    """Let everything live walk as shadow, or end that.

    Runs that began live are held by a pause, so that nothing leaves; it marks the data folder as one of a shadow run.
    """
    handling = program.engine.handling
    sweeping = handling.sweeping
    was = any(each.why == SHADOW_PAUSE for each in handling.rules.shop.pauses)
    if not shadow and not was:
        return
    in_force_now = handling.rules.rule_set

    def change(store: SqliteStore, now: Instant) -> None:
        last = applied.newest(store.connection)
        modes = {} if last is None else {name: Mode(mode) for name, mode in last.said.modes.items()}
        rules = as_shadow(in_force_now) if shadow else as_the_files_say(in_force_now, modes)
        if rules != in_force_now:
            rulebook.apply(handling, rules, store, now)
        if shadow and not was:
            sweeping.tell(store, PauseSet("engine", "", SHADOW_PAUSE, "winback run"), now)
        elif was and not shadow:
            sweeping.tell(store, PauseEnded("engine", "", "shift"), now)

    await program.loop.ask(change)


async def _note_that_mail_leaves(program: Program) -> None:
    """A shop that went live with the mailbox and has a mail server now: what it does is no rehearsal any more."""
    sweeping, shop = program.engine.handling.sweeping, program.engine.handling.rules.shop
    if shop.gone_live and not shop.meant_since and program.settings.sender.kind != "mailbox":
        await program.loop.ask(lambda store, now: sweeping.tell(store, MailLeaves(), now))


def _follower(program: Program, *, follow: bool) -> Callable[[Checked], Awaitable[None]]:
    async def changed(checked: Checked) -> None:
        program.waiting.note(checked)
        if checked.rules is None:
            log.warning("changed files have errors; nothing of them is in force", errors=len(checked.errors))
        elif follow:
            try:
                result = await program.control.rules.apply(checked, who="run --follow")
            except ControlRefusedError as error:
                log.warning("changed files are not put in force: winback apply tells what is wanted", why=str(error))
            else:
                log.info("changed files are in force", changes=[each["effect"] for each in result["changes"]])
        else:
            found = changes(program.engine.handling.rules.rule_set, checked.rules)
            log.info("changed files are good and wait for winback apply", changes=len(found))

    return changed
