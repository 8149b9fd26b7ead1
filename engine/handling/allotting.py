"""Who gets how much of what is counted for the shop as a whole, where its customers are in parts.

One place decides it, the shop's office, from what the parts said last. What it knows is always old: a part may have used
more since, but never more than it was granted. So whatever was granted and is not known to be used counts as used up
already, and the sum stays below the limit however late anybody hears of anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine.core.allowances import BUDGET, ENTRIES, HAND_OFFS, NONE_YET, RAMP, Allowance, key_of
from engine.core.moments import Instant, Length, Zone, zone
from engine.core.providers import FAMILIES
from engine.core.ramp import of_parts
from engine.core.ramping import LINES
from engine.core.rulebook import Rules
from engine.core.rules import Budget, HandOff, RampSteps, Workflow
from engine.core.shop import TASKS_KEPT, Pace, Shop, is_warm
from engine.core.signals import Granted
from engine.handling.shares import Held, Share, allot
from engine.handling.sweeping import MOST_WITHOUT_PACE, SETTLING

AMPLE: Final = 1 << 60
"""More than is ever used: of what nothing limits."""

Line = Callable[[str, int], Sequence[int]]
"""The parts of the first so many customers in a workflow's line, in its order."""


class Part(Struct, frozen=True):
    """What the office knows of a part: its shop as it said last (None: it has said nothing), and all it was granted."""

    shop: Shop | None = None
    granted: Mapping[str, int] = {}


def held_by(part: Part, key: str, until: Instant = 0) -> Held:
    """Return what a part has of one thing, and of the present window alone where that has an end.

    What it was granted and has not heard of yet counts as left.
    """
    allowance = _allowance(part, key)
    under_way = granted_to(part, key) - allowance.before - allowance.granted
    left = allowance.left if allowance.until == until else 0
    return Held(under_way + left, allowance.wanted, allowance.in_all, used_up=allowance.used_up and not under_way)


def granted_to(part: Part, key: str) -> int:
    """Return how much a part was granted of one thing; it may know of more than books that were restored from a backup."""
    allowance = _allowance(part, key)
    return max(part.granted.get(key, 0), allowance.before + allowance.granted)


def _allowance(part: Part, key: str) -> Allowance:
    known = part.shop.allowances if part.shop is not None else None
    return (known or {}).get(key, NONE_YET)


