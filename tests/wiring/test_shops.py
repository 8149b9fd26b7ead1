"""Which shop makes codes, by the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.memory import FixedClock, MemorySender
from connectors.shops import CodeMaker
from engine.rendering.envelope import Desk
from engine.wiring.receivers import receivers_of
from engine.wiring.settings import Settings, SettingsError, load
from engine.wiring.shops import code_maker

DESK = Desk(name="Tea", address="hello@tea.example", public_url="https://mail.tea.example")
SHOPS = {
    "shopify": {"url": "https://tea.myshopify.com"},
    "woocommerce": {"url": "https://tea.example", "key": "ck_1"},
    "shopware": {"url": "https://tea.example", "key": "SWIA1"},
}


@pytest.mark.parametrize("kind", SHOPS)
async def test_a_named_shop_is_a_receiver_of_codes(kind: str, tmp_path: Path) -> None:
    """Its token comes from a file or the environment."""
    path = tmp_path / "winback.toml"
    said = {"kind": kind, **SHOPS[kind], "token_file": str(tmp_path / "token")}
    path.write_text("[shop]\n" + "".join(f'{name} = "{value}"\n' for name, value in said.items()))
    (tmp_path / "token").write_text("secret\n")
    for environment in ({}, {"WINBACK_SHOP_TOKEN": "secret"}):
        found = receivers_of(load(path, environment), environment, FixedClock(), MemorySender(), lambda: DESK)
        (receiver,) = (each for each in found if each.name == "shop")
        assert isinstance(receiver, CodeMaker)
        await receiver.close()


def test_without_a_kind_no_shop_is_asked() -> None:
    """Codes are signed, pooled or a text then."""
    assert code_maker(Settings().shop, {"WINBACK_SHOP_TOKEN": "secret"}) is None


@pytest.mark.parametrize(
    ("shop", "missing"),
    [
        ({"kind": "shopify"}, ["shop.url", "shop.token_file"]),
        ({"kind": "woocommerce", "url": "https://tea.example"}, ["shop.token_file", "shop.key"]),
        ({"kind": "shopware", "url": "http://tea.example", "key": "SWIA1"}, ["shop.token_file", "not https"]),
    ],
)
def test_what_is_missing_is_told_at_once(shop: dict[str, Any], missing: list[str]) -> None:
    """All of it, each with what to write; and no token travels in the open."""
    with pytest.raises(SettingsError) as caught:
        code_maker(Settings.model_validate({"shop": shop}).shop, {})
    told = str(caught.value).splitlines()
    assert len(told) == len(missing)
    assert all(word in line for word, line in zip(missing, told, strict=True))
