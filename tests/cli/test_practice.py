"""A shop for practice: its clock begins on a day and moves only when it is told to."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Winback

PRACTICE = "practice = 2026-01-05\n"


def test_time_stands_still_until_it_is_let_pass(winback: Winback) -> None:
    """Two commands see the same moment; `run --pass` moves it by what it says, and tells of each day."""
    Path("winback.toml").write_text(PRACTICE, "utf-8")
    assert winback("apply").code == 0
    before = winback("status", "--json").json["as_of"]
    assert before == winback("status", "--json").json["as_of"] == "2026-01-05T09:00:00Z"
    passed = winback("run", "--pass", "3d")
    assert passed.code == 0
    assert [line.split()[0] for line in passed.out.splitlines()] == [f"2026-01-0{day}" for day in (5, 6, 7, 8)]
    assert winback("status", "--json").json["as_of"] == "2026-01-08T09:00:00Z"


def test_a_real_shop_cannot_be_practised_in(winback: Winback) -> None:
    """Nor is a folder of practice ever taken for a real shop: its time may lie in the future."""
    assert winback("apply", "--data", "real").code == 0
    Path("winback.toml").write_text(PRACTICE, "utf-8")
    refused = winback("run", "--pass", "1d", "--data", "real")
    assert (refused.code, "folder of a real shop" in refused.err) == (2, True)
    assert winback("apply", "--data", "try").code == 0
    Path("winback.toml").unlink()
    for command in (["run"], ["status"], ["pause", "--why", "a try"]):
        refused = winback(*command, "--data", "try")
        assert (refused.code, "shop for practice" in refused.err) == (2, True), command


def test_a_backup_of_practice_is_practised_with(winback: Winback) -> None:
    """Restored under practice, a folder is one of practice."""
    Path("winback.toml").write_text(PRACTICE, "utf-8")
    assert winback("apply").code == 0
    assert winback("backup", "monday.backup").code == 0
    assert winback("restore", "monday.backup", "--data", "again").code == 0
    assert winback("status", "--json", "--data", "again").json["as_of"] == "2026-01-05T09:00:00Z"


def test_practice_reaches_nobody(winback: Winback) -> None:
    """With a mail server in the settings it is refused, before anything is opened."""
    Path("winback.toml").write_text(f'{PRACTICE}[sender]\nkind = "smtp"\n', "utf-8")
    refused = winback("apply")
    assert (refused.code, "go to the mailbox" in refused.err, Path("data").exists()) == (2, True, False)


def test_time_passes_by_a_length_and_in_practice_alone(winback: Winback) -> None:
    """A shop that is none for practice refuses it, and what is no length is told what one looks like."""
    assert "set `practice`" in winback("run", "--pass", "1d").err
    Path("winback.toml").write_text(PRACTICE, "utf-8")
    wrong = winback("run", "--pass", "3 days")
    assert (wrong.code, "write 3d" in wrong.err) == (2, True)
