"""`winback unpause`: a pause is over."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import click

from engine.cli.calling import Call, Misused, named, who
from engine.cli.commands.pausing import scope_of, scoped, tell
from engine.cli.printing import print_json, table, to_people
from engine.cli.reaching import the_data, the_engine
from engine.core.shop import TIME
from engine.insight.ramps import ramp_rows
from engine.wiring.control import OVERDUE
from engine.wiring.held import held_by

_MEANS = {
    "send": "send what was held now, as far as it may still go",
    "skip": "drop what was held; its run goes on",
    "shift": "let it come as much later as the pause was long",
}


@named("unpause", "winback unpause --overdue shift", "winback unpause --workflow welcome-back --overdue skip")
@scoped
@click.option(
    "--time",
    "of_time",
    is_flag=True,
    help="After a restore or a standstill: let time pass again, with sends still paused.",
)
@click.option("--overdue", type=click.Choice(OVERDUE), help="What becomes of the sends that were held.")
def command(call: Call, *, marketing: bool, overdue: str | None, of_time: bool, **named_ones: str | None) -> None:
    """End a pause, and say what becomes of the sends it held.

    Without --overdue it shows what fell due meanwhile, and asks.
    """
    scope = {"scope": TIME, "name": ""} if of_time else scope_of(named_ones, marketing=marketing)
    if of_time and (overdue or marketing or any(named_ones.values())):
        raise Misused("--time stands alone: it holds no sends")
    with the_engine(call) as engine:
        if overdue is None and not of_time:
            engine.do("unpause", scope)  # refuses where there is no such pause
            overdue = _asked(call, scope)
        result = engine.do("unpause", {**scope, "overdue": overdue, "who": who()})
    if call.json:
        print_json(result)
    else:
        tell(result)


def _asked(call: Call, scope: Mapping[str, str]) -> str:
    with the_data(call) as views:
        held = held_by(views, scope["scope"], scope["name"])
        ramp = ramp_rows(views.rules(), dict(views.all("lines")), call.now())
    total = sum(held.values())
    console = to_people()
    if not call.json:
        console.print(f"{total:,} sends fell due meanwhile and are held", style="bold")
        rows = [(template, f"{count:,}") for template, count in held.items()]
        console.print(table("template", "customers", rows=rows, right=("customers",)))
        if ramp:
            left, waiting = sum(each.left for each in ramp), sum(each.waiting for each in ramp)
            console.print(f"the ramp lets {left:,} more mails leave today; {waiting:,} wait for it already")
        for choice, means in _MEANS.items():
            console.print(f"  --overdue {choice:6} {means}")
    if call.json or not sys.stdin.isatty():
        raise Misused(f"say what becomes of {total:,} held sends: --overdue {', '.join(OVERDUE[:-1])} or {OVERDUE[-1]}")
    answer: str = click.prompt("What becomes of them", type=click.Choice(OVERDUE))
    return answer
