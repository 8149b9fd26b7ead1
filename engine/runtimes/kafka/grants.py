"""What the office grants to partitions: money, places, a team's time, and codes of pools.

How much each was granted is kept with the words that tell them, so that an office which begins anew grants nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from engine.books import pools
from engine.books.partition_shops import PartitionShop
from engine.books.positions import QUERIES
from engine.core.allowances import CODES, key_of
from engine.core.moments import Instant
from engine.core.rulebook import Rules
from engine.core.rules import Offer
from engine.core.shop import Shop
from engine.core.signals import CodesGranted, Granted
from engine.handling.allotting import Allotting, Part, granted_to, held_by
from engine.handling.granting import BLOCK
from engine.handling.shares import Held
from engine.runtimes.kafka.shop_store import ShopStore
from engine.runtimes.kafka.wire import partition_of

STOCK_OF = 10
"""A tenth of a pool lies with partitions that nobody of asks for a code; what is there others cannot give out."""


@dataclass
class Grants:
    """The grants of one transaction, by what the books know of each partition."""

    store: ShopStore
    rules: Rules
    shops: Mapping[int, PartitionShop]
    now: Instant
    _parts: list[Part] = field(init=False)

    def __post_init__(self) -> None:
        """Look up what each partition said last, and all it was granted."""
        granted: list[dict[str, int]] = [{} for _ in range(self.store.partitions)]
        for partition, key, amount in self.store.connection.execute(QUERIES["grants"]):
            granted[partition][key] = amount
        known = [self.shops[number].shop if number in self.shops else None for number in range(self.store.partitions)]
        self._parts = [Part(shop, amounts) for shop, amounts in zip(known, granted, strict=True)]

    def share(self) -> None:
        """Grant what partitions may use of all that is counted for the whole shop; the only partition is the whole shop."""
        if self.store.partitions > 1:
            allotting = Allotting(self.rules, self._parts, self._line, self.store.line_length)
            for number, signal in list(allotting.grants(self.now)):
                self._tell(number, signal, key_of(signal.what, signal.name), signal.amount)
        for offer in self.rules.rule_set.offers.values():
            if offer.codes == "pool":
                self._share_codes(offer)

    def _line(self, workflow: str, limit: int) -> Sequence[int]:
        return [partition_of(each, self.store.partitions) for each in self.store.line(workflow, limit)]

    def _share_codes(self, offer: Offer) -> None:
        """Give codes to the partitions that want some, and a small stock to the others."""
        key = key_of(CODES, offer.name)
        held = [_codes_of(part, offer.name) for part in self._parts]
        ready = pools.counts(self.store.connection).get(offer.pool, {}).get(pools.READY, 0)
        for number, wanted in codes_for(ready, held).items():
            codes = pools.take(self.store.connection, offer.pool, wanted)
            if codes:
                self._tell(number, CodesGranted(offer.name, tuple(codes)), key, len(codes))
            elif held[number].wanted > held[number].left and not held[number].used_up:
                self._tell(number, Granted(CODES, offer.name), key, 0)  # there is none left

    def _tell(self, number: int, signal: Granted | CodesGranted, key: str, amount: int) -> None:
        self.store.tell_partition(number, signal, self.now)
        total = granted_to(self._parts[number], key) + amount
        self.store.connection.execute(QUERIES["save_grant"], (number, key, total))


def _codes_of(part: Part, offer: str) -> Held:
    """Return what a part has of an offer's codes, those on their way to it included: it counts the codes themselves."""
    key = key_of(CODES, offer)
    held, told, shop = held_by(part, key), granted_to(part, key), part.shop or Shop()
    return replace(held, left=len(shop.codes.get(offer, ())) + told - shop.granted.get(offer, 0))


def codes_for(ready: int, parts: Sequence[Held]) -> Mapping[int, int]:
    """Return how many codes to give to which part, of so many that are ready: who waits goes before any stock.

    Who was told that there is none left hears by a stock that there are some again. A code cannot be given back, so stocks
    are small where the pool is.
    """
    found: dict[int, int] = {}
    stock = min(BLOCK, ready // (STOCK_OF * len(parts)) if len(parts) > 1 else ready)
    waiting = {number for number, each in enumerate(parts) if each.wanted > each.left}
    for number in sorted(waiting, key=lambda each: (parts[each].wanted - parts[each].left, each)):
        found[number] = max(parts[number].wanted, parts[number].in_all) - parts[number].left + stock
    for number, each in enumerate(parts):
        enough = max(stock, int(each.used_up and ready > 0))
        if number not in waiting and 2 * each.left < enough:
            found[number] = enough - each.left
    return found
