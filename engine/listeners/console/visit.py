"""One look at a page: by whom, in which language, and how that language writes numbers, days and clocks."""

from __future__ import annotations

from datetime import date
from typing import Final

from babel.dates import format_date
from msgspec import Struct

from engine.core.moments import Day, Instant, moment, rfc3339, zone
from engine.listeners.console.markup import Html, h
from engine.listeners.console.sights import Here
from engine.listeners.console.words import LANGUAGES

_EPOCH: Final = date(1970, 1, 1).toordinal()
_LOCALES: Final = {"en": "en_GB", "de": "de_DE"}


class Visit(Struct, frozen=True, kw_only=True):
    """One look at a page. `path` has its query; `token` makes forms ours; `who` is empty where nobody said."""

    language: str
    here: Here
    path: str
    token: str
    who: str = ""
    with_mailbox: bool = False

    def say(self, key: str, **values: str | int) -> str:
        """Return words of the table, with numbers as the language groups them; `one|many` is chosen by `n`."""
        text = LANGUAGES[self.language][key]
        one, bar, many = text.partition("|")
        if bar:
            text = one if values.get("n") == 1 else many
        shown = {name: self.number(value) if isinstance(value, int) else value for name, value in values.items()}
        return text.format(**shown)

    def knows(self, key: str) -> bool:
        """Say whether the table has words of this key."""
        return key in LANGUAGES[self.language]

    def number(self, value: int) -> str:
        """Write a whole number."""
        grouped = f"{value:,}"
        return grouped.replace(",", ".") if self.language == "de" else grouped

    def count(self, value: int) -> Html:
        """Write a whole number for a table; nothing stands back, so that the others are seen."""
        return h.span(self.number(value), class_=None if value else "zero")

    def money(self, amount: str) -> str:
        """Write an amount that is known as digits and currency, such as `49.90 EUR`."""
        return amount.replace(".", ",") if self.language == "de" else amount

    def share(self, part: int, whole: int) -> str:
        """Write a share in whole percent."""
        return f"{part * 100 / whole:.0f} %" if self.language == "de" else f"{part * 100 / whole:.0f}%"

    def day(self, day: Day, form: str = "d MMM y") -> str:
        """Write a calendar day."""
        return format_date(date.fromordinal(day + _EPOCH), form, locale=_LOCALES[self.language])

    def today(self) -> Day:
        """Return the shop's day."""
        return zone(self.here.timezone).day(self.here.now)

    def clock(self, at: Instant, timezone: str = "") -> Html:
        """Write an instant on the shop's clock, or on another: the clock time alone where it is today."""
        there = zone(timezone or self.here.timezone)
        wall = moment(at + there.offset(at))
        day = there.day(at)
        written = f"{wall:%H:%M}"
        if day != there.day(self.here.now):
            written = f"{self.day(day)}, {written}"
        return h.time(written, datetime=rfc3339(at))
