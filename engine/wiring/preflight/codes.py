"""Whether the checkout will know the codes that mails show."""

from __future__ import annotations

from typing import Protocol

from engine.wiring.preflight.check import WARNING, Check, right, wrong
from engine.wiring.preflight.situation import Situation

NAME = "codes"


class MakesCodes(Protocol):
    """What has the shop make codes."""

    async def trouble(self) -> str:
        """Say why the shop cannot be asked, empty when it answers."""
        ...


async def codes(situation: Situation, shop: MakesCodes | None) -> Check:
    """Each offer of a live workflow has codes to give, and the shop that is to make some answers."""
    offers = situation.live_offers()
    made_there = [name for name, offer in offers.items() if offer.codes == "shop"]
    if made_there and shop is not None:
        trouble = await shop.trouble()
        if trouble:
            said = f"the shop that makes the codes of {', '.join(made_there)} cannot be asked: {trouble}"
            return wrong(NAME, said, "see [shop] in winback.toml")
    left = {name: situation.codes_left.get(name, 0) for name, offer in offers.items() if offer.codes == "pool"}
    empty = [name for name, count in left.items() if not count]
    if empty:
        hint = "winback coupons mint OFFER --count N for the shop's import, then winback coupons load OFFER FILE"
        return wrong(NAME, f"no code is left: {', '.join(empty)}", hint)
    few = [f"{name} ({left[name]:,})" for name in left if left[name] < offers[name].low_water]
    if few:
        return wrong(NAME, f"few codes are left: {', '.join(few)}", "winback coupons load OFFER FILE", WARNING)
    return right(NAME, "every live offer has codes" if offers else "no live offer")
