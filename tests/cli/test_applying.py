"""`winback apply`: what becomes of runs under way, and the way back."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.core.moments import rfc3339
from engine.wiring import in_force
from engine.wiring.clock import SystemClock
from tests.cli.conftest import Winback

VISITS = """workflow: visits
title: Whoever looks at the shop
mode: {mode}
enter_when_all:
  - event: customer.visited
    within: 1d
again_after: 30d
stages:
  only:
    title: Wait, then tag
    steps:
      - wait: {wait}
      - tag: visited
    end: seen
"""
FILE = Path("workflows/visits.yaml")


def write(wait: str = "5d", mode: str = "live") -> None:
    """Write the workflow."""
    FILE.write_text(VISITS.format(wait=wait, mode=mode))


@pytest.fixture
def visited(winback: Winback, monkeypatch: pytest.MonkeyPatch) -> Winback:
    """A shop with that workflow live, and two customers in it; Ada applied it."""
    monkeypatch.setenv("WINBACK_WHO", "ada")
    lifecycle = Path("workflows/lifecycle.yaml")
    lifecycle.write_text(lifecycle.read_text().replace("warm_up: 90d", "warm_up: none"))
    for path in Path("workflows").glob("*.scenarios.yaml"):
        path.unlink()
    assert winback("apply").code == 0
    write()
    assert winback("apply").code == 0
    now = rfc3339(SystemClock().now())
    events = [
        {"specversion": "1.0", "id": who, "source": "shop", "type": "customer.visited", "time": now, "subject": who}
        for who in ("bob", "cyd")
    ]
    Path("visits.jsonl").write_text("\n".join(json.dumps({**each, "data": {}}) for each in events))
    assert winback("ingest", "visits.jsonl").code == 0
    assert versions(winback) == {"bob": 1, "cyd": 1}
    return winback


def versions(winback: Winback) -> dict[str, int]:
    """Which version of the workflow each customer is on."""
    told = [winback("explain", who, "--json").json for who in ("bob", "cyd")]
    return {each["customer"]["id"]: run["version"] for each in told for run in each["runs"]}


def outcomes(winback: Winback, who: str) -> list[str]:
    """What was decided about somebody that is about a version, or an end."""
    said = [each["what"] for each in winback("explain", who, "--json").json["decisions"]]
    return [each for each in said if "goes on" in each or "ended" in each]


def test_runs_stay_on_their_version_unless_they_are_moved(visited: Winback) -> None:
    """Pin is what holds without a word; move takes them along, also later, without any other change."""
    write("9d")
    assert visited("apply").code == 0
    assert versions(visited) == {"bob": 1, "cyd": 1}
    called = visited("apply", "--move", "visits=move", "--json")
    assert called.json["changes"] == [
        {"workflow": "visits", "from": 2, "to": 2, "effect": "runs go on in the new version"}
    ]
    assert versions(visited) == {"bob": 2, "cyd": 2}
    assert outcomes(visited, "bob") == ["visits goes on in version 2"]


def test_an_exit_ends_them(visited: Winback) -> None:
    """They end as moved_out, and `explain` says so."""
    assert visited("apply", "--move", "visits=exit").code == 0
    assert versions(visited) == {}
    assert outcomes(visited, "cyd") == ["visits ended: moved_out"]


@pytest.mark.parametrize(("how", "left"), [("pin", {"bob": 1, "cyd": 1}), ("exit", {})])
def test_a_workflow_that_is_gone_with_people_in_it_needs_a_word(
    visited: Winback, how: str, left: dict[str, int]
) -> None:
    """Without one nothing is applied, and it is said who waits where; with it what was said becomes of them."""
    FILE.unlink()
    Path("workflows/templates/welcome_back/en.subject.liquid").write_text("Something else\n")
    refused = visited("apply", "--json")
    assert refused.code == 1
    assert "visits is gone from the files, and 2 are in it (2 at only: wait 5d)" in refused.err
    assert "visits" in visited("status", "--json").json["workflows"]
    assert len(visited("status", "--json").json["pending"]["changes"]) == 2
    impossible = visited("apply", "--move", "visits=move")
    assert impossible.code == 1
    assert "nowhere to go on" in impossible.err
    assert visited("apply", "--move", f"visits={how}").code == 0
    assert versions(visited) == left
    assert "visits" not in visited("status", "--json").json["workflows"]


def test_a_workflow_that_is_gone_and_empty_needs_none(visited: Winback) -> None:
    """There is nobody to speak of."""
    assert visited("apply", "--move", "visits=exit").code == 0
    FILE.unlink()
    assert visited("apply").code == 0


@pytest.mark.parametrize("said", ["visits", "visits=stay", "=move"])
def test_a_move_that_cannot_be_read_is_a_wrong_call(visited: Winback, said: str) -> None:
    """It exits 2 and shows how it is written."""
    called = visited("apply", "--move", said)
    assert called.code == 2
    assert "WORKFLOW=pin|move|exit" in called.err


def test_all_that_is_wrong_with_moves_is_said_at_once(visited: Winback) -> None:
    """Of each workflow, beside what was forgotten."""
    FILE.unlink()
    called = visited("apply", "--move", "nothing=pin", "--move", "never=exit")
    assert called.code == 1
    assert all(word in called.err for word in ("'nothing'", "'never'", "visits is gone"))


def test_an_apply_is_taken_back_as_a_whole(visited: Winback) -> None:
    """Rules, templates and brand are what they were; step by step it goes further back, until there is nothing before."""
    template = Path("workflows/templates/welcome_back/en.subject.liquid")
    first = template.read_text()
    write("9d", mode="shadow")
    assert visited("apply").code == 0
    template.write_text("We have missed you\n")
    assert visited("apply", "--json").json["changes"][0]["effect"].startswith("templates")
    assert visited("status", "--json").json["pending"] is None

    back = visited("apply", "--back", "--json")
    assert back.json["in_force"]["taken_back"]
    assert [each["effect"] for each in back.json["changes"]] == [
        "templates or shop.yaml change, for every message from now on"
    ]
    back = visited("apply", "--back", "--json")
    assert [(each["workflow"], each["from"], each["to"]) for each in back.json["changes"]] == [("visits", 2, 1)]
    assert visited("status", "--json").json["workflows"]["visits"]["mode"] == "live"
    refused = visited("apply", "--back")
    assert refused.code == 1
    assert "visits is gone" in refused.err
    assert visited("apply", "--back", "--move", "visits=pin").code == 0
    last = visited("apply", "--back")
    while last.code == 0:
        last = visited("apply", "--back")
    assert "there is nothing to go back to" in last.err

    template.write_text(first)
    assert visited("apply").code == 0
    assert versions(visited) == {"bob": 1, "cyd": 1}


def test_after_going_back_another_apply_can_be_taken_back_too(visited: Winback) -> None:
    """What was taken back is never returned to: an apply after it follows what it led to."""
    write("9d")
    assert visited("apply").code == 0
    assert visited("apply", "--back").code == 0
    write("7d")
    assert visited("apply").code == 0
    assert visited("apply", "--back", "--json").json["changes"][0]["to"] == 1


def test_the_record_says_who_and_what(visited: Winback, monkeypatch: pytest.MonkeyPatch) -> None:
    """`status` tells the last applies: when, by whom, what it changed and what became of runs."""
    monkeypatch.setenv("WINBACK_WHO", "grace")
    write("9d")
    assert visited("apply", "--move", "visits=move").code == 0
    last, before = visited("status", "--json").json["in_force"][:2]
    assert (last["who"], before["who"]) == ("grace", "ada")
    assert last["moves"] == {"visits": "move"}
    assert last["what"] == ["visits: a new version: who enters from now on walks it; runs go on in the new version"]
    assert "by grace" in visited("status").out
    nothing = visited("apply", "--json").json
    assert nothing["changes"] == []
    assert nothing["in_force"] == last


def test_the_templates_of_an_earlier_version_come_into_the_database(visited: Winback) -> None:
    """It kept them in a file: the next command that opens the engine takes them over, and they are in force as before."""
    with closing(sqlite3.connect("data/winback.sqlite3")) as database:
        (body,) = database.execute("select body from template_set order by num desc limit 1").fetchone()
        database.execute("delete from applied")
        database.execute("delete from template_set")
        database.commit()
    old = Path("data", in_force.OLD_FILE)
    old.write_text(body)
    template = Path("workflows/templates/welcome_back/en.subject.liquid")
    template.write_text("Edited since\n")
    assert visited("ingest", "visits.jsonl").code == 0
    assert not old.exists()
    (taken_over,) = visited("status", "--json").json["in_force"]
    assert taken_over["what"] == ["what was there at the start"]
    assert visited("apply", "--json").json["changes"][0]["effect"].startswith("templates")
    assert visited("apply", "--back").code == 0
    assert in_force.kept_of(body) == in_force.of_books(Path("data"))
