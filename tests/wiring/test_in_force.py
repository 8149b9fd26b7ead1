from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.core.rules import Mode
from engine.wiring import in_force
from engine.wiring.applying import as_shadow, as_the_files_say, changes
from engine.wiring.checking import checked_folder

SHIPPED = Path(__file__).parents[2] / "workflows"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped workflows."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "workflows"))


def edit(path: Path, before: str, after: str) -> None:
    """Change a file."""
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after), "utf-8")


def test_a_set_is_told_from_files_that_are_edited_later(folder: Path) -> None:
    """Files that somebody is still writing are not those in force, until they are applied."""
    checked, _ = checked_folder(folder)
    kept = in_force.of(checked)
    subject = folder / "templates/welcome_back/en.subject.liquid"
    subject.write_text("Somebody is still writing this")
    assert in_force.is_of(in_force.kept_of(in_force.raw_of(kept)), checked)
    assert "still writing" not in kept.sources["welcome_back/en.subject.liquid"]
    edited, _ = checked_folder(folder)
    assert not in_force.is_of(kept, edited)
    assert in_force.is_of(in_force.of(edited), edited)


def test_a_template_that_is_gone_stays_for_runs_that_need_it(folder: Path) -> None:
    """Runs are on older versions; the set is still that of the files, however often it is applied."""
    kept = in_force.of(checked_folder(folder)[0])
    for path in folder.glob("*.yaml"):
        if "send: welcome_back" in path.read_text("utf-8") and path.stem != "readers-who-dont-buy":
            path.unlink()
    for path in folder.glob("*.scenarios.yaml"):
        path.unlink()
    edit(folder / "readers-who-dont-buy.yaml", "- send: welcome_back", "- tag: was_back")
    shutil.rmtree(folder / "templates/welcome_back")
    smaller, _ = checked_folder(folder)
    assert smaller.errors == ()
    for _ in range(3):
        kept = in_force.following(in_force.of(smaller), kept)
        assert "welcome_back" in in_force.compiled(kept)
        assert in_force.is_of(kept, smaller)


def test_the_templates_of_an_earlier_version_come_before_the_files(folder: Path, tmp_path: Path) -> None:
    """They are what was applied, whatever the files have become since; without them the first set stands beside its rules."""
    checked, _ = checked_folder(folder)
    assert in_force.to_begin_with(tmp_path, None) == ""
    assert in_force.is_of(in_force.kept_of(in_force.to_begin_with(tmp_path, checked)), checked)
    (tmp_path / in_force.OLD_FILE).write_text(in_force.raw_of(in_force.of(checked)))
    (folder / "templates/welcome_back/en.subject.liquid").write_text("Edited since")
    edited, _ = checked_folder(folder)
    assert in_force.is_of(in_force.kept_of(in_force.to_begin_with(tmp_path, edited)), checked)
    in_force.forget_old(tmp_path)
    in_force.forget_old(tmp_path)
    assert in_force.is_of(in_force.kept_of(in_force.to_begin_with(tmp_path, edited)), edited)


def test_changes_are_told_by_meaning(folder: Path) -> None:
    """A comment or a moved line is none; a new content is a version; a mode, a reach and a pace are switches."""
    before = checked_folder(folder)[0].rules
    assert before is not None
    path = folder / "readers-who-dont-buy.yaml"
    path.write_text("# a comment, and a blank line\n\n" + path.read_text("utf-8"))
    moved = checked_folder(folder)[0].rules
    assert moved is not None
    assert changes(before, moved) == []
    edit(path, "mode: draft", "mode: live")
    edit(path, "reach: 100%", "reach: 10%")
    edit(path, "priority: 50", "priority: 60")
    (folder / "welcome-back.yaml").unlink()
    (folder / "welcome-back.scenarios.yaml").unlink()
    edit(folder / "lifecycle.yaml", "quiet: 20:00-08:00", "quiet: 21:00-08:00")
    after = checked_folder(folder)[0].rules
    assert after is not None
    found = {each.workflow: each for each in changes(before, after)}
    assert set(found) == {"readers-who-dont-buy", "welcome-back", ""}
    assert "a new version" in found["readers-who-dont-buy"].effect
    assert "mode draft -> live" in found["readers-who-dont-buy"].effect
    assert "reach 100% -> 10%" in found["readers-who-dont-buy"].effect
    assert found["welcome-back"].to is None
    assert found[""].effect.startswith("lifecycle.yaml")


def test_a_shadow_run_s_rules_come_back_as_the_files_say(folder: Path) -> None:
    """Live walks as shadow; what the files themselves call shadow stays so."""
    edit(folder / "welcome-back.yaml", "mode: draft", "mode: live")
    edit(folder / "dead-addresses.yaml", "mode: draft", "mode: shadow")
    rules = checked_folder(folder)[0].rules
    assert rules is not None
    modes = {name: switch.mode for name, switch in rules.switches.items()}
    shadowed = as_shadow(rules)
    assert {name for name, each in shadowed.switches.items() if each.mode is Mode.SHADOW} == {
        "welcome-back",
        "dead-addresses",
    }
    assert as_the_files_say(shadowed, modes) == rules
