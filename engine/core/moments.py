"""Time as the core sees it: instants, calendar days and lengths, and the zones between them.

An `Instant` is an integer of microseconds since 1970-01-01T00:00Z, a `Day` an integer of days since 1970-01-01 on
somebody's calendar. Integers were chosen over `datetime` because they compare, sort and store exactly, and because the
back-test spends most of its time on them. Zones come from the pinned `tzdata`, so every machine has the same rules.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

from msgspec import Struct

Instant = int
Day = int

SECOND: int = 1_000_000
MINUTE: int = 60 * SECOND
HOUR: int = 60 * MINUTE
DAY: int = 24 * HOUR
MINUTES_A_DAY: int = 24 * 60

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = EPOCH.toordinal()
_MICROSECOND = timedelta(microseconds=1)


class Length(Struct, frozen=True, array_like=True):
    """A length of time as ops people write it: `2w` and `14d` are calendar days, `36h` and `15min` are exact."""

    days: int = 0
    minutes: int = 0

    def __str__(self) -> str:
        if self.minutes:
            return f"{self.minutes // 60}h" if self.minutes % 60 == 0 else f"{self.minutes}min"
        return f"{self.days}d"

    @property
    def roughly(self) -> int:
        """Microseconds, a day taken as 24 hours: for comparing lengths, never for setting a clock."""
        return self.days * DAY + self.minutes * MINUTE


def instant(moment: datetime) -> Instant:
    """Return an aware datetime as an instant, exactly."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


def moment(at: Instant) -> datetime:
    """Return an instant as an aware datetime in UTC."""
    return EPOCH + at * _MICROSECOND


def rfc3339(at: Instant) -> str:
    """Write an instant as RFC 3339 in UTC, with a fraction only where there is one."""
    seconds, fraction = divmod(at, SECOND)
    day, clock = divmod(seconds, 86_400)
    written = f"{iso_day(day)}T{_written_clock(clock)}"
    return f"{written}.{fraction:06d}Z" if fraction else f"{written}Z"


@lru_cache(maxsize=86_400)
def _written_clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


@lru_cache(maxsize=50_000)
def iso_day(day: Day) -> str:
    """Write a day as YYYY-MM-DD."""
    return datetime.fromordinal(day + _EPOCH_ORDINAL).date().isoformat()


def day_number(year: int, month: int, day: int) -> Day:
    """Return the number of a calendar day."""
    return date(year, month, day).toordinal() - _EPOCH_ORDINAL


def parse_day(text: str) -> Day | None:
    """Return a day from YYYY-MM-DD (a time after it is left out), None where it is none."""
    try:
        return day_number(int(text[:4]), int(text[5:7]), int(text[8:10]))
    except (ValueError, IndexError):
        return None


class Zone:
    """A time zone with a memory: asking the same day twice costs a dictionary look-up.

    The offset of a UTC day is remembered when it is the same at both its ends, which is every day but the two a year
    on which clocks change; those are asked of the zone each time.
    """

    __slots__ = ("_offsets", "_steady", "_zone", "name")

    def __init__(self, name: str, zone: tzinfo) -> None:
        self.name = name
        self._zone = zone
        self._offsets: dict[int, int | None] = {}
        self._steady: dict[Day, int | None] = {}  # the offset of a local day, where no clock changes near it

    def day(self, at: Instant) -> Day:
        """Return the calendar day of an instant in this zone."""
        return (at + self.offset(at)) // DAY

    def offset(self, at: Instant) -> int:
        """Return how far this zone is ahead of UTC at an instant, in microseconds."""
        utc_day = at // DAY
        try:
            known = self._offsets[utc_day]
        except KeyError:
            begin, end = self._ask(utc_day * DAY), self._ask((utc_day + 1) * DAY - SECOND)
            known = self._offsets[utc_day] = begin if begin == end else None
        return self._ask(at) if known is None else known

    def place(self, at: Instant) -> tuple[Day, int]:
        """Return the day and the clock time of an instant, in microseconds since the local midnight."""
        return divmod(at + self.offset(at), DAY)

    def is_steady(self, day: Day) -> bool:
        """Say whether no clock changes on or near a day, as far as it was asked about before."""
        return self._steady.get(day) is not None

    def change(self, day: Day) -> Instant | None:
        """Return the instant within a day at which this zone's clocks are changed, None on all other days."""
        begin, end = self.start(day), self.start(day + 1)
        if self.is_steady(day) or self.offset(begin) == self.offset(end - 1):
            return None
        before = self.offset(begin)
        while end - begin > 1:
            middle = (begin + end) // 2
            if self.offset(middle) == before:
                begin = middle
            else:
                end = middle
        return end

    def clock(self, at: Instant) -> int:
        """Return the clock time at an instant, in microseconds since the local midnight."""
        return (at + self.offset(at)) % DAY

    def at(self, day: Day, clock: int = 0) -> Instant:
        """Return the instant of a day's clock time (microseconds since midnight).

        A clock time that does not exist on that day moves forward; one that exists twice is the first.
        """
        wall = day * DAY + clock
        try:
            steady = self._steady[day]
        except KeyError:
            around = {self.offset((day + days) * DAY) for days in (-1, 0, 1, 2)}
            steady = self._steady[day] = around.pop() if len(around) == 1 else None
        if steady is not None:
            return wall - steady
        # The offsets a day before and a day after bracket the answer.
        before, after = self.offset(wall - DAY), self.offset(wall + DAY)
        for offset in sorted({before, after}, reverse=True):  # the greater offset is the earlier instant
            if self.offset(wall - offset) == offset:
                return wall - offset
        return wall - min(before, after)  # in the gap: as far behind the change as it claimed to be

    def start(self, day: Day) -> Instant:
        """Return the first instant of a day (midnight, or the end of the gap where midnight is skipped)."""
        return self.at(day)

    def after(self, at: Instant, length: Length) -> Instant:
        """Return the instant a length later: days keep the clock time, hours and minutes are exact."""
        if length.days:
            wall = at + self.offset(at) + length.days * DAY
            steady = self._steady.get(wall // DAY)
            at = self.at(*divmod(wall, DAY)) if steady is None else wall - steady
        return at + length.minutes * MINUTE

    def before(self, at: Instant, length: Length) -> Instant:
        """Return the instant a length earlier, by the same rules as `after`."""
        return self.after(at, Length(-length.days, -length.minutes))

    def weekday(self, day: Day) -> int:
        """Return the weekday of a day, Monday being 0."""
        return (day + 3) % 7  # 1970-01-01 was a Thursday

    def _ask(self, at: Instant) -> int:
        offset = moment(at).astimezone(self._zone).utcoffset()
        assert offset is not None, "a zone always knows its offset"
        return offset // _MICROSECOND


@lru_cache(maxsize=1024)
def zone(name: str) -> Zone:
    """Return the zone of an IANA name, such as Europe/Berlin.

    Raises:
        KeyError: the pinned tzdata has no zone of that name. (The system's own data is not asked: it differs between
            machines.)

    """
    parts = name.split("/")
    if not all(part and part.replace("_", "").replace("-", "").replace("+", "").isalnum() for part in parts):
        raise KeyError(name)
    try:
        with resources.files("tzdata.zoneinfo").joinpath(*parts).open("rb") as file:
            return Zone(name, ZoneInfo.from_file(file, key=name))
    except (OSError, ValueError):
        raise KeyError(name) from None


UTC_ZONE = Zone("UTC", UTC)
