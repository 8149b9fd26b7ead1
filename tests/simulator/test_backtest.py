"""What `simulate` promises beside the core's own rules: where it begins and ends, what it grants, what it writes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from engine.core.events import Consent, DeadLetter, Event, Item, Mail, OrderCalledOff, OrderPlaced, ProfileUpdated
from engine.core.moments import HOUR, MINUTE, Instant, Length, day_number, iso_day, zone
from engine.core.money import Money
from engine.core.rules import (
    EnterAtMost,
    FreeTrial,
    LapseRule,
    Lifecycle,
    Mode,
    Offer,
    RampRule,
    RampSteps,
    RuleSet,
    Send,
    Stage,
    Standing,
    StandingIs,
    Switch,
    Wait,
    Workflow,
)
from engine.insight.backtest import WHAT_IT_DOES_NOT_SHOW, Report
from engine.insight.backtest_page import page
from engine.insight.pictures import nice_top, percent
from engine.language.folder import read_folder
from engine.runtimes.simulator.backtest import Setting, run_backtest
from engine.runtimes.simulator.bodies import completing
from engine.runtimes.simulator.rhythm import cadence_of_files
from engine.runtimes.simulator.sample import sample_events
from tests.simulator.effects_read import Line, effects

ROOT = Path(__file__).parents[2]
BERLIN = zone("Europe/Berlin")
BEGIN = day_number(2024, 1, 1)
TRIAL = Offer(
    name="trial",
    what=FreeTrial("one box", Money(600, "EUR")),
    valid_for=Length(days=30),
    codes="pool",
    pool="codes.csv",
)
LAPSED = Workflow(
    name="come-back",
    title="Write to who has lapsed",
    enter_when_all=(StandingIs(standing=Standing.LAPSED),),
    again_after=None,
    stages=(
        Stage(
            name="only",
            steps=(
                Send(key="send hello 0", template="hello", offer="trial"),
                Wait(key="wait 0", length=Length(days=30)),
                Send(key="send again 0", template="again"),
            ),
            end="told",
        ),
    ),
    offers={"trial": TRIAL},
)
RULES = RuleSet(
    lifecycle=Lifecycle(lapsed_after=LapseRule("days", (60, 1)), warm_up=None, enter_after_lag=Length()),
    workflows={LAPSED.name: LAPSED},
    switches={LAPSED.name: Switch(mode=Mode.LIVE)},
    offers={"trial": TRIAL},
)


def at(day: int, clock: int = 12 * HOUR) -> Instant:
    """Noon of a day after the beginning, or another clock time."""
    return BERLIN.at(BEGIN + day, clock)


def order(customer: str, day: int, clock: int = 12 * HOUR) -> Event:
    """An order without an address."""
    order_id = f"{customer}-{day}-{clock}"
    return Event(
        order_id, "shop", "order.placed", at(day, clock), customer, OrderPlaced(order_id, Decimal("20.00"), "EUR")
    )


def kinds(lines: Sequence[Line], *wanted: str) -> list[tuple[int, str]]:
    """The effects of these kinds, as days after the beginning and kinds."""
    return [(line.day - BEGIN, line.kind) for line in lines if line.kind in wanted]


def replayed(
    folder: Path, given: Sequence[Event | DeadLetter], rules: RuleSet = RULES, setting: Setting | None = None
) -> tuple[Report, list[Line]]:
    """Run a back-test and read its effects."""
    report = run_backtest(given, rules, folder, setting)
    return report, list(effects(folder))


# Where it begins and ends --------------------------------------------------------------------------------------------


def test_it_ends_with_the_day_of_the_last_event(tmp_path: Path) -> None:
    """What falls due on the last event's day is done, what falls due the day after is not; the run is left open."""
    report, lines = replayed(tmp_path, [order("a", 0), order("b", 61, MINUTE)])
    assert kinds(lines, "standing_changed")[-2:] == [(61, "standing_changed"), (61, "standing_changed")]
    assert kinds(lines, "run_started", "run_ended") == [(61, "run_started")]
    assert (report.open, report.outcomes, report.days) == ({"come-back": 1}, {"come-back": {}}, 62)
    earlier, _ = replayed(tmp_path, [order("a", 0), order("b", 60, 24 * HOUR - 1)])
    assert earlier.standings["lapsed"] == 0


