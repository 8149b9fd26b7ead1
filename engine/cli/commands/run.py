"""`winback run`: the embedded engine."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from typing import Any

import click
import structlog

from engine.cli.calling import Call, Misused, Wrong, named
from engine.cli.printing import to_people
from engine.language.files import Checked
from engine.language.problems import format_problems
from engine.runtimes.sqlite.database import DatabaseError
from engine.runtimes.sqlite.engine import EngineStopped
from engine.wiring.checking import folder_as_it_stands
from engine.wiring.clock import SystemClock
from engine.wiring.program import Program, is_first_start, running
from engine.wiring.settings import Settings, SettingsError, described, variable


@named("run", "winback run", "winback run --follow", "WINBACK_LISTEN_OPS=127.0.0.1:9081 winback run --shadow")
@click.option("--follow", is_flag=True, help="Put each good set of changed files live at once.")
@click.option("--shadow", is_flag=True, help="Everything live walks as shadow: it is reported, and nothing leaves.")
def command(call: Call, follow: bool, shadow: bool) -> None:  # noqa: FBT001 - click gives them by name
    """Run the engine: events in over HTTP, timers, the gate, mails out.

    Stop it with Ctrl-C or SIGTERM; it goes on where it stopped. Changed files are noticed, checked as one set, and wait
    for `winback apply`. Without a mail server mails go to the local mailbox.
    """
    settings = call.settings
    first = _first_set(settings)
    log_to_stderr()
    try:
        asyncio.run(_run(settings, first, follow=follow, shadow=shadow))
    except (DatabaseError, SettingsError) as error:
        raise Misused(str(error)) from None
    except OSError as error:
        raise Misused(f"{error.filename}: {error.strerror}" if error.filename else str(error)) from None
    except EngineStopped as error:
        raise Wrong(str(error)) from None


def _first_set(settings: Settings) -> Checked | None:
    """Return the set that a first start puts in force, None for a later start.

    Raises:
        Misused: there are no files.
        Wrong: they have errors.

    """
    try:
        if not is_first_start(settings.data):
            return None
        checked = folder_as_it_stands(settings.workflows)
    except DatabaseError as error:
        raise Misused(str(error)) from None
    except OSError as error:
        raise Misused(f"{error.filename}: {error.strerror}: --workflows names the folder of workflows") from None
    if checked.rules is None:
        raise Wrong("the workflows have errors\n\n" + format_problems(checked.errors, checked.sources))
    return checked


async def _run(settings: Settings, first: Checked | None, *, follow: bool, shadow: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with running(settings, os.environ, SystemClock(), first, follow=follow, shadow=shadow) as program:
        _tell_where(program, shadow=shadow, is_first=first is not None)
        stopping = asyncio.create_task(stop.wait())
        ended = asyncio.create_task(program.ended())
        await asyncio.wait([stopping, ended], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if ended.done():
            await ended
        ended.cancel()
        click.echo("winback: stopping", err=True)


def _tell_where(program: Program, *, shadow: bool, is_first: bool) -> None:
    console = to_people()
    assert program.ops is not None, "run listens"
    assert program.public is not None, "on both"
    settings = program.settings
    ops_host, public_host = settings.listen.ops.rpartition(":")[0], settings.listen.public.rpartition(":")[0]
    ops, public = f"http://{ops_host}:{program.ops.port}", f"http://{public_host}:{program.public.port}"
    rules = program.engine.handling.rules
    modes = ", ".join(f"{name} ({rules.switch(name).mode.value})" for name in sorted(rules.rule_set.workflows))
    console.print(f"winback runs on {settings.data}", style="bold")
    console.print(f"events in   POST {ops}/events")
    console.print(f"mailbox     {ops}/mailbox" if settings.sender.kind == "mailbox" else f"metrics     {ops}/metrics")
    console.print(f"links lead  {settings.links_begin_with} (listening at {public})")
    console.print(f"workflows   {modes or 'none'}" + (", put in force by this first start" if is_first else ""))
    if settings.sender.kind == "mailbox":
        console.print("mail        there is no mail server in the settings, so mails go to the local mailbox")
    elif not program.shop_is_live:
        console.print("mail        to the local mailbox until winback go-live, then to the mail server")
    if shadow:
        console.print("shadow      everything live walks as shadow; nothing leaves")
    elif not program.shop_is_live:
        console.print("rehearsal   nothing leaves but mails into the local mailbox: winback go-live changes that")
    sys.stdout.flush()


def log_to_stderr() -> None:
    """Write logs to standard error, in colours on a terminal and as JSON lines elsewhere; no personal data is in them."""
    terminal = sys.stderr.isatty()
    plain = structlog.dev.plain_traceback  # the one that is used when nobody chooses shows the values of variables too
    renderer: Any = (
        structlog.dev.ConsoleRenderer(exception_formatter=plain) if terminal else structlog.processors.JSONRenderer()
    )
    errors = [] if terminal else [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *errors,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _settings_help() -> str:
    rows = [
        f"  {key} = {default or '...'}  {means}  [{variable(tuple(key.split('.')))}]"
        for key, default, means in described()
    ]
    return "\b\nSettings (winback.toml, or the environment):\n" + "\n".join(rows)


command.epilog = f"{_settings_help()}\n\n{command.epilog}"
