"""The tables that pages count by: what happened by shop day, and how many runs are where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from connectors.memory import FixedClock
from engine.books.store import SqlStore
from engine.books.views import Views
from engine.core import effects as fx
from engine.core.effects import Effect
from engine.core.events import Event
from engine.core.moments import DAY, HOUR, MINUTE, Instant, zone
from engine.core.rules import RuleSet
from engine.runtimes.sqlite.engine import Arrivals, Asked, Engine
from engine.runtimes.sqlite.opening import opened
from tests.builders import PLAIN, event, rules_of

TODAY = 20_000
NOW: Instant = zone("Europe/Berlin").at(TODAY, 10 * HOUR)

WAITS = """
workflow: waits
enter_when_all:
  - event: customer.logged_in
    within: 1d
again_after: never
holdout: 50%
enter_at_most: 100 per 1d
leave_when_any:
  - event: email.unsubscribed
stages:
  first:
    steps:
      - wait: 1d
      - send: hello
      - wait: 1d
    after: second
  second:
    steps:
      - wait: 1d
    end: done
"""


def rules() -> RuleSet:
    """Return a workflow of two stages, half of it held out."""
    return rules_of(WAITS, lifecycle=PLAIN)


@pytest.fixture
def clock() -> FixedClock:
    """The engine's clock."""
    return FixedClock(NOW)


@pytest.fixture
def engine(tmp_path: Path, clock: FixedClock) -> Iterator[Engine]:
    """An engine with that workflow."""
    with opened(tmp_path, clock, key=b"k", first_rules=rules(), overdue_a_second=None) as engine:
        yield engine


def log_in(engine: Engine, names: Sequence[str], at: Instant) -> None:
    """Let customers with address and permission log in."""
    events = []
    for name in names:
        events += [
            event("profile.updated", at, name, f"p-{name}", email=f"{name}@example.org"),
            event("consent.given", at, name, f"c-{name}", purpose="marketing", basis="express", proof="form"),
            event("customer.logged_in", at, name, f"l-{name}"),
        ]
    engine.run([Arrivals(events)])


def until(engine: Engine, clock: FixedClock, at: Instant) -> None:
    """Turn the clock, and ring what is due."""
    clock.advance(at - clock.now())
    engine.run([])
    while (wake := engine.next_wake()) is not None and wake <= clock.now():
        engine.run([])


def tallied(folder: Path) -> dict[tuple[Any, ...], int]:
    """Return what the tally says, by day, what, workflow and detail."""
    with Views(folder) as views:
        return {(day - TODAY, what, name, of): count for day, what, name, of, _, count in views.all("tally", 0)}


def headcount(folder: Path) -> dict[tuple[Any, ...], int]:
    """Return how many runs are where."""
    with Views(folder) as views:
        return {row[:-1]: row[-1] for row in views.all("headcount")}


def counted_by_hand(folder: Path) -> dict[tuple[Any, ...], int]:
    """Return how many runs are where, by every record."""
    with Views(folder) as views:
        return Counter(
            (run.workflow, run.version, run.mode.value, run.stage, run.step, run.doing)
            for customer in views.everybody()
            for run in customer.runs
        )


def test_what_a_day_brought_is_counted(engine: Engine, clock: FixedClock, tmp_path: Path) -> None:
    """Entries, sends, hold-outs and changes of standing add up to the effects of their day, and to no other's."""
    log_in(engine, [f"c{number}" for number in range(20)], NOW)
    until(engine, clock, NOW + DAY + MINUTE)

    counts = tallied(tmp_path)

    with Views(tmp_path) as views:
        effects = [effect for _, effect in views.effects_after(0, 1_000)]
    released = sum(each.type == fx.SEND_REQUESTED for each in effects)
    held_out = sum(each.type == fx.SEND_HELD_OUT for each in effects)
    assert released + held_out == 20
    assert min(released, held_out) > 0
    assert counts == {
        (0, "run_started", "waits", ""): 20,
        (1, "send.requested", "waits", "hello"): released,
        (1, "send.held_out", "waits", "hello"): held_out,
    }


