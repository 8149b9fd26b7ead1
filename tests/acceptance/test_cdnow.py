"""CDNOW, real orders of 23,570 customers, beside counts in pandas: from the data and the contract, not from our code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest

from engine.core.events import Event
from engine.core.rules import LapseRule, Lifecycle, RuleSet
from engine.runtimes.simulator.backtest import run_backtest
from engine.runtimes.simulator.rhythm import cadence_of_files
from tests.acceptance.cdnow import COLUMNS, FILE, events, order_days
from tests.simulator.effects_read import standing_changes
from tests.simulator.reckoning import Change, reckoned

ROOT = Path(__file__).parents[2]
DOLLARS = Lifecycle(currency="USD")


# The reorder interval ------------------------------------------------------------------------------------------------


def test_the_cadence_is_that_of_the_issue() -> None:
    """The figures that this history is known for come out, to the last digit."""
    found = cadence_of_files(events(), DOLLARS)
    wanted = {
        "customers": 23_570,
        "orders": 67_591,
        "intervals": 44_021,
        "sum_days": 3_178_932,
        "mean_days": 72.21398877808319,
        "median_days": 34,
        "inactive": 18_790,
        "inactive_repeaters": 6_736,
        "inactive_one_time": 12_054,
        "first_day": "1997-01-01",
        "last_day": "1998-06-30",
    }
    assert {name: found[name] for name in wanted} == wanted


def test_the_cadence_is_what_pandas_counts() -> None:
    """Intervals, quantiles and who is inactive, counted without us, are the same."""
    found, days = cadence_of_files(events(), DOLLARS), order_days()
    gaps = days["gap"].dropna().astype(int)
    last = days.groupby("customer")["day"].agg(["max", "size"])
    late = last[(days["day"].max() - last["max"]) * len(gaps) > 2 * gaps.sum()]

    assert (found["intervals"], found["sum_days"], found["mean_days"]) == (len(gaps), gaps.sum(), gaps.mean())
    assert found["threshold_days"] == 2 * gaps.sum() / len(gaps)
    for share, value in found["quantiles"].items():
        assert value == pytest.approx(gaps.quantile(float(share)), abs=1e-9), share
    assert (found["inactive"], found["inactive_repeaters"]) == (len(late), int((late["size"] > 1).sum()))


@pytest.mark.parametrize("doing", ["shuffled", "in two halves", "twice"])
def test_the_cadence_does_not_depend_on_the_way_in(doing: str) -> None:
    """In any order, the halves the other way round, and twice, the figures are the same; repetitions are counted."""
    given = list(events())
    if doing == "shuffled":
        Random(7).shuffle(given)
    elif doing == "in two halves":
        given = given[len(given) // 2 :] + given[: len(given) // 2]
    else:
        given += given
    found, wanted = cadence_of_files(given, DOLLARS), cadence_of_files(events(), DOLLARS)
    assert (found.pop("duplicates"), wanted.pop("duplicates")) == (len(given) - 69_404, 255)
    assert found == wanted


# Lapses and returns --------------------------------------------------------------------------------------------------


def lapses_by_pandas(threshold: int) -> dict[Change, int]:
    """All changes of standing for a fixed number of days: a lapse falls on the first day with more idle days than that."""
    days = order_days()
    end, lapse = days["day"].max(), days["day"] + threshold + 1
    first = days["gap"].isna()
    # An order of that very instant goes first, and all orders are at midnight: so none on the day of the lapse itself.
    has_lapsed = np.where(days["next"].notna(), lapse < days["next"], lapse <= end)
    returns = days[pd.Series(has_lapsed) & days["next"].notna()]
    parts = {
        ("prospect", "active"): zip(days["day"][first], days["customer"][first], strict=True),
        ("active", "lapsed"): zip(lapse[has_lapsed], days["customer"][has_lapsed], strict=True),
        ("lapsed", "active"): zip(returns["next"].astype(int), returns["customer"], strict=True),
    }
    return {
        (int(day), customer, before, after): 1
        for (before, after), changed in parts.items()
        for day, customer in changed
    }


def test_lapses_after_120_days_are_those_pandas_finds(tmp_path: Path) -> None:
    """With `lapsed_after: 120d` each lapse and each return is on the day that an independent count gives."""
    rules = RuleSet(lifecycle=Lifecycle(currency="USD", lapsed_after=LapseRule("days", (120, 1))))
    report = run_backtest(events(), rules, tmp_path)

    assert standing_changes(tmp_path) == lapses_by_pandas(120)
    assert report.standing_changes == {
        "prospect": {"active": 23_570},
        "active": {"lapsed": 27_845},
        "lapsed": {"active": 8_559},
    }
    assert (report.standings["lapsed"], report.customers, report.days) == (19_286, 23_570, 546)
    assert (report.events, report.duplicates, report.returned_without_mail) == (69_404, 255, 8_559)


def test_lapses_by_twice_the_interval_are_those_of_a_daily_reckoning(tmp_path: Path) -> None:
    """With `2 x reorder_interval`, closed once a day, each lapse and return is on the day that a reckoning gives."""
    report = run_backtest(events(), RuleSet(lifecycle=DOLLARS), tmp_path)
    days = order_days()
    at_midnight: dict[int, list[str]] = {}
    for customer, day in zip(days["customer"], days["day"].tolist(), strict=True):
        at_midnight.setdefault(day, []).append(customer)
    expected = reckoned(at_midnight, {})

    assert standing_changes(tmp_path) == expected.changes
    assert report.standings["lapsed"] == len(expected.lapsed) == 18_790  # as many as `cadence` calls inactive


# The same bytes ------------------------------------------------------------------------------------------------------


def simulated(folder: Path, history: Path, **environment: str) -> bytes:
    """Run `winback simulate` in a process of its own, all shipped workflows on; return effects.jsonl."""
    call = ["simulate", "--events", str(history), "--csv", COLUMNS, "--currency", "USD", "--all", "--out", str(folder)]
    command = [sys.executable, "-c", "from engine.cli import main; main()", *call]
    ended = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return (folder / "effects.jsonl").read_bytes()


def test_effects_are_the_same_bytes_anywhere(tmp_path: Path) -> None:
    """The order of the rows, repetitions, the machine's time zone and the seed of Python's hashes leave no trace."""
    header, *rows = FILE.read_text(encoding="ascii").splitlines()
    rows += rows[:5_000]
    Random(11).shuffle(rows)
    shuffled = tmp_path / "shuffled.txt"
    shuffled.write_text("\n".join([header, *rows, ""]), encoding="ascii")

    as_it_is = simulated(tmp_path / "here", FILE, TZ="UTC", PYTHONHASHSEED="0")
    elsewhere = simulated(tmp_path / "there", shuffled, TZ="Pacific/Auckland", PYTHONHASHSEED="4711")

    assert as_it_is == elsewhere
    assert as_it_is.count(b"winback.send.requested") > 10_000, "there must be something to compare"


def test_sorting_through_a_temporary_file_changes_nothing(tmp_path: Path) -> None:
    """A history too long for memory is sorted in pieces; the effects are the same bytes."""
    given: list[Event] = list(events())
    Random(3).shuffle(given)
    at_once, in_pieces = tmp_path / "at_once", tmp_path / "in_pieces"
    run_backtest(events(), RuleSet(lifecycle=DOLLARS), at_once)
    report = run_backtest(given, RuleSet(lifecycle=DOLLARS), in_pieces, most_in_memory=10_000)
    assert (in_pieces / "effects.jsonl").read_bytes() == (at_once / "effects.jsonl").read_bytes()
    assert report.duplicates == 255
