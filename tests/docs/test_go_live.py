"""The page that cures what preflight finds has a section for each of its checks."""

from __future__ import annotations

import re
from pathlib import Path

from tests.cli.conftest import Winback, winback

__all__ = ["winback"]  # the fixture

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "go-live.md"


def test_each_check_has_its_cure(winback: Winback) -> None:
    """No check without a section, no section of a check that is no more."""
    page = PAGE.read_text("utf-8")
    cures = page.partition("## What preflight finds, and the cure")[2]
    sections = set(re.findall(r"^### ([a-z_]+)$", cures, re.MULTILINE))
    assert sections == {each["name"] for each in winback("preflight", "--json").json["checks"]}
