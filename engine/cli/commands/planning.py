"""`winback plan`: what an edit would do, before it is applied."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
import msgspec

from engine.books.connection import DatabaseError
from engine.cli.calling import Call, Misused, Wrong, named, who
from engine.cli.commands.applying import moves_of
from engine.cli.documents import FoundProblem, PlanDocument
from engine.cli.printing import note, print_json, progress, to_people
from engine.cli.reaching import the_engine
from engine.core.moments import rfc3339
from engine.insight.plan import Change, Difference, Plan
from engine.language.problems import format_problems, to_json
from engine.wiring.checking import checked_folder
from engine.wiring.planning import plan_of, raw_of

if TYPE_CHECKING:
    from engine.language.files import Checked


@named("plan", "winback plan", "winback plan --save discount.plan", "winback plan --json | jq '.changes[].would_enter'")
@click.option("--save", type=click.Path(path_type=Path, dir_okay=False), help="Keep it, for `apply` by another person.")
@click.option("--move", "moves", metavar="WORKFLOW=HOW", multiple=True, help="As `apply` has it: pin, move or exit.")
def command(call: Call, save: Path | None, moves: tuple[str, ...]) -> None:
    """Show what the edited files would change, and whom they concern; nothing changes.

    By meaning: keys, stages and steps with what they were and are. Per workflow: who waits at which step, who would enter,
    how many a day until when, how many of them can be written to, and what the offers cost at most. With errors in the
    files it exits 1.
    """
    folder = call.workflows
    if not folder.is_dir():
        raise Misused(f"{folder}: there is no such folder: --workflows names the folder of workflows")
    said = moves_of(moves)
    checked, _ = checked_folder(folder)
    if checked.rules is None:
        _refuse(call, checked)
    try:
        with progress() as bar:
            task = bar.add_task("looking at customers", total=None)
            plan = plan_of(
                call.books,
                checked,
                now=call.now(),
                who=who(),
                moves=said,
                tell=lambda done, all_: bar.update(task, completed=done, total=all_),
            )
    except DatabaseError as error:
        raise Misused(str(error)) from None
    if call.json:
        print_json(PlanDocument(**msgspec.structs.asdict(plan), problems=_problems(checked)))
    else:
        _tell(plan)
    if save is not None:
        _save(call, plan, save)


def _refuse(call: Call, checked: Checked) -> NoReturn:
    if call.json:
        empty: dict[str, Any] = {
            "at": rfc3339(call.now()),
            "who": who(),
            "epoch": 0,
            "applied": 0,
            "digest": "",
            "customers": 0,
        }
        print_json(PlanDocument(**empty, problems=_problems(checked)))
    click.echo(format_problems(checked.errors, checked.sources), err=True)
    raise Wrong("there is no plan: the files have errors")


def _problems(checked: Checked) -> list[FoundProblem]:
    return msgspec.convert(to_json(checked.problems), list[FoundProblem])


def _save(call: Call, plan: Plan, path: Path) -> None:
    """Keep a plan, and let the engine know it; before the first start there is none, and nothing to plan beside."""
    if plan.applied:
        with the_engine(call) as engine:
            number = engine.do("propose", {"plan": msgspec.to_builtins(plan), "who": plan.who})["number"]
        plan = msgspec.structs.replace(plan, number=number)
    try:
        path.write_text(raw_of(plan), encoding="utf-8")
    except OSError as error:
        raise Misused(f"{path}: {error.strerror}") from None
    note(f"{path}: the plan; another person puts it in force by `winback apply {path}`")


# Telling -------------------------------------------------------------------------------------------------------------


def _tell(plan: Plan) -> None:
    console = to_people()
    console.print(f"beside set {plan.epoch} in force, with {plan.customers:,} customers", style="dim")
    if not plan.changes:
        console.print("nothing would change; the files are in force as they are", style="green")
    for name, count in plan.standings.items():
        console.print(f"{count:,} customers: {name}")
    for change in plan.changes:
        console.print()
        console.print(_title(change), style="bold")
        for line in _lines(change):
            console.print(f"  {line}")
    if plan.reaches_further:
        console.print()
    for why in plan.reaches_further:
        console.print(f"reaches further: {why}", style="yellow")


def _title(change: Change) -> str:
    if not change.workflow:
        return change.effect
    versions = "" if change.to in (None, change.source) else f", version {change.source or '-'} -> {change.to}"
    return f"{change.workflow}{versions}: {change.effect}"


def _lines(change: Change) -> Iterator[str]:
    yield from map(_difference, change.differences)
    for step, count in change.waiting.items():
        yield f"{count:,} at {step}"
    for landing in change.landings:
        due = f", {landing.due_at_once:,} of them due at once" if landing.due_at_once else ""
        yield f"moved, {landing.customers:,} at {landing.step} go to {landing.to or 'no stage: they end'}{due}"
    if change.needs_a_word:
        yield f"say what becomes of those: --move {change.workflow}=pin or {change.workflow}=exit"
    if change.entry:
        yield from _figures(change)


def _difference(difference: Difference) -> str:
    if difference.old is None:
        return f"+ {difference.where}: {difference.new}"
    if difference.new is None:
        return f"- {difference.where}: {difference.old}"
    return f"~ {difference.where}: {difference.old} -> {difference.new}"


def _figures(change: Change) -> Iterator[str]:
    pace = f", up to {change.per_day:,} a day until {change.until}" if change.until else ""
    refused = ": refused, more than 1,000; name enter_at_most" if change.entry == "refused" else ""
    skipped = f" ({change.fits:,} fit, and are skipped)" if change.entry == "skipped" else ""
    yield f"{change.would_enter:,} would enter{pace}{refused}{skipped}"
    if change.place_taken:
        yield f"{change.place_taken:,} more fit, and have or get another run first"
    if change.would_enter:
        told = {
            "mailable": change.mailable,
            "capped now": change.capped,
            "had an offer lately": change.had_offer,
            "held out": change.held_out,
            **{reason.replace("_", " "): count for reason, count in change.unmailable.items()},
        }
        yield ", ".join(f"{count:,} {name}" for name, count in told.items() if count or name == "mailable")
        yield f"offers cost at most {change.offer_cost_at_most}"
