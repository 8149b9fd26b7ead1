"""Quiet hours by the customer's own clock, over both changes of the clocks in five zones of very different habits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.moments import DAY, HOUR, MINUTE, Instant, instant, moment, zone
from engine.core.rules import RuleSet
from tests.builders import PLAIN, Play, rules_of, somebody
from tests.core.shops import known, permitted, steps

ZONES = ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo")
"""By an hour at two, by an hour at two or three, by half an hour, at the end of a Saturday, and at midnight."""

QUIET = (
    (20 * 60, 8 * 60),  # as it ships
    (22 * 60, 2 * 60 + 15),  # ends in an hour that may be missing, or come twice
    (1 * 60 + 45, 7 * 60),  # begins in one
    (0, 9 * 60),  # midnight may be missing, too
    (23 * 60 + 30, 30),
    (12 * 60, 14 * 60),
)


@cache
def changes(name: str) -> tuple[Instant, ...]:
    """The instants of 2026 at which the clocks of a zone change, found by looking at every hour."""
    there, start = ZoneInfo(name), datetime(2026, 1, 1, tzinfo=UTC)
    hours = [start + timedelta(hours=number) for number in range(365 * 24)]
    offsets = [each.astimezone(there).utcoffset() for each in hours]
    return tuple(instant(hours[at]) for at in range(1, len(hours)) if offsets[at] != offsets[at - 1])


def is_quiet(at: Instant, name: str, quiet: tuple[int, int]) -> bool:
    """Whether a wall clock of this zone shows quiet hours, by Python's own calendar."""
    wall = moment(at).astimezone(ZoneInfo(name))
    clock, (begin, end) = wall.hour * 60 + wall.minute, quiet
    return begin <= clock < end if begin < end else clock >= begin or clock < end


@cache
def first_allowed(at: Instant, name: str, quiet: tuple[int, int]) -> Instant:
    """The first instant from one on that is not quiet: found minute by minute, without any reckoning."""
    if not is_quiet(at, name, quiet):
        return at
    minute = at - at % MINUTE
    while is_quiet(minute, name, quiet):
        minute += MINUTE
    return minute


@cache
def rules(quiet: tuple[int, int]) -> RuleSet:
    """One mail at each visit."""
    return rules_of(steps("- send: hello\n"), lifecycle=replace(PLAIN, quiet=quiet))


def released(at: Instant, name: str, quiet: tuple[int, int]) -> list[Instant]:
    """When the mail left that was first asked for at an instant."""
    play = Play(rules=rules(quiet), start=at)
    profile = known(email="ada@example.org", timezone=name)
    play.put(somebody(profile=profile, permission=permitted("marketing/email")))
    play.happens("customer.visited")
    play.until(at + 2 * DAY)
    return [each.time for each in play.effects if each.type == "winback.send.requested"]


def test_each_zone_changes_its_clocks_twice() -> None:
    """Else the tests below would look at days like any other."""
    assert {name: len(changes(name)) for name in ZONES} == dict.fromkeys(ZONES, 2)


@pytest.mark.parametrize("name", ZONES)
@given(
    change=st.integers(0, 1),
    before=st.integers(-30 * HOUR // MINUTE, 14 * HOUR // MINUTE),
    seconds=st.sampled_from([0, 0, 1, 59]),
    quiet=st.sampled_from(QUIET),
)
def test_a_send_leaves_at_the_first_instant_that_is_not_quiet(
    name: str, change: int, before: int, seconds: int, quiet: tuple[int, int]
) -> None:
    """No send leaves while the customer's clock shows quiet hours, and each leaves as soon as it shows others."""
    at = changes(name)[change] + before * MINUTE + seconds * 1_000_000
    assert released(at, name, quiet) == [first_allowed(at, name, quiet)]


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("quiet", QUIET[:3])
def test_every_ten_minutes_around_the_change(name: str, quiet: tuple[int, int]) -> None:
    """The same, for each tenth minute of the six hours around both changes."""
    for change in changes(name):
        for minutes in range(-180, 181, 10):
            at = change + minutes * MINUTE
            assert released(at, name, quiet) == [first_allowed(at, name, quiet)], zone(name).clock(at) / HOUR
