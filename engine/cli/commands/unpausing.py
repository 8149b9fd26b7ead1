"""`winback unpause`: a pause is over."""

from __future__ import annotations

import sys
from collections import Counter

import click

from engine.cli.calling import Call, Misused, named
from engine.cli.commands.pausing import scope_of, scoped, tell
from engine.cli.printing import print_json, table, to_people
from engine.cli.reaching import the_data, the_engine
from engine.core.runs import current_send
from engine.core.sending import PAUSED_LINE
from engine.wiring.control import OVERDUE

_MEANS = {
    "send": "send what was held now, as far as it may still go",
    "skip": "drop what was held; its run goes on",
    "shift": "let it come as much later as the pause was long",
}
_LOOKED_AT = 10_000


@named("unpause", "winback unpause --overdue shift", "winback unpause --workflow welcome-back --overdue skip")
@scoped
@click.option("--overdue", type=click.Choice(OVERDUE), help="What becomes of the sends that were held.")
def command(call: Call, workflow: str | None, template: str | None, domain: str | None, overdue: str | None) -> None:
    """End a pause, and say what becomes of the sends it held.

    Without --overdue it shows what fell due meanwhile, and asks.
    """
    scope = scope_of(workflow, template, domain)
    with the_engine(call) as engine:
        if overdue is None:
            engine.do("unpause", scope)  # refuses where there is no such pause
            overdue = _asked(call)
        result = engine.do("unpause", {**scope, "overdue": overdue})
    if call.json:
        print_json(result)
    else:
        tell(result)


def _asked(call: Call) -> str:
    held = _held(call)
    console = to_people()
    said = [(template, f"{count:,}") for template, count in held.most_common()]
    if not call.json:
        console.print(f"{held.total():,} sends fell due meanwhile and are held", style="bold")
        console.print(table("template", "customers", rows=said, right=("customers",)))
        for choice, means in _MEANS.items():
            console.print(f"  --overdue {choice:6} {means}")
    if call.json or not sys.stdin.isatty():
        raise Misused(
            f"say what becomes of {held.total():,} held sends: --overdue {', '.join(OVERDUE[:-1])} or {OVERDUE[-1]}"
        )
    answer: str = click.prompt("What becomes of them", type=click.Choice(OVERDUE))
    return answer


def _held(call: Call) -> Counter[str]:
    """Return how many sends of each template are held, of the first ten thousand customers."""
    found: Counter[str] = Counter()
    with the_data(call) as views:
        rules = views.rules()
        for (customer_id,) in views.all("line", PAUSED_LINE, _LOOKED_AT):
            customer = views.record(customer_id)
            for run in customer.runs if customer else ():
                step = current_send(rules.version(run.workflow, run.version), run)
                if run.doing == "paused" and step is not None:
                    found[step.template] += 1
    return found
