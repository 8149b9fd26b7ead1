"""Granting pool codes in blocks, so that the shop's state stays small and a replay sees the same grants."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from engine.core.rules import Offer
from engine.core.shop import Shop
from engine.core.signals import CodesGranted

BLOCK = 1_000
"""Codes granted at once."""


def runs_low(shop: Shop, offer: Offer) -> bool:
    """Say whether an offer has less than half a block of codes to give out."""
    return offer.codes == "pool" and len(shop.codes.get(offer.name, ())) < BLOCK // 2


def grants(shop: Shop, offers: Iterable[Offer], take: Callable[[str, int], Sequence[str]]) -> Iterator[CodesGranted]:
    """Say which blocks to grant now, one after the other.

    `take` gives the next so many codes of a pool, each of them once and to one offer alone.
    """
    for offer in offers:
        if runs_low(shop, offer):
            codes = take(offer.pool, BLOCK)
            if codes:
                yield CodesGranted(offer.name, tuple(codes))
