"""Checking a folder of workflows as everybody checks it: files, meaning, and the scenarios played on the core."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.core.rules import RuleSet
from engine.language.files import Checked
from engine.language.folder import read_folder, read_path
from engine.language.playing import Played, with_scenarios
from engine.language.problems import one_of
from engine.language.scenarios import Contradiction, Scenario
from engine.runtimes.simulator.scenarios import play


def checked_folder(folder: Path) -> tuple[Checked, Played]:
    """Read and check a folder of workflows, and play its scenarios.

    Its files are named from where winback was started, if they are below that.

    Raises:
        OSError: the folder or a file in it cannot be read.

    """
    return with_scenarios(folder_as_it_stands(folder), contradictions)


def folder_as_it_stands(folder: Path) -> Checked:
    """Read and check a folder of workflows, and leave its scenarios unplayed.

    What a first start takes: a scenario that tells of another lifecycle is a matter for `check` and `apply`, and keeps
    no event out.

    Raises:
        OSError: the folder or a file in it cannot be read.

    """
    here = Path.cwd()
    return read_folder(folder, here if folder.absolute().is_relative_to(here) else None)


def checked_paths(paths: Sequence[Path], started_in: Path | None = None) -> list[tuple[Checked, Played]]:
    """Check folders and single files, each with the files beside it; of a single file its own problems are told.

    Raises:
        OSError: there is no such folder or file, or it cannot be read.

    """
    return [with_scenarios(read_path(path, started_in or Path.cwd()), contradictions) for path in paths]


def contradictions(rules: RuleSet, workflow: str, scenario: Scenario) -> Contradiction | None:
    """Play a scenario; return what it says that does not happen, None where all of it does."""
    played = play(scenario, rules.workflows[workflow], rules)
    if played.passed:
        return None
    said = f"scenario '{scenario.title}': "
    first, *others = played.difference
    because = first.why[0] if first.why else ""
    if played.standing:
        cure = "change `given:`, or the standing it names"
        return Contradiction(scenario.spot, said + played.standing, f"{because}: {cure}", played.difference)
    days = [f"day {each.day}" for each in others[:3]] + [f"{len(others) - 3:,} more days"] * (len(others) > 3)
    also = f"; {one_of(days, 'and')} went otherwise, too" if others else ""
    return Contradiction(first.spot, f"{said}{first}{also}", because, played.difference)
