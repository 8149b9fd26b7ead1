"""Reading a folder from disk, and one file of it; scenarios played by whoever can."""

from pathlib import Path

import pytest

from benchmarks._many_workflows import make_folder
from engine.core.rules import RuleSet
from engine.language.files import read_files
from engine.language.folder import read_folder, read_path
from engine.language.playing import Failed, with_scenarios
from engine.language.problems import to_json
from engine.language.scenarios import Contradiction, Scenario

WORKFLOWS = Path(__file__).parents[2] / "workflows"
BROKEN = "workflow: broken\ntitle: Broken\nenter_when_all: [{tag: a}]\nagain_after: 1d\nstages: {a: {end: 7 days}}\n"


def test_the_shipped_workflows_bring_neither_errors_nor_warnings() -> None:
    """What ships is correct, templates included."""
    checked = read_folder(WORKFLOWS)
    assert checked.problems == ()
    assert checked.rules is not None
    assert "readers-who-dont-buy" in checked.rules.workflows
    assert {file.workflow for file in checked.scenarios} == set(checked.rules.workflows)


def test_a_folder_without_files_is_said_to_be_none(tmp_path: Path) -> None:
    """An empty folder is a slip of the path, not a set without workflows."""
    assert [one.code for one in read_folder(tmp_path).problems] == ["no-files"]


def test_files_are_named_relative_to_where_the_command_was_started(tmp_path: Path) -> None:
    """The same folder, started inside it, beside it and above it."""
    (tmp_path / "shop" / "rules").mkdir(parents=True)
    (tmp_path / "shop" / "rules" / "broken.yaml").write_text(BROKEN)
    folder = tmp_path / "shop" / "rules"
    names = {read_folder(folder, started).problems[0].file for started in (folder, tmp_path / "shop", tmp_path)}
    assert names == {"broken.yaml", "rules/broken.yaml", "shop/rules/broken.yaml"}


def test_one_file_is_read_with_its_neighbours_and_only_its_own_problems_are_told(tmp_path: Path) -> None:
    """`check workflows/a.yaml` knows the offers beside it and keeps quiet about another broken file."""
    (tmp_path / "broken.yaml").write_text(BROKEN)
    (tmp_path / "fine.yaml").write_text(BROKEN.replace("broken", "fine").replace("7 days", "done"))
    assert read_path(tmp_path / "fine.yaml").problems == ()
    assert [one.code for one in read_path(tmp_path / "broken.yaml", tmp_path).problems] == ["bad-name"]


@pytest.mark.parametrize("name", ["welcome-back.yaml", "welcome-back.scenarios.yaml"])
def test_the_scenarios_of_a_workflow_come_with_its_file(name: str) -> None:
    """An edit of either is checked against the other."""
    assert [each.workflow for each in read_path(WORKFLOWS / name).scenarios] == ["welcome-back"]


def test_a_file_of_another_kind_is_said_to_be_none() -> None:
    """A template named by mistake is not waved through."""
    template = next(WORKFLOWS.glob("templates/*/*.liquid"))
    assert [one.code for one in read_path(template).problems] == ["file-name"]


def test_a_path_that_is_not_there_is_an_error_of_the_call(tmp_path: Path) -> None:
    """A missing path is not a problem in a file."""
    with pytest.raises(FileNotFoundError):
        read_path(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("raw", [b"# " + b"x" * 1_000_000, "a:\n" + "- 1\n" * 60_000, "a: " + "!" * 100_000])
def test_a_file_that_is_too_big_is_refused(raw: bytes | str) -> None:
    """More than 1 MB, or too many values, is refused at once."""
    assert [one.code for one in read_files({"big.yaml": raw}).problems] == ["too-big"]


def test_problems_as_json_have_what_the_contract_says() -> None:
    """`check --json` shows each problem with file, line, column, severity, code, message and hint."""
    (one,) = to_json(read_files({"broken.yaml": BROKEN}).problems)
    assert {"file", "line", "column", "severity", "code", "message", "hint"} <= one.keys()
    assert (one["file"], one["line"], one["column"], one["severity"]) == ("broken.yaml", 5, 19, "error")


def test_scenarios_are_played_and_a_contradiction_is_an_error() -> None:
    """Whoever plays says what does not agree; it is told where the scenario says it."""

    def play(_: RuleSet, workflow: str, scenario: Scenario) -> Contradiction | None:
        if "two" in scenario.title:
            return Contradiction(scenario.expect[0].spot, f"{workflow} does something else", "write what it does")
        return None

    scenarios = "workflow: fine\nscenarios:\n- {title: one, expect: {}}\n- {title: two, expect: {0d: tag a}}\n"
    files = {"fine.yaml": BROKEN.replace("broken", "fine").replace("7 days", "done"), "fine.scenarios.yaml": scenarios}
    checked, played = with_scenarios(read_files(files), play)
    assert (played.passed, played.failed) == (1, (Failed("fine.scenarios.yaml", 4, "two", ()),))
    assert [(one.code, one.line, one.column) for one in checked.problems] == [("scenario", 4, 25)]
    assert checked.rules is None


def test_a_broken_file_does_not_hide_what_scenarios_of_another_contradict() -> None:
    """What every workflow is played with must be right; of the others only the workflow's own file."""

    def play(_: RuleSet, workflow: str, scenario: Scenario) -> Contradiction | None:
        return Contradiction(scenario.spot, f"{workflow} does something else")

    scenarios = "workflow: fine\nscenarios:\n- {title: one, expect: {}}\n"
    files = {
        "fine.yaml": BROKEN.replace("broken", "fine").replace("7 days", "done"),
        "fine.scenarios.yaml": scenarios,
        "broken.yaml": BROKEN,
        "broken.scenarios.yaml": scenarios.replace("fine", "broken"),
        "unread.yaml": "workflow: [",
    }
    checked, played = with_scenarios(read_files(files), play)
    assert [(one.file, one.code) for one in checked.problems] == [
        ("broken.yaml", "bad-name"),
        ("fine.scenarios.yaml", "scenario"),
        ("unread.yaml", "syntax"),
    ]
    assert [(each.file, each.line, each.title) for each in played.failed] == [("fine.scenarios.yaml", 3, "one")]
    assert checked.rules is None

    checked, played = with_scenarios(read_files({**files, "lifecycle.yaml": "currency: EURO"}), play)
    assert (played.passed, played.failed) == (0, ())
    checked, played = with_scenarios(read_files({**files, "fine.scenarios.yaml": scenarios + "- {}"}), play)
    assert (played.passed, played.failed) == (0, ())


def test_the_folder_of_many_workflows_that_is_measured_is_a_correct_one(tmp_path: Path) -> None:
    """`./dev bench check` measures good files, whatever the shipped ones have come to name."""
    make_folder(tmp_path / "many", WORKFLOWS, count=20, seed=1)
    checked = read_folder(tmp_path / "many")
    assert checked.problems == ()
    assert checked.rules is not None
    assert len(checked.rules.workflows) == 20
