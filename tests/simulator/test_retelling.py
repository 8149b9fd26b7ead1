"""`simulate --trace` tells a customer's runs as scenarios that can be pasted: they agree, or say what they leave out."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.core.events import Event, ProfileUpdated
from engine.core.moments import DAY, Instant
from engine.insight.backtest import ToldRun
from engine.language.folder import read_folder
from engine.runtimes.simulator.backtest import Setting, run_backtest
from engine.runtimes.simulator.sample import sample_events
from engine.wiring.checking import checked_folder
from tests.builders import BERLIN, at, event, order, rules_of

ROOT = Path(__file__).parents[2]
BEGIN = at("2024-01-01 12:00")
SHOP = "  - customer: orders\n    at_least: 1\n"
STAGES = """again_after: 365d
leave_when_any:
  - event: email.unsubscribed
stages:
  ask:
    steps:
      - send: hello
        asks: still_interested
      - wait: 14d
    until_any:
      - event: order.placed
        then: back
    end: silent
  back:
    steps:
      - tag: back
    end: won
"""


def retold(folder: Path, entry: str, events: Sequence[Event], days: int = 400) -> list[ToldRun]:
    """The runs of ada in one workflow, told as scenarios; the back-test ends so many days after it began."""
    rules = rules_of(f"workflow: winback\nenter_when_all:\n{entry}{STAGES}")
    report = run_backtest(events, rules, folder, Setting(trace="ada", until=on(days)))
    return report.story_as_scenarios


def on(day: int) -> Instant:
    """Noon of a day after the beginning."""
    return BERLIN.at(BERLIN.day(BEGIN) + day, 12 * 3_600_000_000)


# Pasted and checked --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pasted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[ToldRun], str]:
    """The shipped workflows with the stories of some customers of the sample shop pasted in; the events of these."""
    folder = tmp_path_factory.mktemp("shop")
    shutil.copytree(ROOT / "workflows", folder / "workflows")
    checked = read_folder(folder / "workflows")
    assert checked.rules is not None
    events = list(sample_events(250, 3))
    run_backtest(events, checked.rules, folder / "all", Setting(all_drafts=True))
    entered: dict[str, list[str]] = defaultdict(list)
    for line in (folder / "all" / "effects.jsonl").read_bytes().splitlines():
        told = json.loads(line)
        if told["type"] == "winback.run_started":
            entered[told["data"]["workflow"]].append(told["subject"])
    customers = {each for names in entered.values() for each in (names[0], names[-1])}
    runs = []
    for customer in sorted(customers):
        setting = Setting(all_drafts=True, trace=customer)
        runs += run_backtest(events, checked.rules, folder / "one", setting).story_as_scenarios
    assert {run.workflow for run in runs} == set(entered)
    for number, run in enumerate(run for run in runs if not run.left_out):
        path = folder / "workflows" / f"{run.workflow}.scenarios.yaml"
        path.write_text(path.read_text("utf-8") + run.scenario.replace('title: "', f'title: "{number}: ', 1), "utf-8")
    personal = [
        value
        for each in events
        if each.customer in customers and isinstance(each.data, ProfileUpdated)
        for value in (each.customer, each.data.email, each.data.first_name, each.data.last_name, each.data.phone)
        if value
    ]
    return folder / "workflows", runs, "\n".join(map(str, personal))


def test_a_real_story_that_is_pasted_is_well(pasted: tuple[Path, list[ToldRun], str]) -> None:
    """What the sample shop's customers went through passes as scenarios of the workflows they entered."""
    folder, runs, _ = pasted
    checked, played = checked_folder(folder)
    assert checked.problems == (), [f"{one.line}: {one.message} {one.hint}" for one in checked.problems]
    assert played.failed == ()
    whole = [run for run in runs if not run.left_out]
    assert len(whole) > 0.9 * len(runs)
    assert {run.workflow for run in whole} == {run.workflow for run in runs}


def test_nobody_is_named(pasted: tuple[Path, list[ToldRun], str]) -> None:
    """Neither ids nor names, addresses or numbers of the customers stand in what is told of them."""
    _, runs, personal = pasted
    assert len(personal.splitlines()) > 10
    told = "\n".join(run.scenario for run in runs)
    assert [value for value in personal.splitlines() if value in told] == []


# What is told --------------------------------------------------------------------------------------------------------