def test_it_goes_on_until_the_instant_that_was_named(tmp_path: Path) -> None:
    """`--until` is exclusive: events from it on are left out, and timers ring up to it, also beyond the last event."""
    given = [order("a", 0), order("b", 5), order("a", 400)]
    report, lines = replayed(tmp_path, given, setting=Setting(until=at(92, 0)))
    assert (report.events, report.left_out, report.days, report.last_day) == (2, 1, 92, iso_day(BEGIN + 91))
    assert kinds(lines, "send.requested") == [(61, "send.requested"), (66, "send.requested"), (91, "send.requested")]
    assert any("left out" in note for note in report.notes)


def test_events_before_from_are_facts_only(tmp_path: Path) -> None:
    """Before `--from` nothing is told and nobody enters; who fits by then is let in at the workflow's pace."""
    paced = replace(RULES, switches={"come-back": Switch(mode=Mode.LIVE, enter_at_most=EnterAtMost(2, Length(days=1)))})
    given = [order(name, 0) for name in "abcde"] + [order("f", 120)]
    report, lines = replayed(tmp_path, given, paced, Setting(from_=at(100, 0)))
    assert min(line.day for line in lines) == BEGIN + 100
    assert [day for day, _ in kinds(lines, "run_started")] == [100, 100, 101, 101, 102]
    assert kinds(lines, "standing_changed") == [(120, "standing_changed")]  # f's first order; the others' lapse is old
    assert (report.events, report.history, report.first_day, report.days) == (6, 5, iso_day(BEGIN + 100), 21)
    assert report.standings == {"active": 1, "reader": 0, "lapsed": 5, "former": 0, "prospect": 0}


def test_it_obeys_the_ramp(tmp_path: Path) -> None:
    """So many mails a day at most, growing day by day; who waits for longer than the send may be late gets none."""
    ramped = replace(RULES, lifecycle=replace(RULES.lifecycle, ramp=RampRule(RampSteps(start=2, until=4))))
    given = [order(f"c{number:02}", 0, number * MINUTE) for number in range(12)] + [order("z", 80)]
    report, lines = replayed(tmp_path / "ramped", given, ramped)
    firsts = Counter(line.day - BEGIN for line in lines if line.kind == "send.requested" and line.day < BEGIN + 80)
    assert firsts == {61: 2, 62: 3, 63: 4}
    assert report.deferred > 0
    assert report.dropped == {"late: ramp: no more to others today": 3}


def test_without_events_there_is_a_report_that_says_so(tmp_path: Path) -> None:
    """An empty history gives empty files and zeros, no error."""
    report, lines = replayed(tmp_path, [])
    assert (report.events, report.days, lines) == (0, 0, [])
    assert report.notes == ["There is no event in this history, so there was nothing to replay."]
    assert (tmp_path / "report.html").stat().st_size > 1_000


# What counts once ----------------------------------------------------------------------------------------------------


def test_repetitions_are_counted_and_left_out(tmp_path: Path) -> None:
    """The same (source, id) again counts for nothing, at whatever time; nor does an order that is known already."""
    again = replace(order("a", 0), time=at(3))
    same_order = replace(order("a", 0), id="another", time=at(4))
    report, _ = replayed(tmp_path, [again, order("a", 0), order("a", 0), same_order, order("b", 1)])
    assert (report.events, report.duplicates, report.customers) == (2, 3, 2)


def test_of_two_that_contradict_each_other_the_same_one_stays(tmp_path: Path) -> None:
    """Events of one (source, id) and time that say different things: which one counts does not hang on the order."""
    one = order("a", 0)
    other = replace(one, data=OrderPlaced("a-other", Decimal(99), "EUR"))
    given = [one, other, order("b", 70)]
    first, _ = replayed(tmp_path / "1", given)
    second, _ = replayed(tmp_path / "2", given[::-1])
    assert (tmp_path / "1" / "effects.jsonl").read_bytes() == (tmp_path / "2" / "effects.jsonl").read_bytes()
    assert first.duplicates == second.duplicates == 1


def test_what_could_not_be_read_is_said(tmp_path: Path) -> None:
    """Dead letters are counted, and the first ones told with their place."""
    letters = [DeadLetter(b"x", "not JSON at byte 1", f"orders.jsonl:{line}") for line in range(1, 8)]
    report, _ = replayed(tmp_path, [*letters, order("a", 0)])
    assert (report.dead_letters, report.events) == (7, 1)
    assert "7 lines could not be taken: orders.jsonl:1: not JSON at byte 1" in report.notes[-1]
    assert "and 2 more" in report.notes[-1]


# What it takes for granted -------------------------------------------------------------------------------------------


def reasons(lines: Sequence[Line]) -> set[str]:
    """Why sends were dropped."""
    return {line.data["reason"] for line in lines if line.kind == "send.dropped"}


