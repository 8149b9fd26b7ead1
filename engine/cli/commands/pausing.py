"""`winback pause`: no sends, until `unpause`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from engine.cli.calling import Call, Misused, named, who
from engine.cli.printing import print_json, to_people
from engine.cli.reaching import the_engine


def scoped(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say what a pause is of."""
    for option in (
        click.option("--family", metavar="F", help="Marketing by mail to this family of providers alone (gmail, gmx)."),
        click.option("--marketing", is_flag=True, help="Marketing by mail alone; service mails go on."),
        click.option("--domain", metavar="D", help="Mail to this domain alone."),
        click.option("--template", metavar="T", help="This template alone."),
        click.option("--workflow", metavar="W", help="This workflow alone."),
    ):
        function = option(function)
    return function


def scope_of(named_ones: Mapping[str, str | None], *, marketing: bool) -> dict[str, str]:
    """Return scope and name of a pause; with no option it is the whole engine.

    Raises:
        Misused: more than one was named.

    """
    said = [(scope, name) for scope, name in named_ones.items() if name is not None]
    said += [("marketing", "")] if marketing else []
    if len(said) > 1:
        raise Misused("a pause is of one workflow, template, domain or family, of marketing, or of everything")
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
def command(call: Call, *, marketing: bool, why: str, **named_ones: str | None) -> None:
    """Stop sends within a second, those that wait to be handed over too.

    It holds over restarts. Facts, exits and a customer's "no" go on.
    """
    if not why.strip():
        raise Misused("--why needs a reason: status shows it to everybody")
    with the_engine(call) as engine:
        result = engine.do("pause", {**scope_of(named_ones, marketing=marketing), "why": why, "who": who()})
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
