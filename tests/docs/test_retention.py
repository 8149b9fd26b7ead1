"""The page on retention names every kind there is, with the time that holds where nobody says another."""

import re
from pathlib import Path

from engine.core.rules import Keep

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "retention.md"


def test_the_page_names_every_kind_with_its_time() -> None:
    """A kind that is added to `keep:` is missed here; so is another time than the page says."""
    text = PAGE.read_text("utf-8")
    said = dict(re.findall(r"(\w+): (\w+)", re.search(r"keep: \{(.*)\}", text)[1]))  # type: ignore[index]  # else it fails
    kept = Keep()
    assert said.keys() == set(Keep.__struct_fields__)
    for kind in Keep.__struct_fields__:
        length = getattr(kept, kind)
        assert str(length) == said[kind]
        assert re.search(rf"^\| `{kind}`.*\| {said[kind]}\b", text, re.MULTILINE), kind
