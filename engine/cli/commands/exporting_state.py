"""`winback export-state`: a shop's whole state in one file, to go on elsewhere."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from engine.books.connection import DatabaseError
from engine.books.state_file import Manifest, StateWriter, written
from engine.cli.calling import Call, Misused, Wrong, named, who
from engine.cli.documents import ExportStateDocument
from engine.cli.parts import environment, in_words, to_begin
from engine.cli.printing import note, print_json, progress, to_people
from engine.cli.reaching import the_engine
from engine.core.moments import rfc3339
from engine.wiring.moving_house import out_of_folder, secret_of
from engine.wiring.secret import Secrets
from engine.wiring.settings import SettingsError


@named(
    "export-state",
    "winback export-state shop.state",
    "winback export-state shop.state --copy",
    "WINBACK_KAFKA_BROKERS=kafka:9092 winback export-state shop.state --json",
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--copy", is_flag=True, help="The shop goes on here as well, for a trial elsewhere: pause nothing.")
def command(call: Call, file: Path, *, copy: bool) -> None:
    """Write everything a shop would miss into FILE, to go on with it in another engine: embedded, or on Kafka.

    The engine must not run: an embedded one is stopped first; of a distributed one the gateways, and the other parts when
    they have done what was left to do. Afterwards all sends are paused here, so that nothing leaves twice should somebody
    start it again. The secret is not in the file; bring it along, since without it links and codes that were sent are worth
    nothing. Only its owner can read FILE: it holds customers' data.
    """
    settings = call.settings
    try:
        secrets = secret_of(settings, environment())
        with progress() as bar:
            task = bar.add_task("rows", total=None)
            with written(file, lambda name, rows: bar.update(task, description=name, completed=rows)) as writer:
                manifest = _write(call, secrets, writer)
    except SettingsError as error:
        raise Misused(str(error)) from None
    except DatabaseError as error:
        raise Wrong(str(error)) from None
    except OSError as error:
        raise Misused(f"{error.filename or file}: {error.strerror}") from None
    if not copy:
        _pause(call, file)
    found = ExportStateDocument(
        str(file),
        manifest.engine,
        rfc3339(manifest.as_of),
        manifest.customers,
        {name: part.rows for name, part in manifest.parts.items()},
        str(settings.secret_place),
        paused=not copy,
    )
    if call.json:
        print_json(found)
        return
    console = to_people()
    console.print(f"{file}: {manifest.customers:,} customers as of {found.as_of}", style="bold")
    note(f"bring {settings.secret_place} along, and apart from it: it is not in the file")
    if not copy:
        note("all sends are paused here: the shop goes on where the file is imported")


def _write(call: Call, secrets: Secrets, writer: StateWriter) -> Manifest:
    if not call.settings.distributed:
        return out_of_folder(call.settings, secrets, writer)
    settings = to_begin(call)
    from engine.wiring.distributed.moving_house import out_of_kafka  # noqa: PLC0415 - needs the extra

    with in_words():
        return asyncio.run(out_of_kafka(settings, environment(), secrets, writer))


def _pause(call: Call, file: Path) -> None:
    why = f"moved house: exported to {file.name}"
    if not call.settings.distributed:
        with the_engine(call) as engine:
            engine.do("pause", {"scope": "engine", "name": "", "why": why, "who": who()})
        return
    from engine.wiring.clock import clock_of  # noqa: PLC0415 - needs the extra
    from engine.wiring.distributed.moving_house import pause_here  # noqa: PLC0415 - as above

    with in_words():
        pause_here(call.settings, environment(), clock_of(call.settings), why, who())
