"""The scenarios that ship, each played on the core; and what a scenario says when it does not agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.rules import RuleSet
from engine.language.files import read_files
from engine.language.folder import read_folder
from engine.language.scenarios import Scenario
from engine.runtimes.simulator.scenarios import Played, play

CHECKED = read_folder(Path(__file__).parents[2] / "workflows")
ALL = [(file.workflow, scenario) for file in CHECKED.scenarios for scenario in file.scenarios]

WORKFLOW = """
workflow: winback
title: Win back
enter_when_all:
  - standing: lapsed
again_after: 180d
send_on: [tue]
leave_when_any:
  - event: email.unsubscribed
stages:
  only:
    steps:
      - send: hello
    end: done
"""


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
    assert played.passed, "\n".join([played.standing, *played.difference])


def played(scenario: str, workflow: str = WORKFLOW, lifecycle: str = "") -> Played:
    """The one scenario of a workflow, played."""
    indented = "\n".join(f"    {line}" for line in scenario.strip().splitlines())
    files = {
        "winback.yaml": workflow.encode(),
        "winback.scenarios.yaml": f"workflow: winback\nscenarios:\n  - title: It\n{indented}\n".encode(),
        "lifecycle.yaml": f"timezone: Europe/Berlin\n{lifecycle}".encode(),
    }
    checked = read_files(files)
    assert checked.rules is not None, checked.errors
    rules: RuleSet = checked.rules
    return play(checked.scenarios[0].scenarios[0], rules.workflows["winback"], rules)


def test_a_scenario_that_does_not_agree_tells_day_expected_happened_and_why() -> None:
    """Its mail is expected on Monday and goes out on Tuesday: both days are told, with the gate's reason."""
    told = played("given: {standing: lapsed, orders: 2, last_order: 200d ago}\nexpect:\n  0d: send hello, end done")
    assert not told.passed
    assert told.difference == (
        "day 0 (2026-01-05): expected send hello, end done; happened nothing",
        "  because on day 0 send hello was deferred: outside the hours it may be sent in",
        "day 1 (2026-01-06): expected nothing; happened send hello, end done",
        "  because on day 0 send hello was deferred: outside the hours it may be sent in",
    )


def test_a_scenario_whose_workflow_is_not_entered_says_so() -> None:
    """Who does not fit is named with the standing that keeps them out."""
    told = played("given: {standing: active, orders: 2, last_order: 20d ago}\nexpect:\n  1d: send hello, end done")
    assert told.difference[0] == "day 1 (2026-01-06): expected send hello, end done; happened nothing"
    assert told.difference[1] == "  because winback was not entered: the customer is active"


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (
            "{standing: reader, orders: 2, last_order: 200d ago}",
            "the given facts make this customer lapsed, not reader",
        ),
        ("{standing: lapsed, orders: 2, last_order: 60d ago}", "the given facts make this customer active, not lapsed"),
        ("{standing: active, orders: 0}", "the given facts make this customer prospect, not active"),
        (
            "{standing: lapsed, orders: 2, last_order: 200d ago, clicked_mails: 1}",
            "the given facts make this customer reader, not lapsed",
        ),
    ],
)
def test_a_standing_that_does_not_follow_is_refused(given: str, wrong: str) -> None:
    """The facts decide; a scenario cannot wish for a standing."""
    assert played(f"given: {given}\nexpect: {{}}").standing == wrong


@pytest.mark.parametrize(
    ("given", "standing"),
    [
        ("{standing: lapsed, orders: 1, last_order: 61d ago}", "60 idle days are twice the interval, 61 are more"),
        ("{standing: former, orders: 1, last_order: 500d ago}", "former is what a file may say"),
        ("{standing: prospect, orders: 0, clicked_mails: 3}", "whatever they click"),
        ("{standing: active, orders: 1, last_order: 61d ago, reorder_interval: 31d}", "another shop's rhythm"),
    ],
)
def test_a_standing_that_follows_is_taken(given: str, standing: str) -> None:
    """The standing is that of the start itself."""
    assert played(f"given: {given}\nexpect: {{}}").standing == "", standing


def test_a_scenario_plays_whatever_mode_and_reach_say() -> None:
    """A draft with a reach of nothing is played as if it were live for everybody."""
    workflow = WORKFLOW.replace("again_after", "mode: draft\nreach: 0%\nagain_after")
    assert played(
        "given: {standing: lapsed, orders: 1, last_order: 90d ago}\nexpect:\n  1d: send hello, end done", workflow
    ).passed


def test_held_out_scenarios_expect_no_mail() -> None:
    """Who is held out gets nothing, and the run ends all the same."""
    given = "given: {standing: lapsed, orders: 1, last_order: 90d ago, held_out: true}"
    assert played(f"{given}\nexpect:\n  1d: end done").passed


def test_a_scenario_lists_everything() -> None:
    """What happens and is not listed is a difference too."""
    told = played("given: {standing: lapsed, orders: 1, last_order: 90d ago}\nexpect: {}")
    assert told.difference[0] == "day 1 (2026-01-06): expected nothing; happened send hello, end done"
