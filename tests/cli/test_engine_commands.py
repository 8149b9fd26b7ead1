from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from engine.cli.commands.schema import DOCUMENTS, names
from engine.cli.documents import ExplainDocument, PausesDocument, PreviewDocument, WhoDocument
from engine.insight.overview import Overview
from tests.cli.conftest import Called, Winback, all_live


@pytest.fixture
def shop(winback: Winback) -> Winback:
    """A data folder with the history of a small made-up shop."""
    winback("sample", "--customers", 40, "--seed", 3, "--out", "history.jsonl")
    assert winback("ingest", "history.jsonl").code == 0
    return winback


def go_live(winback: Winback) -> Called:
    """Set all workflows live, apply them, and go live."""
    all_live(Path("workflows"))
    assert winback("apply").code == 0
    return winback("go-live", "--no-suppressions", "--json")


# The first start


def test_a_first_start_takes_files_whose_scenarios_tell_of_another_lifecycle(winback: Winback) -> None:
    """A contradicted scenario is for `check` and `apply` to refuse; it keeps no event out."""
    lifecycle = Path("workflows/lifecycle.yaml")
    lifecycle.write_text(
        re.sub("^lapsed_after: [^#\n]*", "lapsed_after: 300d ", lifecycle.read_text(), flags=re.MULTILINE)
    )
    winback("sample", "--customers", 5, "--seed", 3, "--out", "history.jsonl")
    assert winback("check").code == 1
    assert winback("ingest", "history.jsonl").code == 0
    lifecycle.write_text(lifecycle.read_text().replace("lapsed_after: 300d", "lapsed_after: 310d"))
    assert winback("apply").code == 1


# Going live, apply


def test_go_live_is_refused_until_suppressions_were_spoken_of(shop: Winback) -> None:
    """Each check is told; after --no-suppressions it goes live, once."""
    refused = shop("go-live", "--json")
    assert (refused.code, refused.json["live_since"]) == (1, None)
    assert [each["name"] for each in refused.json["checks"] if each["level"] == "error"] == ["suppressions"]
    live = shop("go-live", "--no-suppressions", "--json")
    assert live.code == 0
    assert shop("status", "--json").json["live_since"] == live.json["live_since"] is not None
    assert shop("go-live", "--no-suppressions").code == 1
    assert shop("go-live", "--no-suppressions", "--again").code == 0


def test_apply_numbers_versions_and_says_what_changed(shop: Winback) -> None:
    """A new content is a new version, a mode is not; what was there before gets its old number."""
    path = Path("workflows/welcome-back.yaml")
    before = path.read_text()
    assert shop("apply", "--json").json["changes"] == []
    path.write_text(before.replace("priority: 80", "priority: 70"))
    called = shop("apply", "--json")
    (change,) = called.json["changes"]
    assert (change["workflow"], change["from"], change["to"]) == ("welcome-back", 1, 2)
    path.write_text(before.replace("mode: draft", "mode: shadow"))
    (change,) = shop("apply", "--json").json["changes"]
    assert (change["from"], change["to"]) == (2, 1)
    assert "shadow" in change["effect"]
    assert shop("status", "--json").json["workflows"]["welcome-back"] == {
        "version": 1,
        "mode": "shadow",
        "reach": 100.0,
    }


def test_apply_of_a_set_with_errors_changes_nothing(shop: Winback) -> None:
    """It exits 1 and tells the problems; a failed scenario is one."""
    path = Path("workflows/welcome-back.yaml")
    path.write_text(path.read_text().replace("wait: 2d", "wait: 4d"))
    called = shop("apply", "--json")
    assert (called.code, called.json["applied"], called.json["changes"]) == (1, False, [])
    assert {each["code"] for each in called.json["problems"]} == {"scenario"}
    assert shop("status", "--json").json["workflows"]["welcome-back"]["version"] == 1


