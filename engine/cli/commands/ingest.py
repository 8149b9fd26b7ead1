"""`winback ingest`: events from files and topics."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click

from engine.cli.calling import Call, named
from engine.cli.documents import IngestDocument
from engine.cli.histories import CsvOptions, History, csv_options, existing, is_topic
from engine.cli.printing import note, print_json, progress, to_people
from engine.cli.reaching import the_data, the_engine
from engine.core.events import DeadLetter, Event
from engine.core.rules import Lifecycle
from engine.wiring.reaching import Channel

PIECE = 4_000


@named(
    "ingest",
    "winback ingest history.jsonl.gz",
    "winback ingest orders.csv --csv customer_id=customer,time=date,total=amount --currency EUR",
    "zcat events.jsonl.gz | winback ingest -",
    "winback ingest kafka://127.0.0.1:9092/shop.orders",
)
@click.argument("files", nargs=-1, metavar="FILE...")
@csv_options
def command(
    call: Call,
    files: tuple[str, ...],
    csv: str | None,
    type_: str,
    currency: str,
    timezone: str | None,
) -> None:
    """Take in events from files or topics, through the running engine when there is one.

    Files hold an event per line (JSON, also .gz), or rows of CSV. A topic of Kafka (kafka://BROKER:9092/TOPIC) holds
    CloudEvents, structured or binary, or what connectors.yaml maps, and is read from its beginning to its end as it is now. Events that are older than `history_after`, or than
    go-live, are history: facts that start nothing. The same event twice changes nothing. Exits 1 when there was a dead
    letter.
    """
    named_files = existing(files)
    with the_engine(call) as engine:
        rows = CsvOptions(csv, type_, currency, timezone).table(_lifecycle(call), engine.own_events)
        history = History(call, named_files, rows, engine.own_events, call.now())
        counts = _taken(engine, history, named_files)
        would_enter = engine.do("lines")
        by = engine.name
    document = IngestDocument(**counts, would_enter=would_enter)
    if call.json:
        print_json(document)
    else:
        _tell(document, by)
    if history.makes_ids and document.duplicate:
        note(f"rows without an order_id that are equal count as one: {document.duplicate:,} were the same as another")
    if not history.tell_what_was_wrong() or document.dead_letters:
        raise click.exceptions.Exit(1)


def _lifecycle(call: Call) -> Lifecycle:
    with the_data(call) as views:
        return views.rules().lifecycle


def _taken(engine: Channel, history: History, files: list[str]) -> dict[str, int]:
    counts: Counter[str] = Counter(accepted=0, duplicate=0, history=0, dead_letters=0, refused=0)
    items: list[Event | DeadLetter] = []
    with progress() as bar:
        task = bar.add_task("taking in", total=_events_about(files))

        def take() -> None:
            counts.update(engine.take(items, [each.origin if isinstance(each, DeadLetter) else "" for each in items]))
            bar.advance(task, len(items))
            items.clear()

        for item in history:
            items.append(item)
            if len(items) >= PIECE:
                take()
        if items:
            take()
    return dict(counts)


def _events_about(files: list[str]) -> int | None:
    """Guess how many events the files hold, for the bar; None where it cannot be guessed."""
    if any(name == "-" or is_topic(name) or name.endswith(".gz") for name in files):
        return None
    lines = 0
    for name in files:
        with Path(name).open("rb") as file:
            head = file.read(65_536)
        size = Path(name).stat().st_size
        lines += head.count(b"\n") * size // max(len(head), 1)
    return lines or None


def _tell(document: IngestDocument, by: str) -> None:
    console = to_people()
    said: list[tuple[str, Any]] = [
        ("accepted", document.accepted),
        ("of them history", document.history),
        ("known already", document.duplicate),
        ("dead letters", document.dead_letters),
    ]
    if document.refused:
        said.append(("about people who were erased, and refused", document.refused))
    console.print(f"{by}: " + ", ".join(f"{count:,} {name}" for name, count in said))
    for name, count in document.would_enter.items():
        console.print(f"{count:,} wait to be let into {name}")
