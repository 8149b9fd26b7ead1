"""`winback new` and `winback graph`: to begin a workflow, and to see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Winback


@pytest.mark.parametrize("name", ["spring-sale", "Ärger", "2026", "shared", "true"])
@pytest.mark.parametrize("folder", ["workflows", "none/yet"])
def test_a_new_workflow_is_well_at_once(winback: Winback, name: str, folder: str) -> None:
    """Beside the shipped files, and in a folder that did not exist; its scenarios pass."""
    before = len(list(Path(folder).glob("*.scenarios.yaml")))
    made = winback("new", name, "--workflows", folder, "--json")
    checked = winback("check", folder, "--json")

    assert (made.code, checked.code) == (0, 0), checked.out
    assert all(Path(path).is_file() for path in made.json["written"])
    assert len(made.json["written"]) == 4
    assert checked.json["problems"] == []
    assert checked.json["scenarios"]["passed"] >= 3
    assert len(list(Path(folder).glob("*.scenarios.yaml"))) == before + 1


def test_new_explains_every_key_it_writes(winback: Winback) -> None:
    """Whoever edits it needs no other page at first."""
    assert winback("new", "spring").code == 0
    lines = Path("workflows/spring.yaml").read_text(encoding="utf-8").splitlines()
    keys = [line for line in lines if line[:1].isalpha() and not line.startswith("title")]
    assert len(keys) > 10
    assert [line for line in keys if "#" not in line and not line.startswith("send_")] == []


def test_new_writes_over_nothing(winback: Winback) -> None:
    """One file of the same name is enough to write none."""
    mail = Path("workflows/templates/spring/en.text.liquid")
    mail.parent.mkdir()
    mail.write_text("mine", encoding="utf-8")
    called = winback("new", "spring")
    assert called.code == 2
    assert str(mail) in called.err
    assert mail.read_text(encoding="utf-8") == "mine"
    assert not Path("workflows/spring.yaml").exists()


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("spring sale", "spring_sale"),
        ("../spring", "letters, digits"),
        ("spring.yaml", "winback new spring"),
        ("offers", "another name"),
        ("lifecycle", "another name"),
        ("-", "letters, digits"),
        ("", "letters, digits"),
    ],
)
def test_new_refuses_a_name_that_no_workflow_can_have(winback: Winback, name: str, cure: str) -> None:
    """It says what to write instead, and writes nothing."""
    before = sorted(Path().rglob("*"))
    called = winback("new", "--", name)
    assert called.code == 2
    assert cure in called.err
    assert sorted(Path().rglob("*")) == before


def test_new_says_what_the_shop_s_own_files_contradict(winback: Winback) -> None:
    """Where nobody lapses within 200 days, the scenarios must be another's; the files are written all the same."""
    path = Path("workflows/lifecycle.yaml")
    path.write_text(
        path.read_text("utf-8").replace("lapsed_after: 2 x reorder_interval", "lapsed_after: 300d"), "utf-8"
    )
    called = winback("new", "spring")
    assert called.code == 0
    assert "[scenario]" in called.err
    assert Path("workflows/spring.yaml").is_file()


def test_graph_prints_mermaid_or_writes_a_picture(winback: Winback) -> None:
    """By the workflow's name or its file; the picture goes into the file that is named."""
    printed = winback("graph", "welcome-back")
    assert printed.code == 0
    assert "flowchart TD" in printed.out
    assert winback("graph", "workflows/welcome-back.yaml").out == printed.out

    drawn = winback("graph", "welcome-back", "--svg", "w.svg")
    assert (drawn.code, drawn.out) == (0, "")
    assert Path("w.svg").read_text(encoding="utf-8").startswith("<svg ")


def test_graph_as_json_has_boxes_and_arrows(winback: Winback) -> None:
    """Each arrow says from where to where, and by which key."""
    found = winback("graph", "welcome-back", "--json").json
    assert [box["name"] for box in found["boxes"]] == ["(enter)", "thanks", "(anywhere)", "end thanked", "end left"]
    assert {"from": "thanks", "to": "end thanked", "by": "end", "lines": []} in found["arrows"]


def test_graph_draws_no_file_with_errors_and_does_not_mind_those_of_others(winback: Winback) -> None:
    """Its own errors are told as `check` tells them, exit code 1; a name that nobody has exits 2."""
    path = Path("workflows/welcome-back.yaml")
    path.write_text(path.read_text("utf-8").replace("end: thanked", "after: nowhere"), "utf-8")
    called = winback("graph", "welcome-back")
    assert called.code == 1
    assert "[unknown-stage]" in called.out
    assert winback("graph", "dead-addresses").code == 0
    called = winback("graph", "welcom-back")
    assert called.code == 2
    assert "did you mean 'welcome-back'?" in called.err
    assert winback("graph", "offers").code == 2


def test_schemas_are_written_beside_the_workflows_and_new_files_name_them(winback: Winback) -> None:
    """The first line of a file leads to its schema from where the file is; check does not mind either."""
    written = winback("schema", "--write")
    assert written.code == 0
    assert winback("new", "spring").code == 0
    for name, kind in (("spring.yaml", "workflow"), ("spring.scenarios.yaml", "scenarios")):
        first = Path("workflows", name).read_text(encoding="utf-8").splitlines()[0]
        assert first in written.out.splitlines()
        named = Path("workflows", first.partition("$schema=")[2])
        assert json.loads(named.read_text(encoding="utf-8")) == winback("schema", kind).json
    assert winback("check").code == 0
    assert winback("schema", "workflow", "--write").code == 2