def test_changed_files_are_pending_until_apply(shop: Winback) -> None:
    """`status` names what they would change, or how many errors keep them from it."""
    assert shop("status", "--json").json["pending"] is None
    path = Path("workflows/lifecycle.yaml")
    before = path.read_text()
    path.write_text(before.replace("quiet: 20:00-08:00", "quiet: 21:00-08:00"))
    assert shop("status", "--json").json["pending"]["changes"][0]["effect"].startswith("lifecycle.yaml")
    template = Path("workflows/templates/welcome_back/en.subject.liquid")
    template.write_text("Hello again\n")
    assert len(shop("status", "--json").json["pending"]["changes"]) == 2
    path.write_text("quiet: never\n")
    assert shop("status", "--json").json["pending"]["errors"] > 0
    path.write_text(before)
    assert shop("apply").code == 0
    assert shop("status", "--json").json["pending"] is None


def test_a_first_start_with_errors_is_refused(winback: Winback) -> None:
    """The first start takes the set it finds, so it must be a good one."""
    Path("workflows/lifecycle.yaml").write_text("currency: EURO\n")
    winback("sample", "--customers", 1, "--seed", 1, "--out", "history.jsonl")
    called = winback("ingest", "history.jsonl")
    assert (called.code, called.out) == (1, "")
    assert "EURO" in called.err
    assert not Path("data/winback.sqlite3").exists()


# Pauses


def test_a_pause_holds_until_it_is_ended(shop: Winback) -> None:
    """It is told with who and why; it survives; ending it asks what becomes of what it held."""
    called = shop("pause", "--workflow", "welcome-back", "--why", "a typo", "--json")
    found = msgspec.convert(called.json, PausesDocument, strict=True)
    assert [(each.scope, each.name, each.why) for each in found.paused] == [("workflow", "welcome-back", "a typo")]
    assert shop("status", "--json").json["paused"][0]["why"] == "a typo"
    assert "PAUSED workflow welcome-back" in shop("status").out
    asked = shop("unpause", "--workflow", "welcome-back")
    assert asked.code == 2
    assert "--overdue skip, send or shift" in asked.err
    assert "fell due" in asked.out
    ended = shop("unpause", "--workflow", "welcome-back", "--overdue", "shift", "--json")
    assert (ended.code, ended.json) == (0, {"paused": [], "held": 0})


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("pause",), 2),
        (("pause", "--why", "  "), 2),
        (("pause", "--workflow", "a", "--template", "b", "--why", "x"), 2),
        (("pause", "--workflow", "welcom-back", "--why", "x"), 1),
        (("pause", "--template", "welcom_back", "--why", "x"), 1),
        (("unpause", "--overdue", "skip"), 1),
        (("unpause", "--overdue", "later"), 2),
    ],
)
def test_a_pause_that_cannot_be_is_refused(args: tuple[str, ...], code: int, shop: Winback) -> None:
    """Without a reason, of two things, of what is not there, or where nothing is paused."""
    called = shop(*args)
    assert (called.code, called.out) == (code, "")


# What people are shown


def test_status_tells_how_it_stands(shop: Winback) -> None:
    """Standings, who cannot be mailed and why, runs, due timers, troubles; for people and as JSON."""
    called = shop("status", "--json")
    found = msgspec.convert(called.json, Overview, strict=True)
    assert called.code == 0
    assert found.customers == sum(found.standings.values()) == 40
    assert found.not_mailable
    assert found.running is None
    assert found.receivers["sends"] == "the local mailbox"
    assert "40 customers" in shop("status").out


def test_status_needs_data(winback: Winback) -> None:
    """Where nothing was taken in yet, that is said."""
    called = winback("status", "--json")
    assert (called.code, called.out) == (2, "")
    assert "--data" in called.err


def test_who_lists_customers_as_csv_or_json(shop: Winback) -> None:
    """By standing, and by workflow and stage."""
    standing = next(iter(shop("status", "--json").json["standings"]))
    called = shop("who", "--standing", standing, "--json")
    found = msgspec.convert(called.json, list[WhoDocument], strict=True)
    lines = shop("who", "--standing", standing).out.splitlines()
    assert lines[0] == "customer,email,standing,workflow,stage,since"
    assert [line.partition(",")[0] for line in lines[1:]] == [each.customer for each in found] != []
    assert shop("who", "--workflow", "welcome-back", "--json").json == []


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--standing", "sleepy"),
        ("--workflow", "welcom-back"),
        ("--workflow", "welcome-back", "--stage", "nowhere"),
        ("--stage", "thanks"),
        ("--standing", "lapsed", "--workflow", "welcome-back"),
    ],
)
def test_who_is_called_with_one_thing_that_there_is(args: tuple[str, ...], shop: Winback) -> None:
    """Anything else exits 2."""
    assert shop("who", *args).code == 2


