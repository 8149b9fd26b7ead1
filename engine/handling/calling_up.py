"""The ramp's part of the shop's own work: what it counts, and calling up those who wait in its lines.

Whoever is due is let ring first, so that all who want to go at one time are there when it is decided who goes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from engine.core import ramp as ramps
from engine.core.allowances import RAMP
from engine.core.decision import MailFailed, OnRamp
from engine.core.moments import Day, Instant, zone
from engine.core.ramping import GATHERED, LINES, is_line_of_ramp, left_of, ramp_of
from engine.core.rulebook import Rules
from engine.core.shop import Shop
from engine.core.signals import CalledUp, TurnedAway
from engine.handling.granting import use
from engine.ports import Store

if TYPE_CHECKING:
    from engine.handling.handler import Handling

SLICE = 500
"""Customers called up at once."""

NOBODY: Final = 1 << 62
"""When nobody waits: further off than any instant."""


def take_note(rules: Rules, note: OnRamp | MailFailed | TurnedAway, now: Instant) -> None:
    """Count on the family's ramp a mail that left or came back, or one that failed."""
    rule, ramp, there = rules.lifecycle.ramp, ramp_of(rules, note.family, now), zone(rules.lifecycle.timezone)
    if rule is None or ramp is None or (isinstance(note, MailFailed) and note.how not in ramps.FAILURES):
        return
    day = there.day(note.at)
    if rules.shop.allowances is not None:
        rules.shop.ramps[note.family] = _counted(rules.shop, note, there.day(now), day)
        return
    match note:
        case OnRamp():
            ramp = ramps.released(ramp, note.by, day)
        case MailFailed() | TurnedAway():
            how = note.how if isinstance(note, MailFailed) else "policy"
            ramp = ramps.failed(ramp, rule.of(note.family), how, note.effect_id, day)
    rules.shop.ramps[note.family] = ramp


def _counted(shop: Shop, note: OnRamp | MailFailed | TurnedAway, today: Day, day: Day) -> ramps.Ramp:
    """Count for a part of the shop, where the office judges the sums."""
    ramp = ramps.in_part(shop.ramps.get(note.family), today)
    if isinstance(note, OnRamp):
        if day == today:
            use(shop, RAMP, note.family, note.by)
        return ramps.released(ramp, note.by, day)
    how = note.how if isinstance(note, MailFailed) else "policy"
    return ramps.with_failure(ramp, how, note.effect_id, day)


class CallingUp:
    """Calls up who waits for the ramp, a slice at a time, while there is something left of today."""

    def __init__(self, handling: Handling) -> None:
        """Work with this handling's rules and shop."""
        self._handling = handling
        self._somebody_waits = True

    def someone_waits(self, lines: Iterable[str] | None) -> None:
        """These lines have grown, or (None) any may have."""
        self._somebody_waits = self._somebody_waits or lines is None or any(map(is_line_of_ramp, lines))

    def advance(self, store: Store, now: Instant) -> Instant:
        """Call up a slice; return when there is more to do.

        Never at the instant at which somebody has come: others may be due at it too, one after the other.
        """
        if not self._somebody_waits:
            return NOBODY
        shop = self._handling.rules.shop
        lines = [(line, family) for family, line in LINES.items() if store.line_length(line)]
        if not lines and not store.line_length(GATHERED):
            self._somebody_waits, shop.call_up_at = False, 0
            return NOBODY
        if not shop.call_up_at or (now >= shop.call_up_at and store.due(now, 1)):
            shop.call_up_at = now + 1
        if now < shop.call_up_at:
            return shop.call_up_at
        self._somebody_waits = self._call_up_all(store, lines, now)
        shop.call_up_at = now if self._somebody_waits else 0
        return now if self._somebody_waits else NOBODY

    def _call_up_all(self, store: Store, lines: list[tuple[str, str]], now: Instant) -> bool:
        """Call up a slice of each line, as far as something is left of today, the oldest waits first; say if there are more."""
        rules = self._handling.rules
        for line, family in lines:
            self._call_up(store, line, left_of(rules, family, now), now)
        self._call_up(store, GATHERED, None, now)
        store.save_shop(rules.shop)
        more = any(store.line_length(line) and left_of(rules, family, now) != 0 for line, family in lines)
        return more or bool(store.line_length(GATHERED))

    def _call_up(self, store: Store, line: str, most: int | None, now: Instant) -> None:
        limit = SLICE if most is None else min(most, SLICE)
        for customer_id in store.line(line, limit) if limit else ():
            self._handling.decide(store, customer_id, CalledUp(), now)
