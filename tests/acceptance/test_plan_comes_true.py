"""What `plan` says is what then happens: on a made-up shop's history and on CDNOW, beside an engine that applies the edit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace as with_fields
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random
from shutil import copytree
from tempfile import TemporaryDirectory

import pytest
from msgspec.structs import replace

from connectors.memory import FixedClock
from engine.books import applied, rulebook
from engine.books.applied import Said
from engine.books.store import SqlStore
from engine.core import effects as fx
from engine.core.customer import decode
from engine.core.effects import Effect
from engine.core.events import Event
from engine.core.moments import DAY, HOUR, Instant, Length, zone
from engine.core.rules import EnterAtMost, LapseRule, Mode, RuleSet, Switch
from engine.core.signals import WentLive
from engine.insight.plan import Change, Plan
from engine.runtimes.simulator.sample import sample_events
from engine.runtimes.sqlite.engine import BATCH, Arrivals
from engine.wiring import in_force
from engine.wiring.planning import looking, plan_of
from tests.acceptance import cdnow
from tests.acceptance.by_hand import IN_MEMORY, Live
from tests.acceptance.shipped import shipped, shipped_files
from tests.builders import day_of, event

BERLIN = zone("Europe/Berlin")
READERS, STAGES, SEASONAL = "readers-who-dont-buy", "three-stage-winback", "seasonal"
WATCHED = 45
"""Days for which the engine runs after the edit."""


@cache
def made_up() -> tuple[Event, ...]:
    """Three years of a made-up shop."""
    return tuple(sample_events(1_200, 11))


@cache
def of_cdnow() -> tuple[Event, ...]:
    """Every fifteenth customer of CDNOW, with addresses, and permissions, clicks and bounces that nobody knows of."""
    orders = [each for each in cdnow.events() if int(each.customer) % 15 == 0]
    chance, last = Random(3), max(each.time for each in orders)
    told = []
    for name in sorted({each.customer for each in orders}):
        begins = min(each.time for each in orders if each.customer == name)
        told.append(event("profile.updated", begins, name, f"p {name}", email=f"{name}@example.org"))
        for purpose in ("marketing", "newsletter", "tracking"):
            if chance.random() < 0.8:
                proof = {"wording": "yes"}
                told.append(
                    event(
                        "consent.given",
                        begins,
                        name,
                        f"c {name} {purpose}",
                        purpose=purpose,
                        basis="express",
                        proof=proof,
                    )
                )
        if chance.random() < 0.3:
            clicked = last - chance.randrange(1, 150) * DAY
            told.append(event("email.clicked", clicked, name, f"k {name}", email=f"{name}@example.org"))
        if chance.random() < 0.05:
            told.append(
                event("email.bounced", last - 9 * DAY, name, f"b {name}", email=f"{name}@example.org", kind="dead")
            )
    return tuple(sorted([*orders, *told], key=lambda each: each.time))


HISTORIES = {"a made-up shop": made_up, "CDNOW": of_cdnow}


def drafts(currency: str) -> RuleSet:
    """The shipped workflows, none of them in force yet."""
    rules = shipped(Mode.DRAFT)
    return replace(rules, lifecycle=replace(rules.lifecycle, currency=currency))


def live(rules: RuleSet, **paces: EnterAtMost | None) -> RuleSet:
    """The rules with these workflows live at these paces; underscores stand for hyphens."""
    switches = {name.replace("_", "-"): Switch(mode=Mode.LIVE, enter_at_most=pace) for name, pace in paces.items()}
    return replace(rules, switches={**rules.switches, **switches})


def a_day(count: int) -> EnterAtMost:
    """So many a day."""
    return EnterAtMost(count, Length(days=1))


def put(engine: Live, rules: RuleSet) -> None:
    """Put rules in force, with the shipped templates."""
    made_with = in_force.raw_of(in_force.of(shipped_files()))

    def change(store: SqlStore, now: Instant) -> None:
        done = rulebook.apply(engine.handling, rules, store, now)
        said = Said(modes=in_force.modes_of(rules))
        applied.put(store.connection, now, who="Ada", epoch=done.epoch, templates=made_with, said=said)

    engine.do(change)


@dataclass
class Shop:
    """An engine that has taken in a history, in a data folder that plans can be made on."""

    engine: Live
    files: RuleSet

    def plan(self, rules: RuleSet) -> Plan:
        """What `plan` says of other rules."""
        checked = with_fields(shipped_files(), rules=rules)
        return plan_of(self.engine.folder, checked, now=self.engine.clock.now(), who="Ada")

    def apply(self, rules: RuleSet) -> None:
        """Put them in force, and look at everybody."""
        put(self.engine, rules)
        self.engine.run_until(self.engine.clock.now() + 1)

    def in_line(self, workflow: str) -> set[str]:
        """Who stands in a line."""
        return {
            customer
            for (customer,) in self.engine.connection.execute(
                "select customer from line where workflow = ?", (workflow,)
            )
        }

    def started(self, workflow: str, since: Instant) -> dict[str, Effect]:
        """Who has entered a workflow since then, for the first time, with the effect that told it."""
        found: dict[str, Effect] = {}
        for each in self.engine.effects():
            if each.type == fx.RUN_STARTED and each.time >= since and each.data["workflow"] == workflow:
                found.setdefault(each.customer, each)
        return found

    def first_runs(self, since: Instant) -> dict[str, str]:
        """The workflow that each customer entered first since then."""
        found: dict[str, str] = {}
        for each in self.engine.effects():
            if each.type == fx.RUN_STARTED and each.time >= since:
                found.setdefault(each.customer, each.data["workflow"])
        return found

    def crowded_out(self, workflow: str) -> set[str]:
        """Who fits a workflow while another run has their place."""
        return {who for who, record in self.engine.records().items() if workflow in decode(record).crowded_out}

    def standings(self) -> dict[str, str]:
        """The standing of each customer."""
        return dict(self.engine.connection.execute("select id, standing from customer"))


@pytest.fixture(scope="module", params=HISTORIES)
def known(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RuleSet, Instant]:
    """A data folder that has taken in a history and has gone live with nothing but drafts; its rules; its clock."""
    history = list(HISTORIES[request.param]())
    rules = drafts("USD" if request.param == "CDNOW" else "EUR")
    folder = tmp_path_factory.mktemp("known")
    engine = Live(folder, FixedClock(max(each.time for each in history) + 10 * HOUR))
    put(engine, rules)
    for begin in range(0, len(history), BATCH):
        engine.engine.run([Arrivals(history[begin : begin + BATCH])])
    engine.tell(WentLive())
    engine.run_until(engine.clock.now() + 2 * HOUR)
    engine.close()
    return folder, rules, engine.clock.now()


@pytest.fixture
def shop(known: tuple[Path, RuleSet, Instant]) -> Iterator[Shop]:
    """That shop, to do with as a test likes."""
    before, rules, now = known
    with TemporaryDirectory(dir=IN_MEMORY) as folder:
        data = Path(copytree(before, Path(folder) / "data"))
        engine = Live(data, FixedClock(now))
        try:
            yield Shop(engine, rules)
        finally:
            engine.close()


def change_of(plan: Plan, workflow: str) -> Change:
    """What a plan says of a workflow."""
    return next(each for each in plan.changes if each.workflow == workflow)


def assert_comes_true(shop: Shop, plan: Plan, workflow: str) -> None:
    """Apply was said: see that who is in line, who enters when, who can be written to and what it costs is as planned.

    Time goes on meanwhile: some fit no more when it is their turn, some enter another workflow that they come to fit, and
    others come to fit this one and share its pace. Nothing else may differ.
    """
    planned, began = change_of(plan, workflow), shop.engine.clock.now() - 1
    line = shop.in_line(workflow) | shop.started(workflow, began).keys() | shop.crowded_out(workflow)
    assert planned.fits == len(line) > 20, "there must be something to look at"
    shop.engine.run_until(began + WATCHED * DAY)
    first, came = shop.first_runs(began), shop.started(workflow, began)
    started = {who: run for who, run in came.items() if who in line and first[who] == workflow}
    elsewhere = {who for who in line if first.get(who, workflow) != workflow}
    left = line - first.keys() - shop.crowded_out(workflow) - shop.in_line(workflow)
    missed = len(left) + max(0, len(elsewhere) - planned.place_taken)
    assert planned.would_enter - missed <= len(started) <= planned.would_enter
    assert missed <= planned.fits // 10
    by_day = Counter(BERLIN.day(run.time) for run in came.values())
    assert max(by_day.values()) <= planned.per_day
    assert planned.until is not None
    newly = sum(first[who] == workflow for who in came.keys() - line)
    late = max(BERLIN.day(run.time) for run in started.values()) - day_of(planned.until)
    assert -missed / planned.per_day - 1 < late < newly / planned.per_day + 1
    if not missed and not newly:
        assert max(by_day.values()) == planned.per_day
    assert_mails(shop, planned, {run.data["run"] for run in started.values()}, missed)


def assert_mails(shop: Shop, planned: Change, runs: set[str], missed: int) -> None:
    """The first mail of each run went out, or was dropped, as planned; the offers cost no more."""
    first: dict[str, Effect] = {}
    cost = Decimal(0)
    for each in shop.engine.effects():
        if each.data.get("run") in runs:
            if each.type in (fx.SEND_REQUESTED, fx.SEND_HELD_OUT, fx.SEND_DROPPED):
                first.setdefault(each.data["run"], each)
            if each.type == fx.COUPON_ISSUED:
                cost += Decimal(each.data["cost"])
    assert cost <= Decimal(planned.offer_cost_at_most.split()[0])
    assert cost > 0 or planned.offer_cost_at_most.startswith("0.00")
    dropped = Counter(each.data["reason"] for each in first.values() if each.type == fx.SEND_DROPPED)
    for reason, count in planned.unmailable.items():
        assert count - missed <= dropped[reason] <= count, f"dropped for {reason}"
    gone_out = sum(each.type != fx.SEND_DROPPED for each in first.values())
    assert gone_out <= planned.mailable


def test_a_draft_that_goes_live_does_what_was_planned(shop: Shop) -> None:
    """Three workflows at once, which compete for the customers' one place, at different paces."""
    rules = live(shop.files, **{READERS: a_day(7), STAGES: a_day(40), SEASONAL: a_day(25)})
    plan = shop.plan(rules)
    shop.apply(rules)
    assert_comes_true(shop, plan, STAGES)


