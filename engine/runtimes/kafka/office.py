"""The shop's office: the one place that decides about the shop as a whole, where every partition decides for itself.

It closes the shop's day with the thresholds of all partitions together, says when all runs have moved, and grants what is
counted for the whole shop (`grants`). What it decides it tells the partitions by the shop's words (`engine.books.shop_words`).
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.books import partition_shops, shop_words
from engine.books.expiry import EVERY, forget_engagement
from engine.books.partition_shops import PartitionShop
from engine.core.breaker import WHO
from engine.core.cadence import thresholds
from engine.core.moments import DAY, MINUTE, SECOND, Instant, zone
from engine.core.signals import DayClosed, PauseSet, RunsMoved
from engine.handling.breaking import found
from engine.runtimes.kafka.combining import breakers_of
from engine.runtimes.kafka.desk import Bureau
from engine.runtimes.kafka.grants import Grants
from engine.runtimes.kafka.shop_store import ShopStore

CLOSE_WITHIN = MINUTE
"""A day that began is closed as soon as all that came before it is in the books, but after so long at the latest."""

CLOSE_ANEW_AFTER = 10 * SECOND
"""Before `go-live` thresholds follow what is taken in at this distance."""

WORDS_KEPT = 7 * DAY
"""For so long one can look up what partitions were told."""


class Office:
    """The shop's own work over the distributed books. One thread at a time may use it."""

    def __init__(self, bureau: Bureau) -> None:
        self._bureau = bureau
        self._sweeping = bureau.desk.sweeping
        self._forgets_at: Instant = 0
        self._closed_anew: Instant = 0

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
        self._judge_mail(store, shops, now)
        Grants(store, rules, shops, now).share()
        self._forget_engagement(store, now)

    def _forget_engagement(self, store: ShopStore, now: Instant) -> None:
        """Let each partition forget old marks of its customers, a slice an hour; the first an hour after the start."""
        if now < self._forgets_at:
            return
        began, self._forgets_at = not self._forgets_at, now + EVERY
        if not began:
            forget_engagement(self._bureau.desk, store, now, parts=store.partitions)

    def _close_day(self, store: ShopStore, now: Instant) -> None:
        """Close the day that began; before `go-live` close it anew as history comes in, which plans reckon with."""
        rules = self._bureau.desk.rules
        there = zone(rules.lifecycle.timezone)
        today = there.day(now)
        began = there.start(today)
        if rules.shop.day != today and (store.as_of >= began or now >= began + CLOSE_WITHIN):
            self._sweeping.tell(store, DayClosed(), now)
            shop_words.forget(store.connection, now - WORDS_KEPT)
        elif not rules.shop.gone_live and now >= self._closed_anew + CLOSE_ANEW_AFTER:
            self._closed_anew = now
            if rules.shop.thresholds != thresholds(rules.shop.cadence, rules.lifecycle):
                self._sweeping.tell(store, DayClosed(), now)

    def _judge_mail(self, store: ShopStore, shops: Mapping[int, PartitionShop], now: Instant) -> None:
        """Stop marketing where the mails of all partitions together ask for it; they and the sender are told."""
        rules = self._bureau.desk.rules
        trip = found(
            rules, breakers_of(rules.shop, [each.shop for each in shops.values() if each.shop is not None]), now
        )
        if trip is not None:
            self._sweeping.tell(store, PauseSet(trip.scope, trip.name, trip.why, WHO), now)

    def _all_have_moved(self, store: ShopStore, shops: Mapping[int, PartitionShop]) -> bool:
        """Say whether every partition has looked at all its customers since the runs of some workflows were to be moved."""
        epoch = self._bureau.desk.rules.shop.epoch
        told = [each.shop for each in shops.values() if each.shop is not None]
        return len(told) == store.partitions and all(each.epoch == epoch and each.sweep is None for each in told)
