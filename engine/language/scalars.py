"""The kinds of scalars: each with what it says of itself, its code, its reader and its JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from importlib import resources
from typing import Any

from engine.core.catalogue import CATALOGUE
from engine.core.causes import CAUSES
from engine.core.moments import zone
from engine.core.money import DIGITS
from engine.language import values
from engine.language.kinds import BAD, Definitions, Schema
from engine.language.nodes import Broken, Listing, Node, Text
from engine.language.problems import did_you_mean, one_of, shown
from engine.language.reading import Reading, Reference
from engine.language.values import Wrong

MOST_LETTERS = 2_000
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class Scalar:
    """A text that a function turns into a value; `code` is what its errors are called.

    What is longer than `longest` letters is not looked at: nobody meant it, and Python has limits for long numbers.
    """

    says: str
    code: str
    parse: Callable[[str], Any]
    json: Callable[[], Schema]
    longest: int = 100

    def read(self, node: Node, reading: Reading) -> Any:
        """Return the value of a text, or note what is wrong with it."""
        text = text_of(node, self.says, reading)
        if text is None:
            return BAD
        if len(text.value) > self.longest:
            message = f"{self.says} is expected, and this is {len(text.value)} letters long"
            reading.error(text, self.code, message, f"write at most {self.longest} letters")
            return BAD
        try:
            return self.parse(text.value)
        except Wrong as wrong:
            reading.error(text, wrong.code or self.code, wrong.message, wrong.hint)
            return BAD

    def schema(self, _: Definitions) -> Schema:
        """Return the JSON Schema of the text, with what editors are to say of one that does not match."""
        made = self.json()
        return {**made, "patternErrorMessage": f"{self.says} is expected"} if "pattern" in made else made


@dataclass(frozen=True)
class Word:
    """One of some words, each with its value."""

    words: dict[str, Any]

    @property
    def says(self) -> str:
        """What is expected here."""
        return one_of(self.words)

    def read(self, node: Node, reading: Reading) -> Any:
        """Return the value of a word."""
        text = text_of(node, self.says, reading)
        if text is None:
            return BAD
        if text.value in self.words:
            return self.words[text.value]
        near = next((word for word in self.words if len(word) > 2 and text.value.lower().startswith(word)), "")
        hint = did_you_mean(text.value, self.words) or f"write {near or self.says}"
        reading.error(text, "bad-word", f"{self.says} is expected, not {shown(text.value)}", hint)
        return BAD

    def schema(self, _: Definitions) -> Schema:
        """Return the words as an enumeration."""
        return {"enum": list(self.words)}


@dataclass(frozen=True)
class WordOr:
    """Some words that stand for a value, or else a scalar of a kind: `never` or a length."""

    words: dict[str, Any]
    kind: Scalar

    @property
    def says(self) -> str:
        """What is expected here."""
        return f"{self.kind.says}, or {one_of(self.words)}"

    def read(self, node: Node, reading: Reading) -> Any:
        """Return the value of a word, or read it as the kind."""
        if isinstance(node, Text) and node.value in self.words:
            return self.words[node.value]
        if isinstance(node, Text) and not any(letter.isdigit() for letter in node.value):
            near = [word for word in self.words if word[0] == node.value[:1].lower()]
            hint = did_you_mean(node.value, near) or f"write {self.says}"
            reading.error(node, self.kind.code, f"{self.says} is expected, not {shown(node.value)}", hint)
            return BAD
        return self.kind.read(node, reading)

    def schema(self, definitions: Definitions) -> Schema:
        """Return the words, or the kind."""
        return {"anyOf": [{"enum": list(self.words)}, self.kind.schema(definitions)]}


@dataclass(frozen=True)
class Ref:
    """A name that must belong to something; the check of references looks when everything has been read."""

    to: str

    @property
    def says(self) -> str:
        """What is expected here."""
        return f"the name of {'an' if self.to[0] in 'aeiou' else 'a'} {self.to}"

    def read(self, node: Node, reading: Reading) -> Any:
        """Return the name, and remember to look whether it exists."""
        found = NAME.read(node, reading)
        if found is not BAD and isinstance(node, Text):
            reading.references.append(Reference(self.to, node))
        return found

    def schema(self, _: Definitions) -> Schema:
        """Return a name's schema."""
        return NAME.schema({})


def text_of(node: Node, says: str, reading: Reading) -> Text | None:
    """Return a node that is a text; note it when it is a list or mapping."""
    if isinstance(node, Text):
        return node
    if not isinstance(node, Broken):
        what = "list" if isinstance(node, Listing) else "mapping"
        reading.error(node, "wrong-form", f"there should be {says} here, not a {what}", f"write {says}")
    return None


_OUTER, _INNER = r"[^\s!-/:-@\[-`{-~]", r"[^\s!-,./:-@\[-^`{-~]"
_NAME_IN_EDITORS = f"{_OUTER}(?:{_INNER}{{0,62}}{_OUTER})?"
"""A name said by what is not in it: `\\w` means ASCII alone in an editor, and `Ärger` is a good name."""


def _events() -> Schema:
    """Return our events for completion; what else is formed like one may be the shop's own."""
    ours: Schema = {"enum": list(CATALOGUE), "enumDescriptions": [entry.means for entry in CATALOGUE.values()]}
    return {"anyOf": [ours, _pattern(values.EVENT_NAME)]}


def _pattern(pattern: str) -> Schema:
    return {"type": "string", "pattern": f"^(?:{pattern})$"}


def _zone(text: str) -> str:
    try:
        zone(text)
    except KeyError:
        names = (resources.files("tzdata") / "zones").read_text(encoding="ascii").split()
        hint = (
            did_you_mean(text, names) or did_you_mean(f"Europe/{text}", names) or "write a name such as Europe/Berlin"
        )
        raise Wrong(f"{shown(text)} is no time zone", hint) from None
    return text


