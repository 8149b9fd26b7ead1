"""The volume ramp of one family of providers: how many mails a shop day, when it grows, and when it steps back.

It grows after a day that used most of what was allowed and stayed well. It does not while more mails fail than may. And
where chance does not explain how many fail it steps back at once: nothing more today, and half as many from tomorrow on.

Failures are counted against the day their mail left, so that a complaint about last week's mail is not held against the
few of today. What left before the last step back is not judged again: it has been.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import sqrt

from msgspec import Struct
from msgspec.structs import replace

from engine.core.moments import Day
from engine.core.rules import WHOLE, RampSteps

DAYS_JUDGED = 7
"""Shop days whose mails are judged: bounces come within minutes, complaints within days."""

LEAST_JUDGED = 50
"""Mails that must have left before a share of them says anything: of ten, one that bounces is a tenth."""

MOST_OF_IT = 8_000
"""The share of a day's allowance that must have been used for the day to show that more would go well, too."""

NEVER_BELOW = 10
"""However often it steps back, this part of `start:` stays (a tenth): with no mail at all nothing would ever show that
all is well again."""

_SURE = 2.326
"""Standard deviations of a one-sided 99 %: it is asked after each failure, so 95 % would be wrong too often."""

FAILURES = ("bounces", "complaints", "policy")


class RampDay(Struct, frozen=True, array_like=True):
    """What left on one shop day, and how many of it failed in each way."""

    day: Day
    sends: int = 0
    bounces: int = 0
    complaints: int = 0
    policy: int = 0


class Ramp(Struct, frozen=True, array_like=True):
    """The ramp of one family as it stood on `day`. `used` counts that day's mails.

    `scarce`: more may want to leave than are allowed, so that who goes first is decided by signs of life, not by who asks
    first. `failed` is the mail that failed last; what several accounts under one address hear of it counts once.
    `judged_from`: what left on an earlier day is not judged (of a shop in parts, whose days stay with the parts).
    """

    day: Day
    allowed: int
    used: int = 0
    days: tuple[RampDay, ...] = ()
    stopped: bool = False
    scarce: bool = True
    failed: str = ""
    why: str = ""
    judged_from: Day = 0


def on_day(ramp: Ramp | None, steps: RampSteps, today: Day) -> Ramp:
    """Return the ramp as it is on a shop day: begun, or grown by what the days since have shown."""
    if ramp is None:
        return Ramp(today, min(steps.start, steps.until))
    if ramp.day >= today:
        return ramp
    days = tuple(each for each in ramp.days if each.day > today - DAYS_JUDGED)
    allowed, why = _grown(ramp, days, steps)
    used_up = ramp.stopped or ramp.used >= ramp.allowed
    return replace(
        ramp,
        day=today,
        allowed=allowed,
        used=0,
        days=days,
        stopped=False,
        scarce=used_up if ramp.used or ramp.stopped else ramp.scarce,  # a Sunday without mail tells nothing
        why=why,
    )


def left(ramp: Ramp, steps: RampSteps) -> int:
    """Return how many more mails may leave on the ramp's day."""
    return 0 if ramp.stopped else max(0, min(ramp.allowed, steps.until) - ramp.used)


def released(ramp: Ramp, by: int, day: Day) -> Ramp:
    """Count a mail that leaves on a day (`by` 1), or give back one that did not leave after all (-1)."""
    used = max(0, ramp.used + by) if day == ramp.day else ramp.used
    if by > 0 and (not ramp.days or ramp.days[-1].day != day):
        return replace(ramp, used=used, days=(*ramp.days, RampDay(day, by)))
    days = tuple(replace(each, sends=max(0, each.sends + by)) if each.day == day else each for each in ramp.days)
    return replace(ramp, used=used, days=days)


def failed(ramp: Ramp, steps: RampSteps, how: str, effect_id: str, left_on: Day) -> Ramp:
    """Count a failure of a mail that left on a day, and step back where too many fail."""
    counted = with_failure(ramp, how, effect_id, left_on)
    return ramp if counted is ramp else _judged(counted, steps)


def with_failure(ramp: Ramp, how: str, effect_id: str, left_on: Day) -> Ramp:
    """Return the ramp with one more failure of a mail that left on a day, if it is another mail than the last one's."""
    if effect_id == ramp.failed or not any(each.day == left_on for each in ramp.days):
        return ramp
    days = tuple(replace(each, **{how: getattr(each, how) + 1}) if each.day == left_on else each for each in ramp.days)
    return replace(ramp, days=days, failed=effect_id)


