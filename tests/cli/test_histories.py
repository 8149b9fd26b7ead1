from __future__ import annotations

import gzip
import json
from pathlib import Path

import msgspec
import pytest

from engine.cli.documents import CadenceDocument, IngestDocument
from engine.insight.backtest import Report
from tests.cli.conftest import Winback, all_live

ORDERS = """customer;day;amount
ada;2024-01-01;10.00
ada;2024-01-11;10.00
ada;2024-01-11;20.00
ben;2024-01-03;5.50
ben;2024-01-23;5.50
cleo;2024-02-01;7.00
"""
AS_ORDERS = ("--csv", "customer_id=customer,time=day,total=amount", "--currency", "EUR")


@pytest.fixture
def orders(winback: Winback) -> Path:  # noqa: ARG001 - it makes the folder we stand in
    """A small order history: three customers, two of whom ordered on two days."""
    path = Path("orders.csv")
    path.write_text(ORDERS)
    return path


def test_a_sample_is_the_same_for_the_same_seed(winback: Winback) -> None:
    """To a file, packed or not, and to standard output; another seed gives another shop."""
    assert winback("sample", "--customers", 5, "--seed", 1, "--out", "a.jsonl").code == 0
    winback("sample", "--customers", 5, "--seed", 1, "--out", "b.jsonl.gz")
    printed = winback("sample", "--customers", 5, "--seed", 1).out
    assert Path("a.jsonl").read_text() == printed == gzip.decompress(Path("b.jsonl.gz").read_bytes()).decode()
    assert winback("sample", "--customers", 5, "--seed", 2).out != printed


def test_cadence_of_a_file(winback: Winback, orders: Path) -> None:
    """Same-day orders count once; late is strictly more than twice the mean, seen from the last day."""
    called = winback("cadence", orders, *AS_ORDERS, "--json")
    found = msgspec.convert(called.json, CadenceDocument, strict=True)
    assert called.code == 0
    assert (found.customers, found.orders, found.intervals, found.sum_days) == (3, 5, 2, 30)
    assert (found.mean_days, found.median_days, found.threshold_days) == (15, 15, 30)
    assert (found.first_day, found.last_day, found.inactive) == ("2024-01-01", "2024-02-01", 0)
    assert list(found.quantiles) == ["0.05", "0.1", "0.25", "0.5", "0.75", "0.8", "0.9", "0.95", "0.99"]


def test_cadence_of_the_engine_is_that_of_the_file(winback: Winback, orders: Path) -> None:
    """The same figures, taken in twice and in two ways."""
    of_file = winback("cadence", orders, *AS_ORDERS, "--json").json
    winback("ingest", orders, *AS_ORDERS)
    winback("ingest", orders, *AS_ORDERS)
    of_engine = winback("cadence", "--json").json
    assert {key: of_file[key] for key in of_engine} | {"duplicates": 0} == of_engine | {"duplicates": 0}


def test_simulate_writes_what_would_have_been_sent(winback: Winback) -> None:
    """The folder gets effects, report and page; drafts run with --all; the same bytes each time."""
    winback("sample", "--customers", 60, "--seed", 3, "--out", "history.jsonl")
    called = winback("simulate", "--events", "history.jsonl", "--all", "--out", "out", "--json")
    found = msgspec.convert(called.json, Report, strict=True)
    assert called.code == 0
    assert found.customers == 60
    assert found.entered
    assert sum(found.sends.values()) > 0
    assert json.loads(Path("out/report.json").read_text())["entered"] == found.entered
    assert "<html" in Path("out/report.html").read_text()
    first = Path("out/effects.jsonl").read_bytes()
    lines = Path("history.jsonl").read_bytes().splitlines(keepends=True)
    Path("other.jsonl").write_bytes(b"".join(reversed(lines)))
    winback("--json", "--out", "again", "--all", "simulate", "--events", "other.jsonl")
    assert Path("again/effects.jsonl").read_bytes() == first


def test_simulate_takes_several_files_and_says_that_drafts_do_not_run(winback: Winback) -> None:
    """`--events a b` are two files; without --all a folder of drafts sends nothing, and that is said."""
    winback("sample", "--customers", 5, "--seed", 3, "--out", "a.jsonl")
    winback("sample", "--customers", 5, "--seed", 3, "--out", "b.jsonl")
    called = winback("simulate", "--events", "a.jsonl", "b.jsonl", "--out", "out", "--json")
    assert called.code == 0
    assert called.json["duplicates"] == called.json["events"]
    assert called.json["sends"] == {}
    assert "--all" in called.err


def test_bodies_are_rendered_when_asked_for(winback: Winback) -> None:
    """`--bodies` adds subject, text, html, headers and links to each send."""
    winback("sample", "--customers", 60, "--seed", 3, "--out", "history.jsonl")
    winback("simulate", "--events", "history.jsonl", "--all", "--bodies", "--out", "out", "--json")
    sends = [line for line in Path("out/effects.jsonl").read_text().splitlines() if '"winback.send.requested"' in line]
    data = json.loads(sends[0])["data"]
    assert all(data[key] for key in ("subject", "text", "html", "headers", "links"))


