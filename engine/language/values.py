"""How the scalars of the language are written, and the cure for how people write them at first.

Each function takes the text and returns the value, or raises `Wrong` with what is wrong and what to write instead.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from engine.core.moments import Day, Length, day_number
from engine.core.money import DIGITS, Money, smallest_units
from engine.core.rules import WHOLE, Share
from engine.language.cures import (
    UNITS,
    cure_of_clock,
    cure_of_clock_time,
    cure_of_length,
    cure_of_money,
    cure_of_month_day,
    cure_of_percent,
    cure_of_rate,
)
from engine.language.problems import did_you_mean, shown

LONGEST_DAYS = 36_500


NAME = r"[^\W_](?:[\w-]{0,62}[^\W_])?"


EVENT_NAME = r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+"


LENGTH = r"\d+(?:min|h|d|w)"


MONEY = r"\d+(?:\.\d+)? [A-Z]{3}"


PERCENT = r"\d{1,3}(?:\.\d{1,2})?%"


CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d"


MONTH_DAY = r"(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"


CLOCK_SPAN = r"(?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-4]):[0-5]\d"


class Wrong(ValueError):
    """A scalar that is not what its key asks for: what is wrong, and what to write instead."""

    def __init__(self, message: str, hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code


def length(text: str) -> Length:
    """Read `15min`, `36h`, `30d` or `2w`; a week is seven days."""
    match = re.fullmatch(r"(\d{1,9})(min|h|d|w)", text)
    if not match:
        raise Wrong(f"a length is a number and a unit, not {shown(text)}", cure_of_length(text))
    number = int(match[1])
    days, minutes = UNITS[match[2]]
    if number * days + number * minutes // 1440 > LONGEST_DAYS:
        raise Wrong(f"{shown(text)} is longer than {LONGEST_DAYS}d", f"write {LONGEST_DAYS}d or less")
    return Length(number * days, number * minutes)


def length_above_zero(text: str) -> Length:
    """Read a length that is not zero."""
    found = length(text)
    if not found.roughly:
        raise Wrong(f"{shown(text)} is no time at all", "write a length above zero, or leave this out")
    return found


def whole_days(text: str) -> int:
    """Read a length of whole days, `30d` or `2w`."""
    found = length(text)
    if found.minutes:
        raise Wrong(f"whole days are expected, not {shown(text)}", f"write {-(-found.minutes // 1440)}d")
    return found.days


def money(text: str) -> Money:
    """Read an amount and its currency, `20 EUR`."""
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,4})?) ([A-Z]{3})", text)
    if not match:
        raise Wrong(f"money is an amount and a currency, not {shown(text)}", cure_of_money(text))
    if match[2] not in DIGITS:
        raise Wrong(f"ISO 4217 knows no currency {match[2]}", did_you_mean(match[2], DIGITS))
    try:
        return Money(smallest_units(Decimal(match[1]), match[2]), match[2])
    except ValueError as error:
        raise Wrong(str(error), "write fewer digits") from None


def money_above_zero(text: str) -> Money:
    """Read an amount that is not zero."""
    found = money(text)
    if not found.amount:
        raise Wrong(f"{shown(text)} is nothing", "write an amount above zero, or leave this out")
    return found


def cost(text: str) -> Money:
    """Read what one message costs, `0.002 EUR`, as the money that a thousand cost: that is whole cents."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?) ([A-Z]{3})", text)
    if not match or match[2] not in DIGITS:
        return money(text)  # says what is wrong
    try:
        return Money(smallest_units(Decimal(match[1]) * 1000, match[2]), match[2])
    except ValueError:
        most = DIGITS[match[2]] + 3
        raise Wrong(f"{shown(text)} has more than {most} digits after the point", "write fewer digits") from None


def percent(text: str) -> Share:
    """Read `5%` or `2.5%` as parts of ten thousand."""
    match = re.fullmatch(r"(\d{1,3})(?:\.(\d{1,2}))?%", text)
    if not match:
        raise Wrong(f"a share is written with its percent sign, not {shown(text)}", cure_of_percent(text))
    share = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))
    if share > WHOLE:
        raise Wrong(f"{shown(text)} is more than all of them", "write 100% or less")
    return share


def percent_below_whole(text: str) -> Share:
    """Read a share that leaves somebody over."""
    share = percent(text)
    if share >= WHOLE:
        raise Wrong("100% leaves nobody over", "write less")
    return share


def clock_span(text: str) -> tuple[int, int]:
    """Read `09:00-20:00` as minutes since midnight. It may go over midnight."""
    if not re.fullmatch(CLOCK_SPAN, text):
        raise Wrong(f"a span of clock times is written 09:00-20:00, not {shown(text)}", cure_of_clock(text))
    begin, end = (int(part[:2]) * 60 + int(part[3:]) for part in text.split("-"))
    if end > 1440:
        raise Wrong(f"{shown(text)} ends after midnight", "write 24:00 for midnight")
    if begin == end:
        raise Wrong(f"{shown(text)} begins and ends at once", "leave it out if all day is meant")
    return begin, end


def clock(text: str) -> int:
    """Read `10:00` as minutes since midnight."""
    if not re.fullmatch(CLOCK, text):
        raise Wrong(f"a clock time is written 09:30, not {shown(text)}", cure_of_clock_time(text))
    return int(text[:2]) * 60 + int(text[3:])


