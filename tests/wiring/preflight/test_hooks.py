"""What preflight says of hooks."""

from __future__ import annotations

import pytest

from engine.rendering.brand import PLACEHOLDER
from engine.wiring.preflight.hooks import HooksOn, hooks
from engine.wiring.preflight.situation import Situation
from engine.wiring.settings import Settings
from tests.builders import rules_of


@pytest.mark.parametrize(
    ("found", "url", "level", "said"),
    [
        (HooksOn(), "https://mail.kaffee.de", "", "no hook is on"),
        (HooksOn(("shopify",)), "https://mail.kaffee.de", "", "https://mail.kaffee.de/hooks/shopify"),
        (HooksOn(("shopify",)), "http://127.0.0.1:8080", "warning", "no service can reach them"),
        (HooksOn(("shopify",)), None, "warning", "no service can reach them"),
        (HooksOn(trouble="hooks.generic: write whsec_\nhooks.ses: no"), None, "error", "write whsec_; hooks.ses: no"),
    ],
)
def test_hooks_are_on_reached_and_usable(found: HooksOn, url: str | None, level: str, said: str) -> None:
    """None is no fault; one that nobody reaches is a warning, one that cannot be used keeps the shop from going live."""
    situation = Situation(settings=Settings(public_url=url), rules=rules_of(), brand=PLACEHOLDER, templates=())
    check = hooks(situation, found)
    assert (check.level, check.ok) == (level, not level)
    assert said in check.message
