"""The shop as a whole: what its office says of it, and what its partitions have counted.

A partition decides by a shop of its own. What people are shown, and what the office reckons with, is one shop again: times
and words are the office's, counts the sums of the partitions', as they were last told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from msgspec.structs import replace

from engine.core.breaker import Breaker, summed
from engine.core.cadence import Cadence, Intervals
from engine.core.moments import Day
from engine.core.providers import FAMILIES
from engine.core.shop import TASKS_KEPT, Draining, Pace, Shop

T = TypeVar("T")


def combined(office: Shop, partitions: Collection[Shop], *, alone: bool = False) -> Shop:
    """Return the shop as a whole, by those of its partitions that were heard of; `alone`: there is only one.

    Of no partition there is nothing to add, and it is the office's own.
    """
    if not partitions:
        return office
    return replace(
        office,
        cadence=summed_cadence(each.cadence for each in partitions),
        known_since=min((each.known_since for each in partitions if each.known_since is not None), default=None),
        armed=_merged((each.armed for each in partitions), max),
        judged_to=min(each.judged_to for each in partitions),
        judge_to=max(each.judge_to for each in partitions),
        last_history_at=max(each.last_history_at for each in partitions),
        sweep=next((each.sweep for each in partitions if each.sweep is not None), None),
        draining=_draining([each.draining for each in partitions if each.draining is not None]),
        paces=_paces(next(iter(partitions)).paces if alone else office.paces, [each.paces for each in partitions]),
        used_up=_merged((each.used_up for each in partitions), max),
        refused=tuple(dict.fromkeys(name for each in (office, *partitions) for name in each.refused)),
        budgets=_budgets(each.budgets for each in partitions),
        codes=_merged((each.codes for each in partitions), lambda one, other: [*one, *other]),
        granted=_merged((each.granted for each in partitions), lambda one, other: one + other),
        hand_offs=_merged(
            (each.hand_offs for each in partitions), lambda one, other: tuple(sorted((*one, *other)))[-TASKS_KEPT:]
        ),
        ramps=next(iter(partitions)).ramps if alone else office.ramps,  # the office judges the sums
        breakers=breakers_of(office, partitions),
        call_up_at=min((each.call_up_at for each in partitions if each.call_up_at), default=0),
        forgotten_to=min(each.forgotten_to for each in partitions),
    )


def breakers_of(office: Shop, partitions: Collection[Shop]) -> dict[str, Breaker]:
    """Return the mails counted by family; a partition that has not heard yet that the counts began anew says nothing."""
    return {
        family: summed(
            (each.breakers[family] for each in partitions if family in each.breakers),
            office.breakers[family].since if family in office.breakers else 0,
        )
        for family in FAMILIES
        if any(family in each.breakers for each in (office, *partitions))
    }


def summed_cadence(cadences: Iterable[Cadence]) -> Cadence:
    """Return the intervals of all customers, wherever they are."""
    total = Cadence()
    for each in cadences:
        total.overall.merge(each.overall)
        for name, intervals in each.categories.items():
            total.categories.setdefault(name, Intervals()).merge(intervals)
    return total


def _merged(parts: Iterable[Mapping[str, T]], join: Callable[[T, T], T]) -> dict[str, T]:
    found: dict[str, T] = {}
    for part in parts:
        for name, value in part.items():
            found[name] = join(found[name], value) if name in found else value
    return found


def _budgets(parts: Iterable[Mapping[str, Mapping[Day, int]]]) -> dict[str, dict[Day, int]]:
    found: dict[str, Counter[Day]] = {}
    for part in parts:
        for offer, by_day in part.items():
            found.setdefault(offer, Counter()).update(by_day)
    return {offer: dict(sorted(by_day.items())) for offer, by_day in found.items()}


def _draining(parts: Sequence[Draining]) -> Draining | None:
    return replace(parts[0], left=sum(each.left for each in parts)) if parts else None


def _paces(office: Mapping[str, Pace], partitions: Sequence[Mapping[str, Pace]]) -> dict[str, Pace]:
    """Add up who entered in the windows that the office has begun; a partition in an earlier one says nothing of them."""
    found: dict[str, Pace] = {}
    for name, window in office.items():
        here = [each[name] for each in partitions if name in each and each[name].began == window.began]
        found[name] = Pace(window.began, sum(each.count for each in here))
    return found
