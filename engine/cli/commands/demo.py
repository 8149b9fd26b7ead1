"""`winback demo`: a made-up shop lives in front of you."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import socket
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import click
from msgspec import Struct, field
from rich.console import Console

from engine.books.connection import DatabaseError
from engine.cli.calling import Call, Misused, Wrong, named
from engine.cli.logs import log_to_stderr
from engine.cli.printing import print_json, to_people
from engine.core.moments import day_number, iso_day
from engine.language.files import Checked
from engine.language.problems import format_problems
from engine.wiring.checking import checked_folder
from engine.wiring.demonstration import Demonstration, demonstration, live_copy
from engine.wiring.passing import DayReport
from engine.wiring.settings import Settings

NAMED_A_DAY = 4
"""So many mails of a day are named in its line."""


class Summary(Struct):
    """`winback demo --json`: what happened, and where its data lies."""

    data: str = ""
    customers: int = 0
    history: int = 0
    days: int = 0
    mails: dict[str, int] = field(default_factory=dict)
    codes: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    standings: dict[str, int] = field(default_factory=dict)
    interesting: str = ""


@named("demo", "winback demo", "winback demo --days 30 --speed 5", "winback demo --customers 2000 --data ./demo")
@click.option("--days", type=click.IntRange(1, 700), default=120, show_default=True, help="How many days it lives.")
@click.option("--speed", type=click.FloatRange(0.01), default=1.0, show_default=True, help="Days a second, at most.")
@click.option(
    "--customers", type=click.IntRange(1, 100_000), default=400, show_default=True, help="How many there are."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another shop.")
@click.option("--today", metavar="DAY", help="The day it begins on. [today]")
@click.option("--no-listen", is_flag=True, help="Open no ports, and end after the last day.")
def command(
    call: Call,
    days: int,
    speed: float,
    customers: int,
    seed: int,
    today: str | None,
    no_listen: bool,  # noqa: FBT001 - click gives it by name
) -> None:
    """Let a made-up shop live a day per second: its customers buy, read, fall silent and come back.

    It works on a copy of the workflows with all of them live, in a data folder of its own. A year of history comes first,
    then go-live, then the days. Mails land in a local mailbox, and people answer them.
    """
    begin = date.fromisoformat(today) if today else date.today()  # noqa: DTZ011 - the reader's own day
    folder = call.said_data or Path(tempfile.mkdtemp(prefix="winback-demo-"))
    if folder.exists() and any(folder.iterdir()):
        raise Misused(f"{folder} holds something already: a demonstration begins with a fresh folder")
    settings = _settings(call, folder, listen=not no_listen)
    checked = _checked(call, settings)
    log_to_stderr()
    console = to_people() if not call.json else Console(quiet=True)
    summary = Summary(data=str(folder), customers=customers)
    play = _play(
        settings,
        checked,
        console,
        summary,
        days=days,
        seconds=1 / speed,
        seed=seed,
        today=day_number(begin.year, begin.month, begin.day),
        listen=not no_listen,
    )
    try:
        asyncio.run(play)
    except DatabaseError as error:
        raise Misused(str(error)) from None
    except OSError as error:
        raise Misused(f"{error.filename or folder}: {error.strerror or error}") from None
    if call.json:
        print_json(summary)
    else:
        _tell_end(summary, console)


def _settings(call: Call, folder: Path, *, listen: bool) -> Settings:
    """Return settings of the demonstration's own: its folders, free ports, the local mailbox."""
    settings = call.settings
    places = {"public": _free(settings.listen.public), "ops": _free(settings.listen.ops)} if listen else {}
    return Settings.model_validate(
        {"data": folder / "data", "workflows": folder / "workflows", "listen": places},
    )


def _free(place: str) -> str:
    """Return the address if it is free, else one with a port that is."""
    host, _, port = place.rpartition(":")
    for wanted in (int(port), 0):
        with suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, wanted))
            return f"{host}:{probe.getsockname()[1]}"
    raise Misused(f"no port can be opened on {host}: --no-listen goes without")


def _checked(call: Call, settings: Settings) -> Checked:
    try:
        live_copy(call.workflows, settings.workflows)
    except OSError as error:
        raise Misused(f"{error.filename}: {error.strerror}: --workflows names the folder of workflows") from None
    checked, _ = checked_folder(settings.workflows)
    if checked.rules is None:
        raise Wrong("the workflows have errors\n\n" + format_problems(checked.errors, checked.sources))
    return checked


