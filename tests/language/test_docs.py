"""The reference and the JSON Schemas say what the reader does: they are made from the same tables."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.core.events import DATA
from engine.core.fields import FIELDS
from engine.core.rules import Standing
from engine.language import nodes, values
from engine.language.reference import keys_page
from engine.language.scalars import NAME
from engine.language.schema import FILES, json_schema
from engine.language.shapes import all_forms
from tests.language.json_schema import complaints

HERE = Path(__file__).parent
GOOD = [
    *(path for path in sorted((HERE.parents[1] / "workflows").glob("*.yaml")) if path.name != "shop.yaml"),
    *(path for path in sorted((HERE / "ok").glob("*/*.yaml")) if path.parent.name in FILES),
]


def test_every_key_has_one_sentence_of_help() -> None:
    """Keys explain themselves, in the docs, in editors and in errors."""
    for form in (inner for file in FILES.values() for inner in all_forms(file)):
        assert form.help.endswith("."), form.name
        for key in form.keys:
            assert key.help.endswith("."), f"{form.name}: {key.name}"
            assert key.name not in {"on", "off", "yes", "no", "y", "n", "true", "false", "null"}


def references_in(schema: object) -> set[str]:
    """All `$ref`s of a schema."""
    if isinstance(schema, dict):
        own = {schema["$ref"]} if "$ref" in schema else set()
        return own.union(*(references_in(inner) for inner in schema.values()))
    return set().union(*(references_in(inner) for inner in schema)) if isinstance(schema, list) else set()


@pytest.mark.parametrize("name", FILES)
def test_every_reference_of_a_schema_leads_somewhere(name: str) -> None:
    """What is referred to is defined in the same schema."""
    schema = json_schema(name)
    assert references_in(schema) <= {f"#/definitions/{defined}" for defined in schema.get("definitions", {})}


def kind_of(path: Path) -> str:
    """Which schema a file is for."""
    if path.name.endswith(".scenarios.yaml"):
        return "scenarios"
    return path.stem if path.stem in FILES else "workflow"


def plain(node: nodes.Node) -> Any:
    """A tree as editors see it: bare scalars by YAML 1.2's core schema."""
    if isinstance(node, nodes.Mapping):
        return {key.value: plain(value) for key, value in node.entries}
    if isinstance(node, nodes.Listing):
        return [plain(item) for item in node.items]
    assert isinstance(node, nodes.Text)
    words = {"": None, "null": None, "~": None, "true": True, "false": False}
    if node.bare and node.value in words:
        return words[node.value]
    for number, kind in ((r"[-+]?\d+", int), (r"[-+]?(\d+\.\d*|\.\d+)([eE][-+]?\d+)?", float)):
        if node.bare and re.fullmatch(number, node.value):
            return kind(node.value)
    return node.value


def underlined(path: Path, kind: str) -> list[str]:
    """What an editor would underline in a file."""
    root, problems = nodes.tree(path.name, path.read_text(encoding="utf-8"))
    assert problems == []
    assert root is not None
    return list(complaints(plain(root), json_schema(kind)))


@pytest.mark.parametrize("path", GOOD, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_an_editor_underlines_nothing_in_a_correct_file(path: Path) -> None:
    """The shipped files and the golden ones fit the schemas, as draft 7 reads them."""
    assert underlined(path, path.parent.name if path.parent.name in FILES else kind_of(path)) == []


@pytest.mark.parametrize(
    "case",
    ["unknown-key", "unknown-step", "missing-title", "no-way-out", "lengths", "words", "two-steps-in-one", "shares"],
)
def test_an_editor_underlines_slips(case: str) -> None:
    """What needs no other file is seen while it is typed."""
    assert underlined(HERE / "err" / "workflow" / f"{case}.yaml", "workflow") != []


def properties(schema: Any) -> Iterator[tuple[str, Any]]:
    """Every key that a schema names, with what it says of it."""
    if isinstance(schema, dict):
        if schema.get("additionalProperties") is False:
            yield from schema["properties"].items()
        for inner in schema.values():
            yield from properties(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from properties(inner)


@pytest.mark.parametrize("name", FILES)
def test_an_editor_shows_the_sentence_of_every_key(name: str) -> None:
    """Hovering over a key tells the same sentence as the page of keys."""
    shown = keys_page()
    for key, schema in properties(json_schema(name)):
        assert schema["description"].endswith("."), key
        assert schema["description"].replace("|", "\\|") in shown, key


def test_an_editor_completes_events_fields_and_standings() -> None:
    """Names that winback knows are offered; the shop's own are allowed beside them."""
    conditions = json_schema("workflow")["definitions"]["condition"]["anyOf"]
    by_key = {each["required"][0]: each["properties"] for each in conditions if len(each.get("required", ())) == 1}
    assert by_key["event"]["event"]["anyOf"][0]["enum"] == list(DATA)
    assert by_key["customer"]["customer"]["anyOf"][0]["enum"] == list(FIELDS)
    assert by_key["standing"]["standing"]["enum"] == [standing.value for standing in Standing]
    assert not list(complaints("review.written", by_key["event"]["event"]))
    assert not list(complaints("attributes.shoe_size", by_key["customer"]["customer"]))
    assert list(complaints("Review", by_key["event"]["event"]))


@pytest.mark.parametrize("name", ["winback", "a", "10_percent", "Ärger-2", "日本", "a" * 64])
def test_an_editor_takes_the_names_that_check_takes(name: str) -> None:
    """Letters of any script, digits, `-` and `_` inside."""
    assert values.name(name) == name
    assert list(complaints(name, NAME.schema({}))) == []


@pytest.mark.parametrize("name", ["a b", "a.b", "-a", "a_", "", "a/b", "a`b", "a" * 65])
def test_an_editor_underlines_the_names_that_check_refuses(name: str) -> None:
    """Blanks and signs; and it says what a name is."""
    with pytest.raises(values.Wrong):
        values.name(name)
    assert list(complaints(name, NAME.schema({}))) != []
    assert NAME.schema({})["patternErrorMessage"] == "a name (letters, digits, - and _) is expected"
