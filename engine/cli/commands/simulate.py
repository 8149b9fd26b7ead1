"""`winback simulate`: what these workflows would have sent."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from engine.cli.calling import Call, Misused, Wrong, named
from engine.cli.histories import CsvOptions, History, csv_options, existing, moment_said
from engine.cli.printing import note, progress, table, to_people
from engine.core.rules import Mode
from engine.insight.backtest import Report, encoded
from engine.language.files import Checked
from engine.language.folder import read_folder
from engine.language.problems import format_problems
from engine.runtimes.simulator.backtest import Setting, run_backtest
from engine.runtimes.simulator.bodies import Completing, completing


@named(
    "simulate",
    "winback simulate --events history.jsonl --all --out out/",
    "winback simulate --events orders.csv --csv customer_id=customer,time=date,total=amount --currency EUR --all --out out/",
    "winback simulate --events kafka://127.0.0.1:9092/shop.events --all --out out/",
    "winback simulate --events history.jsonl.gz --from 2025-01-01 --until 2026-01-01 --trace c-1042 --out out/",
)
@click.option(
    "--events",
    "events",
    multiple=True,
    required=True,
    metavar="FILE...",
    help="Files of events, or topics (kafka://BROKER:9092/TOPIC); - is stdin.",
)
@click.argument("more", nargs=-1, metavar="")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for the results.")
@click.option("--from", "from_", metavar="DAY", help="Events before it are facts only; workflows begin then.")
@click.option("--until", metavar="DAY", help="Stop at its start; left out, at the end of the last event's day.")
@click.option("--all", "all_", is_flag=True, help="Run drafts as well.")
@click.option("--strict", is_flag=True, help="Take nothing for granted: without a consent event nobody has permission.")
@click.option(
    "--trace", metavar="CUSTOMER", default="", help="Tell this customer's story, and each run of it as a scenario."
)
@click.option("--bodies", is_flag=True, help="Render each mail into effects.jsonl; takes longer.")
@csv_options
def command(
    call: Call,
    events: tuple[str, ...],
    more: tuple[str, ...],
    out: Path,
    from_: str | None,
    until: str | None,
    all_: bool,  # noqa: FBT001 - click gives it by name
    strict: bool,  # noqa: FBT001 - click gives it by name
    trace: str,
    bodies: bool,  # noqa: FBT001 - click gives it by name
    csv: str | None,
    type_: str,
    currency: str,
    timezone: str | None,
) -> None:
    """Replay a history through the workflows on a virtual clock, and write what would have been sent.

    Live and shadow workflows run; --all adds drafts. The folder gets effects.jsonl, report.json and report.html. It shows
    what would have been sent, not what that would have brought. Exits 1 when a line could not be read or a
    decision failed.
    """
    checked = good_rules(call.workflows)
    assert checked.rules is not None, "good rules"
    lifecycle = checked.rules.lifecycle
    rows = CsvOptions(csv, type_, currency, timezone).table(lifecycle, checked.rules.own_events)
    history = History(call, existing((*events, *more)), rows, checked.rules.own_events)
    setting = Setting(
        from_=moment_said("--from", from_, lifecycle.timezone),
        until=moment_said("--until", until, lifecycle.timezone),
        strict=strict,
        all_drafts=all_,
        trace=trace,
        complete=_bodies(checked) if bodies else None,
    )
    if not all_ and all(switch.mode is Mode.DRAFT for switch in checked.rules.switches.values()):
        note("all workflows are drafts, so nothing runs: --all runs them too")
    report = _replayed(history, checked, out, setting)
    if call.json:
        sys.stdout.buffer.write(encoded(report).rstrip() + b"\n")
    else:
        _tell(report, out)
    if trace and not report.story:
        note(f"this history tells nothing of a customer {trace}")
    if not history.tell_what_was_wrong() or report.stuck:
        raise click.exceptions.Exit(1)


def good_rules(folder: Path) -> Checked:
    """Read a folder of workflows that has no errors.

    Raises:
        Misused: there is no such folder.
        Wrong: it has errors; the message is all of them.

    """
    try:
        checked = read_folder(folder, Path.cwd())
    except OSError as error:
        raise Misused(f"{error.filename}: {error.strerror}: --workflows names the folder of workflows") from None
    if checked.rules is None:
        raise Wrong("the workflows have errors\n\n" + format_problems(checked.errors, checked.sources))
    return checked


def _bodies(checked: Checked) -> Completing:
    assert checked.templates is not None, "a set without errors has its templates"
    return completing(checked.templates, checked.brand)


def _replayed(history: History, checked: Checked, out: Path, setting: Setting) -> Report:
    assert checked.rules is not None, "good rules"
    with progress() as bar:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, of: int) -> None:
            task = tasks.get(what)
            if task is None:
                task = tasks[what] = bar.add_task(what, total=of or None)
            bar.update(task, completed=done, total=of or None)

        try:
            return run_backtest(history, checked.rules, out, setting, progress=tell)
        except OSError as error:
            raise Misused(f"{error.filename or out}: {error.strerror}") from None


def _tell(report: Report, out: Path) -> None:
    console = to_people()
    span = f"{report.first_day} to {report.last_day}, {report.days:,} days" if report.days else "no events"
    console.print(f"{report.events:,} events of {report.customers:,} customers, {span}", style="bold")
    console.print()
    named_figures = (
        ("standings", report.standings),
        ("entered", report.entered),
        ("sends", report.sends),
        ("under way", report.open),
        ("not sent", report.dropped),
    )
    rows = [
        (title if not place else "", name, f"{count:,}")
        for title, counts in named_figures
        for place, (name, count) in enumerate((n, c) for n, c in counts.items() if c)
    ]
    console.print(table("", "", "customers", rows=rows, right=("customers",)))
    for name, ends in report.outcomes.items():
        if ends:
            console.print(f"{name}: " + ", ".join(f"{outcome} {count:,}" for outcome, count in ends.items()))
    for name, offer in report.offers.items():
        console.print(f"offer {name}: {offer.issued:,} made, {offer.cost} {report.currency} if all are redeemed")
    said = f"held out {report.held_out:,} runs, {report.deferred:,} sends waited, of them {report.capped:,} for a cap"
    console.print(f"{said}; {report.returned_without_mail:,} of {report.returned:,} returned without a mail")
    for line in (*report.notes, report.what_it_does_not_show, *report.story):
        console.print(line)
    for told in report.story_as_scenarios:
        console.print(f"\nas a scenario, for {told.workflow}.scenarios.yaml:\n", style="bold")
        console.print(told.scenario.rstrip("\n"))
    console.print(
        f"\n{out / 'report.html'} has the pictures; {report.events_per_second:,} events a second", style="dim"
    )
