"""The scenarios that ship, each played on the core; and what a scenario says when it does not agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.language.folder import read_folder
from engine.language.scenarios import Scenario
from engine.runtimes.simulator.scenarios import play

CHECKED = read_folder(Path(__file__).parents[2] / "workflows")
ALL = [(file.workflow, scenario) for file in CHECKED.scenarios for scenario in file.scenarios]


def test_every_workflow_that_ships_has_scenarios() -> None:
    """Main path, silence, return and no: each workflow shows at least four of its ways."""
    assert CHECKED.rules is not None, CHECKED.errors
    assert {file.workflow for file in CHECKED.scenarios} == set(CHECKED.rules.workflows)
    assert min(len(file.scenarios) for file in CHECKED.scenarios) >= 4


@pytest.mark.parametrize(("workflow", "scenario"), ALL, ids=[f"{name}: {each.title}" for name, each in ALL])
def test_a_scenario_that_ships_holds(workflow: str, scenario: Scenario) -> None:
    """What the file says happens is what happens, day by day, and nothing more."""
    assert CHECKED.rules is not None
    played = play(scenario, CHECKED.rules.workflows[workflow], CHECKED.rules)
    assert played.passed, "\n".join([played.standing, *map(str, played.difference)])