def test_without_consents_and_addresses_both_are_taken_for_granted(tmp_path: Path) -> None:
    """A history of orders alone sends as if everybody had said yes, and says so."""
    report, lines = replayed(tmp_path, [order("a", 0), order("b", 65)])
    assert kinds(lines, "send.requested") == [(61, "send.requested")]
    assert [note.split(".")[0] for note in report.notes[:2]] == [
        "The history knows no event about consent",
        "The history knows no address",
    ]


def test_strictly_nothing_is_taken_for_granted(tmp_path: Path) -> None:
    """With --strict the same history sends nothing, and says why."""
    report, lines = replayed(tmp_path, [order("a", 0), order("b", 65)], setting=Setting(strict=True))
    assert (kinds(lines, "send.requested"), reasons(lines)) == ([], {"no_address"})
    assert "--strict takes it as it is: nobody may be written to" in report.notes[0]


def test_one_consent_makes_consents_count(tmp_path: Path) -> None:
    """Where the history knows of consents at all, who has none gets nothing; addresses are another matter."""
    yes = Event("yes", "shop", "consent.given", at(0), "a", Consent(purpose="marketing"))
    report, lines = replayed(tmp_path, [yes, order("a", 0), order("b", 0), order("c", 65)])
    assert [line.customer for line in lines if line.kind == "send.requested"] == ["a"]
    assert reasons(lines) == {"no_permission"}
    assert not any("consent" in note for note in report.notes)


def test_one_address_makes_addresses_count(tmp_path: Path) -> None:
    """Where the history knows an address, who has none cannot be written to."""
    known = Event("p", "shop", "profile.updated", at(0), "a", ProfileUpdated(email="ada@example.org"))
    _, lines = replayed(tmp_path, [known, order("a", 0), order("b", 0), order("c", 65)])
    assert [(line.customer, line.data["customer"]["email"]) for line in lines if line.kind == "send.requested"] == [
        ("a", "ada@example.org")
    ]
    assert reasons(lines) == {"no_address"}


def test_a_no_counts_also_where_permission_is_granted(tmp_path: Path) -> None:
    """Who unsubscribed is left alone, even though the history tells of no consent."""
    no = Event("no", "tool", "email.unsubscribed", at(9), "a", Mail())
    _, lines = replayed(tmp_path, [order("a", 0), no, order("b", 65)])
    assert (kinds(lines, "send.requested"), reasons(lines)) == ([], {"stopped"})


# What runs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "all_drafts", "runs"), [("draft", False, 0), ("draft", True, 1), ("live", False, 1), ("shadow", False, 1)]
)
def test_live_and_shadow_run_and_drafts_on_demand(mode: Mode, all_drafts: bool, runs: int, tmp_path: Path) -> None:  # noqa: FBT001 - a table's column
    """Drafts need --all; shadows run and are marked as such."""
    rules = replace(RULES, switches={"come-back": Switch(mode=Mode(mode))})
    report, lines = replayed(tmp_path, [order("a", 0), order("b", 65)], rules, Setting(all_drafts=all_drafts))
    assert sum(report.entered.values()) == runs
    marked = [line.data.get("shadow", False) for line in lines if "workflow" in line.data]
    assert marked == [mode == "shadow"] * len(marked)
    assert any("--all" in note for note in report.notes) == (not runs)


def test_pool_codes_are_made_up_and_never_run_out(tmp_path: Path) -> None:
    """Each of 300 customers gets a code of their own, the same ones on every run."""
    given = [order(f"c{number:03d}", number % 20) for number in range(300)] + [order("last", 120)]
    report, lines = replayed(tmp_path / "1", given)
    replayed(tmp_path / "2", Random(1).sample(given, len(given)))
    codes = [
        line.data["offer"]["code"]
        for line in lines
        if line.kind == "send.requested" and line.data["template"] == "hello"
    ]
    assert len(set(codes)) == len(codes) == report.offers["trial"].issued == 300
    assert (report.offers["trial"].cost, report.currency) == ("1800.00", "EUR")
    assert "pool_empty" not in report.dropped
    assert (tmp_path / "1" / "effects.jsonl").read_bytes() == (tmp_path / "2" / "effects.jsonl").read_bytes()


def test_who_returns_by_themselves_is_told_from_who_was_written_to(tmp_path: Path) -> None:
    """`returned_without_mail` leaves out who would have had a mail between falling silent and coming back."""
    quick = [order("quick", 0, MINUTE), order("quick", 61, 7 * HOUR)]  # back before the mail could go at 8
    slow = [order("slow", 0), order("slow", 80), order("slow", 81)]
    report, lines = replayed(tmp_path, [*quick, *slow])
    assert [line.customer for line in lines if line.kind == "send.requested"] == ["slow"]
    assert (report.returned, report.returned_without_mail) == (2, 1)


