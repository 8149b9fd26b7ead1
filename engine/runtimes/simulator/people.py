"""Made-up people: who the customers of the sample shop are, and what each would do if nobody won them back.

A person and their whole plan follow from the seed and their number alone, so that a sample of ten is the beginning of
a sample of ten thousand, and the same on every machine. Names come from lists of common ones, addresses end in the
domains kept for examples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import Final, TypeVar

from msgspec import Struct

from engine.core.moments import DAY, HOUR, MINUTE, SECOND, Day, Instant, zone

_T = TypeVar("_T")
_SHOP_ZONE: Final = zone("Europe/Berlin")

Intention = tuple[Instant, int, str, int]
"""What a plan is made of: when, whose number, what (a type of event, with a kind behind a slash), and a number to it."""

NEWSLETTERS: Final = 19
"""How many newsletters the shop sends over the whole time."""

_FIRST_GERMAN = """Anna Ben Clara David Elif Emma Felix Hannah Jonas Julia Karin Lea Leon Lukas Maria Martin Mehmet Mia
Moritz Nina Paul Petra Sabine Sophie Stefan Thomas Ursula Uwe Yasmin Jürgen"""
_FIRST_ENGLISH = """Alice Amir Brian Charlotte Daniel Emily George Grace Hannah Jack James Joan Lily Mary Michael Noah
Olivia Oscar Priya Ruth Samuel Sarah Thomas William"""
_LAST_GERMAN = """Bauer Becker Braun Fischer Hartmann Hoffmann Klein Koch Krüger Lange Meyer Müller Neumann Richter
Schäfer Schmidt Schneider Schröder Schulz Wagner Weber Wolf Yildiz Zimmermann"""
_LAST_ENGLISH = """Baker Brown Carter Clarke Cooper Davies Evans Green Hall Hughes Jackson Johnson Jones Khan Patel Roberts
Smith Taylor Thompson Turner Walker Williams Wilson Wright"""
_FIRST: Final = {"de": _FIRST_GERMAN.split(), "en": _FIRST_ENGLISH.split()}
_LAST: Final = {"de": _LAST_GERMAN.split(), "en": _LAST_ENGLISH.split()}
_PLACES: Final = {
    "de": [("Europe/Berlin", "DE")] * 8 + [("Europe/Vienna", "AT"), ("Europe/Zurich", "CH")],
    "en": [("Europe/London", "GB")] * 3
    + [("Europe/Dublin", "IE"), ("Europe/Berlin", "DE"), ("America/New_York", "US")],
}
_DOMAINS: Final = ("example.org", "example.com", "example.net")
_PLAIN: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


class Habit(Struct, frozen=True):
    """What one kind of customer does, as chances; times in parts of the whole time (`_GAP` is one usual gap)."""

    share: float
    stops: float  # chance after each order that it was the last
    first: float = 1.0  # chance of a first order at all
    pauses: float = 0.0  # chance that a long pause, and not the end, follows
    opens: float = 0.0  # chance that a person looks at a newsletter
    clicks: float = 0.0  # chance that who looks also clicks


HABITS: Final = {
    "regular": Habit(share=0.21, stops=0.12, opens=0.19, clicks=0.30),
    "returning": Habit(share=0.29, stops=0.52, pauses=0.80, opens=0.135, clicks=0.40),
    "reader": Habit(share=0.24, stops=0.68, opens=0.335, clicks=0.68),
    "silent": Habit(share=0.20, stops=0.68, opens=0.01),
    "prospect": Habit(share=0.06, stops=1.0, first=0.0, opens=0.145, clicks=0.35),
}
_GAP: Final = 0.05
_CONSENTS: Final[tuple[tuple[tuple[str, ...], float], ...]] = (  # and their shares; what is left has given none
    (("marketing",), 0.45),
    (("newsletter",), 0.10),
    (("newsletter", "tracking"), 0.15),
    (("marketing", "tracking"), 0.075),
)
_ORDER_TROUBLES: Final = (("ticket", 0.007), ("cancelled", 0.005), ("refunded", 0.0085))
_WHAT_FOLLOWS: Final = {
    "ticket": (("ticket.opened", 3 * DAY), ("ticket.solved", 5 * DAY)),
    "cancelled": (("order.cancelled", 4 * HOUR),),
    "refunded": (("order.refunded", 9 * DAY),),
}
_MAIL_TROUBLES: Final = (
    ("email.unsubscribed", 0.036),
    ("customer.logged_in", 0.030),
    ("email.bounced/dead", 0.026),
    ("email.bounced/full", 0.015),
    ("newsletter.confirmed", 0.010),
    ("email.complained", 0.005),
)
_ENDS_MAIL: Final = {"email.unsubscribed", "email.bounced/dead", "email.complained"}
_BEHIND_A_PROXY: Final = 0.167  # their mail service loads the pictures of every mail at once


class Person(Struct, gc=False):
    """One customer of the sample shop, who joins it on a day."""

    number: int
    habit: str
    first_name: str
    last_name: str
    email: str
    language: str
    timezone: str
    country: str
    consents: tuple[str, ...]
    behind_a_proxy: bool
    joins: Day

    @property
    def id(self) -> str:
        """The customer id in events."""
        return f"c-{self.number:06d}"

    @property
    def purpose(self) -> str:
        """What the shop's newsletter is for them, by what they consented to; service mails need no consent."""
        return self.consents[0] if self.consents else "service"