class Allotting:
    """The office's sharing out, kind by kind. The windows of `enter_at_most` are kept in the office's own shop."""

    def __init__(self, rules: Rules, parts: Sequence[Part], line: Line, line_length: Callable[[str], int]) -> None:
        """Share out by these rules, with the office's shop in them, among these parts, in the order of their numbers."""
        self._rules, self._parts = rules, parts
        self._line, self._line_length = line, line_length
        self._zone: Zone = zone(rules.lifecycle.timezone)

    def grants(self, now: Instant) -> Iterator[tuple[int, Granted]]:
        """Yield what to tell which part. What is told is noted as granted before this is asked again."""
        for name, budget in _budgets(self._rules).items():
            yield from self._shared(BUDGET, name, self._unspent(name, budget, now))
        for team, limits in _teams(self._rules.versions.values()).items():
            yield from self._team_time(team, limits, now)
        for workflow in self._rules.in_order:
            if not self._rules.switch(workflow.name).skip_those_who_fit:
                yield from self._entries(workflow.name, now)
        if self._rules.lifecycle.ramp is not None:
            for family in FAMILIES:
                yield from self._mails(family, self._rules.lifecycle.ramp.of(family), now)

    def _shared(self, what: str, name: str, unused: int, *, free_at: Instant = 0) -> Iterator[tuple[int, Granted]]:
        """Share out what is not used of one thing, less what is granted already."""
        held = [held_by(part, key_of(what, name)) for part in self._parts]
        free = unused - sum(max(0, each.left) for each in held)
        for number, share in enumerate(allot(free, held)):
            if share != Share():
                yield number, Granted(what, name, share.amount, share.back, free_at=free_at)

    def _unspent(self, offer: str, budget: Budget, now: Instant) -> int:
        first = self._zone.day(self._zone.before(now, budget.length)) + 1
        spent = (part.shop.budgets.get(offer, {}) for part in self._parts if part.shop is not None)
        return budget.money.amount - sum(amount for by_day in spent for day, amount in by_day.items() if day >= first)

    def _team_time(
        self, team: str, limits: frozenset[tuple[int, Length]], now: Instant
    ) -> Iterator[tuple[int, Granted]]:
        """Share out a team's time: as much as the narrowest of its limits leaves."""
        shops = [part.shop for part in self._parts if part.shop is not None]
        given = sorted(at for shop in shops for at in shop.hand_offs.get(team, ()))
        unused, free_at = AMPLE, 0
        for count, length in limits:
            most = min(count, TASKS_KEPT)
            ends = [end for at in given[-most:] if (end := self._zone.after(at, length)) > now]
            if most - len(ends) < unused:
                unused, free_at = most - len(ends), ends[0] if len(ends) == most else 0
        yield from self._shared(HAND_OFFS, team, unused, free_at=free_at)

    # Who waits in a line -------------------------------------------------------------------------------------------------

    def _entries(self, name: str, now: Instant) -> Iterator[tuple[int, Granted]]:
        waiting, pace = self._line_length(name), self._rules.switch(name).enter_at_most
        if not waiting or not self._may_let_in(now):
            return
        if pace is None:
            if waiting > MOST_WITHOUT_PACE:
                self._refuse(name)
            else:
                yield from self._let_in(name, AMPLE, waiting, 0, 0)
            return
        shop = self._rules.shop
        window = shop.paces.get(name)
        is_new = window is None or self._zone.after(window.began, pace.length) <= now
        if window is None or is_new:
            window = shop.paces[name] = Pace(now)
        until = self._zone.after(window.began, pace.length)
        yield from self._let_in(name, pace.count, waiting, window.began, until, tell_all=is_new)

    def _mails(self, family: str, steps: RampSteps, now: Instant) -> Iterator[tuple[int, Granted]]:
        """Judge a family's ramp by what all parts have counted, and grant what it leaves of today, by its line if there is one."""
        shop, today = self._rules.shop, self._zone.day(now)
        counts = [
            part.shop.ramps[family] for part in self._parts if part.shop is not None and family in part.shop.ramps
        ]
        waiting, key = self._line_length(LINES[family]), key_of(RAMP, family)
        if not counts and not waiting and not any(held_by(part, key).wanted for part in self._parts):
            return
        ramp = shop.ramps[family] = of_parts(shop.ramps.get(family), counts, steps, today)
        since, until = self._zone.start(today), self._zone.start(today + 1)
        held = [held_by(part, key, until) for part in self._parts]
        granted = sum(max(0, each.left) for each in held)
        free = 0 if ramp.stopped else min(ramp.allowed, steps.until) - ramp.used - granted
        if ramp.stopped:
            shares = [Share(back=max(0, each.left)) for each in held]
        elif waiting:
            shares = allot(free, self._wishes(LINES[family], waiting, granted + max(0, free), held), stock=False)
        else:
            shares = allot(free, held)
        for number, share in enumerate(shares):
            if share.amount or share.back:
                yield number, Granted(RAMP, family, share.amount, share.back, since=since, until=until)

    def _wishes(self, line: str, waiting: int, most: int, held: Sequence[Held]) -> list[Held]:
        """Return what each part would have for those of its customers who stand first in a line."""
        firsts = self._line(line, min(waiting, most))
        return [replace(each, wanted=firsts.count(number), in_all=0) for number, each in enumerate(held)]

    def _let_in(
        self, name: str, most: int, waiting: int, since: Instant, until: Instant, *, tell_all: bool = False
    ) -> Iterator[tuple[int, Granted]]:
        """Grant places to those parts whose customers stand first in the line."""
        key = key_of(ENTRIES, name)
        held = [held_by(part, key, until) for part in self._parts]
        granted = sum(max(0, each.left) for each in held)
        free = most - granted - self._entered(name, since)
        wishes = self._wishes(name, waiting, granted + max(0, free), held)
        for number, share in enumerate(allot(free, wishes, stock=False)):
            if tell_all or share.amount or share.back:
                yield number, Granted(ENTRIES, name, share.amount, share.back, since=since, until=until)

    def _entered(self, name: str, since: Instant) -> int:
        """Return how many have entered in a window, as far as is known: not only those who were let in."""
        paces = (part.shop.paces.get(name) for part in self._parts if part.shop is not None)
        return sum(pace.count for pace in paces if since and pace is not None and pace.began == since)

    def _may_let_in(self, now: Instant) -> bool:
        """Say whether anybody is let in: the warm-up is over, and no history has come for a while."""
        last = max((part.shop.last_history_at for part in self._parts if part.shop is not None), default=0)
        shop = self._rules.shop
        return now >= (last + SETTLING if last else 0) and is_warm(shop, self._rules.lifecycle, now)

    def _refuse(self, name: str) -> None:
        shop = self._rules.shop
        if name not in shop.refused:
            shop.refused = (*shop.refused, name)


def _budgets(rules: Rules) -> dict[str, Budget]:
    """Return the budget of each offer: as it is in force, else as the last version says that runs are still on."""
    found: dict[str, Budget] = {}
    for _, workflow in sorted(rules.versions.items()):
        found |= {name: offer.budget for name, offer in workflow.offers.items() if offer.budget is not None}
    return found | {name: offer.budget for name, offer in rules.rule_set.offers.items() if offer.budget is not None}


def _teams(workflows: Iterable[Workflow]) -> dict[str, frozenset[tuple[int, Length]]]:
    """Return how many customers each team takes, by every step that names it and says so."""
    found: dict[str, frozenset[tuple[int, Length]]] = {}
    for workflow in workflows:
        for step in (each for stage in workflow.stages for each in stage.steps):
            if isinstance(step, HandOff) and step.at_most is not None:
                found[step.team] = found.get(step.team, frozenset()) | {step.at_most}
    return found
