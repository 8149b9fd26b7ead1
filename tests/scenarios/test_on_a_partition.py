"""Every shipped scenario goes on a partition as it goes in the simulator, with a restart after every record."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.core.rules import RuleSet, Workflow
from engine.language.scenarios import Scenario
from engine.runtimes.simulator.scenarios import play
from tests.acceptance.shipped import shipped_files
from tests.scenarios.on_a_partition import play_on_a_partition


def shipped_scenarios() -> Iterator[tuple[Scenario, Workflow, RuleSet]]:
    """Each with its workflow and the rules around it."""
    checked = shipped_files()
    assert checked.rules is not None
    for file in checked.scenarios:
        for scenario in file.scenarios:
            yield scenario, checked.rules.workflows[file.workflow], checked.rules


@pytest.mark.parametrize(
    ("scenario", "workflow", "rule_set"),
    [pytest.param(*each, id=f"{each[1].name}: {each[0].title}") for each in shipped_scenarios()],
)
def test_a_shipped_scenario_passes(scenario: Scenario, workflow: Workflow, rule_set: RuleSet) -> None:
    """It passes, and what happens on which day is the same."""
    told = play_on_a_partition(scenario, workflow, rule_set)
    assert told.passed, "\n".join(map(str, told.difference))
    assert told.happened == play(scenario, workflow, rule_set).happened
