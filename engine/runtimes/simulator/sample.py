"""A made-up shop: its history as events, and its life from day to day, in which people answer the mails they get.

`sample` is fixed, so that figures can be compared. Per customer it holds, in the mean: 3 orders, 12 mails sent, 4 opens
(half of them by machines), 1 click, 1 `profile.updated` with the address, 1 `consent.given`, and 0.2 others (a bounce, a
"no", a ticket, an order called off, a log-in). Consent is uneven, as it is in life: 45 % gave it for marketing, 10 % for
the newsletter, 15 % for newsletter and tracking, 7.5 % for marketing and tracking, the others for nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from random import Random
from typing import Any, Final

from engine.core import events as core
from engine.core.effects import SEND_REQUESTED, Effect
from engine.core.events import Event
from engine.core.moments import HOUR, MINUTE, Day, Instant, day_number, zone
from engine.core.reading import encode
from engine.runtimes.simulator.people import HABITS, Intention, Person, person, plan

START: Final = day_number(2023, 1, 1)
DAYS: Final = 1095
SOURCE: Final = "shop"
_MAIL_TOOL: Final = "newsletter-tool"
_SHOP_ZONE: Final = zone("Europe/Berlin")

_GOODS: Final = (  # category, name, price in cents
    ("coffee", "House blend, 500 g", 1190),
    ("coffee", "Espresso, 1 kg", 2290),
    ("coffee", "Decaf, 250 g", 690),
    ("tea", "Green tea, 100 g", 850),
    ("tea", "Winter tea, 200 g", 1490),
    ("sweets", "Dark chocolate", 420),
    ("sweets", "Almond biscuits", 575),
    ("kitchen", "Hand mill", 5900),
    ("kitchen", "Porcelain filter", 2450),
    ("gifts", "Tasting box", 3490),
)


def sample_events(customers: int, seed: int, *, start: Day = START, days: int = DAYS) -> Iterator[Event]:
    """Yield a made-up history in the order of time, the same for the same arguments."""
    shop = Shop(customers, seed, start=start, days=days)
    for day in range(start, start + days + 1):
        yield from shop.day(day)


def sample_lines(customers: int, seed: int, *, start: Day = START, days: int = DAYS) -> Iterator[bytes]:
    """Yield the same history as lines of JSON, each with its end."""
    for event in sample_events(customers, seed, start=start, days=days):
        yield encode(event) + b"\n"


class Shop:
    """The sample shop. `day` gives its days one after the other; what people do follows from the seed and their mails."""

    def __init__(self, customers: int, seed: int, *, start: Day = START, days: int = DAYS) -> None:
        self._seed = seed
        self._start, self._days = start, days
        self._people: dict[int, Person] = {}
        self._joining: dict[Day, list[Person]] = defaultdict(list)
        self._coming: dict[Day, list[Intention]] = defaultdict(list)
        self._answers: dict[Day, list[Event]] = defaultdict(list)
        self._quiet: set[int] = set()  # said no, or is not to be reached
        for number in range(customers):
            who = self._people[number] = person(number, _chance(seed, "who", number), start, days)
            self._joining[who.joins].append(who)

    def day(self, day: Day, sends: Iterable[Effect] = ()) -> list[Event]:
        """Return what happens on a day of the shop's calendar, in the order of time.

        Args:
            day: days are asked for one after the other.
            sends: the mails of winback handed over since the day before (`winback.send.requested`). People answer
                them, the same for the same effect ids, on this day and on those after it; not before this day.

        """
        begin = _SHOP_ZONE.start(day)
        for send in sends:
            if send.type == SEND_REQUESTED:
                for answer in self._answered(send, begin):
                    self._answers[_SHOP_ZONE.day(answer.time)].append(answer)
        for who in self._joining.pop(day, ()):
            for intention in plan(who, _chance(self._seed, "life", who.number), self._start, self._days):
                self._coming[_SHOP_ZONE.day(intention[0])].append(intention)
        due = sorted(self._coming.pop(day, ()))
        happened = [_event(intention, self._people[intention[1]]) for intention in due if self._may(intention)]
        answers = self._answers.pop(day, [])
        return sorted(happened + answers, key=lambda event: event.time) if answers else happened

    def _may(self, intention: Intention) -> bool:
        """Say whether it still happens: who said no to winback gets no newsletter either."""
        return not (self._quiet and intention[1] in self._quiet and intention[2].startswith("email."))

    def _answered(self, send: Effect, not_before: Instant) -> Iterator[Event]:
        """Yield what a person does about one mail of winback."""
        try:
            who = self._people[int(send.customer.removeprefix("c-"))]
        except (KeyError, ValueError):
            return  # nobody of ours
        chance = _chance(self._seed, "mail", send.effect_id)
        at = max(send.time + 5 * MINUTE + int(chance.expovariate(1 / 7) * HOUR), not_before)
        for after, kind, data in _reaction(who, send, chance):
            if kind in ("email.unsubscribed", "email.complained", "email.bounced"):
                self._quiet.add(who.number)
            yield Event(f"{send.effect_id}/{kind}", SOURCE, kind, at + after, who.id, data)


def _chance(*parts: object) -> Random:
    """Return chance that follows from some parts alone, on every machine and whatever was drawn before."""
    return Random("/".join(map(str, parts)))  # noqa: S311 - a sample is to be repeated, not to be kept from guessing


# What people do about winback's mails ----------------------------------------------------------------------------------

_ANSWERS: Final[dict[str, tuple[float, float]]] = {  # habit: chance to click, chance that who clicks buys or says yes
    "regular": (0.40, 0.50),
    "returning": (0.30, 0.40),
    "reader": (0.45, 0.30),
    "silent": (0.06, 0.30),
    "prospect": (0.15, 0.10),
}
assert _ANSWERS.keys() == HABITS.keys(), "everybody answers somehow"


def _reaction(who: Person, send: Effect, chance: Random) -> Iterator[tuple[int, str, Any]]:
    """Yield (microseconds after looking at the mail, type, data) of what one person does about one mail."""
    mail = core.Mail(email=who.email, name=str(send.data.get("template", "")))
    draw, clicks, then = chance.random(), *_ANSWERS[who.habit]
    if draw > 0.985:
        yield 0, "email.unsubscribed", mail
    elif draw > 0.983:
        yield 0, "email.complained", mail
    elif draw > 0.978:
        yield 0, "email.bounced", core.Mail(email=who.email, kind="dead", status="5.1.1")
    elif draw < clicks:
        yield 0, "email.opened", mail
        yield MINUTE, "email.clicked", core.Mail(email=who.email, name=mail.name, link="https://shop.example/")
        if chance.random() < then:
            yield from _bought_or_confirmed(who, send, chance)
    elif draw < clicks + 0.2:
        yield 0, "email.opened", mail


def _bought_or_confirmed(who: Person, send: Effect, chance: Random) -> Iterator[tuple[int, str, Any]]:
    if send.data.get("asks"):
        proof = {"page": "/confirm", "wording": "Yes, keep writing to me"}
        yield 2 * MINUTE, "newsletter.confirmed", core.NewsletterAnswer(email=who.email, proof=proof)
        return
    offer = send.data.get("offer") or {}
    code, order_id = str(offer.get("code") or ""), f"o-{send.effect_id}"
    yield 20 * MINUTE, "order.placed", _order(order_id, chance.getrandbits(32), who, coupon=code)
    if code:
        yield 20 * MINUTE + 1, "coupon.redeemed", core.Coupon(code=code, order_id=order_id)


# Intentions into events ------------------------------------------------------------------------------------------------


def _event(intention: Intention, who: Person) -> Event:
    at, number, what, detail = intention
    kind, _, variant = what.partition("/")
    ref, data = _MAKERS[kind](who, variant, detail)
    source = _MAIL_TOOL if kind.startswith("email.") else SOURCE
    return Event(f"{ref}/{number}" if kind != "order.placed" else ref, source, kind, at, who.id, data)


def _profile(who: Person, _: str, __: int) -> tuple[str, Any]:
    return "profile", core.ProfileUpdated(
        email=who.email,
        first_name=who.first_name,
        last_name=who.last_name,
        language=who.language,
        timezone=who.timezone,
        country=who.country,
    )


def _consent(who: Person, _: str, ordinal: int) -> tuple[str, Any]:
    purpose: Any = who.consents[ordinal]
    proof = {"page": "/sign-up", "wording": f"I agree to {purpose} by email"}
    return f"consent-{purpose}", core.Consent(purpose=purpose, basis="express", proof=proof)


def _mail(kind: str) -> Callable[[Person, str, int], tuple[str, Any]]:
    """Return what makes the data of one type about a newsletter."""

    def make(who: Person, variant: str, issue: int) -> tuple[str, Any]:
        more: dict[str, Any] = {}
        if kind == "email.sent":
            more = {"purpose": who.purpose, "name": f"news-{issue}"}
        elif kind == "email.bounced":
            more = {"kind": variant, "status": "5.1.1" if variant == "dead" else "4.2.2"}
        elif kind == "email.clicked":
            more = {"link": f"https://shop.example/news/{issue}"}
        elif kind == "email.opened" and variant:
            more = {"machine": True, "user_agent": "Mozilla/5.0"}
        message_id = f"<news-{issue}-{who.number}@mail.example.org>"
        data = core.Mail(message_id=message_id, email=who.email, sender=_MAIL_TOOL, **more)
        return f"{kind.removeprefix('email.')}{variant and '-'}{variant}-{issue}", data

    return make


def _placed(who: Person, _: str, detail: int) -> tuple[str, Any]:
    order_id = _order_id(who, detail)
    return order_id, _order(order_id, detail & 0xFFFFFFFF, who)


def _called_off(kind: str) -> Callable[[Person, str, int], tuple[str, Any]]:
    def make(who: Person, _: str, detail: int) -> tuple[str, Any]:
        reason = "changed my mind" if kind == "cancelled" else "damaged"
        return f"{kind}-{detail >> 32}", core.OrderCalledOff(order_id=_order_id(who, detail), reason=reason)

    return make


def _ticket(kind: str) -> Callable[[Person, str, int], tuple[str, Any]]:
    def make(who: Person, _: str, detail: int) -> tuple[str, Any]:
        return f"{kind}-{detail >> 32}", core.Ticket(ticket_id=f"t-{who.number}-{detail >> 32}", topic="delivery")

    return make


def _login(_: Person, __: str, issue: int) -> tuple[str, Any]:
    return f"login-{issue}", core.Visit(page="/account")


def _confirmed(who: Person, _: str, issue: int) -> tuple[str, Any]:
    return f"confirmed-{issue}", core.NewsletterAnswer(email=who.email, proof={"page": "/confirm"})


_MAKERS: Final[dict[str, Callable[[Person, str, int], tuple[str, Any]]]] = {
    "profile.updated": _profile,
    "consent.given": _consent,
    "order.placed": _placed,
    "order.cancelled": _called_off("cancelled"),
    "order.refunded": _called_off("refunded"),
    "ticket.opened": _ticket("ticket-opened"),
    "ticket.solved": _ticket("ticket-solved"),
    "customer.logged_in": _login,
    "newsletter.confirmed": _confirmed,
    **{
        kind: _mail(kind)
        for kind in (
            "email.sent",
            "email.opened",
            "email.clicked",
            "email.bounced",
            "email.unsubscribed",
            "email.complained",
        )
    },
}


def _order_id(who: Person, detail: int) -> str:
    return f"o-{who.number}-{detail >> 32}"


def _order(order_id: str, bits: int, who: Person, coupon: str = "") -> core.OrderPlaced:
    """Return an order of one to three goods, chosen by some bits of chance."""
    items, total = [], 0
    for place in range(1 + (bits >> 28) % 3):
        category, name, cents = _GOODS[(bits >> 8 * place & 0xFF) % len(_GOODS)]
        quantity = 1 + (bits >> 24 + place & 1)
        total += cents * quantity
        price = Decimal(cents).scaleb(-2)
        items.append(core.Item(name.split(",")[0].lower().replace(" ", "-"), name, Decimal(quantity), price, category))
    return core.OrderPlaced(
        order_id=order_id,
        total=Decimal(total).scaleb(-2),
        currency="EUR",
        email=who.email,
        items=tuple(items),
        coupon=coupon,
        country=who.country,
    )
