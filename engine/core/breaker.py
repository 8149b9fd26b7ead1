"""The sender's circuit breaker: when so many mails fail, or annoy, that marketing has to stop by itself.

Counted by family of providers, against the shop day on which a mail left. Judged are the last days together, and a day of
its own where it is large, so that a bad list does not hide behind a good week. Small counts are judged by what they stand
for at least (Wilson's interval, 95 %), so that three complaints of thousands are no alarm and three of two hundred are.

A pause is lifted by a person alone. From then on only mails count that leave after it: the same mails trip it once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine.core.events import Reputation
from engine.core.moments import Day, Instant, rfc3339
from engine.core.providers import FAMILIES, family
from engine.core.ramp import at_least
from engine.core.rules import WHOLE, BreakerRule

DAYS_JUDGED: Final = 7
"""Shop days whose mails are judged together."""

LARGE_DAY: Final = 1_000
"""Mails from which a day is judged on its own: of fewer, chance would find a bad one sooner or later."""

CERTAINTY: Final = 1.96
"""Standard deviations of a two-sided 95 %."""

REPORTING: Final = frozenset({"yahoo", "microsoft", "gmx"})
"""Families that report complaints of single mails to whoever asks for it; others count once one was heard of."""

MARKETING: Final = "marketing"
"""The scope of a pause of all mail that is no service."""

FAMILY: Final = "family"
"""The scope of a pause of mail that is no service, to one family of providers."""

WHO: Final = "winback"
"""Who sets a pause that no person set."""


class MailDay(Struct, frozen=True, array_like=True):
    """What left on one shop day, and how many of it came back or annoyed, by kind."""

    day: Day
    sends: int = 0
    complaints: int = 0
    bounces: int = 0
    policy: int = 0
    unsubscribes: int = 0


class Breaker(Struct, frozen=True, array_like=True):
    """The counts of one family. `since`: mails released before are not counted; `last`: what was counted last."""

    since: Instant = 0
    days: tuple[MailDay, ...] = ()
    last: str = ""


class Trip(Struct, frozen=True):
    """What is to be paused, and the numbers that say why."""

    scope: str
    name: str
    why: str


class _Kind(Struct, frozen=True):
    """How one kind of failure is judged: from how many on, of how many, and from where on a day's plain share tells."""

    counts: str
    limit: str
    words: str
    least: int
    least_of: int = 1
    day_from: int = LARGE_DAY
    plain_from: int = 1 << 62


_KINDS: Final = (
    _Kind("complaints", "complaints", "complaints", 3),
    _Kind("bounces", "dead", "dead addresses", 10, day_from=500),
    _Kind("policy", "policy", "refusals for reasons of policy", 5, least_of=100, plain_from=100),
    _Kind("unsubscribes", "unsubscribes", "unsubscribes", 10),
)
_COUNTED: Final = ("sends", *(each.counts for each in _KINDS))


# Counting --------------------------------------------------------------------------------------------------------------


def with_mail(breaker: Breaker, at: Instant, day: Day, by: int) -> Breaker:
    """Count a mail that left on a day (`by` 1), or take back one that did not leave after all (-1)."""
    if at < breaker.since:
        return breaker
    if any(each.day == day for each in breaker.days):
        return replace(breaker, days=_changed(breaker.days, day, "sends", by))
    if by < 0:
        return breaker
    days = (each for each in breaker.days if each.day > day - DAYS_JUDGED)
    return replace(breaker, days=(*days, MailDay(day, by)))


def with_failure(breaker: Breaker, how: str, effect_id: str, at: Instant, day: Day) -> Breaker:
    """Count what became of a mail that left on a day; the same breaker where the mail is not one of those counted."""
    said = f"{how} {effect_id}"
    if at < breaker.since or said == breaker.last or not any(each.day == day for each in breaker.days):
        return breaker
    return replace(breaker, days=_changed(breaker.days, day, how, 1), last=said)


def begun_anew(breakers: Mapping[str, Breaker], scope: str, name: str, now: Instant) -> dict[str, Breaker]:
    """Return the counts after a pause was lifted: of what it covered, only mails count that leave from now on."""
    lifted = FAMILIES if scope == MARKETING else (name,) if scope == FAMILY else ()
    return {**breakers, **{each: Breaker(now) for each in lifted}}


def summed(breakers: Iterable[Breaker], since: Instant = 0) -> Breaker:
    """Add up the counts of one family in several parts of a shop; one that has not heard of `since` yet says nothing."""
    by_day: dict[Day, list[MailDay]] = {}
    for each in breakers:
        for counts in each.days if each.since >= since else ():
            by_day.setdefault(counts.day, []).append(counts)
    return Breaker(since, tuple(_all_of(by_day[day], day) for day in sorted(by_day)))