def _judged(ramp: Ramp, steps: RampSteps) -> Ramp:
    for judged in (*ramp.days, _all_of(ramp.days)):
        for name, count, bound in _counts(judged, steps):
            if judged.sends >= LEAST_JUDGED and at_least(count, judged.sends) > bound / WHOLE:
                return _stepped_back(ramp, steps, f"{_said(name, count, judged.sends, bound)}: stepped back")
    return ramp


# A shop in parts: each counts what leaves there, and one place judges the sums ------------------------------------------


def in_part(ramp: Ramp | None, today: Day) -> Ramp:
    """Return the counts of one part as of a shop day; what it is allowed it is granted, and nothing is judged there."""
    if ramp is None or ramp.day >= today:
        return ramp or Ramp(today, 0)
    days = tuple(each for each in ramp.days if each.day > today - DAYS_JUDGED)
    return replace(ramp, day=today, used=0, days=days)


def of_parts(ramp: Ramp | None, parts: Sequence[Ramp], steps: RampSteps, today: Day) -> Ramp:
    """Return the ramp as the sums of all parts' counts make it on a shop day: begun, grown or stepped back."""
    begun = ramp or replace(on_day(None, steps, today), judged_from=today)
    days = _sums(parts)
    counted = replace(begun, days=_judged_days(days, begun.judged_from), used=_used(days, begun.day))
    now = replace(on_day(counted, steps, today), used=_used(days, today))
    judged = now if now.stopped else _judged(now, steps)
    return replace(judged, judged_from=today + 1) if judged is not now else now


def _sums(parts: Sequence[Ramp]) -> list[RampDay]:
    by_day: dict[Day, list[RampDay]] = {}
    for each in (day for part in parts for day in part.days):
        by_day.setdefault(each.day, []).append(each)
    return [replace(_all_of(tuple(by_day[day])), day=day) for day in sorted(by_day)]


def _judged_days(days: Sequence[RampDay], since: Day) -> tuple[RampDay, ...]:
    return tuple(each for each in days if each.day >= since)


def _used(days: Sequence[RampDay], day: Day) -> int:
    return sum(each.sends for each in days if each.day == day)


def at_least(count: int, of: int, sure: float = _SURE) -> float:
    """Return the share that at least so many of so many stand for: the lower bound of Wilson's score interval (1927)."""
    count = min(count, of)  # a mail may fail in two ways
    share, square = count / of, sure * sure
    middle = share + square / (2 * of)
    spread = sure * sqrt(share * (1 - share) / of + square / (4 * of * of))
    return (middle - spread) / (1 + square / of)


def _stepped_back(ramp: Ramp, steps: RampSteps, why: str) -> Ramp:
    least = max(1, steps.start // NEVER_BELOW)
    halved = max(least, min(ramp.allowed, steps.until) // 2)
    return replace(ramp, allowed=halved, days=(), stopped=True, why=why)


def _grown(ramp: Ramp, days: tuple[RampDay, ...], steps: RampSteps) -> tuple[int, str]:
    """Return what is allowed after the ramp's day, and why it is not more."""
    allowed = min(ramp.allowed, steps.until)
    if ramp.stopped:
        return allowed, ramp.why
    sums = _all_of(days)
    for name, count, bound in _counts(sums, steps):
        if count * WHOLE > bound * sums.sends:
            return allowed, f"{_said(name, count, sums.sends, bound)}: does not grow"
    if allowed >= steps.until:
        return allowed, ""
    if ramp.used * WHOLE < MOST_OF_IT * allowed:
        return allowed, f"only {ramp.used} of {allowed} were used: does not grow" if ramp.used else ramp.why
    return min(steps.until, -(-allowed * (WHOLE + steps.grow) // WHOLE)), ""


def _all_of(days: tuple[RampDay, ...]) -> RampDay:
    return RampDay(0, *(sum(getattr(each, name) for each in days) for name in ("sends", *FAILURES)))


def _counts(judged: RampDay, steps: RampSteps) -> Iterator[tuple[str, int, int]]:
    for name in FAILURES:
        yield name, getattr(judged, name), getattr(steps, name)


def _said(name: str, count: int, of: int, bound: int) -> str:
    share = f"{100 * count / of:.1f} %" if of else "all"
    return f"{name} {count} of {of} ({share}, at most {bound / 100:g} %)"
