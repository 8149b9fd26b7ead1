"""Granting pool codes in blocks, so that the shop's state stays small and a replay sees the same grants."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from engine.core.rules import Offer
from engine.core.shop import Shop
from engine.core.signals import CodesGranted

BLOCK = 1_000
"""Codes granted at once."""


def grants(shop: Shop, offers: Iterable[Offer], pool: Callable[[str], list[str]]) -> Iterator[CodesGranted]:
    """Say which blocks to grant now: for each offer with a pool that has less than half a block left.

    `pool` gives all codes of a pool's file, in its order. Lines may be added at its end; those granted are not looked at
    again.
    """
    for offer in offers:
        if offer.codes == "pool" and len(shop.codes.get(offer.name, ())) < BLOCK // 2:
            begin = shop.granted.get(offer.name, 0)
            codes = pool(offer.pool)[begin : begin + BLOCK]
            if codes:
                yield CodesGranted(offer.name, tuple(codes))
