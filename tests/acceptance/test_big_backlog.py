"""A workflow that a great many fit goes live: so many a day, the latest reaction first, whatever happens to the engine."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from msgspec.structs import replace

from connectors.memory import FixedClock
from engine.core.address import address_ref
from engine.core.effects import RUN_STARTED, SEND_REQUESTED
from engine.core.events import Event
from engine.core.ids import lot
from engine.core.moments import DAY, HOUR, Instant, Length, rfc3339
from engine.core.rules import EnterAtMost, Mode, RuleSet
from engine.runtimes.sqlite.engine import BATCH, Arrivals
from tests.acceptance.by_hand import IN_MEMORY, Live
from tests.acceptance.shipped import switched
from tests.builders import BERLIN, PLAIN, START, event, rules_of

COME_BACK = """
workflow: come-back
title: Ask everybody back
enter_when_all:
  - standing: lapsed
again_after: 365d
stages:
  ask:
    steps:
      - send: coupon_offer
      - wait: 400d
    end: silent
leave_when_any:
  - event: email.unsubscribed
"""
NAME = "come-back"
SALT = PLAIN.experiment_salt


class Backlog:
    """A shop with customers who all fit, and a count of those who entered."""

    def __init__(self, folder: Path, customers: int, pace: int) -> None:
        self.pace = pace
        self.live = Live(folder, FixedClock(START))
        rules = rules_of(COME_BACK, lifecycle=replace(PLAIN, experiment_salt=SALT), mode=Mode.DRAFT)
        self.rules: RuleSet = switched(rules, NAME, enter_at_most=EnterAtMost(pace, Length(days=1)))
        self.live.apply(self.rules)
        ids = Random(11).sample(range(10 * customers), customers)
        self.reaction = {
            f"c-{number}": START - 400 * DAY + place * (300 * DAY // customers) for place, number in enumerate(ids)
        }
        self._take_in()
        self.live.run_until(START + 3 * HOUR)

    def _take_in(self) -> None:
        names = Random(12).sample(sorted(self.reaction), len(self.reaction))
        for at in range(0, len(names), BATCH // 2):
            batch: list[Event] = []
            for name in names[at : at + BATCH // 2]:
                said = {"purpose": "marketing", "proof": {"page": "/"}}
                batch.append(event("consent.given", START - 500 * DAY, name, f"consent {name}", **said))
                order = event("order.placed", self.reaction[name], name, order_id=name, email=f"{name}@example.org")
                batch.append(order)
            arrivals = Arrivals(batch)
            self.live.engine.run([arrivals])
            assert all(taken.history and taken.status == "accepted" for taken in arrivals.results)

    def switch(self, **changes: object) -> None:
        """Set the workflow's mode or reach."""
        self.rules = switched(self.rules, NAME, **changes)
        self.live.apply(self.rules)

    def restart(self) -> None:
        """Stop the engine and start it again."""
        self.live.close()
        self.live.open()

    def entered(self) -> list[tuple[str, Instant]]:
        """Return who entered, and when, in that order."""
        query = "select customer, time from effect where type = ? order by seq"
        return self.live.connection.execute(query, (RUN_STARTED,)).fetchall()

    def within(self, reach: int) -> list[str]:
        """Return those that a reach takes in, the latest reaction first."""
        drawn_as = {name: str(address_ref(f"{name}@example.org")) for name in self.reaction}
        chosen = [name for name in self.reaction if lot(SALT, f"reach {NAME}", drawn_as[name]) < reach]
        return sorted(chosen, key=lambda name: (-self.reaction[name], name))


def lives_through_its_backlog(customers: int, pace: int, *, days_at_ten_percent: int) -> str:
    """Let a workflow go live for a tenth, then for half of all; return the figures."""
    with TemporaryDirectory(dir=IN_MEMORY) as folder:
        shop = Backlog(Path(folder), customers, pace)
        shop.switch(mode=Mode.LIVE, reach=1_000)
        live, clock = shop.live, shop.live.clock
        live.engine.run([])  # a slice of the sweep, and then a stop in the middle of it
        shop.restart()
        begun = clock.now()
        for day in range(1, days_at_ten_percent + 1):
            live.run_until(begun + day * DAY - HOUR)
            assert len(shop.entered()) == min(day * pace, len(shop.within(1_000)))
            shop.restart()
            live.run_until(begun + day * DAY)
        first = [name for name, _ in shop.entered()]
        assert first == shop.within(1_000)[: len(first)]

        shop.switch(reach=5_000)
        half = shop.within(5_000)
        assert set(first) < set(half)
        rest = [name for name in half if name not in set(first)]
        days = days_at_ten_percent
        while len(shop.entered()) < len(half) and days < 1_000:
            days += 1
            live.run_until(begun + days * DAY - HOUR)
            if days % 7 == 0:
                shop.restart()
        entered = shop.entered()
        assert [name for name, _ in entered[len(first) :]] == rest
        assert max(Counter(name for name, _ in entered).values()) == 1
        by_day = Counter(BERLIN.day(at) for _, at in entered)  # a calendar day, so that one in March has 23 hours
        assert max(by_day.values()) == pace
        assert list(by_day.values()).count(pace) >= len(half) // pace - 1, by_day
        sends = live.connection.execute("select customer from effect where type = ?", (SEND_REQUESTED,)).fetchall()
        assert sorted(name for (name,) in sends) == sorted(name for name, _ in entered)
        live.run_until(begun + (days + 3) * DAY)
        assert len(shop.entered()) == len(half)
        live.close()
        return f"{customers} customers: {len(first)} entered at 10%, {len(entered)} in {days} days at {pace} a day, {rfc3339(begun)}"


def test_a_backlog_enters_at_its_pace_latest_reaction_first() -> None:
    """A hundred a day, over restarts and a reach that grows from 10% to 50%: in order, and nobody twice."""
    lives_through_its_backlog(3_000, 100, days_at_ten_percent=2)


@pytest.mark.long
def test_two_hundred_thousand_enter_at_five_hundred_a_day(capsys: pytest.CaptureFixture[str]) -> None:
    """The same with 200,000 customers and 500 a day."""
    figures = lives_through_its_backlog(200_000, 500, days_at_ten_percent=10)
    with capsys.disabled():
        print(f"\n{figures}")  # noqa: T201 - figures to report
