"""The ramp as people are shown it: of each family of providers what is allowed today, what was used, and who waits."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from engine.core.moments import Instant
from engine.core.providers import FAMILIES
from engine.core.ramping import LATER, LINES, left_of, ramp_of
from engine.core.rulebook import Rules


class RampRow(Struct, frozen=True):
    """The ramp of one family today. `why`: what keeps it from growing, or made it step back; `stopped`: no more today."""

    family: str
    allowed: int
    used: int
    left: int
    waiting: int
    stopped: bool
    why: str


def ramp_rows(rules: Rules, lines: Mapping[str, int], now: Instant) -> list[RampRow]:
    """Return a row for each family that was written to or that somebody waits for; none where there is no ramp.

    `lines` are the lengths of the store's lines, by name.
    """
    rows = []
    for name in FAMILIES:
        waiting = lines.get(LINES[name], 0) + lines.get(LATER[name], 0)
        ramp, left = ramp_of(rules, name, now), left_of(rules, name, now)
        if ramp is not None and left is not None and (waiting or name in rules.shop.ramps):
            rows.append(RampRow(name, ramp.used + left, ramp.used, left, waiting, ramp.stopped, ramp.why))
    return rows
