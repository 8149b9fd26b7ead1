"""docs/accidents.md names tests that are there, and every test of an accident stands in it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "accidents.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


def defined_in(file: Path) -> set[str]:
    """The tests a file defines."""
    made = ast.parse(file.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {each.name for each in made.body if isinstance(each, kinds) and each.name.startswith("test_")}


def test_the_tests_of_accidents_are_there() -> None:
    """Each test that the page names is defined in the file that it names."""
    assert len(NAMED) > 12
    assert [f"{file}::{name}" for file, name in NAMED if name not in defined_in(ROOT / file)] == []


def test_every_accident_stands_in_the_page() -> None:
    """No test of the folder is left out of the page."""
    folder = ROOT / "tests" / "acceptance" / "accidents"
    there = {(str(file.relative_to(ROOT)), name) for file in folder.glob("test_*.py") for name in defined_in(file)}
    assert there - set(NAMED) == set()


def test_every_accident_has_its_row() -> None:
    """A row says what happens, where it happened, what keeps it from happening, and the test."""
    rows = [
        line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| accident"))
    ]
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert len(cells) == 4, row
        assert all(cells), row
        assert re.fullmatch(r"`tests/[\w/]+\.py::\w+`", cells[3]), row