def month_day(text: str) -> tuple[int, int]:
    """Read `12-24`, a day that comes each year, as month and day. 02-29 is one, in other years the 28th."""
    match = re.fullmatch(r"(\d\d)-(\d\d)", text)
    month, day = (int(match[1]), int(match[2])) if match else (0, 0)
    try:
        date(2000, month, day)  # a leap year
    except ValueError:
        raise Wrong(f"a day of the year is written 12-24, not {shown(text)}", cure_of_month_day(text)) from None
    return month, day


def percent_above_zero(text: str) -> Share:
    """Read a share that is not nothing."""
    share = percent(text)
    if not share:
        raise Wrong(f"{shown(text)} is nothing", "write a share above zero, or leave this out")
    return share


def signed(text: str, least: int, most: int) -> int:
    """Read a whole number that may lie below zero, within bounds."""
    if not re.fullmatch(r"-?\d{1,4}", text) or not least <= int(text) <= most:
        cure = f"write a number from {least} to {most}" if re.fullmatch(r"-?\d+", text) else "write digits only"
        raise Wrong(f"a whole number from {least} to {most} is expected, not {shown(text)}", cure)
    return int(text)


def nth(text: str) -> int:
    """Read which weekday of a month is meant: one that each month has, counted from its begin or (-1) from its end."""
    found = signed(text, -5, 5)
    if not -4 <= found <= 4 or not found:
        raise Wrong(
            f"not every month has a weekday number {found}",
            f"write {-1 if found > 0 else 1}, the {'last' if found > 0 else 'first'} one",
        )
    return found


def rate(text: str) -> tuple[int, Length]:
    """Read `500 per 1d` as a number and a length."""
    match = re.fullmatch(r"(\d{1,9}) per (\S+)", text)
    if not match or not re.fullmatch(LENGTH, match[2]):
        raise Wrong(f"a rate is a number per length of time, not {shown(text)}", cure_of_rate(text, "1 per 30d"))
    if not int(match[1]):
        raise Wrong(f"{shown(text)} is never", "write a number above zero")
    return int(match[1]), length_above_zero(match[2])


def money_rate(text: str) -> tuple[Money, Length]:
    """Read `5000 EUR per 30d`."""
    amount, _, span = text.partition(" per ")
    if not re.fullmatch(MONEY, amount) or not re.fullmatch(LENGTH, span):
        cure = cure_of_rate(text, "5000 EUR per 30d")
        raise Wrong(f"a budget is money per length of time, not {shown(text)}", cure)
    return money_above_zero(amount), length_above_zero(span)


def whole_number(text: str, least: int = 0, most: int = 1_000_000_000) -> int:
    """Read a whole number within bounds."""
    if not re.fullmatch(r"\d{1,10}", text) or not least <= int(text) <= most:
        bounds = f"from {least} to {most}" if most < 1_000_000_000 else f"from {least}" if least else ""
        cure = f"write a number {bounds}" if text.isdigit() and bounds else "write digits only"
        raise Wrong(f"a whole number {bounds} is expected, not {shown(text)}".replace("  ", " "), cure)
    return int(text)


def number(text: str) -> int | float:
    """Read a number of a customer's or event's field; `1.5` has a point, not a comma."""
    if not re.fullmatch(r"-?\d{1,15}(\.\d{1,6})?", text):
        cure = (
            f"write {text.replace(',', '.')}" if re.fullmatch(r"-?\d+,\d+", text) else "write digits, such as 3 or 2.5"
        )
        raise Wrong(f"a number is expected, not {shown(text)}", cure)
    try:
        exact = Decimal(text)
    except InvalidOperation:  # pragma: no cover - the pattern lets nothing else through
        raise Wrong(f"a number is expected, not {shown(text)}") from None
    return int(exact) if exact == int(exact) else float(exact)


def fraction(text: str) -> tuple[int, int]:
    """Read a decimal number above zero as a fraction of two integers, exactly."""
    if not re.fullmatch(r"\d{1,4}(\.\d{1,4})?", text) or not Fraction(text):
        raise Wrong(f"a number above zero is expected, not {shown(text)}", "write digits, such as 2 or 1.5")
    exact = Fraction(text)
    return exact.numerator, exact.denominator


def day(text: str) -> Day:
    """Read `2026-01-31` as the number of the day."""
    match = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", text)
    try:
        found = date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        found = None
    if found is None:
        raise Wrong(f"a day is written 2026-01-31, not {shown(text)}", "write year, month and day")
    return day_number(found.year, found.month, found.day)


def flag(text: str) -> bool:
    """Read `true` or `false`; `on` and `off` mean the same."""
    found = {"true": True, "on": True, "false": False, "off": False}.get(text)
    if found is None:
        meant = {"yes": "true", "ja": "true", "1": "true", "no": "false", "nein": "false", "0": "false"}
        hint = f"write {meant[text.lower()]}" if text.lower() in meant else did_you_mean(text, ["true", "false"])
        raise Wrong(f"true or false is expected, not {shown(text)}", hint or "write true or false")
    return found


def name(text: str) -> str:
    """Read a name: letters, digits, `-` and `_`."""
    if not re.fullmatch(NAME, text):
        plain = re.sub(r"[^\w-]+", "_", text).strip("_-")[:60]
        hint = f"write {plain}" if plain and re.fullmatch(NAME, plain) else "letters, digits, - and _ make a name"
        raise Wrong(f"a name is letters, digits, - and _, not {shown(text)}", hint)
    return text


def event_name(text: str) -> str:
    """Read the name of an event of the shop's own, `review.written`."""
    if not re.fullmatch(EVENT_NAME, text):
        message = f"an event's name is what it is about, a point, and what happened, not {shown(text)}"
        raise Wrong(message, "write it like review.written, in small letters")
    return text