def test_a_day_is_the_shops(engine: Engine, clock: FixedClock, tmp_path: Path) -> None:
    """Half past midnight in Berlin, which is still yesterday in Greenwich, counts for the new day."""
    until(engine, clock, zone("Europe/Berlin").at(TODAY + 1, 30 * MINUTE))
    log_in(engine, ["ada"], clock.now())
    assert tallied(tmp_path) == {(1, "run_started", "waits", ""): 1}


def test_a_reason_is_counted_without_what_it_names(engine: Engine, tmp_path: Path) -> None:
    """Whatever follows a colon is left out, so that the table keeps few rows; and a shadow is told apart."""
    said = ["late: cap: marketing at most 1 per 7d", "late: quiet hours", "late", "x" * 200]

    def put(store: SqlStore, now: Instant) -> None:
        for number, reason in enumerate(said):
            data = {"workflow": "waits", "reason": reason}
            store.put([Effect(fx.SEND_DROPPED, now, "ada", f"e{number}", data, shadow=reason == "late")])

    engine.run([Asked(put)])
    with Views(tmp_path) as views:
        rows = views.all("tally", 0)
    assert [row[3:] for row in rows] == [("late", 0, 2), ("late", 1, 1), ("x" * 80, 0, 1)]


def test_what_is_not_committed_is_not_counted(engine: Engine, tmp_path: Path) -> None:
    """A transaction that is taken back leaves both tables as they were."""
    log_in(engine, ["ada"], NOW)
    before = tallied(tmp_path), headcount(tmp_path)
    engine.store.begin()
    engine.handling.take(engine.store, event("customer.logged_in", NOW, "bob", "x"), NOW)
    engine.store.rollback()
    log_in(engine, ["cy"], NOW)
    after = tallied(tmp_path), headcount(tmp_path)
    assert [sum(each.values()) for each in before] == [1, 1]
    assert [sum(each.values()) for each in after] == [2, 2]


def test_runs_are_counted_where_they_are(engine: Engine, clock: FixedClock, tmp_path: Path) -> None:
    """At each moment of their way the table says what the records say, whoever is held out, released, or through."""
    log_in(engine, [f"c{number}" for number in range(10)], NOW)
    seen = []
    for hours in (1, 25, 26, 49, 60, 73, 90):
        until(engine, clock, NOW + hours * HOUR)
        counts = headcount(tmp_path)
        assert counts == counted_by_hand(tmp_path)
        seen.append(sum(counts.values()))
    assert seen[0] == 10
    assert seen[-1] < 10, "those held out are through; the others still wait for their mail to be handed over"


def test_a_database_of_an_earlier_version_is_counted_once(tmp_path: Path, clock: FixedClock) -> None:
    """Where runs are under way and nobody counted them, the next start does."""
    with opened(tmp_path, clock, key=b"k", first_rules=rules()) as engine:
        log_in(engine, [f"c{number}" for number in range(5)], NOW)
        engine.run([Asked(lambda store, _: store.connection.execute("delete from headcount").rowcount)])
    assert headcount(tmp_path) == {}
    for _ in range(2):
        with opened(tmp_path, clock, key=b"k", first_rules=rules()):
            assert headcount(tmp_path) == counted_by_hand(tmp_path) == {("waits", 1, "live", "first", 0, "waiting"): 5}


def test_customers_are_counted_by_standing_and_hindrance(engine: Engine, tmp_path: Path) -> None:
    """The groups are those of the customers' own columns, as they come, change standing, lose permission and go."""
    log_in(engine, [f"c{number}" for number in range(6)], NOW)
    steps: list[list[Event]] = [
        [],
        [event("order.placed", NOW, "c1", "o1", order_id="1"), event("order.placed", NOW, "new", "o2", order_id="2")],
        [
            event("email.unsubscribed", NOW, "c2", "u", purpose="marketing"),
            event("email.bounced", NOW, "c3", "b", kind="dead"),
        ],
        [event("customer.erased", NOW, "c4", "e"), event("customer.merged", NOW, "c5", "m", into="c1")],
    ]
    told: dict[Any, int] = {}
    for events in steps:
        engine.run([Arrivals(events)])
        with Views(tmp_path) as views:
            told = {row[:2]: row[2] for row in views.all("groups")}
            columns = views._connection.execute("select standing, hindrance, count(*) from customer group by 1, 2")
            assert told == {row[:2]: row[2] for row in columns}
    assert len(told) > 3
