"""Sharing out one thing among parts: who waits goes first, and what is idle with others comes back to where it is wanted."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct


class Held(Struct, frozen=True):
    """What a part has of one thing, as far as is known: `left` may be used there at any moment.

    `wanted` is the least that somebody there waits for, 0 for nobody, `in_all` what all of them do; `used_up` says that it
    knows of there being no more.
    """

    left: int = 0
    wanted: int = 0
    in_all: int = 0
    used_up: bool = False


class Share(Struct, frozen=True):
    """What a part is told: that it may use more, or is to give some back, or that there is no more for it anywhere."""

    amount: int = 0
    back: int = 0
    used_up: bool = False


def allot(free: int, parts: Sequence[Held], *, stock: bool = True) -> list[Share]:
    """Share out what is free: first to those who wait, the smallest wish first, then as a stock for all alike.

    Half of everything stays at hand, so that who wants more finds it at once; nobody's stock is more than an equal share
    of the other half. Who wants what only others have gets it when those have given it back.

    Args:
        free: what is neither used nor granted; below 0 where the limit has become lower.
        parts: what each part has.
        stock: whether to give more than is waited for.

    """
    shares = [Share()] * len(parts)
    spare = [max(0, each.left) for each in parts]
    at_hand, missing = max(0, free), max(0, -free)
    for place in sorted(_waiting(parts), key=lambda each: (parts[each].wanted - parts[each].left, each)):
        held = parts[place]
        need = held.wanted - held.left
        if need <= at_hand:
            shares[place], at_hand = Share(need), at_hand - need
            spare[place] = 0
        elif missing + need <= at_hand + sum(spare) - spare[place]:
            missing, at_hand = missing + need - at_hand, 0
            spare[place] = 0
        elif not held.used_up:
            shares[place] = Share(used_up=True)
    _take_back(missing, parts, spare, shares)
    if stock and not missing:
        _stock_up(_serve_all(at_hand, parts, shares), free, parts, shares)
    return shares


def _serve_all(at_hand: int, parts: Sequence[Held], shares: list[Share]) -> int:
    """Let those who got what one of theirs waits for have what all do, as far as it goes; return what is left then."""
    for place in _waiting(parts):
        if shares[place].amount:
            more = max(0, min(at_hand, parts[place].in_all - parts[place].left - shares[place].amount))
            shares[place], at_hand = Share(shares[place].amount + more), at_hand - more
    return at_hand


def _waiting(parts: Sequence[Held]) -> list[int]:
    return [place for place, each in enumerate(parts) if each.wanted > each.left]


def _take_back(missing: int, parts: Sequence[Held], spare: Sequence[int], shares: list[Share]) -> None:
    """Ask those for it who have the most, and first of all those where nobody waits."""
    for place in sorted(range(len(parts)), key=lambda each: (parts[each].wanted > 0, -spare[each], each)):
        back = min(missing, spare[place])
        if back:
            shares[place] = Share(back=back)
            missing -= back


def _stock_up(at_hand: int, free: int, parts: Sequence[Held], shares: list[Share]) -> None:
    level = (max(0, free) + sum(max(0, each.left) for each in parts)) // (2 * len(parts))
    for place in sorted(range(len(parts)), key=lambda each: (parts[each].left, each)):
        more = min(level - parts[place].left - shares[place].amount, at_hand)
        if more > 0 and 2 * (parts[place].left + shares[place].amount) < level:
            shares[place], at_hand = Share(shares[place].amount + more), at_hand - more
