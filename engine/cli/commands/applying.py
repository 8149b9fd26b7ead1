"""`winback apply`: changed files go live."""

from __future__ import annotations

from typing import Any

import click

from engine.cli.calling import Call, Misused, named
from engine.cli.printing import print_json, to_people
from engine.cli.reaching import the_engine
from engine.language.problems import format_problems
from engine.wiring.checking import checked_folder


@named("apply", "winback check && winback apply", "winback apply --json | jq '.changes'")
def command(call: Call) -> None:
    """Put the checked set of workflow files in force.

    Runs under way stay on the version they began with. Lifecycle, templates and modes count for everyone at once. With an
    error, or a scenario that its workflow contradicts, nothing is applied; it exits 1.
    """
    folder = call.workflows
    if not folder.is_dir():
        raise Misused(f"{folder}: there is no such folder: --workflows names the folder of workflows")
    arguments = {} if call.said_workflows is None else {"workflows": str(folder.absolute())}
    with the_engine(call) as engine:
        result = engine.do("apply", arguments)
    if call.json:
        print_json(result)
    elif result["applied"]:
        _tell(result["changes"])
    else:
        checked, _ = checked_folder(folder)
        click.echo(format_problems(checked.errors, checked.sources), err=True)
        click.echo("winback: nothing is applied: the files have errors", err=True)
    if not result["applied"]:
        raise click.exceptions.Exit(1)


def _tell(changes: list[dict[str, Any]]) -> None:
    console = to_people()
    if not changes:
        console.print("nothing has changed; the files are in force as they are", style="green")
    for change in changes:
        versions = ""
        if change["to"] is not None and change["from"] != change["to"]:
            versions = f" (version {change['from'] or '-'} -> {change['to']})"
        console.print(f"{change['workflow'] or 'all workflows'}{versions}: {change['effect']}")
