"""The page about connectors.yaml: each mapping is correct, and each record becomes the event that stands below it."""

from __future__ import annotations

import re
from pathlib import Path

from connectors.bus import MappedTopic, Row
from engine.core.reading import Reader
from engine.core.source_topics import SourceTopic
from engine.language.files import read_files
from engine.language.problems import format_problems

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "connectors.md").read_text(encoding="utf-8")
MAPPINGS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
PAIRS = re.findall(r"```json\n(.*?)```\n\nbecomes\n\n```json\n(.*?)```", PAGE, re.DOTALL)


def topics(mapping: str) -> dict[str, SourceTopic]:
    """The topics of a mapping on the page."""
    checked = read_files({"connectors.yaml": mapping})
    assert format_problems(checked.problems, checked.sources) == ""
    return dict(checked.connectors)


def test_every_record_on_the_page_becomes_the_event_below_it() -> None:
    """What is shown is what happens."""
    mapped = [topics(mapping) for mapping in MAPPINGS]
    reader = Reader()

    assert len(PAIRS) == 2
    for (record, event), found in zip(PAIRS, mapped, strict=False):
        ((name, topic),) = found.items()
        got = MappedTopic(topic, reader.read).read(Row(record.encode()), f"{name}/0/0", None)
        assert got == reader.read(event.encode())
    assert mapped[-1]["shop.events"].events == ()
