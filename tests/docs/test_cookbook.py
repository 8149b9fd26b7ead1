"""The recipes of the cookbook do what they say, as they stand in their folders."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from engine.language.files import Checked
from engine.language.playing import Played
from engine.wiring.checking import checked_folder

COOKBOOK = Path(__file__).parents[2] / "docs" / "cookbook"
RECIPES = sorted(path.name for path in COOKBOOK.iterdir() if path.is_dir())
A_PAGE = 60
"""Lines."""


@cache
def checked(recipe: str) -> tuple[Checked, Played]:
    """What `winback check` finds in a recipe's folder."""
    return checked_folder(COOKBOOK / recipe)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_passes_check(recipe: str) -> None:
    """No error and no warning, and every scenario comes out as it says."""
    found, played = checked(recipe)
    assert [f"{one.file}:{one.line}: {one.message} [{one.code}]" for one in found.problems] == []
    assert played.failed == ()
    assert played.passed == sum(len(file.scenarios) for file in found.scenarios)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_shows_its_ways(recipe: str) -> None:
    """Each of its workflows has at least four scenarios, and one workflow bears the recipe's name."""
    found, _ = checked(recipe)
    assert found.rules is not None
    told = {file.workflow: len(file.scenarios) for file in found.scenarios}
    assert recipe in found.rules.workflows
    assert {name: told.get(name, 0) for name in found.rules.workflows if told.get(name, 0) < 4} == {}


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_has_its_mails_in_english_and_german(recipe: str) -> None:
    """Subject, text and HTML in both languages, whatever it sends."""
    templates = checked(recipe)[0].templates
    assert templates is not None
    parts = {
        (name, language): set(templates.translation(name, language).parts)
        for name in templates.names()
        for language in templates.languages(name)
    }
    assert {key for name in templates.names() for key in ((name, "de"), (name, "en"))} == parts.keys()
    assert {key: have for key, have in parts.items() if have != {"subject", "text", "html"}} == {}


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_is_explained_on_a_page(recipe: str) -> None:
    """What it is for, what to change, what to watch, on one page."""
    page = (COOKBOOK / recipe / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == ["What to change", "What to watch"]
    assert len(page.splitlines()) <= A_PAGE


def test_the_index_names_every_recipe() -> None:
    """Each folder has its line, and each line its folder."""
    index = (COOKBOOK / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| \[(.*?)\]\(\1/README\.md\) \|", index, re.MULTILINE)) == RECIPES
