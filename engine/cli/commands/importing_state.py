"""`winback import-state`: a shop goes on here that was exported elsewhere."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from engine.books.connection import DatabaseError
from engine.books.state_file import Progress, StateFileError, StateReader, read
from engine.cli.calling import Call, Misused, Wrong, named
from engine.cli.documents import ImportStateDocument
from engine.cli.parts import environment, in_words, to_begin
from engine.cli.printing import note, print_json, progress, to_people
from engine.core.moments import rfc3339
from engine.wiring.clock import mark
from engine.wiring.moving_house import DISTRIBUTED, EMBEDDED, check, into_folder, secret_of
from engine.wiring.settings import SettingsError


@named(
    "import-state",
    "winback --data new-data import-state shop.state",
    "WINBACK_KAFKA_BROKERS=kafka:9092 winback import-state shop.state",
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def command(call: Call, file: Path) -> None:
    """Let a shop go on here, in an engine that was never used: embedded, or on Kafka where brokers are named.

    FILE is what `winback export-state` wrote, with the same version and the same secret. It is checked first, as a whole.
    Runs and timers go on where they were; what fell due meanwhile rings when the engine starts, at its pace. Nothing that
    left leaves again. On Kafka make the topics first (`winback topics --create`), and start the parts afterwards.
    """
    settings = call.settings
    try:
        secrets = secret_of(settings, environment())
        with progress() as bar:
            task = bar.add_task("rows", total=None)

            def told(name: str, rows: int) -> None:
                bar.update(task, description=name, completed=rows)

            with read(file) as reader:
                check(reader, secrets, told)
                rows, manifest = _read(call, reader, told), reader.manifest
    except SettingsError as error:
        raise Misused(str(error)) from None
    except (StateFileError, DatabaseError) as error:
        raise Wrong(str(error)) from None
    except OSError as error:
        raise Misused(f"{error.filename or file}: {error.strerror}") from None
    engine = DISTRIBUTED if settings.distributed else EMBEDDED
    found = ImportStateDocument(str(file), manifest.engine, engine, rfc3339(manifest.as_of), manifest.customers, rows)
    if call.json:
        print_json(found)
        return
    to_people().print(f"{manifest.customers:,} customers as of {found.as_of} go on here", style="bold")
    started = "winback projector, gateway, sender and workers" if settings.distributed else "winback run"
    note(f"start {started}; see to it that the engine they came from is not started again")


def _read(call: Call, reader: StateReader, told: Progress) -> dict[str, int]:
    if not call.settings.distributed:
        mark(call.settings)
        return into_folder(call.settings, reader, told)
    settings = to_begin(call)
    from engine.runtimes.kafka.moving_in import NotEmptyError  # noqa: PLC0415 - needs the extra
    from engine.wiring.distributed.moving_house import into_kafka  # noqa: PLC0415 - as above

    with in_words():
        try:
            return asyncio.run(into_kafka(settings, environment(), reader, told))
        except NotEmptyError as error:
            raise Wrong(str(error)) from None
