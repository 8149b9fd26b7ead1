"""What is granted to the shop or a part of it, so that its state stays small and a replay sees the same grants."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from engine.core.allowances import CODES, ENTRIES, allowance_of, granted, key_of, used
from engine.core.rules import Offer
from engine.core.shop import Pace, Shop
from engine.core.signals import CodesGranted, Granted

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


def take_in(shop: Shop, signal: CodesGranted | Granted) -> None:
    """Take in what was granted. A shop without parts is granted nothing but codes."""
    if isinstance(signal, CodesGranted):
        offer, codes = signal.offer, signal.codes
        shop.codes[offer] = [*reversed(codes), *shop.codes.get(offer, ())]
        shop.granted[offer] = shop.granted.get(offer, 0) + len(codes)
        signal = Granted(CODES, offer, len(codes))
    if shop.allowances is None:
        return
    what, name = signal.what, signal.name
    shop.allowances[key_of(what, name)] = granted(
        allowance_of(shop.allowances, what, name),
        signal.amount,
        back=signal.back,
        since=signal.since,
        until=signal.until,
        free_at=signal.free_at,
    )
    if what == ENTRIES:
        shop.used_up.pop(name, None)
        window = shop.paces.get(name)
        if signal.since and (window is None or window.began != signal.since):
            shop.paces[name] = Pace(signal.since)


def use(shop: Shop, what: str, name: str, amount: int) -> None:
    """Count what was used of an allowance, or (negative) came back, where the shop has parts."""
    if shop.allowances is not None:
        shop.allowances[key_of(what, name)] = used(allowance_of(shop.allowances, what, name), amount)
