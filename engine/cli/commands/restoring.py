"""`winback restore`: a backup in the place of the database, held until somebody has looked."""

from __future__ import annotations

import os
from pathlib import Path

import click
from rich.console import Console

from engine.books.connection import DatabaseError
from engine.cli.calling import Call, Misused, named, who
from engine.cli.documents import RestoreDocument
from engine.cli.printing import print_json, table, to_people
from engine.core.moments import DAY, HOUR, rfc3339
from engine.wiring.restoring import Restoration, restore
from engine.wiring.settings import SettingsError


@named(
    "restore",
    "winback restore winback-2026-11-22.backup",
    "winback restore winback.backup --ledger /mnt/old-machine/data",
    "winback --data new-data restore winback.backup",
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--ledger",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DATA",
    help="A data folder of the same engine that knows what left since the backup; the data folder itself is looked at anyway.",
)
def command(call: Call, file: Path, ledger: Path | None) -> None:
    """Put a backup in the place of the data folder's database; no engine may run on it.

    It comes up with all sends paused and time standing still, and lists what fell due since the backup. What is there now
    moves aside, and tells what left since then, if it can: nothing of that leaves again. Where nobody knows, the worst is
    assumed. Then: bring in what happened since, `unpause --time`, and `unpause`.
    """
    call.must_be_embedded("it goes on from Kafka's topics by itself; see docs/how-to/kafka.md")
    try:
        done = restore(call.settings, os.environ, file, ledger, call.now(), who())
    except (DatabaseError, SettingsError) as error:
        raise Misused(str(error)) from None
    except OSError as error:
        raise Misused(f"{error.filename or call.data}: {error.strerror}") from None
    if call.json:
        print_json(_document(done))
    else:
        _tell(done, to_people())


def _document(done: Restoration) -> RestoreDocument:
    salvaged = done.salvaged
    return RestoreDocument(
        backup_of=rfc3339(done.backup.as_of),
        restored_at=rfc3339(done.at),
        customers=done.backup.customers,
        known=salvaged.known,
        why_unknown=done.why_unknown,
        moved_to=done.old,
        calls=salvaged.calls,
        said=salvaged.said,
        recovered=salvaged.customers,
        settled=salvaged.settled,
        uncertain=salvaged.uncertain,
        assumed_entered=salvaged.assumed,
        codes_put_aside=salvaged.codes,
        erased_again=done.salvaged.erased,
        fell_due=done.fell_due,
    )


def _tell(done: Restoration, console: Console) -> None:
    salvaged, gap = done.salvaged, done.at - done.backup.as_of
    console.print(
        f"restored: {done.backup.customers:,} customers as of {rfc3339(done.backup.as_of)},"
        f" {gap // DAY} d {gap % DAY // HOUR} h ago",
        style="bold",
    )
    if done.old:
        console.print(f"the database before lies in {done.old}")
    if salvaged.known:
        console.print("what left since then is known, and will not leave again:", style="green")
        console.print(
            f"  {salvaged.calls:,} calls of the mail server, {salvaged.customers:,} customers who were written to or let in,"
            f" {salvaged.said:,} times a no or a code that was used"
        )
    else:
        console.print(f"what left since then is NOT KNOWN: {done.why_unknown}", style="bold red")
        console.print("so the worst is assumed:")
    if salvaged.erased:
        console.print(f"  {salvaged.erased:,} people who were erased since are erased again at the next start")
    if salvaged.uncertain:
        console.print(f"  {salvaged.uncertain:,} sends of the outbox may have left, and are not sent again")
    for workflow, count in salvaged.assumed.items():
        console.print(f"  {count:,} customers stood in line for {workflow} and count as having been let in")
    for pool, count in salvaged.codes.items():
        console.print(f"  {count:,} codes of {pool} may have been given out and are put aside: load fresh ones")
    _tell_due(done, console)
    _tell_next(done, console)


def _tell_due(done: Restoration, console: Console) -> None:
    rows = [(name, stage, f"{count:,}") for name, stages in done.fell_due.items() for stage, count in stages.items()]
    if rows:
        console.print(table("fell due since", "stage", "runs", rows=rows, right=("runs",)))
    else:
        console.print("nothing fell due since")


def _tell_next(done: Restoration, console: Console) -> None:
    safe = "send" if done.salvaged.known else "skip"
    console.print("ALL SENDS ARE PAUSED and time stands still. Now:", style="bold red")
    console.print(
        "  1. winback run, and bring in what happened since the backup: it is taken as history, starts nothing"
    )
    console.print("  2. winback unpause --time: what fell due is done, but for sends, which are held")
    console.print(f"  3. winback unpause: shows what is held, and asks; nothing can leave twice by --overdue {safe}")
    if not done.salvaged.known:
        console.print("     --overdue send or shift may write to somebody twice", style="red")
