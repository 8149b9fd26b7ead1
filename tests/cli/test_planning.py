"""`winback plan`, and `winback apply PLAN`: what an edit would do, and a second pair of eyes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.core.moments import DAY, rfc3339
from engine.language.files import SPECIAL
from engine.wiring.clock import SystemClock
from tests.cli.conftest import Winback

GREETING = """workflow: greeting
title: Write to whoever ordered
mode: {mode}
enter_when_all:
  - customer: orders
    at_least: 1
again_after: never
enter_at_most: {pace}
reach: {reach}
leave_when_any:
  - event: email.unsubscribed
  - event: email.complained
stages:
  only:
    title: Wait, then write
    steps:
      - wait: {wait}
      - send: welcome_back
      - tag: greeted
    end: greeted
"""
FILE, PLAN = Path("workflows/greeting.yaml"), "greeting.plan"


def write(mode: str = "live", wait: str = "5d", pace: str = "4 per 1d", reach: str = "100%") -> None:
    """Write the workflow."""
    FILE.write_text(GREETING.format(mode=mode, wait=wait, pace=pace, reach=reach))


def customer(number: int, days_ago: int = 200) -> list[dict[str, object]]:
    """What is known of a customer: an order, mostly a permission, and of one in five an address that mail cannot reach."""
    now, name = SystemClock().now() - days_ago * DAY - 10, f"c-{number:02}"
    mail = f"{name}@example.org"
    told: list[tuple[str, dict[str, object]]] = [
        ("order.placed", {"order_id": f"o-{number}", "total": "40.00", "currency": "EUR", "email": mail})
    ]
    told.append(("profile.updated", {"email": mail}))
    if number % 3:
        told.append(("consent.given", {"purpose": "marketing", "basis": "express", "proof": {"wording": "yes"}}))
    if number % 5 == 0:
        told.append(("email.bounced", {"email": mail, "kind": "dead", "status": "5.1.1"}))
    return [
        {
            "specversion": "1.0",
            "id": f"{kind} {number}",
            "source": "shop",
            "type": kind,
            "time": rfc3339(now + at),
            "subject": name,
            "data": data,
        }
        for at, (kind, data) in enumerate(told)
    ]


def ingest(winback: Winback, events: list[dict[str, object]]) -> None:
    """Take in events."""
    Path("known.jsonl").write_text("\n".join(map(json.dumps, events)))
    assert winback("ingest", "known.jsonl").code == 0


def order_now(winback: Winback, *numbers: int) -> None:
    """Let these customers order just now: they enter by themselves."""
    ingest(winback, [each for number in numbers for each in customer(number, 0)[:1]])


def under_way(winback: Winback) -> int:
    """How many are in the workflow."""
    return len(winback("who", "--workflow", "greeting", "--json").json)


@pytest.fixture
def shop(winback: Winback, monkeypatch: pytest.MonkeyPatch) -> Winback:
    """A shop of ten customers who ordered, with the workflow a draft; Ada is at the keyboard."""
    monkeypatch.setenv("WINBACK_WHO", "ada")
    lifecycle = Path("workflows/lifecycle.yaml")
    lifecycle.write_text(lifecycle.read_text().replace("warm_up: 90d", "warm_up: none"))
    for path in Path("workflows").glob("*.yaml"):
        if path.name not in SPECIAL:
            path.unlink()
    write("draft")
    assert winback("apply").code == 0
    ingest(winback, [each for number in range(10) for each in customer(number)])
    return winback


def test_a_plan_says_who_would_enter_and_who_can_be_written_to(shop: Winback) -> None:
    """By the record: ten fit; four may not be written to without permission, one more has a dead address."""
    write()
    (change,) = shop("plan", "--json").json["changes"]
    figures = {name: change[name] for name in ("would_enter", "mailable", "without_permission", "dead", "per_day")}
    assert figures == {"would_enter": 10, "mailable": 5, "without_permission": 3, "dead": 2, "per_day": 4}
    assert change["workflow"] == "greeting"
    assert (change["from"], change["to"], change["mode"]) == (1, 1, "live")
    assert change["differences"] == [{"where": "mode", "old": "draft", "new": "live"}]
    assert change["reaches_further"] == ["goes live"]
    told = shop("plan").out
    assert "10 would enter, up to 4 a day until" in told
    assert "5 mailable, 2 address dead, 3 no permission" in told


def test_a_plan_changes_nothing(shop: Winback) -> None:
    """Made twice it says the same, and nobody has entered."""
    write()
    first, second = (shop("plan", "--json").json["changes"] for _ in range(2))
    assert first == second
    assert shop("status", "--json").json["workflows"]["greeting"]["mode"] == "draft"


def test_files_with_errors_have_no_plan(shop: Winback) -> None:
    """The errors are told with their lines, as `check` does; it exits 1."""
    FILE.write_text(FILE.read_text().replace("welcome_back", "no_such_template"))
    called = shop("plan", "--json")
    assert called.code == 1
    assert called.json["changes"] == []
    assert any("no_such_template" in each["message"] for each in called.json["problems"])
    assert "greeting.yaml:18" in called.err


def test_without_a_database_everything_is_new(winback: Winback) -> None:
    """Nothing is in force, nobody is known; a plan makes no data folder."""
    changes = winback("plan", "--json").json["changes"]
    assert {each["from"] for each in changes if each["workflow"]} == {None}
    assert not Path("data").exists()


def test_a_plan_tells_where_those_under_way_would_land(shop: Winback) -> None:
    """Of a step that is gone they go on behind it; a shorter wait is over at once for none who has just begun."""
    write()
    assert shop("apply").code == 0
    order_now(shop, 21, 22, 23)
    assert under_way(shop) == 3
    write(wait="2d")
    change = shop("plan", "--move", "greeting=move", "--json").json["changes"][0]
    assert change["waiting"] == {"only: wait 5d": 3}
    landing = {"step": "only: wait 5d", "to": "only: wait 2d", "customers": 3, "due_at_once": 0}
    assert change["landings"] == [landing]
    FILE.write_text(FILE.read_text().replace("      - wait: 2d\n", ""))
    change = shop("plan", "--json").json["changes"][0]
    assert {"where": "stage only, steps", "old": "wait: 5d", "new": None} in change["differences"]
    assert [each["to"] for each in change["landings"]] == ["only: send welcome_back"]


def test_a_workflow_that_is_gone_with_people_in_it_needs_a_word_and_the_plan_says_so(shop: Winback) -> None:
    """Before `apply` refuses it."""
    write()
    assert shop("apply").code == 0
    order_now(shop, 21)
    FILE.unlink()
    change = shop("plan", "--json").json["changes"][0]
    assert (change["to"], change["needs_a_word"], change["reaches_further"]) == (None, True, [])
    assert "--move greeting=pin" in shop("plan").out


# A saved plan --------------------------------------------------------------------------------------------------------


def test_a_plan_that_still_holds_is_applied(shop: Winback) -> None:
    """It is told whose plan it was."""
    write()
    assert shop("plan", "--save", PLAN).code == 0
    done = shop("apply", PLAN, "--json").json
    assert done["applied"]
    assert done["in_force"]["planned_by"] == "ada"
    again = shop("apply", PLAN)
    assert again.code == 1
    assert "something was applied since" in again.err


def test_a_plan_of_other_files_is_refused(shop: Winback) -> None:
    """What was looked at is what goes live; a comment is no other file."""
    write()
    assert shop("plan", "--save", PLAN).code == 0
    FILE.write_text(FILE.read_text() + "# looked at by two\n")
    assert shop("plan", "--json").json["digest"] == json.loads(Path(PLAN).read_text())["digest"]
    write(wait="6d")
    refused = shop("apply", PLAN)
    assert refused.code == 1
    assert "the files have changed" in refused.err
    assert shop("plan", "--json").json["changes"][0]["differences"] != []


def test_a_plan_whose_figures_are_others_by_now_is_refused(shop: Winback) -> None:
    """By more than a tenth: it is told what was planned and what is now."""
    write()
    assert shop("plan", "--save", PLAN).code == 0
    ingest(shop, [each for number in (11, 13) for each in customer(number)])
    refused = shop("apply", PLAN)
    assert refused.code == 1
    assert "greeting: mailable: planned 5, now 7; greeting: would enter: planned 10, now 12" in refused.err


def test_figures_may_differ_by_a_tenth(shop: Winback) -> None:
    """One customer more of ten, whom nobody may write to."""
    write()
    assert shop("plan", "--save", PLAN).code == 0
    ingest(shop, customer(12))
    assert shop("plan", "--json").json["changes"][0]["would_enter"] == 11
    assert shop("apply", PLAN).code == 0


def test_what_is_no_plan_is_a_wrong_call(shop: Winback) -> None:
    """It exits 2 and names the file."""
    Path("other.json").write_text('{"changes": []}')
    for name, said in (("other.json", "no plan"), ("missing.plan", "missing.plan")):
        called = shop("apply", name)
        assert called.code == 2
        assert said in called.err
    assert shop("apply", "other.json", "--back").code == 2


# A second person -----------------------------------------------------------------------------------------------------


@pytest.fixture
def by_two(shop: Winback, monkeypatch: pytest.MonkeyPatch) -> Winback:
    """A shop in which a second person must approve."""
    monkeypatch.setenv("WINBACK_APPROVALS", "1")
    return shop


def test_what_reaches_customers_needs_a_second_person(by_two: Winback, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone it is refused, by one's own plan too, whatever case the name is in; somebody else puts it in force."""
    write()
    refused = by_two("apply")
    assert refused.code == 1
    assert "a second person must approve what reaches further (greeting: goes live)" in refused.err
    assert by_two("plan", "--save", PLAN).code == 0
    monkeypatch.setenv("WINBACK_WHO", " Ada")
    own = by_two("apply", PLAN)
    assert own.code == 1
    assert "ada made this plan" in own.err
    monkeypatch.setenv("WINBACK_WHO", "bob")
    done = by_two("apply", PLAN, "--json").json
    assert (done["in_force"]["who"], done["in_force"]["planned_by"]) == ("bob", "ada")


