"""Time: instants, days and lengths, also where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import resources
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.moments import (
    DAY,
    HOUR,
    MINUTE,
    UTC_ZONE,
    Length,
    Zone,
    day_number,
    instant,
    iso_day,
    moment,
    rfc3339,
    zone,
)

INSTANTS = st.integers(0, instant(datetime(2199, 12, 31, tzinfo=UTC)))
ZONES = st.sampled_from(
    [
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "America/Sao_Paulo",
        "Africa/Casablanca",
    ]
)
BERLIN = zone("Europe/Berlin")


def at(text: str) -> int:
    """The instant of an ISO time."""
    return instant(datetime.fromisoformat(text))


@given(INSTANTS)
def test_instants_and_datetimes_are_the_same(now: int) -> None:
    """An instant becomes a datetime and back without losing a microsecond."""
    assert instant(moment(now)) == now
    assert at(rfc3339(now)) == now


@given(INSTANTS, ZONES)
def test_days_and_clocks_are_those_of_the_zone(now: int, name: str) -> None:
    """Day, clock time and weekday of an instant equal those that the standard library tells."""
    with resources.files("tzdata.zoneinfo").joinpath(*name.split("/")).open("rb") as pinned:  # not the system's
        here, local = zone(name), moment(now).astimezone(ZoneInfo.from_file(pinned))
    assert iso_day(here.day(now)) == local.date().isoformat()
    assert here.weekday(here.day(now)) == local.weekday()
    wall = local.replace(tzinfo=None) - datetime.combine(local.date(), datetime.min.time())
    assert here.clock(now) == wall // timedelta(microseconds=1)


@given(INSTANTS, ZONES)
def test_the_instant_of_a_clock_time(now: int, name: str) -> None:
    """The instant of a day's clock time shows that clock time, and is the first that does."""
    here = zone(name)
    found = here.at(here.day(now), here.clock(now))
    assert (here.day(found), here.clock(found)) == (here.day(now), here.clock(now))
    assert found <= now
    assert now - found in (0, HOUR, HOUR // 2)


def test_a_clock_time_that_does_not_exist_moves_forward() -> None:
    """02:30 on the day clocks go forward is 03:30 of the new time."""
    assert BERLIN.at(day_number(2026, 3, 29), 2 * HOUR + 30 * MINUTE) == at("2026-03-29T03:30:00+02:00")


def test_a_clock_time_that_exists_twice_is_the_first() -> None:
    """02:30 on the day clocks go back is that of summer time."""
    assert BERLIN.at(day_number(2026, 10, 25), 2 * HOUR + 30 * MINUTE) == at("2026-10-25T02:30:00+02:00")


def test_a_day_begins_where_its_midnight_is_skipped() -> None:
    """In Sao Paulo 2018-11-04 began at 01:00."""
    here = zone("America/Sao_Paulo")
    assert here.start(day_number(2018, 11, 4)) == at("2018-11-04T01:00:00-02:00")


@pytest.mark.parametrize(
    ("start", "length", "end"),
    [
        ("2026-03-28T10:00:00+01:00", Length(days=1), "2026-03-29T10:00:00+02:00"),
        ("2026-03-28T10:00:00+01:00", Length(minutes=24 * 60), "2026-03-29T11:00:00+02:00"),
        ("2026-03-28T02:30:00+01:00", Length(days=1), "2026-03-29T03:30:00+02:00"),
        ("2026-10-24T10:00:00+02:00", Length(days=1), "2026-10-25T10:00:00+01:00"),
        ("2026-01-31T10:00:00+01:00", Length(days=28), "2026-02-28T10:00:00+01:00"),
        ("2024-02-28T10:00:00+01:00", Length(days=366), "2025-02-28T10:00:00+01:00"),
    ],
)
def test_lengths(start: str, length: Length, end: str) -> None:
    """Days keep the clock time over a change of clocks, hours are exact."""
    assert BERLIN.after(at(start), length) == at(end)


def test_before_is_the_way_back() -> None:
    """A length before an instant keeps the clock time too."""
    assert BERLIN.before(at("2026-03-29T10:00:00+02:00"), Length(days=1)) == at("2026-03-28T10:00:00+01:00")
    assert BERLIN.before(at("2026-03-29T10:00:00+02:00"), Length(minutes=90)) == at("2026-03-29T08:30:00+02:00")


@pytest.mark.parametrize(
    ("length", "text", "roughly"),
    [
        (Length(days=14), "14d", 14 * DAY),
        (Length(minutes=36 * 60), "36h", 36 * HOUR),
        (Length(minutes=15), "15min", 15 * MINUTE),
        (Length(), "0d", 0),
    ],
)
def test_lengths_are_written_as_people_do(length: Length, text: str, roughly: int) -> None:
    """A length is written with its unit, and compares by its rough size."""
    assert (str(length), length.roughly) == (text, roughly)


@pytest.mark.parametrize(
    "name", ["Europe/Nowhere", "", "/etc/passwd", "../UTC", "Europe", "Europe/", "a\0b", "zone.tab"]
)
def test_unknown_zones(name: str) -> None:
    """A name that the pinned tzdata does not know is a KeyError, whatever it looks like."""
    with pytest.raises(KeyError):
        zone(name)


def test_a_zone_is_asked_once_a_day() -> None:
    """The offset of a day is remembered, so that asking costs a look-up; days of a change are asked each time."""

    class Counted(Zone):
        asked = 0

        def _ask(self, at: int) -> int:
            Counted.asked += 1
            return super()._ask(at)

    here = Counted("Europe/Berlin", ZoneInfo("Europe/Berlin"))
    for hour in range(24):
        here.day(at("2026-01-31T00:00:00+00:00") + hour * HOUR)
    assert Counted.asked == 2
    assert here.offset(at("2026-03-29T00:59:59+00:00")) == HOUR
    assert here.offset(at("2026-03-29T01:00:00+00:00")) == 2 * HOUR


def test_utc_is_a_zone() -> None:
    """UTC has days of its own, without offset."""
    assert UTC_ZONE.day(DAY * 20_000 + DAY - 1) == 20_000
    assert zone("UTC").at(20_000, HOUR) == DAY * 20_000 + HOUR
