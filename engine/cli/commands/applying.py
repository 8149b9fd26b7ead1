"""`winback apply`: changed files go live."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from engine.cli.calling import Call, Misused, named, who
from engine.cli.printing import print_json, to_people
from engine.cli.reaching import the_engine
from engine.core.moving import HOW
from engine.insight.plan import Plan
from engine.language.problems import format_problems
from engine.wiring.checking import checked_folder


@named(
    "apply",
    "winback check && winback apply",
    "winback apply --move readers-who-dont-buy=move",
    "winback apply --move old-workflow=exit",
    "winback apply discount.plan",
    "winback apply --back",
    "winback apply --json | jq '.changes'",
)
@click.option(
    "--move",
    "said",
    metavar="WORKFLOW=HOW",
    multiple=True,
    help="What becomes of those under way: pin (they finish on their version), move (they go on in the new one) or exit.",
)
@click.option(
    "--back", is_flag=True, help="Return to what was in force before the last apply: rules, templates, brand."
)
@click.argument("plan", type=click.Path(path_type=Path, dir_okay=False), required=False)
def command(call: Call, said: tuple[str, ...], back: bool, plan: Path | None) -> None:  # noqa: FBT001 - an option
    """Put the checked set of workflow files in force, all of it or nothing.

    Runs under way stay on the version they began with, unless --move says otherwise. Lifecycle, templates and modes count
    for everyone at once. A workflow that is gone from the files while people are in it needs a word on what becomes of
    them. With a PLAN, saved by `winback plan`, it is refused when the files, what is in force or a figure by more than a
    tenth are not those of the plan; `approvals = 1` asks for one made by somebody else. With an error, or a scenario that its workflow contradicts, nothing is applied; it exits 1.
    """
    arguments: dict[str, Any] = {"moves": moves_of(said), "who": who()}
    folder = call.workflows
    if not back and not folder.is_dir():
        raise Misused(f"{folder}: there is no such folder: --workflows names the folder of workflows")
    if plan is not None:
        if back:
            raise Misused("--back returns to what was in force before: it needs no plan")
        arguments["plan"] = _read(plan)
    if call.said_workflows is not None:
        arguments["workflows"] = str(folder.absolute())
    with the_engine(call) as engine:
        result = engine.do("apply-back" if back else "apply", arguments)
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


def _read(path: Path) -> Any:
    """Return a saved plan, as JSON has it.

    Raises:
        Misused: the file is no plan, or cannot be read.

    """
    try:
        return msgspec.to_builtins(msgspec.json.decode(path.read_bytes(), type=Plan))
    except OSError as error:
        raise Misused(f"{path}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise Misused(f"{path} is no plan of `winback plan --save`: {error}") from None


def moves_of(said: tuple[str, ...]) -> dict[str, str]:
    """Return what is to become of runs under way, by workflow, from `WORKFLOW=HOW`.

    Raises:
        Misused: one is not written so, or says something else than pin, move or exit, or a workflow is named twice.

    """
    moves: dict[str, str] = {}
    for each in said:
        workflow, _, how = each.partition("=")
        if not workflow or how not in HOW:
            raise Misused(f"--move {each}: it takes WORKFLOW={'|'.join(HOW)}, such as readers-who-dont-buy=move")
        if moves.setdefault(workflow, how) != how:
            raise Misused(f"--move {each}: {workflow} is to {moves[workflow]} already")
    return moves


def _tell(changes: list[dict[str, Any]]) -> None:
    console = to_people()
    if not changes:
        console.print("nothing has changed; the files are in force as they are", style="green")
    for change in changes:
        versions = ""
        if change["to"] is not None and change["from"] != change["to"]:
            versions = f" (version {change['from'] or '-'} -> {change['to']})"
        console.print(f"{change['workflow'] or 'all workflows'}{versions}: {change['effect']}")
