"""The reference and the JSON Schemas say what the reader does: they are made from the same tables."""

import pytest

from engine.language.schema import FILES, json_schema
from engine.language.shapes import all_forms


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
