"""Scenarios checked against their workflow, by whoever can play them: the runner comes in as an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from engine.core.rules import RuleSet
from engine.language.files import Checked
from engine.language.problems import Problem, problem
from engine.language.scenarios import Contradiction, Difference, Scenario


class Play(Protocol):
    """Plays one scenario of a workflow, and says what it contradicts."""

    def __call__(self, rules: RuleSet, workflow: str, scenario: Scenario, /) -> Contradiction | None:
        """Return what the workflow does otherwise than the scenario says; None when they agree."""
        ...


@dataclass(frozen=True, slots=True)
class Failed:
    """A scenario that its workflow contradicts: where it stands, what it is called, and the days that went otherwise."""

    file: str
    line: int
    title: str
    days: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Played:
    """How many scenarios agree with their workflow, and those that do not."""

    passed: int = 0
    failed: tuple[Failed, ...] = ()


def with_scenarios(checked: Checked, play: Play) -> tuple[Checked, Played]:
    """Play the scenarios of all workflows that have no error; each contradiction is one more error."""
    rules = checked.playable
    if rules is None:
        return checked, Played()
    found: list[Problem] = []
    passed, failed = 0, list[Failed]()
    files = [each for each in checked.scenarios if each.workflow in rules.workflows]
    for file, scenario in ((each, scenario) for each in files for scenario in each.scenarios):
        wrong = play(rules, file.workflow, scenario)
        if wrong is None:
            passed += 1
        else:
            found.append(problem(wrong.spot, "scenario", wrong.message, wrong.hint))
            failed.append(Failed(file.file, scenario.spot.line, scenario.title, wrong.days))
    return checked.with_problems(found), Played(passed, tuple(failed))
