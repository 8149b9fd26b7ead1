"""Allowances: what a part of the shop's customers may use of what is counted for the shop as a whole.

Money of a budget, places of an `enter_at_most`, a team's time, a pool's codes and a ramp's mails are used up by all
customers together.
Where one engine has a part of them alone, it uses what it was granted, and nothing else; a shop without parts has no
allowances, and asks the counts themselves. Whoever finds too little waits, and says how much would have done, until more
is granted or it is said that there is nothing left anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine.core.moments import MINUTE, Instant

BUDGET: Final = "budget"
CODES: Final = "codes"
ENTRIES: Final = "entries"
HAND_OFFS: Final = "hand_offs"
RAMP: Final = "ramp"
"""What may be granted: of an offer's budget (smallest units), its pool's codes, a workflow's places, a team's time, and
mails to a family of providers."""

ASK_AGAIN: Final = MINUTE
"""How long somebody waits who has found too little: what is granted meanwhile is there when they ask again."""


class Allowance(Struct, frozen=True, array_like=True):
    """What one part may use of one thing. Only `left` may be, and of what has an end only before it.

    `granted`, `used` and `back` (given back) count since the present window began, or ever where there are no windows;
    `before` is what was granted in earlier ones. `used` may be more than was granted: what cannot wait is counted all the
    same. `wanted` is the least that would have done for somebody who found less, 0 for nobody, and `in_all` what would
    have done for all of them, who may have asked more than once. `used_up`: there is no more anywhere, before `free_at` if
    that is known.
    """

    granted: int = 0
    used: int = 0
    back: int = 0
    before: int = 0
    wanted: int = 0
    in_all: int = 0
    since: Instant = 0
    until: Instant = 0
    used_up: bool = False
    free_at: Instant = 0

    @property
    def left(self) -> int:
        """What was granted, and neither used nor given back."""
        return self.granted - self.used - self.back


NONE_YET: Final = Allowance()


class Lacks(Struct, frozen=True):
    """Too little of an allowance is left, and it is not said that there is no more: this much would have done."""

    key: str
    amount: int


def key_of(what: str, name: str) -> str:
    """Return the name of an allowance: what of, and whose."""
    return f"{what} {name}"


def allowance_of(allowances: Mapping[str, Allowance], what: str, name: str) -> Allowance:
    """Return what may be used of one thing; of what was never granted there is nothing yet."""
    return allowances.get(key_of(what, name), NONE_YET)


def left_at(allowance: Allowance, now: Instant) -> int:
    """Return how much may be used now."""
    return 0 if allowance.until and not allowance.since <= now < allowance.until else allowance.left


def used(allowance: Allowance, amount: int) -> Allowance:
    """Return the allowance when so much was used, or (negative) given back by whoever had used it."""
    return replace(allowance, used=allowance.used + amount)


def wanting(allowance: Allowance, amount: int) -> Allowance:
    """Return the allowance when somebody found less than they needed."""
    least = min(allowance.wanted or amount, amount)
    return replace(allowance, wanted=least, in_all=allowance.in_all + amount)


def granted(
    allowance: Allowance, amount: int, *, back: int = 0, since: Instant = 0, until: Instant = 0, free_at: Instant = 0
) -> Allowance:
    """Return the allowance when more of it was granted (`amount`), or some of what is left is to be given back.

    With another `until` a new window begins, and what was left of the one before is no more. Neither more nor less says
    that there is nothing left anywhere.
    """
    if until != allowance.until:
        total = allowance.before + allowance.granted
        allowance = Allowance(before=total, wanted=allowance.wanted, in_all=allowance.in_all, since=since, until=until)
    returned = allowance.back + max(0, min(back, allowance.left))
    return replace(
        allowance,
        granted=allowance.granted + amount,
        back=returned,
        wanted=0 if amount else allowance.wanted,
        in_all=0 if amount else allowance.in_all,
        used_up=not amount and not back,
        free_at=free_at,
    )


def without(allowances: Mapping[str, Allowance]) -> dict[str, Allowance]:
    """Return allowances with nothing left: all is given back, since other rules hold from now on."""
    return {
        key: replace(each, back=each.back + max(0, each.left), wanted=0, in_all=0) for key, each in allowances.items()
    }
