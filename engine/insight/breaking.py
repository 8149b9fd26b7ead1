"""What the breaker is about to stop, as people are shown it; what it has stopped they see among the pauses."""

from __future__ import annotations

from engine.core.breaker import warnings
from engine.core.moments import Instant, zone
from engine.core.rulebook import Rules


def annoyed(rules: Rules, now: Instant) -> list[str]:
    """Return in a sentence each where complaints are over `warn:`; nothing where the breaker is off."""
    rule = rules.lifecycle.breaker
    if rule is None:
        return []
    return warnings(rules.shop.breakers, rule, zone(rules.lifecycle.timezone).day(now))
