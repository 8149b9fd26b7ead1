"""`winback run`: the embedded engine."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter

import click

from engine.books.connection import DatabaseError
from engine.books.database import Lock
from engine.cli.calling import Call, Misused, Wrong, named
from engine.cli.logs import log_to_stderr
from engine.cli.printing import to_people
from engine.core.moments import DAY, HOUR, Length, iso_day, zone
from engine.language.files import Checked
from engine.language.problems import format_problems
from engine.language.values import Wrong as NoLength
from engine.language.values import length
from engine.ports import Clock
from engine.runtimes.sqlite.engine import EngineStopped
from engine.wiring.checking import folder_as_it_stands
from engine.wiring.clock import clock_of, practice_clock, stood_still
from engine.wiring.passing import Passing
from engine.wiring.program import Program, is_first_start, running
from engine.wiring.settings import Settings, SettingsError, described, variable


@named("run", "winback run", "winback run --follow", "WINBACK_LISTEN_OPS=127.0.0.1:9081 winback run --shadow")
@click.option("--follow", is_flag=True, help="Put each good set of changed files live at once.")
@click.option("--shadow", is_flag=True, help="Everything live walks as shadow: it is reported, and nothing leaves.")
@click.option(
    "--pass", "passes", metavar="LENGTH", help="In a shop for practice: let so much time pass, such as 7d, and stop."
)
@click.option(
    "--after-standstill",
    is_flag=True,
    help="The engine really stood still for days: begin with time standing still and sends paused.",
)
def command(call: Call, follow: bool, shadow: bool, passes: str | None, after_standstill: bool) -> None:  # noqa: FBT001 - click gives them by name
    """Run the engine: events in over HTTP, timers, the gate, mails out.

    Stop it with Ctrl-C or SIGTERM; it goes on where it stopped. Changed files are noticed, checked as one set, and wait
    for `winback apply`. Without a mail server mails go to the local mailbox.
    """
    settings = call.settings
    if settings.distributed:
        raise Misused(
            "kafka.brokers is set, so this is the distributed engine: start winback gateway, worker, sender and projector;"
            " without it winback run is the whole engine"
        )
    until = _length(settings, passes)
    first = _first_set(settings)
    log_to_stderr()
    try:
        if until is not None:
            asyncio.run(_pass(settings, first, until, shadow=shadow))
        else:
            clock = clock_of(settings)
            hold = _standstill(settings, clock, expected=after_standstill)
            asyncio.run(_run(settings, first, clock, follow=follow, shadow=shadow, hold=hold))
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


def _length(settings: Settings, passes: str | None) -> Length | None:
    """Return how much time is to pass, None for an engine that lives by its clock.

    Raises:
        Misused: it is no length, or this is no shop for practice.

    """
    if passes is not None and settings.practice is None:
        raise Misused("--pass is for a shop for practice: set `practice` to the day its clock begins on")
    try:
        return None if passes is None else length(passes)
    except NoLength as wrong:
        raise Misused(f"--pass: {wrong}; {wrong.hint}") from None


async def _pass(settings: Settings, first: Checked | None, passes: Length, *, shadow: bool) -> None:
    """Let time pass in a shop for practice, an hour at a time, and tell of each day."""
    clock = practice_clock(settings)
    there = running(settings, os.environ, clock, first, shadow=shadow, listen=False, overdue_a_second=None)
    console = to_people()
    async with there as program:
        clock.set(program.engine.now())
        passing = Passing(program, clock)
        await passing.settle()  # what is due at this very moment, before any time passes
        shop_zone = zone(program.engine.handling.rules.lifecycle.timezone)
        until = shop_zone.after(clock.now(), passes)
        while clock.now() < until:
            today = shop_zone.day(clock.now())
            evening = min(until, shop_zone.start(today + 1))
            while clock.now() < evening:
                await passing.step(min(evening, clock.now() + HOUR))
            report = passing.report(today, passing.effects())
            mails = ", ".join(f"{name} {count}" for name, count in Counter(each for each, _ in report.mails).items())
            entered = ", ".join(f"{name} {count}" for name, count in report.entered.items())
            console.print(f"{iso_day(today)}  entered: {entered or 'nobody'}  mails: {mails or 'none'}")
        passing.close()


def _standstill(settings: Settings, clock: Clock, *, expected: bool) -> str:
    """Return why sends are paused when the engine goes on after days, empty where it does not.

    Raises:
        Misused: nobody has said that it really stood still: the clock may be wrong.
        DatabaseError: another engine runs on the folder, by a clock of its own.

    """
    gap = stood_still(settings, clock.now())
    if not gap:
        return ""
    Lock(settings.data).release()
    if not expected:
        raise Misused(
            f"by this machine's clock the engine stood still for {gap // DAY} days. If the clock is wrong, set it right: all"
            " that falls due in that time would be done at once. If it is right: winback run --after-standstill begins"
            " with time standing still, so that you can bring in what happened; winback unpause --time, then winback"
            " unpause go on"
        )
    return f"it stood still for {gap // DAY} days"


async def _run(
    settings: Settings, first: Checked | None, clock: Clock, *, follow: bool, shadow: bool, hold: str
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with running(settings, os.environ, clock, first, follow=follow, shadow=shadow, hold=hold) as program:
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
    console.print(f"console     {ops}/")
    console.print(f"mailbox     {ops}/mailbox" if settings.sender.kind == "mailbox" else f"metrics     {ops}/metrics")
    console.print(f"links lead  {settings.links_begin_with} (listening at {public})")
    console.print(f"workflows   {modes or 'none'}" + (", put in force by this first start" if is_first else ""))
    if settings.sender.kind == "mailbox":
        console.print("mail        there is no mail server in the settings, so mails go to the local mailbox")
    elif not program.shop_is_live:
        console.print("mail        to the local mailbox until winback go-live, then to the mail server")
    if settings.practice is not None:
        console.print("practice    time stands still: winback run --pass 1d lets a day pass")
    if shadow:
        console.print("shadow      everything live walks as shadow; nothing leaves")
    elif not program.shop_is_live:
        console.print("rehearsal   nothing leaves but mails into the local mailbox: winback go-live changes that")
    sys.stdout.flush()


def _settings_help() -> str:
    rows = [f"  {key} = {default or '...'}  {means}{_settable(key)}" for key, default, means in described()]
    return "\b\nSettings (winback.toml, or the environment):\n" + "\n".join(rows)


def _settable(key: str) -> str:
    return "" if ".NAME." in key else f"  [{variable(tuple(key.split('.')))}]"


command.epilog = f"{_settings_help()}\n\n{command.epilog}"
