"""The ramp's part of the shop's own work: what it counts, and calling up those who wait in its lines.

Whoever is due is let ring first, so that all who want to go at one time are there when it is decided who goes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from engine.core import ramp as ramps
from engine.core.decision import MailFailed, OnRamp
from engine.core.moments import Instant, zone
from engine.core.ramp import Ramp
from engine.core.ramping import GATHERED, LINES, is_line_of_ramp
from engine.core.rulebook import Rules
from engine.core.signals import CalledUp, TurnedAway
from engine.ports import Store

if TYPE_CHECKING:
    from engine.handling.handler import Handling

SLICE = 500
"""Customers called up at once."""

NOBODY: Final = 1 << 62
"""When nobody waits: further off than any instant."""


def ramp_of(rules: Rules, family: str, now: Instant) -> Ramp | None:
    """Return the ramp of a family as it stands now; None where the rules have none."""
    rule = rules.lifecycle.ramp
    if rule is None:
        return None
    return ramps.on_day(rules.shop.ramps.get(family), rule.of(family), zone(rules.lifecycle.timezone).day(now))


def left_of(rules: Rules, family: str, now: Instant) -> int:
    """Return how many more mails a family may be sent today; without a ramp there is no end to them."""
    rule, ramp = rules.lifecycle.ramp, ramp_of(rules, family, now)
    return SLICE if rule is None or ramp is None else ramps.left(ramp, rule.of(family))


def take_note(rules: Rules, note: OnRamp | MailFailed | TurnedAway, now: Instant) -> None:
    """Count on the family's ramp a mail that left or came back, or one that failed."""
    rule, ramp = rules.lifecycle.ramp, ramp_of(rules, note.family, now)
    if rule is None or ramp is None:
        return
    day = zone(rules.lifecycle.timezone).day(note.at)
    match note:
        case OnRamp():
            ramp = ramps.released(ramp, note.by, day)
        case MailFailed() | TurnedAway():
            how = note.how if isinstance(note, MailFailed) else "policy"
            ramp = ramps.failed(ramp, rule.of(note.family), how, note.effect_id, day)
    rules.shop.ramps[note.family] = ramp


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
        """Call up a slice; return when there is more to do."""
        if not self._somebody_waits:
            return NOBODY
        lines = [(line, family) for family, line in LINES.items() if store.line_length(line)]
        if not lines and not store.line_length(GATHERED):
            self._somebody_waits = False
            return NOBODY
        if store.due(now, 1):
            return now + 1
        for line, family in lines:
            self._call_up(store, line, min(SLICE, left_of(self._handling.rules, family, now)), now)
        self._call_up(store, GATHERED, SLICE, now)
        rules = self._handling.rules
        self._somebody_waits = bool(store.line_length(GATHERED)) or any(
            store.line_length(line) and left_of(rules, family, now) for line, family in lines
        )
        store.save_shop(rules.shop)
        return now if self._somebody_waits else NOBODY

    def _call_up(self, store: Store, line: str, most: int, now: Instant) -> None:
        for customer_id in store.line(line, most) if most else ():
            self._handling.decide(store, customer_id, CalledUp(), now)
