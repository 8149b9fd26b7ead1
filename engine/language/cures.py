"""What to write instead: the cure for how people write lengths, money, shares, clock times and rates at first."""

from __future__ import annotations

import re
from calendar import monthrange
from decimal import Decimal

from engine.core.money import DIGITS

UNITS = {"min": (0, 1), "h": (0, 60), "d": (1, 0), "w": (7, 0)}


_WORDS_FOR_UNITS = {
    "min": ("m", "mins", "minute", "minutes", "minuten"),
    "h": ("hr", "hrs", "hour", "hours", "stunde", "stunden", "std"),
    "d": ("day", "days", "tag", "tage", "tagen"),
    "w": ("wk", "wks", "week", "weeks", "woche", "wochen"),
}


_UNIT_OF = {word: unit for unit, words in _WORDS_FOR_UNITS.items() for word in words}


_MONTHS = ("mo", "month", "months", "monat", "monate", "monaten")


_YEARS = ("y", "yr", "yrs", "year", "years", "jahr", "jahre", "jahren", "a")


_CURRENCY_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR", "zł": "PLN", "kr": "SEK"}


def cure_of_length(text: str) -> str:
    """Return what to write for `10 days`, `14`, `1.5d`, `P14D`, months."""
    units = "units: min, h, d, w"
    match = re.fullmatch(r"\s*(-?\d+)(?:[.,](\d+))?\s*([^\W\d]*)\.?\s*", text)
    if not match:
        clock = re.fullmatch(r"(\d{1,3}):(\d\d)(?::\d\d)?", text)
        if clock:
            return f"write {int(clock[1]) * 60 + int(clock[2])}min"
        iso = re.fullmatch(r"P(\d+)([DW])", text, re.IGNORECASE)
        return f"write {iso[1]}{iso[2].lower()}" if iso else f"write 14d for two weeks ({units})"
    number, fraction, word = match[1], match[2], match[3].lower()
    if number.startswith("-"):
        return f"a length is not negative; write {number[1:]}{word or 'd'}"
    if word in _MONTHS:
        return f"months differ in length; write {int(number) * 30}d"
    if word in _YEARS:
        return f"write {int(number) * 365}d"
    unit = word if word in UNITS else _UNIT_OF.get(word, "")
    if fraction:
        return _cure_of_fraction(f"{number}.{fraction}", unit)
    if not word:
        return f"write {number}d for days ({units})"
    return f"write {number}{unit}" if unit else f"the units are min, h, d and w; write {number}d for days"


def _cure_of_fraction(number: str, unit: str) -> str:
    days, minutes = UNITS.get(unit, (1, 0))
    whole = Decimal(number) * (days * 1440 + minutes)
    hours = whole / 60
    return f"write whole numbers: {int(hours)}h" if hours == int(hours) else f"write whole numbers: {int(whole)}min"


def cure_of_money(text: str) -> str:
    """Return what to write for `20`, `€20`, `20,50 EUR`."""
    digits = re.search(r"\d+(?:[.,]\d+)?", text)
    if not digits:
        return "write 20 EUR"
    if text.strip().startswith("-"):
        return "an amount is not negative"
    amount = digits[0].replace(",", ".")
    codes = [code for code in re.findall(r"[A-Za-z]{3}", text.upper()) if code in DIGITS]
    signs = [code for sign, code in _CURRENCY_SIGNS.items() if sign in text]
    return f"write {amount} {(codes or signs or ['EUR'])[0]}"


def cure_of_percent(text: str) -> str:
    """Return what to write for `5`, `0.05`, `5 percent`."""
    match = re.fullmatch(r"\s*(\d+(?:[.,]\d+)?)\s*(%|percent|per cent|prozent|)\s*", text, re.IGNORECASE)
    if not match:
        return "write 5%"
    number = Decimal(match[1].replace(",", "."))
    if not match[2] and 0 < number < 1:
        number = (number * 100).normalize()
    share = f"{round(min(number, Decimal(100)), 2):f}"
    return f"write {share.rstrip('0').rstrip('.') if '.' in share else share}%"


def cure_of_clock(text: str) -> str:
    """Return what to write for `9-20`."""
    numbers = re.fullmatch(r"\s*(\d{1,2})(?::(\d\d))?\s*(?:-|\u2013|to|bis)\s*(\d{1,2})(?::(\d\d))?\s*", text)
    if not numbers or int(numbers[1]) > 23 or int(numbers[3]) > 24:
        return "write 09:00-20:00"
    return f"write {int(numbers[1]):02}:{numbers[2] or '00'}-{int(numbers[3]):02}:{numbers[4] or '00'}"


def cure_of_clock_time(text: str) -> str:
    """Return what to write for `9`, `9:30`, `10am`, `10.30`."""
    match = re.fullmatch(r"\s*(\d{1,2})(?:[:.](\d\d))?\s*(am|pm|h|uhr)?\s*", text, re.IGNORECASE)
    hours = int(match[1]) if match else 24
    if match and (match[3] or "").lower() == "pm" and hours < 12:
        hours += 12
    minutes = (match[2] or "00") if match else "60"
    return f"write {hours:02}:{minutes}" if hours < 24 and int(minutes) < 60 else "write it like 09:30"


def cure_of_month_day(text: str) -> str:
    """Return what to write for `2026-12-24`, `24.12.`, `12/24`, `02-30`."""
    if year := re.fullmatch(r"\d{4}-(\d\d-\d\d)", text):
        return f"it comes each year: write {year[1]}"
    if german := re.fullmatch(r"(\d{1,2})\.\s?(\d{1,2})\.?", text):
        return f"month first: write {int(german[2]):02}-{int(german[1]):02}"
    match = re.fullmatch(r"(\d{1,2})[-/](\d{1,2})", text)
    if not match:
        return "write month and day in two digits each"
    first, second = int(match[1]), int(match[2])
    if 12 < first <= 31 and 1 <= second <= 12:
        return f"month first: write {second:02}-{first:02}"
    if 1 <= first <= 12:
        last = monthrange(2000, first)[1]
        return f"write {first:02}-{min(max(second, 1), last):02}" + (", the month's last day" if second > last else "")
    return "write month and day in two digits each"


def cure_of_rate(text: str, otherwise: str) -> str:
    """Return what to write for `500 a day`, `1 per week`; `otherwise` is an example for what cannot be guessed."""
    match = re.match(r"\s*(\d+)\s*(?:([A-Z]{3})\s*)?(?:/|per|a|an|each|every|pro|)\s*(.*)$", text)
    if not match:
        return f"write {otherwise}"
    amount = f"{match[1]} {match[2]}" if match[2] else match[1]
    if "EUR" in otherwise and not match[2]:
        amount += " EUR"
    span = match[3].strip().lower()
    unit = span if span in UNITS else _UNIT_OF.get(span, "")
    number = re.fullmatch(r"(\d+)\s*(\w+)", span)
    if number and (inner := number[2] if number[2] in UNITS else _UNIT_OF.get(number[2], "")):
        return f"write {amount} per {number[1]}{inner}"
    if span in _MONTHS or span in _YEARS:
        return f"write {amount} per {30 if span in _MONTHS else 365}d"
    if not span:
        return f"write {amount} per {otherwise.rpartition(' ')[2]}"
    return f"write {amount} per 1{unit}" if unit else f"write {otherwise}"