def _whose_zone(text: str) -> str:
    return text if text == "customer" else _zone(text)


def _currency(text: str) -> str:
    if text not in DIGITS:
        raise Wrong(f"ISO 4217 knows no currency {shown(text)}", did_you_mean(text, DIGITS) or "write EUR")
    return text


def _text(text: str) -> str:
    if not text.strip():
        raise Wrong("the text is empty", "write something")
    return text


def _url(text: str) -> str:
    if not text.startswith(("https://", "http://")) or any(letter.isspace() for letter in text):
        raise Wrong(f"a web address begins with https://, not {shown(text)}", 'write "https://shop.example/…"')
    return text


def _cause(text: str) -> str:
    if text not in CAUSES:
        hint = did_you_mean(text, CAUSES) or f"known are {one_of(CAUSES, 'and')}"
        raise Wrong(f"no cause is named {shown(text)}", hint)
    return text


def whole(least: int = 0, most: int = 1_000_000_000) -> Scalar:
    """Return the kind of whole numbers within bounds."""
    bounds = f" from {least} to {most}" if most < 1_000_000_000 else f" from {least}" if least else ""
    schema: Schema = {"type": "integer", "minimum": least, "maximum": most}
    parse = partial(values.whole_number, least=least, most=most)
    return Scalar(f"a whole number{bounds}", "bad-number", parse, lambda: schema)


def signed(least: int, most: int) -> Scalar:
    """Return the kind of whole numbers within bounds that may lie below zero."""
    schema: Schema = {"type": "integer", "minimum": least, "maximum": most}
    parse = partial(values.signed, least=least, most=most)
    return Scalar(f"a whole number from {least} to {most}", "bad-number", parse, lambda: schema)


def words(names: Iterable[str]) -> Word:
    """Return the kind of words that mean themselves."""
    return Word({name: name for name in names})


LENGTH = Scalar("a length (14d)", "bad-length", values.length, lambda: _pattern(values.LENGTH))
SPAN = Scalar("a length (14d)", "bad-length", values.length_above_zero, lambda: _pattern(values.LENGTH))
DAYS = Scalar("a length of whole days (30d)", "bad-length", values.whole_days, lambda: _pattern(r"\d+(?:d|w)"))
MONEY = Scalar("money (20 EUR)", "bad-money", values.money, lambda: _pattern(values.MONEY))
COST = Scalar("money (0.002 EUR)", "bad-money", values.cost, lambda: _pattern(r"\d+(?:\.\d+)? [A-Z]{3}"))
PRICE = Scalar("money (20 EUR)", "bad-money", values.money_above_zero, lambda: _pattern(values.MONEY))
PERCENT = Scalar("a share (5%)", "bad-percent", values.percent, lambda: _pattern(values.PERCENT))
PART = Scalar("a share (5%)", "bad-percent", values.percent_below_whole, lambda: _pattern(values.PERCENT))
CLOCK_SPAN = Scalar(
    "a span of clock times (09:00-20:00)", "bad-clock", values.clock_span, lambda: _pattern(values.CLOCK_SPAN)
)
CLOCK = Scalar("a clock time (10:00)", "bad-clock", values.clock, lambda: _pattern(values.CLOCK))
MONTH_DAY = Scalar("a day of the year (12-24)", "bad-day", values.month_day, lambda: _pattern(values.MONTH_DAY))
GROWTH = Scalar("a share (50%)", "bad-percent", values.percent_above_zero, lambda: _pattern(values.PERCENT))
RATE = Scalar("a rate (1 per 30d)", "bad-rate", values.rate, lambda: _pattern(rf"\d+ per {values.LENGTH}"))
PACE = replace(RATE, says="a pace (500 per 1d)")
BUDGET = Scalar(
    "money per length (5000 EUR per 30d)",
    "bad-rate",
    values.money_rate,
    lambda: _pattern(rf"{values.MONEY} per {values.LENGTH}"),
)
FLAG = Scalar("true or false", "bad-word", values.flag, lambda: {"enum": [True, False, "on", "off"]})
NAME = Scalar("a name (letters, digits, - and _)", "bad-name", values.name, lambda: _pattern(_NAME_IN_EDITORS))
EVENT_NAME = Scalar(
    "an event's name (review.written)", "bad-name", values.event_name, lambda: _pattern(values.EVENT_NAME)
)
EVENT = Scalar("the name of an event (order.placed)", "unknown-event", lambda text: text, _events)
TEXT = Scalar("a text", "bad-text", _text, lambda: {"type": "string"}, MOST_LETTERS)
PLAIN = Scalar(
    "a plain value", "bad-text", lambda text: text, lambda: {"type": ["string", "number", "boolean"]}, MOST_LETTERS
)
URL = Scalar("a web address", "bad-text", _url, lambda: {"type": "string", "pattern": "^https?://"}, MOST_LETTERS)
ZONE = Scalar("a time zone (Europe/Berlin)", "bad-zone", _zone, lambda: {"type": "string"})
WHOSE_ZONE = replace(ZONE, says="customer, or a time zone (Europe/Berlin)", parse=_whose_zone)
CURRENCY = Scalar("a currency (EUR)", "bad-money", _currency, lambda: {"type": "string", "pattern": "^[A-Z]{3}$"})
WEEKDAY = Word({weekday: number for number, weekday in enumerate(WEEKDAYS)})
NUMBER = Scalar("a number", "bad-number", values.number, lambda: {"type": "number"})
CAUSE = Scalar("a cause (price)", "unknown-cause", _cause, lambda: {"enum": list(CAUSES)})
DAY = Scalar("a day (2026-01-31)", "bad-day", values.day, lambda: {"type": "string", "format": "date"})
