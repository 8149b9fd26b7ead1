"""What the old tools of a made-up shop would have exported."""

from __future__ import annotations

import csv
from pathlib import Path

from engine.runtimes.simulator.exports import FLAW_EVERY, write_exports
from engine.runtimes.simulator.sample import sample_events


def rows_of(path: Path) -> list[dict[str, str]]:
    """Read a file with its head."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_fact_stands_in_one_row(tmp_path: Path) -> None:
    """Every customer, order, consent, stop, open and click of the history is there once, with its address."""
    events = list(sample_events(300, seed=5))
    counts = write_exports(events, tmp_path)
    read = {name: rows_of(tmp_path / f"{name}.csv") for name in counts}
    assert {name: len(rows) for name, rows in read.items()} == counts
    orders = [event.data.order_id for event in events if event.type == "order.placed"]
    assert [row["order_id"] for row in read["orders"]] == orders
    assert all("@" in row["email"] for rows in read.values() for row in rows)
    stops = sum(event.type in ("email.unsubscribed", "email.complained", "email.bounced") for event in events)
    assert counts["suppressions"] == stops > 0


def test_here_and_there_something_is_missing(tmp_path: Path) -> None:
    """One consent in fifty has no date or no basis, so that an import has something to refuse."""
    counts = write_exports(sample_events(300, seed=5), tmp_path)
    consents = rows_of(tmp_path / "consents.csv")
    lacking = [row for row in consents if not row["date"] or not row["basis"]]
    assert len(lacking) == counts["consents"] // FLAW_EVERY > 2
    assert {bool(row["date"]) for row in lacking} == {True, False}
