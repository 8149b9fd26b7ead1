"""The page on what comes back: its settings can be used as they stand, and its words are those that are known."""

from __future__ import annotations

import re
from pathlib import Path

from engine.core.saying_no import says_no
from engine.wiring.settings import load

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "mail-comes-back.md"


def test_the_settings_it_shows_are_settings(tmp_path: Path) -> None:
    """What is copied from the page is taken."""
    found = re.search(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    (tmp_path / "winback.toml").write_text(found[1])
    said = load(tmp_path / "winback.toml", {}).incoming
    assert said.takes_mail
    assert (said.address, said.imap.tls, said.imap.folder) == ("b@bounces.your-shop.example", "tls", "INBOX")


def test_the_words_it_names_are_a_no() -> None:
    """Whoever reads the table can rely on them."""
    row = next(line for line in PAGE.read_text("utf-8").splitlines() if line.startswith('| "abmelden"'))
    words = re.findall(r'"([^"]+)"', row.split("|")[1])
    assert len(words) >= 6
    assert [each for each in words if not says_no(each)] == []
