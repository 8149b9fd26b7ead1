"""Scenarios checked against their workflow, by whoever can play them: the runner comes in as an argument."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from engine.core.rules import RuleSet
from engine.language.files import Checked
from engine.language.problems import Problem, problem
from engine.language.scenarios import Contradiction, Scenario


class Play(Protocol):
    """Plays one scenario of a workflow, and says what it contradicts."""

    def __call__(self, rules: RuleSet, workflow: str, scenario: Scenario, /) -> Iterable[Contradiction]:
        """Return what the workflow does otherwise than the scenario says; nothing when they agree."""
        ...


@dataclass(frozen=True, slots=True)
class Played:
    """How many scenarios agree with their workflow, and those that do not, as file and title."""

    passed: int = 0
    failed: tuple[tuple[str, str], ...] = ()


def with_scenarios(checked: Checked, play: Play) -> tuple[Checked, Played]:
    """Play the scenarios of all workflows that have no error; each contradiction is one more error."""
    rules = checked.playable
    if rules is None:
        return checked, Played()
    found: list[Problem] = []
    passed, failed = 0, list[tuple[str, str]]()
    files = [each for each in checked.scenarios if each.workflow in rules.workflows]
    for file, scenario in ((each, scenario) for each in files for scenario in each.scenarios):
        wrong = list(play(rules, file.workflow, scenario))
        found += [problem(one.spot, "scenario", one.message, one.hint) for one in wrong]
        if wrong:
            failed.append((file.file, scenario.title))
        else:
            passed += 1
    return checked.with_problems(found), Played(passed, tuple(failed))
