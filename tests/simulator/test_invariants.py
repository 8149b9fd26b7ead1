"""What must hold of every back-test, read from effects.jsonl by somebody who knows the promises and not the code."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest

from engine.core.events import Event
from engine.insight.backtest import Report
from engine.language.folder import read_folder
from engine.runtimes.simulator.backtest import Setting, run_backtest
from engine.runtimes.simulator.sample import sample_events
from tests.simulator.effects_read import Line, effects

ROOT = Path(__file__).parents[2]
SEEDS = (1, 2, 3)
SHIPPED = {path.name.removesuffix(".scenarios.yaml") for path in (ROOT / "workflows").glob("*.scenarios.yaml")}
SENDING = SHIPPED - {"dead-addresses", "openers-without-clicks", "confirm-newsletter"}
"""These take a customer's one place; the three send nothing but questions about their data and their subscription."""
NOT_IN_SAMPLES = {"renew-permission", "loyalty-members", "confirm-newsletter"}
"""Everybody in the samples gets mail all the time, so no permission comes near its end; nobody collects points, nobody subscribes."""
ON_SUNDAYS = {"seasonal"}
FOR_EVERYBODY = {"jubilee"}
"""Offers whose code is one text, as on a poster."""
SENT = {"send.requested", "send.held_out"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Played:
    """A back-test of a sample: what went in, what came out."""

    events: list[Event]
    report: Report
    lines: list[Line]

    def of(self, *kinds: str) -> Iterator[Line]:
        """The effects of these kinds, in order."""
        return (line for line in self.lines if line.kind in kinds)


@cache
def played(seed: int) -> Played:
    """A made-up shop of 600 customers with all shipped workflows on."""
    rules = read_folder(ROOT / "workflows").rules
    assert rules is not None
    given = list(sample_events(600, seed))
    with TemporaryDirectory() as folder:
        report = run_backtest(given, rules, Path(folder), Setting(all_drafts=True))
        return Played(given, report, list(effects(Path(folder))))


@pytest.fixture(params=SEEDS, ids=lambda seed: f"seed {seed}")
def story(request: pytest.FixtureRequest) -> Played:
    """One of the samples."""
    return played(request.param)


def time_of(event: Event) -> datetime:
    """When an event happened."""
    return EPOCH + timedelta(microseconds=event.time)


def local(line: Line) -> datetime:
    """When a send was decided, by the customer's clock."""
    return line.at.astimezone(ZoneInfo(line.data["customer"]["timezone"]))


def days_later(moment: datetime, days: int) -> datetime:
    """The same clock time so many days later, as an instant: two times of one zone would be compared by the clock."""
    return (moment + timedelta(days=days)).astimezone(UTC)


def by_run(story: Played, *kinds: str) -> dict[str, list[Line]]:
    """The effects of these kinds by run."""
    found: dict[str, list[Line]] = defaultdict(list)
    for line in story.of(*kinds):
        found[line.data["run"]].append(line)
    return found


def test_something_happens(story: Played) -> None:
    """The samples are rich enough for what follows: a third of the customers enter, all workflows run, arms are held out."""
    entered = {line.customer for line in story.of("run_started")}
    assert len(entered) >= 200
    assert set(story.report.entered) == SHIPPED
    assert {name for name, number in story.report.entered.items() if not number} <= NOT_IN_SAMPLES
    assert story.report.held_out > 5
    assert (story.report.stuck, story.report.dead_letters) == (0, 0)
    assert len(list(story.of("suppressed"))) > 100


def test_effects_come_in_the_order_of_time_with_ids_of_their_own(story: Played) -> None:
    """Time never goes back, and no two effects have one id."""
    assert all(one.at <= next_.at for one, next_ in pairwise(story.lines))
    assert len({line.id for line in story.lines}) == len(story.lines)


def test_caps_hold(story: Played) -> None:
    """Nobody gets more than one marketing mail in 7 days, nor more than 4 in 30; what is held out counts as sent."""
    mails: dict[str, list[datetime]] = defaultdict(list)
    for line in story.of(*SENT):
        if line.data["purpose"] == "marketing":
            mails[line.customer].append(local(line))
    for times in mails.values():
        for count, days in ((1, 7), (4, 30)):
            for earlier, later in zip(times, times[count:], strict=False):
                assert days_later(earlier, days) <= later.astimezone(UTC)


def test_no_mail_follows_a_no(story: Played) -> None:
    """Who unsubscribed, complained or withdrew gets no mail of that kind any more, until they say yes again."""
    says: dict[tuple[str, str], list[tuple[datetime, bool]]] = defaultdict(list)
    for event in story.events:
        if event.type in ("email.unsubscribed", "email.complained"):
            named = event.data.purpose if event.type == "email.unsubscribed" else ""
            for purpose in [named] if named in ("marketing", "newsletter") else ["marketing", "newsletter"]:
                says[event.customer, purpose].append((time_of(event), False))
        elif event.type in ("consent.given", "consent.withdrawn"):
            says[event.customer, event.data.purpose].append((time_of(event), event.type == "consent.given"))
        elif event.type == "newsletter.confirmed":
            says[event.customer, "newsletter"].append((time_of(event), True))
    refused = 0
    for line in story.of("send.requested"):
        said = [yes for at, yes in says[line.customer, line.data["purpose"]] if at <= line.at]
        assert said, f"{line.id}: nobody ever allowed it"
        assert said[-1], f"{line.id}: the last word was no"
    for line in story.of("send.dropped"):
        refused += line.data["reason"] in ("stopped", "no_permission")
    assert refused > 0, "somebody must have been spared"


def test_no_mail_goes_to_a_dead_address(story: Played) -> None:
    """From the change to `dead` until the change back nothing is sent."""
    dead: set[str] = set()
    for line in story.of("address_changed", "send.requested"):
        if line.kind == "send.requested":
            assert line.customer not in dead
        elif line.data["to"] == "dead":
            dead.add(line.customer)
        else:
            dead.discard(line.customer)


def test_mails_go_in_the_hours_they_may(story: Played) -> None:
    """By the customer's clock, mails go between 9 and 20, and not on Sundays, but for greetings."""
    for line in story.of("send.requested"):
        assert 9 <= local(line).hour < 20
        assert local(line).weekday() != 6 or line.data["workflow"] in ON_SUNDAYS


def test_a_customer_is_in_one_marketing_run_at_a_time(story: Played) -> None:
    """Runs of workflows that send do not overlap."""
    under_way: dict[str, str] = {}
    for line in story.of("run_started", "run_ended"):
        if line.data["workflow"] not in SENDING:
            continue
        if line.kind == "run_started":
            assert line.customer not in under_way
            under_way[line.customer] = line.data["run"]
        else:
            assert under_way.pop(line.customer) == line.data["run"]


def test_a_run_starts_once_ends_once_and_does_nothing_outside(story: Played) -> None:
    """All effects of a run lie between its start and its end, and it has no more than one of each."""
    begun: set[str] = set()
    ended: set[str] = set()
    for line in story.lines:
        run = line.data.get("run")
        if run is None:
            continue
        if line.kind == "run_started":
            assert run not in begun
            begun.add(run)
        assert run in begun
        assert run not in ended
        if line.kind == "run_ended":
            ended.add(run)
    still_open = Counter(line.data["workflow"] for line in story.of("run_started") if line.data["run"] not in ended)
    assert still_open == Counter({name: number for name, number in story.report.open.items() if number})


def test_nothing_is_requested_twice(story: Played) -> None:
    """One effect id, one mail: a deferred or held send that goes in the end goes once."""
    counted = Counter(line.data["effect_id"] for line in story.of("send.requested"))
    assert set(counted.values()) == {1}


def test_only_silence_to_a_delivered_question_stops_anybody(story: Played) -> None:
    """After a send, a stop needs a question of this run handed over at least 7 days before; else nothing was sent."""
    sends = by_run(story, "send.requested", "send.held_out", "send.dropped")
    for stop in story.of("suppressed"):
        mine = sends.get(stop.data["run"], [])
        asked = [line for line in mine if line.kind == "send.requested" and line.data["asks"]]
        assert not mine or any(days_later(local(line), 7) <= stop.at for line in asked)


def test_the_held_out_get_nothing(story: Played) -> None:
    """A held-out run walks and tells what it would have done; nothing of it reaches the customer or their permission."""
    held_out = {line.data["run"] for line in story.of("run_started") if line.data["held_out"]}
    acts = {"send.requested", "suppressed", "resumed", "tagged", "untagged", "coupon_issued", "handed_off"}
    assert not [line for line in story.of(*acts) if line.data["run"] in held_out]
    assert [line for line in story.of("send.held_out") if line.data["run"] in held_out]


def test_one_code_a_run_and_offer(story: Played) -> None:
    """A reminder carries the code of the first mail, and no two runs share one."""
    codes: dict[tuple[str, str], set[str]] = defaultdict(set)
    for line in story.of("send.requested"):
        if line.data["offer"] and line.data["offer"]["name"] not in FOR_EVERYBODY:
            codes[line.data["run"], line.data["offer"]["name"]].add(line.data["offer"]["code"])
    all_codes = [code for found in codes.values() for code in found]
    assert len(all_codes) == len(codes) == len(set(all_codes)) > 20


def test_the_report_counts_what_the_effects_say(story: Played) -> None:
    """Each figure of the report can be counted again from the effects."""
    report, count = story.report, Counter(line.kind for line in story.lines)
    entered = Counter(dict.fromkeys(SHIPPED, 0))
    entered.update(line.data["workflow"] for line in story.of("run_started"))
    outcomes: dict[str, Counter[str]] = {name: Counter() for name in SHIPPED}
    for line in story.of("run_ended"):
        outcomes[line.data["workflow"]][line.data["outcome"]] += 1
    issued: dict[str, list[Line]] = defaultdict(list)
    for line in story.of("coupon_issued"):
        issued[line.data["name"]].append(line)

    assert report.entered == entered
    assert report.sends == Counter(line.data["template"] for line in story.of("send.requested"))
    assert report.held_out == sum(line.data["held_out"] for line in story.of("run_started"))
    assert report.outcomes == outcomes
    assert report.deferred == count["send.deferred"]
    assert report.capped == sum(line.data["reason"].startswith("cap:") for line in story.of("send.deferred"))
    assert report.dropped == Counter(line.data["reason"] for line in story.of("send.dropped"))
    for name, given in report.offers.items():
        assert given.issued == len(issued[name])
        cents = sum(round(float(line.data["cost"]) * 100) for line in issued[name])
        assert given.cost == f"{cents // 100}.{cents % 100:02d}"
    assert sum(report.standings.values()) + report.gone == report.customers == 600
    assert report.events == len(story.events)


def test_the_weeks_add_up(story: Played) -> None:
    """The pictures' figures by week sum to the totals, and the last week's standings are the last day's."""
    weekly, report = story.report.weekly, story.report
    assert {name: sum(series) for name, series in weekly.entered.items()} == report.entered
    assert {name: sum(series) for name, series in weekly.sends.items()} == report.sends
    assert {name: series[-1] for name, series in weekly.standings.items()} == report.standings
    assert {len(series) for series in (*weekly.standings.values(), *weekly.sends.values())} == {len(report.weeks)}
    by_week = Counter(
        str((local_day(line) - timedelta(days=local_day(line).weekday())).date()) for line in story.of("run_started")
    )
    assert by_week == Counter(
        {
            week: n
            for place, week in enumerate(report.weeks)
            if (n := sum(each[place] for each in weekly.entered.values()))
        }
    )


def local_day(line: Line) -> datetime:
    """The moment by the shop's clock."""
    return line.at.astimezone(ZoneInfo("Europe/Berlin"))
