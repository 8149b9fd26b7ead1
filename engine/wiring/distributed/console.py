"""`winback console` joined: the pages of the ops listener over PostgreSQL, and their changes made at the desk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from engine.books.connection import DatabaseError
from engine.books.postgres import Server
from engine.core.events import DeadLetter, Event
from engine.core.reading import Reader
from engine.handling import Taken
from engine.language.files import Checked
from engine.listeners import Intake, OpsSettings, Running, Site, ops_app, serve
from engine.listeners.control import ControlRefusedError
from engine.ports import Clock
from engine.wiring.console import EngineSights
from engine.wiring.distributed.brokers import brokers_of
from engine.wiring.distributed.desk import at_the_desk
from engine.wiring.distributed.kept import ShopAsKept
from engine.wiring.distributed.parts import Up, keep_going
from engine.wiring.reaching import NotReachedError
from engine.wiring.secret import from_file
from engine.wiring.senders import mailbox_of
from engine.wiring.settings import Settings, SettingsError
from engine.wiring.waiting import WaitingFiles
from engine.wiring.watching import watch


async def show(
    settings: Settings,
    environment: Mapping[str, str],
    clock: Clock,
    stop: asyncio.Event,
    *,
    told: Callable[[str], None] = lambda _: None,
) -> None:
    """Show the pages until `stop` is set.

    Raises:
        SettingsError: the settings cannot be followed.
        PartStoppedError: PostgreSQL was not there in time.
        OSError: the address is taken, or a folder cannot be read.

    """
    once = partial(_once, settings, environment, clock, told)
    await keep_going(once, brokers_of(settings, environment), stop, reach_within=settings.kafka.reach_within)


async def _once(
    settings: Settings, environment: Mapping[str, str], clock: Clock, told: Callable[[str], None], up: Up
) -> None:
    """Begin, and show until cancelled."""
    where = settings.books
    assert isinstance(where, Server), "who starts a console has said where PostgreSQL is"
    async with AsyncExitStack() as stack:
        waiting = WaitingFiles(settings, lambda: kept.rules)
        kept = await asyncio.to_thread(ShopAsKept, settings, where, on_templates=lambda _: waiting.look_anew())
        stack.callback(kept.close)
        await kept.look()
        await waiting.look()

        async def note(checked: Checked) -> None:
            waiting.note(checked)

        running = await _listen(settings, environment, clock, kept, waiting, stack)
        up()
        told(f"shows http://{settings.listen.ops.rpartition(':')[0]}:{running.port}/")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(kept.run())
            tasks.create_task(watch(settings.workflows, note))


async def _listen(
    settings: Settings,
    environment: Mapping[str, str],
    clock: Clock,
    kept: ShopAsKept,
    waiting: WaitingFiles,
    stack: AsyncExitStack,
) -> Running:
    control, mailbox = _AtTheDesk(settings, environment), mailbox_of(settings.data, clock)
    sights = EngineSights(settings, clock.now, lambda: kept.rules, control, mailbox, waiting, kept.brand.name)
    stack.push_async_callback(sights.close)
    host, _, port = settings.listen.ops.rpartition(":")
    token = from_file(settings.listen.ops_token_file, "WINBACK_LISTEN_OPS_TOKEN", environment)
    try:
        said = OpsSettings(host=host.strip("[]"), token=token)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    app = ops_app(
        said,
        Intake(Reader().read, _the_gateways, clock),
        lambda: "",
        CollectorRegistry(),
        site=Site(sights, control, mailbox),
    )
    running = await serve(app, host.strip("[]"), int(port))
    stack.push_async_callback(running.stop)
    return running


async def _the_gateways(_: Sequence[Event | DeadLetter], __: Sequence[str]) -> Sequence[Taken]:
    raise web.HTTPNotFound(text="events are taken in by winback gateway, on its own ops listener")


class _AtTheDesk:
    """Commands, each at a desk that is opened for it: so none meets a connection that was cut off meanwhile."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._settings, self._environment = settings, environment

    async def do(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do a command.

        Raises:
            LookupError: there is no command of this name.
            ControlRefusedError: it is refused, or PostgreSQL does not answer.

        """
        return await asyncio.to_thread(self._do, name, arguments)

    def _do(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            with at_the_desk(self._settings, self._environment) as desk:
                return desk.do(name, arguments)
        except (NotReachedError, DatabaseError) as error:
            raise ControlRefusedError(str(error)) from None
