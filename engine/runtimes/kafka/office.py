"""The shop's office: the one place that decides about the shop as a whole, where every partition decides for itself.

It closes the shop's day with the thresholds of all partitions together, and gives out codes of pools in blocks, each of
them to one partition. What it decides it tells the partitions by the shop's words (`engine.books.shop_words`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.books import partition_shops, pools, shop_words
from engine.books.partition_shops import PartitionShop
from engine.books.positions import QUERIES
from engine.core.moments import DAY, MINUTE, Instant, zone
from engine.core.rules import Offer
from engine.core.signals import CodesGranted, DayClosed, RunsMoved
from engine.handling.granting import BLOCK
from engine.runtimes.kafka.desk import Bureau
from engine.runtimes.kafka.shop_store import ShopStore

CLOSE_WITHIN = MINUTE
"""A day that began is closed as soon as all that came before it is in the books, but after so long at the latest."""

WORDS_KEPT = 7 * DAY
"""For so long one can look up what partitions were told."""

CODES = "codes"
"""The kind of grant: an offer's codes."""


class Office:
    """The shop's own work over the distributed books. One thread at a time may use it."""

    def __init__(self, bureau: Bureau) -> None:
        self._bureau = bureau
        self._sweeping = bureau.desk.sweeping

    def work(self) -> None:
        """Do what there is to do now, in one transaction.

        Raises:
            DatabaseError: it was not done, or it is not known.

        """
        self._bureau.ask(self._work)

    def _work(self, store: ShopStore, now: Instant) -> None:
        rules = self._bureau.desk.rules
        if not rules.shop.epoch:
            return  # nothing is in force yet
        self._close_day(store, now)
        shops = partition_shops.shops(store.connection)
        if rules.shop.moves and self._all_have_moved(store, shops):
            self._sweeping.tell(store, RunsMoved(), now)
        for offer in rules.rule_set.offers.values():
            if offer.codes == "pool":
                self._grant_codes(store, offer, shops, now)

    def _close_day(self, store: ShopStore, now: Instant) -> None:
        rules = self._bureau.desk.rules
        there = zone(rules.lifecycle.timezone)
        today = there.day(now)
        began = there.start(today)
        if rules.shop.day != today and (store.as_of >= began or now >= began + CLOSE_WITHIN):
            self._sweeping.tell(store, DayClosed(), now)
            shop_words.forget(store.connection, now - WORDS_KEPT)

    def _all_have_moved(self, store: ShopStore, shops: Mapping[int, PartitionShop]) -> bool:
        """Say whether every partition has looked at all its customers since the runs of some workflows were to be moved."""
        epoch = self._bureau.desk.rules.shop.epoch
        told = [each.shop for each in shops.values() if each.shop is not None]
        return len(told) == store.partitions and all(each.epoch == epoch and each.sweep is None for each in told)

    def _grant_codes(self, store: ShopStore, offer: Offer, shops: Mapping[int, PartitionShop], now: Instant) -> None:
        """Grant blocks of an offer's codes to the partitions that run low."""
        connection = store.connection
        if not pools.has_codes(connection, offer.pool, ready=True):
            return
        told = dict(grants_of(store, CODES, offer.name))
        block = block_of(pools.counts(connection)[offer.pool][pools.READY], store.partitions)
        for partition in range(store.partitions):
            so_far = told.get(partition, 0)
            left = codes_left(shops.get(partition), offer.name, so_far)
            if 2 * left >= block:
                continue
            codes = pools.take(connection, offer.pool, block - left)
            if not codes:
                return
            store.tell_partition(partition, CodesGranted(offer.name, tuple(codes)), now)
            row = (partition, CODES, offer.name, so_far + len(codes))
            connection.execute(QUERIES["save_grant"], row)


def grants_of(store: ShopStore, what: str, name: str) -> Iterator[tuple[int, int]]:
    """Yield how much of a kind was granted to each partition so far."""
    for partition, kind, of, granted in store.connection.execute(QUERIES["grants"]):
        if (kind, of) == (what, name):
            yield partition, granted


def block_of(ready: int, partitions: int) -> int:
    """Return how many codes a partition has at most: few of a small pool, so that none sits on what others want."""
    return max(1, min(BLOCK, ready // (2 * partitions)))


def codes_left(partition: PartitionShop | None, offer: str, granted: int) -> int:
    """Return how many codes a partition has to give out, those on their way to it included."""
    if partition is None or partition.shop is None:
        return granted
    shop = partition.shop
    return len(shop.codes.get(offer, ())) + granted - shop.granted.get(offer, 0)