@pytest.mark.parametrize("workflow", [READERS, STAGES])
def test_one_workflow_that_goes_live_does_what_was_planned(shop: Shop, workflow: str) -> None:
    """All at once, as many as may come in without a pace."""
    rules = live(shop.files, **{workflow: None})
    plan = shop.plan(rules)
    shop.apply(rules)
    assert_comes_true(shop, plan, workflow)


def test_another_threshold_changes_the_standings_that_were_planned(shop: Shop) -> None:
    """An edit of lifecycle.yaml under a live workflow: the standings that change, and who comes to fit."""
    before = live(shop.files, **{STAGES: a_day(5)})
    shop.apply(before)
    rule = LapseRule("days", (70, 1))
    after = replace(before, lifecycle=replace(before.lifecycle, lapsed_after=rule, one_time_buyers=rule))
    was = shop.standings()
    plan = shop.plan(after)
    shop.apply(after)
    is_ = shop.standings()
    moved = Counter(f"{was[who]} -> {is_[who]}" for who in was if was[who] != is_[who])
    assert plan.standings == dict(moved)
    assert sum(moved.values()) > 10, "there must be something to look at"
    assert change_of(plan, STAGES).fits == len(shop.in_line(STAGES))


def test_a_second_plan_right_after_the_apply_finds_nothing(shop: Shop) -> None:
    """What is in force is what the files say, and nobody else would come to stand in line."""
    rules = live(shop.files, **{STAGES: a_day(5)})
    shop.apply(rules)
    assert shop.plan(rules).changes == ()


def test_two_processes_see_what_one_sees(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """With many customers a second process shares the work; the plan is the same."""
    rules = live(shop.files, **{STAGES: a_day(5), SEASONAL: None})
    alone = shop.plan(rules)
    monkeypatch.setattr(looking, "MANY", 1)
    monkeypatch.setattr(looking, "PORTION", 100)
    assert shop.plan(rules) == alone
