"""docs/requirements.md: every workflow, scenario and test that it names is there, and no requirement is left out."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from engine.language.folder import read_folder

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "requirements.md").read_text(encoding="utf-8")
ROW = re.compile(
    r'^\| (?:\*\*R(\d+)\*\* [^|]+?)?\| \[([\w-]+)\]\((\.\./[\w./-]+)\) \| "([^|]+)" \| `([\w/.]+\.py)::(\w+)` \|$',
    re.MULTILINE,
)
ROWS = ROW.findall(PAGE)
ASKED = {5, *range(8, 28), 37}


@cache
def defined_in(file: str) -> set[str]:
    """The tests a file defines."""
    made = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {each.name for each in made.body if isinstance(each, ast.FunctionDef) and each.name.startswith("test_")}


def test_every_line_of_the_table_is_understood() -> None:
    """No row escapes the tests below by being written otherwise, and no requirement is missing or told twice."""
    lines = [line for line in PAGE.splitlines() if line.startswith("|")]
    assert len(ROWS) == len(lines) - 2, "head and rule"
    assert [int(number) for number, *_ in ROWS if number] == sorted(ASKED)
    assert ROWS[0][0], "the first row says what it is about"


def test_the_workflows_and_their_scenarios_are_there() -> None:
    """Each workflow ships, its link leads to it, and its file of scenarios has one of that title."""
    found = read_folder(ROOT / "workflows")
    titles = {file.workflow: {each.title for each in file.scenarios} for file in found.scenarios}
    for _, workflow, link, title, _, _ in ROWS:
        assert (ROOT / "docs" / link).resolve() == ROOT / "workflows" / f"{workflow}.yaml"
        assert title in titles[workflow], f"{workflow} has no scenario {title!r}"


def test_every_workflow_that_ships_is_named() -> None:
    """None ships without a word on what it is for."""
    shipped = {path.name.removesuffix(".scenarios.yaml") for path in (ROOT / "workflows").glob("*.scenarios.yaml")}
    assert shipped == set(re.findall(r"\]\(\.\./workflows/([\w-]+)\.yaml\)", PAGE))


def test_the_tests_are_there() -> None:
    """Each test is defined in the file that is named."""
    for *_, file, name in ROWS:
        assert name in defined_in(file), f"{file} has no {name}"