async def _play(
    settings: Settings,
    checked: Checked,
    console: Console,
    summary: Summary,
    *,
    days: int,
    seconds: float,
    seed: int,
    today: int,
    listen: bool,
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    there = demonstration(
        settings, os.environ, checked, customers=summary.customers, seed=seed, today=today, listen=listen
    )
    async with there as demo:
        console.print(f"{summary.customers:,} made-up customers, their last year comes in as history ...")
        summary.history = await demo.begin()
        _tell_where(demo, settings, console, summary.history)
        while summary.days < days and not stop.is_set():
            report = await demo.live(seconds)
            _count(summary, report)
            _tell_day(report, console, settings, is_first_mail=_is_first(summary, report))
        if listen and sys.stdout.isatty() and not stop.is_set():
            console.print("\nThe shop rests; its mailbox stays open until Ctrl-C.", style="bold")
            await stop.wait()


def _count(summary: Summary, report: DayReport) -> None:
    summary.days += 1
    summary.codes += report.codes
    summary.standings = report.standings
    for counts, more in ((summary.mails, Counter(t for t, _ in report.mails)), (summary.outcomes, report.outcomes)):
        for name, count in more.items():
            counts[name] = counts.get(name, 0) + count
    if not summary.interesting and report.mails:
        summary.interesting = report.mails[0][1]


def _is_first(summary: Summary, report: DayReport) -> bool:
    return bool(report.mails) and sum(summary.mails.values()) == len(report.mails)


def _tell_where(demo: Demonstration, settings: Settings, console: Console, history: int) -> None:
    ops = demo.program.ops
    console.print(f"{history:,} events of history, and not one mail went out for them. The shop goes live.")
    if ops is not None:
        host = settings.listen.ops.rpartition(":")[0]
        console.print(f"console    http://{host}:{ops.port}/", style="bold")
        console.print(f"mailbox    http://{host}:{ops.port}/mailbox")
    console.print(f"workflows  {settings.workflows} (a copy, all live; edits there count at once)")
    console.print(f"data       {settings.data}\n")


def _tell_day(report: DayReport, console: Console, settings: Settings, *, is_first_mail: bool) -> None:
    orders = report.events.get("order.placed", 0)
    parts = [f"{orders:3} orders", f"{len(report.mails):3} mails", f"{report.codes:2} codes"]
    standings = " ".join(f"{name} {report.standings[name]}" for name in sorted(report.standings))
    named_mails = ", ".join(f"{template} to {customer}" for template, customer in report.mails[:NAMED_A_DAY])
    more = len(report.mails) - NAMED_A_DAY
    said = named_mails + (f" and {more} more" if more > 0 else "")
    ended = ", ".join(f"{outcome} {count}" for outcome, count in report.outcomes.items())
    console.print(f"{iso_day(report.day)} {' '.join(parts)}  {standings}", style="bold" if report.mails else "")
    if said:
        console.print(f"           mails: {said}", style="cyan")
    if ended:
        console.print(f"           ended: {ended}", style="green")
    if is_first_mail:
        console.print(f"           why? {_explain(report.mails[0][1], settings.data)}", style="bold yellow")


def _explain(customer: str, data: Path) -> str:
    return f"{_program()} explain {customer} --data {shlex.quote(str(data))}"


def _program() -> str:
    """Return how the reader's shell finds this program: a fresh clone has it in .venv/bin, which is on no path."""
    called = Path(sys.argv[0])
    if called.name != "winback" or shutil.which("winback"):
        return "winback"
    return shlex.quote(os.path.relpath(called))


def _tell_end(summary: Summary, console: Console) -> None:
    console.print(
        f"\n{summary.days} days, {sum(summary.mails.values()):,} mails, {summary.codes:,} codes", style="bold"
    )
    rows: list[tuple[str, dict[str, Any]]] = [
        ("mails", summary.mails),
        ("runs ended", summary.outcomes),
        ("standings", summary.standings),
    ]
    for title, counts in rows:
        if counts:
            console.print(f"{title}: " + ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())))
    data = Path(summary.data) / "data"
    if summary.interesting:
        console.print(f"one customer's story:  {_explain(summary.interesting, data)}")
    console.print(f"how it stands:         {_program()} status --data {shlex.quote(str(data))}")
    console.print(f"All of it lies in {summary.data}; delete it when you have seen enough.")
