"""`winback go-live`: from now on it is meant."""

from __future__ import annotations

import click

from engine.cli.calling import Call, named
from engine.cli.printing import print_json, to_people
from engine.cli.reaching import the_engine


@named("go-live", "winback go-live --no-suppressions")
@click.option("--no-suppressions", is_flag=True, help="Say that nobody has said no to another tool's mails.")
@click.option("--again", is_flag=True, help="Go live anew: every run begun before ends.")
def command(call: Call, no_suppressions: bool, again: bool) -> None:  # noqa: FBT001 - click gives them by name
    """Let what happens from now on reach customers.

    What happened before now becomes history. Runs begun before were rehearsal: they end, and their sends, caps and offers
    are forgotten. Refuses, and exits 1, while something is not right.
    """
    with the_engine(call) as engine:
        result = engine.do("go-live", {"no_suppressions": no_suppressions, "again": again})
    if call.json:
        print_json(result)
    else:
        console = to_people()
        for check in result["checks"]:
            mark, style = ("ok     ", "green") if check["ok"] else ("NOT YET", "bold red")
            console.print(f"{mark} {check['name']}: {check['message']}", style=style)
            if check["hint"]:
                console.print(f"        {check['hint']}")
        console.print(f"live since {result['live_since']}" if result["live_since"] else "not live", style="bold")
    if not result["live_since"]:
        raise click.exceptions.Exit(1)
