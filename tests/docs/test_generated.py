"""The pages under docs/ agree with the code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from engine.core.reading import Reader
from engine.language.codes import CODES, CURES

DOCS = Path(__file__).parents[2] / "docs"


DIFFERING = """
import json, runpy
made = runpy.run_path("docs/generate.py")
there = {path: path.read_text(encoding="utf-8") if path.is_file() else "" for path in made["wanted"]()}
print(json.dumps([*(path.name for path, text in made["wanted"]().items() if there[path] != text), *map(str, made["left_over"]())]))
"""
"""Prints which pages are not what would be written now."""


def test_generated_pages_are_up_to_date() -> None:
    """What `./dev docs` would write is what is there; in a process of its own, as whoever calls it has it."""
    told = subprocess.run(
        [sys.executable, "-c", DIFFERING], cwd=DOCS.parent, capture_output=True, text=True, check=True
    )
    assert json.loads(told.stdout) == [], "run ./dev docs"


def test_every_code_has_a_page_with_its_message_and_its_cure() -> None:
    """Input, the exact message, and what to do about it; nothing beside the codes has a page."""
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (DOCS / "reference" / "checks").iterdir()}
    assert pages.keys() - {"README"} == CODES.keys()
    for code, means in CODES.items():
        assert f"[{code}]" in pages[code].partition("`winback check` says:")[2]
        assert means in pages[code]
        assert CURES[code] in pages[code]


def test_every_event_in_the_page_can_be_sent() -> None:
    """Each line of JSON in the page about events is taken as it stands."""
    page = (DOCS / "reference" / "events.md").read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    assert len(lines) > 30
    for line in lines:
        assert Reader().read(line.encode()).dead is None, line
        assert json.loads(line)["specversion"] == "1.0"
