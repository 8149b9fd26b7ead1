"""The breaker's part of the shop's own work: it counts mails and what becomes of them, and sets the pause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.breaker import (
    FAMILY,
    MARKETING,
    WHO,
    Breaker,
    Trip,
    by_reputation,
    judged,
    with_failure,
    with_mail,
)
from engine.core.decision import MailFailed, OnRamp
from engine.core.events import Reputation
from engine.core.moments import Instant, zone
from engine.core.rulebook import Rules
from engine.core.signals import PauseSet, TurnedAway
from engine.ports import Store

if TYPE_CHECKING:
    from engine.handling.handler import Handling


class Breaking:
    """Judges after each failure, at the next slice of the shop's own work: a decision cannot tell the shop anything."""

    def __init__(self, handling: Handling) -> None:
        """Work with this handling's rules and shop."""
        self._handling = handling
        self._to_judge = True

    def take_note(self, note: OnRamp | MailFailed | TurnedAway) -> bool:
        """Count a mail that left or came back, or one that failed; say whether there is something to judge."""
        rules = self._handling.rules
        if rules.lifecycle.breaker is None:
            return False
        breakers, day = rules.shop.breakers, zone(rules.lifecycle.timezone).day(note.at)
        before = breakers.get(note.family, Breaker())
        if isinstance(note, OnRamp):
            breakers[note.family] = with_mail(before, note.at, day, note.by)
            return False
        how = note.how if isinstance(note, MailFailed) else "policy"
        after = breakers[note.family] = with_failure(before, how, note.effect_id, note.at, day)
        self._to_judge = self._to_judge or after is not before
        return after is not before and self._judges()

    def advance(self, store: Store, now: Instant) -> None:
        """Set a pause where the counts ask for one; who has a part of the shop only counts."""
        if self._to_judge and self._judges():
            self._to_judge = False
            trip = found(self._handling.rules, self._handling.rules.shop.breakers, now)
            if trip is not None:
                self._stop(store, trip, now)
                self._to_judge = True  # what is bad elsewhere, too, is said next

    def hear(self, store: Store, said: Reputation, now: Instant) -> None:
        """Take in what a provider says of us as a sender."""
        rules = self._handling.rules
        rule = rules.lifecycle.breaker
        trip = by_reputation(said, rule, rules.shop.breakers) if rule is not None else None
        if trip is not None and trip.name not in paused_families(rules):
            self._stop(store, trip, now)

    def _judges(self) -> bool:
        """Whether all customers of the shop are here; of a shop in parts the office judges the sums."""
        return self._handling.whole and self._handling.rules.shop.allowances is None

    def _stop(self, store: Store, trip: Trip, now: Instant) -> None:
        self._handling.sweeping.tell(store, PauseSet(trip.scope, trip.name, trip.why, WHO), now)


def found(rules: Rules, breakers: dict[str, Breaker], now: Instant) -> Trip | None:
    """Return what has to stop by these counts and is not paused yet."""
    rule = rules.lifecycle.breaker
    if rule is None or not breakers or any(each.scope == MARKETING for each in rules.shop.pauses):
        return None
    return judged(breakers, rule, zone(rules.lifecycle.timezone).day(now), paused_families(rules))


def paused_families(rules: Rules) -> frozenset[str]:
    """Return the families that are paused already."""
    return frozenset(each.name for each in rules.shop.pauses if each.scope == FAMILY)
