"""`winback go-live`: from now on it is meant."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from engine.cli.calling import Call, named
from engine.cli.commands.preflight import asked_of_engine, looking, tell
from engine.cli.printing import print_json, to_people
from engine.cli.reaching import the_engine
from engine.wiring.preflight.check import Check


@named("go-live", "winback preflight && winback go-live", "winback go-live --no-suppressions --received test.eml")
@looking
@click.option("--again", is_flag=True, help="Go live anew: every run begun before ends.")
def command(
    call: Call, received: Path | None, name_servers: tuple[str, ...], *, no_suppressions: bool, again: bool
) -> None:
    """Let what happens from now on reach customers.

    What happened before now becomes history. Runs begun before were rehearsal: they end, and what they did is forgotten:
    sends, caps and offers, and the tags, stops and farewells they wrote on records. It makes the checks of preflight
    first; refuses, and exits 1, while one of them is an error.
    """
    asked = asked_of_engine(received, name_servers, no_suppressions=no_suppressions)
    with the_engine(call) as engine:
        result = engine.do("go-live", {**asked, "again": again})
    if call.json:
        print_json(result)
    else:
        console = to_people()
        tell(msgspec.convert(result["checks"], list[Check]))
        console.print(f"live since {result['live_since']}" if result["live_since"] else "not live", style="bold")
    if not result["live_since"]:
        raise click.exceptions.Exit(1)