def test_a_customers_story_can_be_told(tmp_path: Path) -> None:
    """`--trace` tells events and decisions of one customer, in order, with days and clock times of the shop."""
    report, _ = replayed(tmp_path, [order("a", 0), order("b", 65)], setting=Setting(trace="a"))
    told = [line.split(": ")[0] for line in report.story]
    assert told == [
        "2024-01-01 12:00  order.placed",
        "2024-01-01 12:00    -> standing prospect to active",
        "2024-03-02 00:00    -> standing active to lapsed",
        "2024-03-02 00:00    -> run started",
        "2024-03-02 00:00    -> send hello deferred until 2024-03-02T07:00:00Z",
        "2024-03-02 08:00    -> offer trial, code " + report.story[5].split("code ")[1],
        "2024-03-02 08:00    -> send hello (come-back, only)",
    ]


def test_bodies_come_with_links_of_the_sample_key(tmp_path: Path) -> None:
    """With --bodies each mail is rendered in the customer's language, the same on each run; without, it has none."""
    checked = read_folder(ROOT / "workflows")
    assert checked.rules is not None
    assert checked.templates is not None
    given = list(sample_events(150, 5))
    setting = Setting(all_drafts=True, complete=completing(checked.templates, checked.brand))
    _, rich = replayed(tmp_path / "1", given, checked.rules, setting)
    replayed(tmp_path / "2", given, checked.rules, setting)
    _, plain = replayed(tmp_path / "3", given, checked.rules, Setting(all_drafts=True))

    mails = [line.data for line in rich if line.kind == "send.requested"]
    assert len(mails) > 50
    assert all(mail["subject"] and mail["text"] and mail["html"].startswith("<!doctype html>") for mail in mails)
    assert all(mail["links"]["unsubscribe"] in mail["html"] for mail in mails)
    assert {"List-Unsubscribe", "List-Unsubscribe-Post"} <= mails[0]["headers"].keys()
    assert (tmp_path / "1" / "effects.jsonl").read_bytes() == (tmp_path / "2" / "effects.jsonl").read_bytes()
    bodies = {"subject", "text", "html", "headers", "links"}
    assert not any(bodies & line.data.keys() for line in plain)
    assert [line.id for line in plain] == [line.id for line in rich]


# The report ----------------------------------------------------------------------------------------------------------


class Seen(HTMLParser):
    """What a page refers to and holds."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.refers_to: list[str] = []
        self.pictures: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        said = dict(attrs)
        self.refers_to += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]
        if tag == "svg":
            self.pictures.append(said["aria-label"] or "")
        if tag not in ("meta", "br", "rect", "line", "polygon"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """See that elements are closed in turn."""
        if tag in ("rect", "line", "polygon"):
            return
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Collect text."""
        self.text += data


@pytest.fixture(scope="module")
def sample_page(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, str]:
    """The report of a sample shop, and its page."""
    rules = read_folder(ROOT / "workflows").rules
    assert rules is not None
    folder = tmp_path_factory.mktemp("page")
    report = run_backtest(sample_events(300, 4), rules, folder, Setting(all_drafts=True))
    return report, (folder / "report.html").read_text(encoding="utf-8")


def test_the_page_stands_on_its_own(sample_page: tuple[Report, str]) -> None:
    """It is well formed, refers to nothing outside, and has the five pictures."""
    seen = Seen()
    seen.feed(sample_page[1])
    assert (seen.open, seen.refers_to) == ([], [])
    assert "url(" not in sample_page[1]
    assert "@import" not in sample_page[1]
    assert seen.pictures == [
        "Standings over time",
        "Entries by workflow and week",
        "Messages by template and week",
        "How runs ended",
        "What offers would cost",
    ]
    assert WHAT_IT_DOES_NOT_SHOW in seen.text
    assert f"{sample_page[0].returned_without_mail:,} of these times nothing would have been sent" in seen.text


def test_the_page_is_the_same_on_each_run(sample_page: tuple[Report, str]) -> None:
    """The page holds neither a clock nor a speed."""
    report, html = sample_page
    assert page(replace(report, events_per_second=report.events_per_second + 1)) == html


