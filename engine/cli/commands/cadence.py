"""`winback cadence`: how many days lie between two orders, and who is late by that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from engine.books.connection import DatabaseError
from engine.books.views import Views
from engine.cli.calling import Call, Misused, named
from engine.cli.commands.simulate import good_rules
from engine.cli.histories import CsvOptions, History, csv_options, existing
from engine.cli.printing import note, print_json, progress, table, to_people
from engine.core.customer import Customer
from engine.core.moments import Instant
from engine.core.rules import RuleSet
from engine.insight.cadence import cadence_of
from engine.runtimes.simulator.rhythm import cadence_of_files


@named(
    "cadence",
    "winback cadence",
    "winback cadence orders.csv --csv customer_id=customer,time=date,total=amount --currency EUR",
    "winback cadence history.jsonl --by category",
)
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--by", type=click.Choice(["category"]), help="Also the intervals within each product category.")
@csv_options
def command(
    call: Call,
    files: tuple[str, ...],
    by: str | None,
    csv: str | None,
    type_: str,
    currency: str,
    timezone: str | None,
) -> None:
    """Show the reorder intervals of an order history, or of what the engine holds.

    One order per customer and day counts. Seen from the day of the last order of all, a customer is late after more than
    twice the mean. Exits 1 when a line could not be read.
    """
    is_well = True
    if files:
        rules = _rules(call)
        rows = CsvOptions(csv, type_, currency, timezone).table(rules.lifecycle, rules.own_events)
        history = History(call, existing(files), rows, rules.own_events)
        with progress() as bar:
            task = bar.add_task("reading", total=None)
            figures = cadence_of_files(
                history,
                rules.lifecycle,
                by_category=bool(by),
                progress=lambda _, done, of: bar.update(task, completed=done, total=of or None),
            )
        is_well = history.tell_what_was_wrong()
    elif csv:
        raise Misused("--csv goes with files; without files the engine's own data is shown")
    else:
        figures = _of_engine(call, by_category=bool(by))
    if call.json:
        print_json(figures)
    else:
        _tell(figures)
    if not is_well:
        raise click.exceptions.Exit(1)


def _rules(call: Call) -> RuleSet:
    """Return the rules, for zone and currency; where there is no folder of workflows, what holds without one."""
    if call.said_workflows is None and not call.workflows.is_dir():
        note(f"there is no folder {call.workflows}: days are those of Europe/Berlin where a time says its zone")
        return RuleSet()
    rules = good_rules(call.workflows).rules
    assert rules is not None, "good rules"
    return rules


def _of_engine(call: Call, *, by_category: bool) -> dict[str, Any]:
    try:
        with Views(call.books) as views:
            rules = views.rules()
            last = max(map(_last_known, views.everybody()), default=0)
            cadence = rules.shop.cadence
            return cadence_of(views.everybody(), cadence, last, rules.lifecycle, by_category=by_category)
    except DatabaseError as error:
        raise Misused(f"{error}; or name files") from None


def _last_known(customer: Customer) -> Instant:
    """Return when the last thing happened that is known of a customer."""
    trail = (mark.at for marks in customer.trail.values() for mark in marks)
    known: Iterable[Instant] = (*customer.life.values(), *trail, customer.last_mail, customer.other_mail)
    return max([*known, *(order.at for order in customer.orders[-1:])], default=0)


def _tell(figures: dict[str, Any]) -> None:
    console = to_people()
    if not figures["intervals"]:
        console.print(
            f"{figures['customers']:,} customers, and none of them has ordered on two days: no interval is known"
        )
        return
    span = f"{figures['first_day']} to {figures['last_day']}"
    console.print(f"{figures['customers']:,} customers ordered on {figures['orders']:,} days, {span}", style="bold")
    console.print(
        f"{figures['intervals']:,} intervals: mean {figures['mean_days']:.1f} days, median {figures['median_days']:g}"
    )
    console.print(
        f"late is who has been idle for more than {figures['threshold_days']:.1f} days: {figures['inactive']:,} customers, "
        f"{figures['inactive_repeaters']:,} of them ordered more than once, {figures['inactive_one_time']:,} once"
    )
    rows = [(f"{float(share):.0%} within", f"{days:g} days") for share, days in figures["quantiles"].items()]
    console.print()
    console.print(table("of all intervals", "", rows=rows, right=("",)))
    named_ones = figures.get("categories")
    if named_ones:
        found = [
            (name, f"{each['intervals']:,}", f"{each['mean_days']:.1f}", f"{each['median_days']:g}")
            for name, each in named_ones.items()
            if each["intervals"]
        ]
        console.print()
        console.print(
            table("category", "intervals", "mean", "median", rows=found, right=("intervals", "mean", "median"))
        )
