"""Whether the checkout will know the codes that mails show."""

from __future__ import annotations

import pytest

from connectors.shops import CodeMaker
from engine.wiring.preflight.codes import codes
from tests.builders import rules_of
from tests.shop_servers import SHOPS, running
from tests.wiring.preflight.test_inside import ASKS, found, shop

PLAIN = "offers:\n  present: {discount: 5 EUR, valid_for: 20d}\n"
POOL = "offers:\n  present: {discount: 5 EUR, valid_for: 20d, codes: pool, pool: p.csv, low_water: 10}\n"
OF_THE_SHOP = "offers:\n  present: {discount: 5 EUR, valid_for: 20d, codes: shop}\n"


@pytest.mark.parametrize(
    ("offers", "left", "expected"),
    [
        (PLAIN, {}, (True, "", "every live offer has codes")),
        (POOL, {}, (False, "error", "no code is left: present")),
        (POOL, {"present": 9}, (False, "warning", "few codes are left: present (9)")),
        (POOL, {"present": 10}, (True, "", "every live offer has codes")),
        (OF_THE_SHOP, {}, (True, "", "every live offer has codes")),  # that nobody makes them is the receivers' check
    ],
)
async def test_a_pool_of_a_live_offer_has_codes(
    offers: str, left: dict[str, int], expected: tuple[bool, str, str]
) -> None:
    """None is an error, few are a warning."""
    situation = shop(rules_of(ASKS, offers=offers), codes_left=left)
    assert found(await codes(situation, None)) == expected


@pytest.mark.parametrize("kind", sorted(SHOPS))
async def test_the_shop_that_makes_codes_answers(kind: str) -> None:
    """With the token that the settings name; nothing is made for it."""
    situation = shop(rules_of(ASKS, offers=OF_THE_SHOP))
    async with running(SHOPS[kind]()) as server:
        assert (await codes(situation, CodeMaker(server.client()))).ok
        right, server.token = server.token, "wrong"
        denied = CodeMaker(server.client())
        server.token = right
        ok, level, message = found(await codes(situation, denied))
        assert (ok, level) == (False, "error")
        assert message.startswith("the shop that makes the codes of present cannot be asked: ")
        assert server.codes() == {}
