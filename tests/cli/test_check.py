from __future__ import annotations

import re
from pathlib import Path

import msgspec

from engine.cli.documents import CheckDocument
from tests.cli.conftest import Winback


def test_the_shipped_workflows_are_well(winback: Winback) -> None:
    """No problem, no warning, and every scenario passes."""
    called = winback("check", "--json")
    found = msgspec.convert(called.json, CheckDocument, strict=True)
    assert called.code == 0
    assert found.problems == []
    assert found.scenarios.failed == []
    assert found.scenarios.passed > 10


def test_all_problems_are_told_at_once_with_their_cure(winback: Winback) -> None:
    """Each has file, line, column, severity, code, message and hint; it exits 1."""
    welcome, lifecycle = Path("workflows/welcome-back.yaml"), Path("workflows/lifecycle.yaml")
    welcome.write_text(welcome.read_text().replace("again_after: 60d", "agian_after: 60d"))
    lifecycle.write_text(lifecycle.read_text().replace("currency: EUR", "currency: EURO"))
    called = winback("check", "--json")
    found = msgspec.convert(called.json, CheckDocument, strict=True)
    assert called.code == 1
    places = {(each.file, each.code) for each in found.problems}
    assert {file for file, _ in places} == {"workflows/lifecycle.yaml", "workflows/welcome-back.yaml"}
    slip = next(each for each in found.problems if each.code == "unknown-key")
    assert slip.line == 1 + welcome.read_text().splitlines().index("agian_after: 60d")
    assert (slip.column, slip.severity) == (1, "error")
    assert "again_after" in slip.hint


def test_for_people_a_problem_shows_its_line_with_a_caret(winback: Winback) -> None:
    """`file:line:column: message [code]`, the line, a caret."""
    path = Path("workflows/welcome-back.yaml")
    path.write_text(path.read_text().replace("again_after: 60d", "again_after: 60 days"))
    called = winback("check", "workflows/welcome-back.yaml")
    assert called.code == 1
    assert "workflows/welcome-back.yaml:" in called.out
    assert "^" in called.out
    assert "60d" in called.out
    assert "\x1b[" not in called.out


def test_a_scenario_that_its_workflow_contradicts_fails(winback: Winback) -> None:
    """It is an error at its place, and listed as failed."""
    path = Path("workflows/welcome-back.scenarios.yaml")
    text = path.read_text()
    path.write_text(text.replace("send welcome_back", "send last_call", 1))
    called = winback("check", "--json")
    assert called.code == 1
    assert [each["file"] for each in called.json["scenarios"]["failed"]] == [str(path)]
    assert any("welcome_back" in each["message"] for each in called.json["problems"])


def test_a_failed_scenario_is_told_day_by_day(winback: Winback) -> None:
    """With place, expected, happened and why in `--json`; for people side by side, with the lines of YAML."""
    path = Path("workflows/readers-who-dont-buy.scenarios.yaml")
    text = path.read_text()
    path.write_text(text.replace("10d: send coupon_reminder", "7d: send coupon_reminder", 1))
    workflow = Path("workflows/readers-who-dont-buy.yaml").read_text().splitlines()
    line = 1 + next(number for number, each in enumerate(workflow) if "- wait: 10d" in each)
    (failed,) = msgspec.convert(winback("check", "--json").json, CheckDocument, strict=True).scenarios.failed
    assert (failed.title, text.splitlines()[failed.line - 1].strip()) == (
        "Silence means stop",
        "- title: Silence means stop",
    )
    first, second = failed.days
    assert (first.day, first.date, first.expected, first.happened) == (
        7,
        "2026-01-12",
        "send coupon_reminder",
        "nothing",
    )
    stands = (
        f"the run is in stage coupon at 'wait: 10d' until day 10 10:00 (workflows/readers-who-dont-buy.yaml:{line})"
    )
    assert first.why == [stands]
    assert (second.day, second.expected, second.happened) == (10, "nothing", "send coupon_reminder")
    assert path.read_text().splitlines()[first.line - 1].strip() == "7d: send coupon_reminder"
    told = winback("check").out
    row = next(each for each in told.splitlines() if each.startswith("7 "))
    assert re.split(" {2,}", row)[1:3] == ["send coupon_reminder", "nothing"]
    assert row.endswith(stands)


def test_one_file_is_checked_with_those_beside_it(winback: Winback) -> None:
    """Of a single file its own problems are told; offers and templates beside it are known."""
    Path("workflows/lifecycle.yaml").write_text("currency: EURO\nmargin: 35%\n")
    assert winback("check", "workflows/readers-who-dont-buy.yaml").code == 0
    assert winback("check", "workflows/lifecycle.yaml").code == 1


def test_a_folder_that_is_not_there_is_called_wrongly(winback: Winback) -> None:
    """Exit code 2, and the folder is named."""
    called = winback("check", "nowhere", "--json")
    assert (called.code, called.out) == (2, "")
    assert "nowhere" in called.err
