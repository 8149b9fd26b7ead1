"""`winback preflight`: what must be right before the first mail."""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
import msgspec

from engine.cli.calling import Call, Misused, named
from engine.cli.documents import PreflightDocument
from engine.cli.printing import print_json, to_people
from engine.cli.reaching import the_data
from engine.core.rules import RuleSet
from engine.wiring import in_force
from engine.wiring.checking import folder_as_it_stands
from engine.wiring.clock import clock_of
from engine.wiring.pools import levels
from engine.wiring.preflight.check import ERROR, Check
from engine.wiring.preflight.checks import Probes, is_ready, preflight
from engine.wiring.preflight.probing import keys_to_ask_with, probes_of
from engine.wiring.preflight.situation import Situation
from engine.wiring.program import is_first_start
from engine.wiring.settings import SettingsError


def looking(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say what a preflight looks at."""
    mail = click.Path(path_type=Path, exists=True, dir_okay=False)
    for option in (
        click.option(
            "--nameserver", "name_servers", metavar="IP[:PORT]", multiple=True, help="Ask these for DNS. [the system's]"
        ),
        click.option("--received", metavar="FILE.eml", type=mail, help="A test mail as it arrived elsewhere."),
        click.option("--no-suppressions", is_flag=True, help="Say that nobody has said no to another tool's mails."),
    ):
        function = option(function)
    return function


def asked_of_engine(received: Path | None, name_servers: tuple[str, ...], *, no_suppressions: bool) -> dict[str, Any]:
    """Return the same for the engine that makes the checks."""
    return {
        "no_suppressions": no_suppressions,
        "received": None if received is None else b64encode(received.read_bytes()).decode(),
        "name_servers": list(name_servers),
    }


@named(
    "preflight",
    "winback preflight",
    "winback preflight --received test.eml",
    "winback preflight --json | jq '.checks[] | select(.ok | not)'",
)
@looking
def command(call: Call, received: Path | None, name_servers: tuple[str, ...], *, no_suppressions: bool) -> None:
    """Look at what must be right before the first mail: settings, files, DNS, the unsubscribe page, the mail server.

    Nothing is changed, and no mail is sent. It exits 1 when there is an error; a warning keeps nobody from going live.
    While mail cannot leave this machine, what concerns the outside world is only a warning. Each error and its cure:
    docs/how-to/go-live.md.
    """
    settings = call.settings
    try:
        clock = clock_of(settings)
        probes = probes_of(settings, os.environ, clock, keys_to_ask_with(settings, os.environ), name_servers)
    except (SettingsError, ValueError) as error:
        raise Misused(str(error)) from None
    situation = _as_files_say(call, probes) if is_first_start(call.books) else _in_force(call, probes)
    situation = msgspec.structs.replace(situation, none_elsewhere=no_suppressions)
    checks = asyncio.run(preflight(situation, probes, received.read_bytes() if received else None))
    if call.json:
        print_json(PreflightDocument(checks))
    else:
        tell(checks)
    if not is_ready(checks):
        raise click.exceptions.Exit(1)


def _in_force(call: Call, probes: Probes) -> Situation:
    with the_data(call) as views:
        accepted, state = views.shop()
        rules = views.rules().rule_set
        left = {each.offer: each.left for each in levels(rules, state, views.pools())}
    kept = in_force.of_books(call.books)
    return Situation(
        settings=call.settings,
        rules=rules,
        brand=kept.brand,
        templates=kept.names,
        suppressions_at=state.suppressions_at,
        codes_left=left,
        now=probes.clock.now(),
        accepted=accepted,
    )


def _as_files_say(call: Call, probes: Probes) -> Situation:
    """Before the first start nothing is in force yet: look at what would be."""
    try:
        checked = folder_as_it_stands(call.workflows)
    except OSError as error:
        raise Misused(f"{error.filename}: {error.strerror}: --workflows names the folder of workflows") from None
    return Situation(
        settings=call.settings,
        rules=checked.rules or RuleSet(),
        brand=checked.brand,
        templates=checked.templates.names() if checked.templates else (),
        errors=len(checked.errors),
        now=probes.clock.now(),
    )


def tell(checks: Iterable[Check]) -> None:
    """Show checks to people: what is wrong last, where one looks."""
    console = to_people()
    for check in sorted(checks, key=lambda each: (not each.ok, each.level == ERROR)):
        mark, style = ("ok     ", "green") if check.ok else ("warning", "yellow")
        if check.level == ERROR:
            mark, style = "NOT YET", "bold red"
        console.print(f"{mark} {check.name}: {check.message}", style=style)
        if check.hint:
            console.print(f"        {check.hint}")
