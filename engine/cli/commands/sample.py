"""`winback sample`: a made-up shop's history."""

from __future__ import annotations

import gzip
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from engine.cli.calling import Call, Misused, named
from engine.cli.printing import note
from engine.runtimes.simulator.exports import write_exports
from engine.runtimes.simulator.sample import sample_events, sample_lines


@named(
    "sample",
    "winback sample --customers 10000 --seed 1 --out history.jsonl",
    "winback sample --customers 100 --seed 7 | winback ingest -",
    "winback sample --customers 6000 --seed 3 --csv exports",
)
@click.option("--customers", type=click.IntRange(1, 10_000_000), required=True, help="How many people the shop knows.")
@click.option("--seed", type=int, required=True, help="The same seed gives the same history, on any machine.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write (.gz is packed). [stdout]")
@click.option(
    "--csv",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write what the shop's old tools would have exported of it: customers.csv, orders.csv and so on.",
)
def command(call: Call, customers: int, seed: int, out: Path | None, folder: Path | None) -> None:
    """Make up a shop's history: three years of orders, mails, opens, clicks and consents, as JSON lines."""
    if folder is not None:
        _export(customers, seed, folder)
        return
    events = 0
    try:
        with _opened(out) as file:
            for line in sample_lines(customers, seed):
                file.write(line)
                events += 1
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise Misused(f"{out}: {error.strerror}") from None
    note(f"{events:,} events of {customers:,} customers")


def _export(customers: int, seed: int, folder: Path) -> None:
    try:
        counts = write_exports(sample_events(customers, seed), folder)
    except OSError as error:
        raise Misused(f"{error.filename or folder}: {error.strerror}") from None
    for name, rows in counts.items():
        click.echo(f"{folder / name}.csv  {rows:,} rows")


def _opened(out: Path | None) -> Any:
    if out is None:
        return nullcontext(sys.stdout.buffer)
    if out.suffix == ".gz":
        return gzip.GzipFile(out, "wb", mtime=0)  # the same seed gives the same bytes
    return out.open("wb")