def _changed(days: Sequence[MailDay], day: Day, name: str, by: int) -> tuple[MailDay, ...]:
    return tuple(
        replace(each, **{name: max(0, getattr(each, name) + by)}) if each.day == day else each for each in days
    )


def _all_of(days: Sequence[MailDay], day: Day = 0) -> MailDay:
    return MailDay(day, *(sum(getattr(each, name) for each in days) for name in _COUNTED))


# Judging ---------------------------------------------------------------------------------------------------------------


def judged(breakers: Mapping[str, Breaker], rule: BreakerRule, today: Day, paused: frozenset[str]) -> Trip | None:
    """Say what has to stop, by counts of those families that are not `paused` already; None: nothing.

    One family's numbers stop that family. Where a second one's are bad, or only all together, it is not the provider.
    """
    days = {name: _recent(each, today) for name, each in breakers.items() if name not in paused}
    for name, own in sorted(days.items()):
        why = _why({name: own}, rule)
        if why:
            return (
                Trip(MARKETING, "", f"{why} to {name}, as to another")
                if paused
                else Trip(FAMILY, name, f"{why} to {name}")
            )
    why = _why(days, rule)
    return Trip(MARKETING, "", why) if why else None


def warnings(breakers: Mapping[str, Breaker], rule: BreakerRule, today: Day) -> list[str]:
    """Say of which families there are more complaints than is well, though not so many that it has to stop."""
    found = []
    for name, breaker in sorted(breakers.items()):
        counts = _all_of(_recent(breaker, today))
        of = counts.sends - counts.bounces
        if counts.complaints >= _KINDS[0].least and counts.complaints * WHOLE > rule.warn * of:
            found.append(f"{_said('complaints', counts.complaints, of, rule.warn)} to {name} in {DAYS_JUDGED} days")
    return found


def by_reputation(said: Reputation, rule: BreakerRule, breakers: Mapping[str, Breaker]) -> Trip | None:
    """Say what has to stop by what a provider says of us; of days before the last pause was lifted nothing is heard."""
    name = family_of(said.provider)
    since = breakers[name].since if name in breakers else 0
    if since and said.day <= rfc3339(since)[:10]:
        return None
    if said.spam_rate is not None and said.spam_rate * WHOLE >= rule.complaints:
        why = f"{said.provider} says that {100 * said.spam_rate:.2f} % were called spam on {said.day}"
        return Trip(FAMILY, name, f"{why}, at most {rule.complaints / 100:g} %")
    if said.reputation.casefold() in _BAD:
        return Trip(FAMILY, name, f"{said.provider} says that our reputation was {said.reputation} on {said.day}")
    return None


_BAD: Final = frozenset({"bad", "low"})
_BY_NAME: Final = {"google": "gmail", "outlook": "microsoft", "hotmail": "microsoft", "aol": "yahoo", "web.de": "gmx"}


def family_of(provider: str) -> str:
    """Return the family that a provider's name or domain is of."""
    name = provider.strip().casefold()
    return name if name in FAMILIES else _BY_NAME.get(name) or family(f"@{name}")


def _recent(breaker: Breaker, today: Day) -> tuple[MailDay, ...]:
    return tuple(each for each in breaker.days if each.day > today - DAYS_JUDGED)


def _why(days: Mapping[str, Sequence[MailDay]], rule: BreakerRule) -> str:
    """Say which share is too large over these families: in all days, or in one; empty where none is."""
    for kind in _KINDS:
        limit: int = getattr(rule, kind.limit)
        heard = [own for name, own in days.items() if kind.counts != "complaints" or _reports(name, own)]
        together = [each for own in heard for each in own]
        for judged_days, one_day in _spans(together):
            counts = _all_of(judged_days)
            count = getattr(counts, kind.counts)
            of = counts.sends - (counts.bounces if kind.counts == "complaints" else 0)
            if _too_many(kind, count, of, limit, one_day=one_day):
                when = "mails of one day" if one_day else f"mails of {DAYS_JUDGED} days"
                return f"{_said(kind.words, count, of, limit)}, {when}"
    return ""


def _spans(days: Sequence[MailDay]) -> Iterator[tuple[list[MailDay], bool]]:
    yield list(days), False
    for day in sorted({each.day for each in days}):
        yield [each for each in days if each.day == day], True


def _reports(name: str, days: Sequence[MailDay]) -> bool:
    return name in REPORTING or any(each.complaints for each in days)


def _too_many(kind: _Kind, count: int, of: int, limit: int, *, one_day: bool) -> bool:
    if count < kind.least or of < kind.least_of:
        return False
    if one_day and of >= kind.plain_from:
        return count * WHOLE > limit * of
    return (not one_day or of >= kind.day_from) and at_least(count, of, CERTAINTY) > limit / WHOLE


def _said(words: str, count: int, of: int, limit: int) -> str:
    return f"{count:,} {words} of {of:,} ({100 * count / of:.2f} %, at most {limit / 100:g} %)"
