"""Money, days and percentages in the reader's language."""

from __future__ import annotations

from datetime import date

import pytest

from engine.core.money import Money
from engine.rendering.formats import Percent, Shown, shown, written

NBSP = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "language", "text"),
    [
        (Money(2_000, "EUR"), "de", f"20,00{NBSP}€"),
        (Money(2_000, "EUR"), "de-AT", f"€{NBSP}20,00"),
        (Money(2_000, "EUR"), "en", "€20.00"),
        (Money(123_456, "EUR"), "de", f"1.234,56{NBSP}€"),
        (Money(500, "JPY"), "en", "¥500"),
        (Money(1_250, "KWD"), "en", "KWD1.250"),
        (Percent(1_000), "de", f"10{NBSP}%"),
        (Percent(1_000), "en", "10%"),
        (Percent(750), "en", "7.5%"),
        (date(2026, 1, 19), "de", "19. Januar 2026"),
        (date(2026, 1, 19), "en", "January 19, 2026"),
        (date(2026, 1, 19), "en-GB", "19 January 2026"),
        (date(2026, 1, 19), "xx", "January 19, 2026"),
        (date(2026, 1, 19), "de-QQ", "19. Januar 2026"),
    ],
)
def test_values_are_written_as_the_language_writes_them(
    value: Money | Percent | date, language: str, text: str
) -> None:
    """Each kind of value follows the language, a region its base, and an unknown language English."""
    assert written(value, language) == text


def test_a_day_can_be_written_shorter_or_longer() -> None:
    """The lengths of a day are those of the filter `day`."""
    day = date(2026, 1, 19)
    assert [written(day, "de", length) for length in ("short", "medium", "full")] == [
        "19.01.26",
        "19.01.2026",
        "Montag, 19. Januar 2026",
    ]


def test_shown_values_remember_what_they_were() -> None:
    """A value is text to a template and still a day to a filter; empty text is nothing; the rest stays."""
    day = shown(date(2026, 1, 19), "de")
    assert isinstance(day, Shown)
    assert (day, day.value) == ("19. Januar 2026", date(2026, 1, 19))
    assert shown({"a": "", "b": 3, "c": [Percent(1_000)], "d": False}, "en") == {
        "a": None,
        "b": 3,
        "c": ["10%"],
        "d": False,
    }