def test_a_plan_that_was_written_by_hand_is_not_known(by_two: Winback) -> None:
    """A file says anybody's name; who made a plan the engine knows itself."""
    write()
    assert by_two("plan", "--save", PLAN).code == 0
    plan = json.loads(Path(PLAN).read_text())
    for forged in ({**plan, "who": "bob"}, {**plan, "number": plan["number"] + 7}):
        Path(PLAN).write_text(json.dumps(forged))
        refused = by_two("apply", PLAN)
        assert refused.code == 1
        assert "does not know this plan" in refused.err


def test_nobody_is_no_second_person(by_two: Winback, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no name is known, nobody can tell two people apart."""
    write()
    monkeypatch.setenv("WINBACK_WHO", "?")
    assert by_two("plan", "--save", PLAN).code == 0
    monkeypatch.setenv("WINBACK_WHO", "bob")
    refused = by_two("apply", PLAN)
    assert refused.code == 1
    assert "set WINBACK_WHO" in refused.err


def test_going_down_needs_nobody(by_two: Winback, monkeypatch: pytest.MonkeyPatch) -> None:
    """A smaller share, a slower pace, a draft, a workflow taken away: one person does it at once. Up again needs two."""
    write()
    assert by_two("plan", "--save", PLAN).code == 0
    monkeypatch.setenv("WINBACK_WHO", "bob")
    assert by_two("apply", PLAN).code == 0
    for lower in ({"reach": "50%"}, {"reach": "50%", "pace": "4 per 2d"}, {"reach": "50%", "pace": "skip"}):
        write(**lower)
        assert by_two("apply").code == 0, lower
    for higher in ({"reach": "60%", "pace": "skip"}, {"reach": "50%"}, {"reach": "50%", "pace": "skip", "wait": "6d"}):
        write(**higher)
        assert by_two("apply").code == 1, higher
    write("draft", wait="6d")
    assert by_two("apply").code == 0
    write()
    assert by_two("apply").code == 1
    FILE.unlink()
    assert by_two("apply", "--move", "greeting=exit").code == 0


def test_what_was_in_force_may_come_back_at_once(by_two: Winback, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taking back returns to what two people had agreed on, and hurries: it needs nobody else."""
    write()
    assert by_two("plan", "--save", PLAN).code == 0
    monkeypatch.setenv("WINBACK_WHO", "bob")
    assert by_two("apply", PLAN).code == 0
    assert by_two("apply", "--back").code == 0
    assert by_two("plan", "--json").json["changes"][0]["effect"] == "mode draft -> live"
