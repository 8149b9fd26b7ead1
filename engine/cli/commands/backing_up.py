"""`winback backup`: the whole database in one file."""

from __future__ import annotations

from pathlib import Path

import click

from connectors.effect_files import position_of
from engine.books.connection import DatabaseError
from engine.cli.calling import Call, Misused, named
from engine.cli.documents import BackupDocument
from engine.cli.printing import note, print_json, progress, to_people
from engine.core.moments import rfc3339
from engine.runtimes.sqlite.backup import back_up


@named("backup", "winback backup winback-$(date +%F).backup", "winback backup /mnt/safe/winback.backup --json")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def command(call: Call, file: Path) -> None:
    """Copy everything the database holds into FILE, while the engine goes on.

    The copy is of one moment, and only its owner can read it: it holds customers' data. The secret is not in it; keep that
    apart, since without it links and codes that were sent are worth nothing. FILE must not be there yet.
    """
    call.must_be_embedded("back PostgreSQL up with its own tools (pg_dump), and keep Kafka's topics on several brokers")
    try:
        with progress() as bar:
            task = bar.add_task("pages", total=None)
            made = back_up(
                call.data,
                file,
                position_of(call.data),
                lambda done, of: bar.update(task, completed=done, total=of or None),
            )
    except DatabaseError as error:
        raise Misused(str(error)) from None
    except OSError as error:
        raise Misused(f"{error.filename or file}: {error.strerror}") from None
    secret = call.settings.secret_place
    found = BackupDocument(made.file, made.bytes, rfc3339(made.as_of), made.customers, str(secret))
    if call.json:
        print_json(found)
        return
    console = to_people()
    console.print(
        f"{made.file}: {made.customers:,} customers as of {found.as_of}, {made.bytes / 1e6:,.1f} MB", style="bold"
    )
    note(f"keep {secret} as well, and apart from it: it is not in the backup")
