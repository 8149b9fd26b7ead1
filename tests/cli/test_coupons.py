"""`winback coupons`: minted, brought into the shop, loaded, counted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Winback

OFFERS = (
    "  trial_box: {free_trial: one box, cost: 6 EUR, valid_for: 30d, codes: pool, pool: trial.csv, low_water: 500}\n"
)


@pytest.fixture
def shop(winback: Winback) -> Winback:
    """A data folder whose offers have one pool, with nothing in it."""
    offers = Path("workflows/offers.yaml")
    offers.write_text(offers.read_text() + OFFERS)
    winback("sample", "--customers", 5, "--seed", 3, "--out", "history.jsonl")
    assert winback("ingest", "history.jsonl").code == 0
    return winback


def test_codes_are_minted_loaded_and_counted(shop: Winback) -> None:
    """Minted ones count when they are loaded; a second load changes nothing; the alarm goes when there are enough."""
    low = shop("coupons", "--json")
    assert (low.code, [(each["offer"], each["left"], each["low"]) for each in low.json]) == (
        1,
        [("trial_box", 0, True)],
    )
    assert "FEW CODES trial_box: 0 left, low water 500" in shop("status").out
    minted = shop("coupons", "mint", "trial_box", "--count", 600, "--json")
    assert minted.json == {
        "offer": "trial_box",
        "pool": "trial.csv",
        "minted": 600,
        "file": "trial_box-codes.csv",
        "ready": False,
    }
    lines = Path("trial_box-codes.csv").read_text().splitlines()
    assert lines[0] == "code"
    assert len(set(lines)) == 601
    assert all(re.fullmatch(r"WB-[0-9A-HJKMNP-TV-Z]{10}", code) for code in lines[1:])
    assert shop("coupons", "--json").json[0]["minted"] == 600
    loaded = shop("coupons", "load", "trial_box", "trial_box-codes.csv", "--json")
    assert loaded.json == {"offer": "trial_box", "pool": "trial.csv", "taken": 600, "known": 0, "refused": []}
    again = shop("coupons", "load", "trial_box", "trial_box-codes.csv", "--json").json
    assert (again["taken"], again["known"]) == (0, 600)
    assert shop("coupons", "status").code == 0
    assert "FEW CODES" not in shop("status").out
    assert shop("status", "--json").json["pools"][0]["left"] == 600


def test_codes_that_the_checkout_knows_already_are_ready_at_once(shop: Winback) -> None:
    """Say, because it asks us; another mint makes others."""
    for number in (1, 2):
        assert shop("coupons", "mint", "trial_box", "--count", 300, "--ready", "--out", f"{number}.csv").code == 0
    assert shop("coupons", "--json").json[0]["left"] == 600


def test_lines_that_are_no_code_are_refused_one_by_one(shop: Winback) -> None:
    """Each with its line and why; the others are taken, and the exit code says that something was not."""
    Path("mixed.csv").write_text("Code;Value\nA-1;10\nwith blanks\nA-1\nB-2\n")
    called = shop("coupons", "load", "trial_box", "mixed.csv", "--json")
    assert (called.code, called.json["taken"], called.json["known"]) == (1, 2, 1)
    assert [each["line"] for each in called.json["refused"]] == [3]
    assert "mixed.csv:3" in shop("coupons", "load", "trial_box", "mixed.csv").out


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("mint", "trial_box"), 2, "--count"),
        (("mint",), 2, "which offer"),
        (("mint", "trial_bx", "--count", "1"), 1, "did you mean 'trial_box'?"),
        (("mint", "ten_percent", "--count", "1"), 1, "codes: signed"),
        (("mint", "trial_box", "--count", "0"), 2, "--count"),
        (("mint", "trial_box", "--count", "1", "--out", "history.jsonl"), 2, "is there already"),
        (("mint", "trial_box", "--count", "1", "--out", "no/such/folder.csv"), 2, "No such file"),
        (("load", "trial_box"), 2, "which file"),
        (("load", "trial_box", "nothing.csv"), 2, "nothing.csv"),
        (("status", "trial_box"), 2, "leave the name out"),
    ],
)
def test_what_cannot_be_done_is_said(shop: Winback, args: tuple[str, ...], code: int, said: str) -> None:
    """With the cure; and no file is left behind."""
    before = sorted(Path().iterdir())
    called = shop("coupons", *args)
    assert (called.code, said in called.err) == (code, True), called.err
    assert sorted(Path().iterdir()) == before
