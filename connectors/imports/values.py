"""Cells as other tools write them: dates with the day or the month first, decimal commas, yes and no in words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from msgspec import Struct

from engine.core.moments import SECOND, Instant, day_number, instant, zone

_YEARS: Final = range(1970, 2200)
_DATE = r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})"
_CLOCK = r"(?:[ ,T]+(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?\s*([AaPp][Mm])?)?"
_LOCAL: Final = re.compile(_DATE + _CLOCK, re.ASCII)
_UTC: Final = re.compile(r"\s*(?:UTC|GMT)$")
_AMOUNT: Final = re.compile(r"-?\d+(?:[.,']\d+)*", re.ASCII)
_COMMA_LAST: Final = re.compile(r"-?(?:\d{1,3}(?:[.']\d{3})+|\d+),\d{1,2}(?!\d)", re.ASCII)
_DECIMAL_DOT: Final = re.compile(r"-?(?:\d{1,3}(?:[,']\d{3})+|\d+)\.\d{1,2}(?!\d)", re.ASCII)

YES: Final = frozenset({"1", "true", "yes", "y", "x", "on", "ja", "wahr", "oui", "si", "sí"})
NO: Final = frozenset({"", "0", "false", "no", "n", "off", "nein", "falsch", "non", "-", "never", "null", "none"})
ABSENT: Final = frozenset({"", "-", "null", "none", "n/a", "0000-00-00", "0000-00-00 00:00:00", "0"})
"""What a cell for a moment holds where there is none."""


class Style(Struct, frozen=True):
    """How a file writes what can be written in several ways. `day_first` is None while nothing shows it."""

    day_first: bool | None = None
    decimal_comma: bool = False
    timezone: str = "UTC"


def style_of(
    dates: Iterable[str],
    amounts: Iterable[str],
    *,
    comma_cuts: bool,
    timezone: str,
    day_first: bool | None = None,
) -> Style:
    """Find out how a file writes dates and amounts from some of its cells.

    A date with a dot has its day first anywhere. Else the first number over 12 tells; where none does it stays open,
    and an ambiguous date is refused rather than guessed. `comma_cuts`: cells are separated by commas.
    """
    if day_first is None:
        shown = {_day_first(text) for text in dates} - {None}
        day_first = shown.pop() if len(shown) == 1 else None
    texts = list(amounts)
    commas = any(_COMMA_LAST.search(text) for text in texts)
    dots = any(_DECIMAL_DOT.search(text) for text in texts)
    return Style(day_first, commas and not dots if texts else not comma_cuts, timezone)


def moment(text: str, style: Style) -> Instant | None:
    """Return the instant that a cell names, None where it names none. A day is its midnight in the style's zone.

    Raises:
        ValueError: it is no date, may be one of two, or lies before 1970 or after 2199.

    """
    return None if text.casefold() in ABSENT else _moment(text, style)


@lru_cache(maxsize=50_000)
def _moment(text: str, style: Style) -> Instant:
    there = zone(style.timezone)
    if text.isdecimal() and len(text) in (10, 13):
        return int(text) * (SECOND if len(text) == 10 else SECOND // 1_000)
    local = _LOCAL.fullmatch(text)
    if local is not None:
        written = _from_parts(local, style)
    else:
        try:
            written = datetime.fromisoformat(_UTC.sub("+00:00", text))
        except ValueError:
            raise ValueError("is not a date (2026-01-31, 31.01.2026) nor a time (2026-01-31 10:15:00)") from None
    if written.year not in _YEARS:
        raise ValueError("lies before 1970 or after 2199")
    if written.tzinfo is not None:
        return instant(written)
    clock = instant(written.replace(tzinfo=UTC)) - instant(
        datetime(written.year, written.month, written.day, tzinfo=UTC)
    )
    return there.at(day_number(written.year, written.month, written.day), clock)


def _from_parts(parts: re.Match[str], style: Style) -> datetime:
    first, mark, second, year, hour, minute, seconds, half = parts.groups()
    day_first = True if mark == "." else _day_first(parts[0])
    if day_first is None:
        day_first = style.day_first
    if day_first is None and first != second:
        raise ValueError("may have its day or its month first: say --dates dmy or --dates mdy")
    day, month = (first, second) if day_first else (second, first)
    o_clock = int(hour or 0)
    if half:
        o_clock = o_clock % 12 + (12 if half.casefold() == "pm" else 0)
    try:
        return datetime(int(year), int(month), int(day), o_clock, int(minute or 0), int(seconds or 0))  # noqa: DTZ001 - the zone is the style's
    except ValueError:
        raise ValueError("is no day of the calendar, or no time of a day") from None


def _day_first(text: str) -> bool | None:
    """Say whether a date shows by itself that its day comes first; None where it might be either, or is no such date."""
    parts = _LOCAL.fullmatch(text)
    if parts is None or parts[2] == ".":
        return None
    first, second = int(parts[1]), int(parts[3])
    if first > 12 >= second:
        return True
    return False if second > 12 >= first else None


def day(text: str, style: Style) -> str:
    """Return a calendar day as YYYY-MM-DD, empty where the cell names none.

    Raises:
        ValueError: as `moment`; days before 1970, as of a birthday, are fine.

    """
    if text.casefold() in ABSENT:
        return ""
    compact = re.fullmatch(r"(\d{4})(\d{2})(\d{2})", text, re.ASCII)
    if compact:
        return "-".join(compact.groups())
    local = _LOCAL.fullmatch(text)
    if local is not None:
        return _from_parts(local, style).date().isoformat()
    try:
        return datetime.fromisoformat(_UTC.sub("+00:00", text)).date().isoformat()
    except ValueError:
        raise ValueError("is not a day (2026-01-31, 31.01.2026)") from None


def amount(text: str, style: Style) -> str:
    """Return an amount with a decimal point and nothing else; signs of currencies are left out.

    Raises:
        ValueError: it is no amount.

    """
    plain = re.sub(r"[\s\u00a0\u202f]|[A-Z]{3}|[€$£¥]", "", text)
    if not _AMOUNT.fullmatch(plain):
        raise ValueError("is not an amount of money")
    plain = plain.replace("'", "")
    if style.decimal_comma:
        return plain.replace(".", "").replace(",", ".")
    return plain.replace(",", "")


def truth(text: str) -> bool:
    """Say whether a cell says yes.

    Raises:
        ValueError: it says neither yes nor no.

    """
    word = text.casefold()
    if word in YES:
        return True
    if word in NO:
        return False
    raise ValueError("must be yes or no")
