"""`winback check`: are the files right, and do the workflows do what their scenarios say."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli.calling import Call, Misused, named
from engine.cli.documents import CheckDocument, DifferentDay, FailedScenario, FoundProblem, Scenarios
from engine.cli.printing import print_json, table, to_people
from engine.language.playing import Failed
from engine.language.problems import Problem, Severity, format_problems
from engine.wiring.checking import checked_paths

DAYS_SHOWN = 10
"""Of a scenario that goes otherwise, so many days are shown to people; `--json` has them all."""


@named("check", "winback check", "winback check workflows/welcome-back.yaml", "winback check --json | jq '.problems'")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
def command(call: Call, paths: tuple[Path, ...]) -> None:
    """Check workflows, offers and templates, and play the scenarios.

    PATH is a folder of workflows or one file in it; left out, it is the folder of --workflows. All mistakes are shown at
    once, each with its place and its cure. Exits 1 when there is an error; warnings are said and let pass.
    """
    try:
        found = checked_paths(paths or (call.workflows,))
    except OSError as error:
        raise Misused(f"{error.filename}: {error.strerror}: name a folder of workflows, or a file in one") from None
    problems = sorted({one for checked, _ in found for one in checked.problems}, key=lambda one: one.place)
    passed = sum(played.passed for _, played in found)
    failed = [_as_failed(each) for _, played in found for each in played.failed]
    if call.json:
        print_json(CheckDocument(as_found(problems), Scenarios(passed, failed)))
    else:
        sources = {name: text for checked, _ in found for name, text in checked.sources.items()}
        workflows = {name for checked, _ in found if checked.rules for name in checked.rules.workflows}
        _tell(problems, sources, len(workflows), passed, failed)
    if any(one.severity is Severity.ERROR for one in problems):
        raise click.exceptions.Exit(1)


def as_found(problems: list[Problem]) -> list[FoundProblem]:
    """Return problems as `--json` has them."""
    return [
        FoundProblem(one.file, one.line, one.column, one.severity.value, one.code, one.message, one.hint)
        for one in problems
    ]


def _as_failed(one: Failed) -> FailedScenario:
    days = [
        DifferentDay(each.day, each.date, each.spot.line, each.expected, each.happened, list(each.why))
        for each in one.days
    ]
    return FailedScenario(one.file, one.line, one.title, days)


def _tell(
    problems: list[Problem], sources: dict[str, str], workflows: int, passed: int, failed: list[FailedScenario]
) -> None:
    console = to_people()
    others = [one for one in problems if one.code != "scenario"]  # those are told day by day
    if others:
        console.print(format_problems(others, sources).rstrip("\n"))
        console.print()
    for scenario in failed:
        place = f"{scenario.file}:{scenario.line}"
        console.print(f"{place}: scenario '{scenario.title}' goes otherwise [scenario]", style="bold")
        rows = [_row(each) for each in scenario.days[:DAYS_SHOWN]]
        console.print(table("day", "expected", "happened", "why", rows=rows))
        if len(scenario.days) > DAYS_SHOWN:
            console.print(f"and {len(scenario.days) - DAYS_SHOWN:,} more days")
        console.print()
    errors = sum(one.severity is Severity.ERROR for one in problems)
    warnings = len(problems) - errors
    if errors:
        said = f"{errors} error{'s' * (errors != 1)}" + f", {warnings} warning{'s' * (warnings != 1)}" * bool(warnings)
        console.print(said, style="bold red")
    else:
        said = f"{workflows} workflow{'s' * (workflows != 1)} and {passed} scenario{'s' * (passed != 1)} are well"
        console.print(said + f", {warnings} warning{'s' * (warnings != 1)}" * bool(warnings), style="green")
    if failed:
        said = f"{len(failed)} of {passed + len(failed)} scenarios are contradicted by their workflow"
        console.print(said, style="red")


def _row(each: DifferentDay) -> tuple[str, str, str, str]:
    """A day for people: each thing on a line of its own, as they stand side by side."""
    expected, happened = ("\n".join(said.split(", ")) for said in (each.expected, each.happened))
    return str(each.day), expected, happened, "\n".join(each.why)
