"""The page on receivers: its settings can be used as they stand, and its table names what a live workflow may need."""

from __future__ import annotations

import re
from pathlib import Path

from engine.core.effects import COUPON_ISSUED, COUPON_VOIDED, TOLD
from engine.wiring.receiving import ASKED
from engine.wiring.settings import load

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "tell-your-tools.md"


def test_the_settings_it_shows_are_settings(tmp_path: Path) -> None:
    """What is copied from the page is taken."""
    found = re.search(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    (tmp_path / "winback.toml").write_text(found[1])
    settings = load(tmp_path / "winback.toml", {"WINBACK_WEBHOOKS_NEWSLETTER_SECRET": "x"})
    assert settings.webhooks["newsletter"].take
    assert settings.teams["key_accounts"].mail
    assert settings.files.take


def test_its_table_names_every_effect_that_asks_for_something() -> None:
    """Whoever reads it knows what to take; it names nothing that there is not."""
    named = {
        each for each in re.findall(r"winback\.[a-z_]+(?:\.[a-z_]+)*", PAGE.read_text("utf-8")) if "example" not in each
    }
    assert named >= {*ASKED, COUPON_ISSUED, COUPON_VOIDED}
    assert named <= {*TOLD}
