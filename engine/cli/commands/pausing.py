"""`winback pause`: no sends, until `unpause`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from engine.cli.calling import Call, Misused, named, who
from engine.cli.printing import print_json, to_people
from engine.cli.reaching import the_engine


def scoped(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say what a pause is of."""
    for option in (
        click.option("--domain", metavar="D", help="Mail to this domain alone."),
        click.option("--template", metavar="T", help="This template alone."),
        click.option("--workflow", metavar="W", help="This workflow alone."),
    ):
        function = option(function)
    return function


def scope_of(workflow: str | None, template: str | None, domain: str | None) -> dict[str, str]:
    """Return scope and name of a pause; with no option it is the whole engine.

    Raises:
        Misused: more than one was named.

    """
    said = [(s, n) for s, n in (("workflow", workflow), ("template", template), ("domain", domain)) if n is not None]
    if len(said) > 1:
        raise Misused("a pause is of one workflow, one template or one domain, or of everything")
    scope, name = said[0] if said else ("engine", "")
    name = name.removeprefix("@").casefold() if scope == "domain" else name
    return {"scope": scope, "name": name}


@named(
    "pause",
    'winback pause --why "the discount is wrong"',
    'winback pause --workflow welcome-back --why "typo in the German mail"',
    'winback pause --domain example.org --why "they defer us"',
)
@scoped
@click.option("--why", required=True, help="The reason; status shows it to everybody.")
def command(call: Call, workflow: str | None, template: str | None, domain: str | None, why: str) -> None:
    """Stop sends within a second, those that wait to be handed over too.

    It holds over restarts. Facts, exits and a customer's "no" go on.
    """
    if not why.strip():
        raise Misused("--why needs a reason: status shows it to everybody")
    with the_engine(call) as engine:
        result = engine.do("pause", {**scope_of(workflow, template, domain), "why": why, "who": who()})
    if call.json:
        print_json(result)
    else:
        tell(result)


def tell(result: dict[str, Any]) -> None:
    """Show all pauses that hold, and how many sends they hold."""
    console = to_people()
    for pause in result["paused"]:
        what = f"{pause['scope']} {pause['name']}".rstrip() if pause["scope"] != "engine" else "everything"
        console.print(f"PAUSED {what} since {pause['at']} by {pause['who'] or '?'}: {pause['why']}", style="bold red")
    if not result["paused"]:
        console.print("nothing is paused", style="green")
    if result["held"]:
        console.print(f"{result['held']:,} customers have a send that is held")