def person(number: int, chance: Random, start: Day, days: int) -> Person:
    """Return a person who joins in the first two thirds of the time, so that there is time to stay away."""
    language = "de" if chance.random() < 0.75 else "en"
    first, last = chance.choice(_FIRST[language]), chance.choice(_LAST[language])
    timezone, country = chance.choice(_PLACES[language])
    local = f"{first}.{last}.{number}".lower().translate(_PLAIN)
    return Person(
        number=number,
        habit=_drawn(chance, [(name, habit.share) for name, habit in HABITS.items()]) or "silent",
        first_name=first,
        last_name=last,
        email=f"{local}@{_DOMAINS[number % 3]}",
        language=language,
        timezone=timezone,
        country=country,
        consents=_drawn(chance, _CONSENTS) or (),
        behind_a_proxy=chance.random() < _BEHIND_A_PROXY,
        joins=start + int(chance.random() * days * 2 / 3),
    )


def _drawn(chance: Random, shares: Iterable[tuple[_T, float]]) -> _T | None:
    left = chance.random()
    for one, share in shares:
        left -= share
        if left < 0:
            return one
    return None


def plan(who: Person, chance: Random, start: Day, days: int) -> Iterator[Intention]:
    """Yield what a person would do in the time given, in no order."""
    end = zone(who.timezone).start(start + days)
    joined = zone(who.timezone).at(who.joins, _waking(chance))
    yield joined, who.number, "profile.updated", 0
    for order in range(len(who.consents)):
        yield joined + (order + 1) * MINUTE, who.number, "consent.given", order
    for doing in (_orders(who, chance, joined, days), _mails(who, chance, joined, start, days)):
        yield from (intention for intention in doing if intention[0] < end)


def _orders(who: Person, chance: Random, joined: Instant, days: int) -> Iterator[Intention]:
    """Orders, a usual gap apart, with at most one long pause; some lead to a ticket, or are called off."""
    habit, here, gap = HABITS[who.habit], zone(who.timezone), _GAP * days
    if chance.random() >= habit.first:
        return
    at, may_pause = joined + int(chance.uniform(5, 40) * MINUTE), habit.pauses > 0
    for ordinal in range(100):
        detail = ordinal << 32 | chance.getrandbits(32)
        yield at, who.number, "order.placed", detail
        trouble = _drawn(chance, _ORDER_TROUBLES)
        for kind, delay in _WHAT_FOLLOWS.get(trouble or "", ()):
            yield at + delay, who.number, kind, detail
        away = chance.gammavariate(3, gap / 3)
        if chance.random() < habit.stops:
            if not may_pause or chance.random() >= habit.pauses:
                return
            away, may_pause = chance.uniform(3.5, 6) * gap, False
        at = here.at(here.day(at) + max(1, round(away)), _waking(chance))


def _mails(who: Person, chance: Random, joined: Instant, start: Day, days: int) -> Iterator[Intention]:
    """The shop's newsletters, and what becomes of each, until they say no or the address dies."""
    habit, trouble, trouble_at = HABITS[who.habit], _drawn(chance, _MAIL_TROUBLES), chance.randrange(5)
    had = 0
    for issue in range(NEWSLETTERS):
        at = newsletter_at(issue, start, days) + who.number % 1800 * SECOND
        if at < joined:
            continue
        yield at, who.number, "email.sent", issue
        if trouble and had == trouble_at:
            delay = MINUTE if trouble.startswith("email.bounced") else int(chance.expovariate(1 / 6) * HOUR)
            yield at + delay, who.number, trouble, issue
            if trouble in _ENDS_MAIL:
                return
        had += 1
        if who.behind_a_proxy:
            yield at + 2 * SECOND, who.number, "email.opened/machine", issue
        if chance.random() < habit.opens:
            at += MINUTE + int(chance.expovariate(1 / 9) * HOUR)
            yield at, who.number, "email.opened", issue
            if chance.random() < habit.clicks:
                yield at + int(chance.uniform(5, 120) * SECOND), who.number, "email.clicked", issue


def newsletter_at(issue: int, start: Day, days: int) -> Instant:
    """Return when the shop sends one of its newsletters: at ten, spread evenly over the time."""
    return _SHOP_ZONE.at(start + int((issue + 0.5) * days / NEWSLETTERS), 10 * HOUR)


def _waking(chance: Random) -> int:
    """Return a clock time when people buy, mostly in the evening."""
    return int(chance.triangular(7, 23, 20) * HOUR)