def test_explain_tells_a_customer_s_story(shop: Winback) -> None:
    """Facts in the words of the outside, evidence, and what keeps each workflow waiting, with file and line."""
    go_live(shop)
    customer = shop("who", "--standing", "lapsed", "--json").json[0]["customer"]
    called = shop("explain", customer, "--json")
    found = msgspec.convert(called.json, ExplainDocument, strict=True)
    assert called.code == 0
    assert found.standing == "lapsed"
    assert found.evidence
    wanted = "id email orders order_days revenue first_order last_order tags cause address stopped permission"
    assert set(wanted.split()) <= set(found.customer)
    placed = [each for each in found.decisions if each.file]
    lines = {each.file: Path(each.file).read_text().splitlines() for each in placed if each.file}
    assert any("standing: reader" in lines[each.file or ""][(each.line or 0) - 1] for each in placed)
    told = shop("explain", str(found.customer["email"])).out
    assert customer in told
    assert "not in welcome-back" in told
    assert "workflows/welcome-back.yaml:" in told


def test_explain_knows_nobody_else(shop: Winback) -> None:
    """An unknown customer exits 1."""
    called = shop("explain", "nobody", "--json")
    assert (called.code, called.out) == (1, "")


def test_preview_renders_with_sample_or_real_data(shop: Winback) -> None:
    """In a language, to the terminal or a file, with a customer's own data."""
    called = shop("preview", "coupon_offer", "--language", "de", "--json")
    found = msgspec.convert(called.json, PreviewDocument, strict=True)
    assert (called.code, found.language) == (0, "de")
    assert "10" in found.subject
    assert "<" in found.html
    who = shop("who", "--standing", "lapsed", "--json").json[0]
    mine = shop("preview", "coupon_offer", "--customer", who["customer"], "--out", "mail.html", "--json")
    assert str(who["email"]) in mine.json["text"]
    assert Path("mail.html").read_text() == mine.json["html"]
    assert shop("preview", "cupon_offer").code == 2
    assert "coupon_offer" in shop("preview", "cupon_offer").err


# Dead letters


def test_dead_letters_are_shown_and_replayed(shop: Winback) -> None:
    """What can be read after events.yaml has learnt its type is taken in, and is no dead letter any more."""
    event = {
        "specversion": "1.0",
        "id": "v1",
        "source": "shop",
        "type": "vip.invited",
        "time": "2025-01-01T10:00:00Z",
        "subject": "c-000001",
        "data": {"level": "gold"},
    }
    Path("own.jsonl").write_text(json.dumps(event) + "\n")
    assert shop("ingest", "own.jsonl").code == 1
    (letter,) = shop("dead-letters", "list", "--json").json
    assert "unknown type" in letter["reason"]
    assert json.loads(shop("dead-letters", "show", letter["id"], "--json").json["raw"]) == event
    assert "vip.invited" in shop("dead-letters", "show", letter["id"]).out
    assert shop("dead-letters", "replay", "--json").json["still_dead"] == 1
    own = "events:\n  vip.invited:\n    means: A valued customer was invited\n    fields: {level: text}\n"
    Path("workflows/events.yaml").write_text(own)
    assert shop("check").code == 0
    assert shop("apply").code == 0
    replayed = shop("dead-letters", "replay", "--json")
    assert (replayed.code, replayed.json["accepted"]) == (0, 1)
    assert shop("dead-letters", "--json").json == []


# Schemas


def test_every_schema_can_be_printed(winback: Winback) -> None:
    """Of files (in the draft that editors read), events, and what commands print; an unknown one exits 2."""
    drafts = {"http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"}
    listed = winback("schema").out.split()
    assert listed == names()
    for name in listed:
        assert winback("schema", name).json["$schema"] in drafts
    called = winback("schema", "worklow")
    assert called.code == 2
    assert "did you mean 'workflow'?" in called.err


def test_the_schema_of_a_document_names_its_fields(winback: Winback) -> None:
    """Schemas are made from what is printed, so they name it."""
    made = winback("schema", "ingest.json").json
    assert set(made["$defs"]["IngestDocument"]["properties"]) == set(DOCUMENTS["ingest"].__struct_fields__)