def test_names_cannot_break_the_page() -> None:
    """Titles, templates, offers, reasons and notes are text, whatever they hold."""
    evil = "<script>alert(1)</script>"
    report = Report(
        workflows={evil: evil}, entered={evil: 1}, open={evil: 0}, outcomes={evil: {evil: 2}}, notes=[evil],
        dropped={evil: 1}, deferred_for={evil: 1}, deferred=1, weeks=["2024-01-01"], currency="EUR",
    )  # fmt: skip
    report.weekly.sends = {evil: [3]}
    assert "<script" not in page(report)


def test_report_json_is_what_json_prints(tmp_path: Path) -> None:
    """report.json has every figure of the contract under its name."""
    report, _ = replayed(tmp_path, [order("a", 0), order("b", 65)])
    found = json.loads((tmp_path / "report.json").read_bytes())
    contract = (
        "events duplicates customers days standings entered sends held_out outcomes open returned_without_mail offers "
        "capped deferred dropped events_per_second"
    )
    assert set(contract.split()) <= found.keys()
    assert (found["entered"], found["sends"], found["offers"]) == (
        {"come-back": 1},
        {"hello": 1},
        {"trial": {"issued": 1, "cost": "6.00"}},
    )
    assert found["events_per_second"] == report.events_per_second > 0


def test_long_histories_are_drawn_four_weeks_at_a_time(tmp_path: Path) -> None:
    """Twenty years make a page of a sensible size, with every week in its tables."""
    given = [order(f"c{n % 40}", n * 9) for n in range(800)]
    report, _ = replayed(tmp_path, given)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert len(report.weeks) > 1_000
    assert html.count('class="hint"') < 800
    assert len(html) < 1_000_000


@pytest.mark.parametrize(
    ("highest", "top"), [(0, 4), (3, 4), (5, 8), (9, 12), (41, 60), (480, 600), (1001, 1200), (28_000, 32_000)]
)
def test_axes_end_at_round_numbers(highest: int, top: int) -> None:
    """Four steps lead to the top of an axis, each a round whole number."""
    assert nice_top(highest) == top


@pytest.mark.parametrize(
    ("part", "whole", "said"), [(0, 9, "0%"), (1, 1000, "<1%"), (1, 3, "33%"), (3, 3, "100%"), (0, 0, "0%")]
)
def test_a_share_is_never_rounded_to_nothing(part: int, whole: int, said: str) -> None:
    """What is there at all is not written as 0 %."""
    assert percent(part, whole) == said


def test_progress_is_told(tmp_path: Path) -> None:
    """A progress bar hears how far reading and replaying have come, and that both came to their end."""
    told: list[tuple[str, int, int]] = []
    run_backtest([order("a", 0), order("b", 1)], RULES, tmp_path, progress=lambda *said: told.append(said))
    assert told == [("reading", 2, 2), ("replaying", 2, 2)]


# The cadence of files ------------------------------------------------------------------------------------------------


def test_cadence_takes_cancelled_orders_out_and_looks_from_the_last_day_it_knows() -> None:
    """A cancelled order closes no interval; a click after the last order moves the day that is looked from."""
    cancelled = Event("x", "shop", "order.cancelled", at(11), "a", OrderCalledOff("a-10-43200000000"))
    click = Event("k", "tool", "email.clicked", at(90), "b", Mail())
    given = [order("a", 0), order("a", 10), order("a", 30), cancelled, order("b", 5), click]
    found = cadence_of_files(given, Lifecycle())
    assert (found["customers"], found["orders"], found["intervals"], found["sum_days"]) == (2, 3, 1, 30)
    assert (found["last_day"], found["inactive"], found["inactive_one_time"]) == (iso_day(BEGIN + 90), 1, 1)


def test_cadence_by_category_counts_intervals_within_each() -> None:
    """An interval of a category lies between two orders that hold it; others in between do not end it."""

    def bought(day: int, *categories: str) -> Event:
        plain = order("a", day)
        items = tuple(Item(sku=name, category=name) for name in categories)
        return replace(plain, data=replace(plain.data, items=items))

    found = cadence_of_files(
        [bought(0, "tea", "cups"), bought(10, "tea"), bought(40, "cups")], Lifecycle(), by_category=True
    )
    assert {name: (each["intervals"], each["sum_days"]) for name, each in found["categories"].items()} == {
        "cups": (1, 40),
        "tea": (1, 10),
    }
    assert found["sum_days"] == 40


def test_cadence_of_nothing_is_nothing() -> None:
    """Without an order there is no interval, no day, and no error."""
    found = cadence_of_files([], Lifecycle())
    assert (found["customers"], found["intervals"], found["mean_days"], found["first_day"]) == (0, 0, None, None)