def test_only_what_mattered_is_told(tmp_path: Path) -> None:
    """An order that ends the run stays, in whole days; opens, visits and the category of an order go."""
    events = [
        order(1, on(0)),
        event("email.opened", on(50), "ada"),
        event("customer.visited", on(70), "ada"),
        order(2, on(65) + 5 * DAY // 24, items=[{"category": "tea"}]),
    ]
    (run,) = retold(tmp_path, "  - standing: lapsed\n", events, 80)
    assert run.left_out == []
    assert run.scenario == (
        '  - title: "As it happened from 2024-03-02 on: end won"\n'
        "    starts: 2024-03-02 00:00\n"
        "    given: {standing: lapsed, orders: 1, last_order: 61d ago}\n"
        "    when:\n"
        "      4d: order.placed\n"
        "    expect:\n"
        "      0d: send hello\n"
        "      4d: tag back, end won\n"
    )


def test_what_began_with_an_event_begins_with_it(tmp_path: Path) -> None:
    """The event stands at the start, with those of its fields that conditions name."""
    entry = "  - event: ticket.opened\n    where: {topic: parcel}\n" + SHOP
    events = [order(1, on(0)), event("ticket.opened", on(90), "ada", topic="parcel", cause="service")]
    (run,) = retold(tmp_path, entry, events)
    assert "when:\n      0d: {event: ticket.opened, data: {topic: parcel}}\n" in run.scenario
    assert run.left_out == []


def test_a_field_of_the_shops_own_is_told_before_and_in_an_event(tmp_path: Path) -> None:
    """As `attributes:` of what is given, and as `attributes.NAME` where the profile tells it later."""
    entry = "  - customer: attributes.pause_ends\n    within_next: 10d\n" + SHOP
    events = [
        order(1, on(0)),
        event("profile.updated", on(1), "ada", attributes={"pause_ends": "2024-04-09", "note": "likes tea"}),
    ]
    (run,) = retold(tmp_path, entry, events)
    assert "attributes: {pause_ends: 2024-04-09}" in run.scenario
    late = event("profile.updated", on(98), "ada", attributes={"pause_ends": "2024-04-09"})
    (run,) = retold(tmp_path / "late", entry, [order(1, on(0)), late])
    assert "0d: {event: profile.updated, data: {attributes.pause_ends: 2024-04-09}}" in run.scenario


def test_a_run_that_the_history_cuts_off_is_told_to_its_end(tmp_path: Path) -> None:
    """What follows is played, and said to be."""
    (run,) = retold(tmp_path, "  - standing: lapsed\n", [order(1, on(0))], 65)
    assert "# The history ends on day 4; what follows is how it goes on if nothing happens.\n" in run.scenario
    assert run.scenario.endswith("expect:\n      0d: send hello\n      14d: end silent\n")


def test_what_cannot_be_told_is_named(tmp_path: Path) -> None:
    """A reader by a login, which `given:` has no word for: how it goes otherwise, and which fact is missing."""
    events = [order(1, on(0)), event("customer.logged_in", on(50), "ada")]
    (run,) = retold(tmp_path, "  - standing: reader\n", events, 100)
    assert "a reply, a login or a confirmation" in run.left_out
    assert "# It cannot be told whole, and goes otherwise:\n" in run.scenario
    assert "# the given facts make this customer lapsed, not reader\n" in run.scenario
    assert "    # a reply, a login or a confirmation\n" in run.scenario


def test_a_field_that_says_who_it_is_is_left_out_and_named(tmp_path: Path) -> None:
    """A workflow for one company's people cannot be shown by theirs."""
    events = [order(1, on(0)), event("profile.updated", on(1), "ada", company="Analytical Engines", tier="gold")]
    entry = (
        "  - standing: lapsed\n  - customer: company\n    is: Analytical Engines\n  - customer: tier\n    is: gold\n"
    )
    (run,) = retold(tmp_path, entry, events)
    assert "the fields company, which say who it is" in run.left_out
    assert "Analytical" not in run.scenario
    assert "tier: gold" in run.scenario


def test_a_customer_without_runs_has_a_story_and_no_scenario(tmp_path: Path) -> None:
    """Nothing entered, nothing to tell again."""
    assert retold(tmp_path, "  - standing: former\n", [order(1, on(0))]) == []