def test_a_history_sets_the_threshold_before_the_shop_goes_live(winback: Winback, tmp_path: Path) -> None:
    """Whoever plans after an ingest plans with the shop's own rhythm, and not with that of a shop nobody knows."""
    path = tmp_path / "orders.csv"
    days = "".join(f"c{each},2025-0{month}-01,20.00\n" for each in range(40) for month in (1, 3, 5, 7))
    path.write_text(f"customer,day,total\n{days}")
    rows = "customer_id=customer,time=day,total=total"
    assert winback("ingest", path, "--csv", rows, "--currency", "EUR", "--timezone", "Europe/Berlin").code == 0
    interval = winback("status", "--json").json["reorder_interval"]
    assert (interval["intervals"], interval["lapsed_after_days"]) == (120, 120)


def test_ingest_counts_what_it_took(winback: Winback) -> None:
    """Accepted, duplicate, history and dead letters; it exits 1 only for a dead letter."""
    winback("sample", "--customers", 20, "--seed", 3, "--out", "history.jsonl")
    events = len(Path("history.jsonl").read_text().splitlines())
    first = winback("ingest", "history.jsonl", "--json")
    found = msgspec.convert(first.json, IngestDocument, strict=True)
    assert (first.code, found.accepted, found.history, found.duplicate, found.dead_letters) == (0, events, events, 0, 0)
    again = winback("ingest", "--json", "history.jsonl")
    assert (again.code, again.json["accepted"], again.json["duplicate"]) == (0, 0, events)


def test_a_bad_line_is_a_dead_letter_and_the_others_are_taken(winback: Winback) -> None:
    """It is named with its place and reason, counted, and not stored twice."""
    good = winback("sample", "--customers", 1, "--seed", 3).out
    Path("mixed.jsonl").write_text(f'{{"id": 1\n{good}\n[]\n')
    for _ in range(2):
        called = winback("ingest", "mixed.jsonl", "--json")
        assert called.code == 1
        assert called.json["dead_letters"] == 2
        assert "mixed.jsonl:1: not JSON" in called.err
    letters = winback("dead-letters", "--json").json
    assert [(each["origin"], each["count"]) for each in letters] == [
        ("mixed.jsonl:1", 2),
        (f"mixed.jsonl:{len(good.splitlines()) + 3}", 2),
    ]


def test_a_truncated_archive_gives_what_can_be_read(winback: Winback) -> None:
    """The events before the break are taken, then the error is told; it exits 1."""
    text = winback("sample", "--customers", 200, "--seed", 3).out.encode()
    packed = gzip.compress(text)
    Path("cut.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    called = winback("ingest", "cut.jsonl.gz", "--json")
    assert called.code == 1
    assert 0 < called.json["accepted"] < len(text.splitlines())
    assert "truncated" in called.err


def test_equal_rows_without_an_order_id_are_said(winback: Winback, orders: Path) -> None:
    """They count as one order, are counted as duplicates, and it is told."""
    orders.write_text(ORDERS + "cleo;2024-02-01;7.00\n")
    called = winback("ingest", orders, *AS_ORDERS, "--json")
    assert (called.code, called.json["duplicate"]) == (0, 1)
    assert "equal" in called.err


def test_what_would_enter_is_told(winback: Winback) -> None:
    """With live workflows, history puts in line who fits; nobody enters."""
    all_live(Path("workflows"))
    winback("sample", "--customers", 300, "--seed", 3, "--out", "history.jsonl")
    called = winback("ingest", "history.jsonl", "--json")
    assert sum(called.json["would_enter"].values()) > 0
    assert winback("status", "--json").json["runs"] == {}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("ingest",), "at least one file"),
        (("ingest", "nowhere.jsonl"), "nowhere.jsonl"),
        (("ingest", "orders.csv", "--csv", "time=day"), "customer"),
        (
            ("ingest", "orders.csv", "--csv", "customer_id=customer,time=day,total=nothing", "--currency", "EUR"),
            "nothing",
        ),
        (("ingest", "orders.csv", "--currency", "EUR"), "--csv"),
        (("cadence", "orders.csv", *AS_ORDERS[:2], "--currency", "EURO"), "EURO"),
        (("cadence", "--csv", "time=day"), "files"),
        (("simulate", "--out", "out"), "--events"),
        (("simulate", "--events", "orders.csv"), "--out"),
        (("simulate", "--events", "orders.csv", "--out", "out", "--from", "yesterday"), "2026-01-31"),
        (("sample", "--customers", "3"), "--seed"),
    ],
)
@pytest.mark.usefixtures("orders")
def test_a_wrong_call_exits_2_and_says_what_is_missing(args: tuple[str, ...], said: str, winback: Winback) -> None:
    """Nothing is printed on standard output, and no traceback anywhere."""
    called = winback(*args)
    assert called.code == 2, called
    assert called.out == ""
    assert said in called.err
    assert "Traceback" not in called.err
