"""The reference and the JSON Schemas say what the reader does: they are made from the same tables.

`UPDATE_GOLDEN=1 pytest tests/language` writes them.
"""

import json
import os
from pathlib import Path

import pytest

from engine.language.codes import CODES
from engine.language.reference import checks_page, keys_page
from engine.language.schema import FILES, json_schema
from engine.language.shapes import all_forms

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"


def agrees(path: Path, made: str) -> None:
    """A page is what was made, or is written anew when that is asked for."""
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == made


def examples() -> dict[str, str]:
    """For each code the shortest message among the golden files."""
    found: dict[str, str] = {}
    for golden in sorted((HERE / "err").glob("*/*.out")):
        for message in golden.read_text(encoding="utf-8").split("\n\n"):
            head = message.split("\n", 1)[0]
            code = head[head.rindex("[") + 1 : -1]
            if code not in found or len(message) < len(found[code]):
                found[code] = message
    return found


@pytest.mark.parametrize("name", FILES)
def test_the_schema_in_the_docs_is_the_one_that_is_made(name: str) -> None:
    """docs/schemas/files/NAME.json is what `winback schema NAME` prints."""
    agrees(
        DOCS / "schemas" / "files" / f"{name}.json", json.dumps(json_schema(name), indent=2, ensure_ascii=False) + "\n"
    )


def test_the_page_of_keys_is_the_one_that_is_made() -> None:
    """Every key with its sentence."""
    agrees(DOCS / "reference" / "language" / "keys.md", keys_page())


def test_the_page_of_checks_shows_an_example_of_every_code() -> None:
    """Every code with its sentence and a message as it is printed; few have none that can be shown."""
    shown = examples()
    assert set(CODES) - set(shown) == {"too-big", "no-files", "scenario"}
    agrees(DOCS / "reference" / "language" / "checks.md", checks_page(shown))


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
    assert references_in(schema) <= {f"#/$defs/{defined}" for defined in schema.get("$defs", {})}
