"""Money, days and percentages as a reader of a language writes them: `20,00 €` in German, `€20.00` in English.

Babel knows how; what is here chooses its locale, and remembers what it wrote, since a day's mails share a few values.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, format_percent
from msgspec import Struct

from engine.core.money import DIGITS, Money
from engine.core.rules import WHOLE, Share

DAY_LENGTHS: Final = ("short", "medium", "long", "full")


class Percent(Struct, frozen=True):
    """A share to be shown: `Percent(1000)` is 10 %."""

    share: Share


class Shown(str):
    """A value as text in the language of the message; `value` is what it was, for filters that write it otherwise."""

    __slots__ = ("value",)
    value: object


def shown(value: Any, language: str) -> Any:
    """Return a value as a template shows it: money, days and percentages as text, empty text as None, else as it is.

    Empty text becomes None because Liquid takes `""` for true, so that `{% if customer.first_name %}` would be passed.
    """
    if isinstance(value, str):
        return value or None
    if isinstance(value, Money | Percent | date):
        text = Shown(written(value, language))
        text.value = value
        return text
    if isinstance(value, dict):
        return type(value)((key, shown(inner, language)) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return [shown(inner, language) for inner in value]
    return value


@lru_cache(maxsize=4096)
def written(value: Money | Percent | date, language: str, length: str = "long") -> str:
    """Write money, a percentage or a day in a language; `length` is for days: short, medium, long or full."""
    locale = _locale(language)
    if isinstance(value, Money):
        amount = Decimal(value.amount).scaleb(-DIGITS[value.currency])
        return format_currency(amount, value.currency, locale=locale)
    if isinstance(value, Percent):
        share = Decimal(value.share) / WHOLE
        return format_percent(share, locale=locale, decimal_quantization=False)
    return format_date(value, length, locale=locale)


@lru_cache(maxsize=256)
def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        base, _, rest = language.partition("-")
        return _locale(base) if rest else Locale("en")
