"""People told from machines, in a made-up world of mailboxes whose truth is known; no figure of speed, but of being right.

Precision of "human": of what is taken for people's, how much is. Recall: of what people did, how much is taken for it.
Readers: lapsed customers whom a click makes readers, with every click counted and with those of people alone.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from engine.core.customer import Customer
from engine.core.engagement import is_human
from engine.core.events import Event, OrderPlaced
from engine.core.moments import DAY, HOUR, Instant, day_number
from engine.core.rulebook import Rules
from engine.core.rules import LapseRule, Lifecycle, RuleSet, Standing
from engine.core.shop import Shop
from engine.runtimes.simulator.mailboxes import SHARES, Request, as_read, world
from engine.runtimes.simulator.world import World

CUSTOMERS, SEED = 5_000, 1
_START: Instant = day_number(2026, 1, 5) * DAY + 9 * HOUR
_Key = tuple[str, Instant, str]


class Score(Struct):
    """How well "human" was told: right, wrong, and people missed."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        """The share of people's among what is taken for theirs."""
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        """The share of what people did that is taken for theirs."""
        return self.right / max(1, self.right + self.missed)


class Found(Struct):
    """What came of a world: scores of clicks and openings, clicks by kind of mailbox, and readers."""

    clicks: Score
    opens: Score
    unverified: int
    by_kind: dict[str, Score]
    readers: int
    readers_unfiltered: int
    readers_true: int


def live_through(customers: int, seed: int) -> Found:
    """Let an engine on a virtual clock live through a world, and compare with the truth."""
    mails, requests = world(customers, seed, _START)
    engine = _engine()
    for number in range(customers):
        engine.take(_order(f"c-{number}"), _START - 1)
    engine.run_until(_START)
    heard = [*((each.time, each) for each in mails), *as_read(requests)]
    for at, event in sorted(heard, key=lambda each: (each[0], each[1].time, each[1].id)):
        engine.run_until(at)
        engine.take(event, at)
    engine.run_until(max(each.event.time for each in requests) + HOUR)
    records = engine.store.customers
    verdicts = {key: human for record in records.values() for key, human in _verdicts(record)}
    found = Found(Score(), Score(), 0, {kind: Score() for kind in SHARES}, 0, 0, 0)
    for each in requests:
        _count(found, each, verdicts)
    found.unverified = sum(
        bool(mark.fields and mark.fields.get("unverified"))
        for record in records.values()
        for mark in record.trail.get("email.opened", ())
    )
    clicked = [each for each in requests if each.event.type == "email.clicked"]
    found.readers = sum(record.standing is Standing.READER for record in records.values())
    found.readers_unfiltered = len({each.event.customer for each in clicked})
    found.readers_true = len({each.event.customer for each in clicked if each.human})
    return found


def main() -> None:
    """Print how well people are told from machines; nothing is compared with a bar here, the tests do."""
    found = live_through(CUSTOMERS, SEED)
    print(f"{'':34}{'precision':>10}{'recall':>10}{'people':>10}{'taken for':>10}")
    for name, score in [("clicks", found.clicks), ("openings", found.opens), *found.by_kind.items()]:
        people, taken = score.right + score.missed, score.right + score.wrong
        print(f"{name:34}{score.precision:>10.3f}{score.recall:>10.3f}{people:>10,}{taken:>10,}")
    print(f"openings that nobody can tell of: {found.unverified:,}")
    print(
        f"lapsed customers who count as readers: {found.readers:,}; with every click counted {found.readers_unfiltered:,}; "
        f"in truth {found.readers_true:,}"
    )


def _engine() -> World:
    lifecycle = Lifecycle(lapsed_after=LapseRule("days", (60, 1)), warm_up=None)
    return World(Rules(RuleSet(lifecycle=lifecycle), Shop(epoch=1, known_since=0), key=b"bench"), sink=lambda _: None)


def _order(customer: str) -> Event:
    data = OrderPlaced(f"o-{customer}", Decimal(20), "EUR")
    return Event(f"o-{customer}", "world", "order.placed", _START - 100 * DAY, customer, data)


def _verdicts(record: Customer) -> list[tuple[_Key, bool]]:
    return [
        ((record.id, mark.at, str((mark.fields or {}).get("link", ""))), is_human((mark.fields or {}).get))
        for kind in ("email.clicked", "email.opened")
        for mark in record.trail.get(kind, ())
    ]


def _count(found: Found, request: Request, verdicts: dict[_Key, bool]) -> None:
    event = request.event
    taken = verdicts[event.customer, event.time, event.data.link]
    is_click = event.type == "email.clicked"
    for score in [found.clicks, found.by_kind[request.kind]] if is_click else [found.opens]:
        score.right += taken and request.human
        score.wrong += taken and not request.human
        score.missed += request.human and not taken
