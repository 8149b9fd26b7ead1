"""`winback incoming`: mails about mails, from files."""

from __future__ import annotations

import os
from pathlib import Path

import click
from msgspec.structs import replace

from engine.books.views import Views
from engine.cli.calling import Call, Misused, named
from engine.cli.documents import IncomingDocument, IncomingFile
from engine.cli.printing import note, print_json, table, to_people
from engine.cli.reaching import the_data, the_engine
from engine.core.events import Event
from engine.core.whose import mail_key
from engine.wiring.incoming.running import own_addresses
from engine.wiring.incoming.taking import came_in
from engine.wiring.incoming.telling import WRITTEN, Came, events
from engine.wiring.secret import Secrets, keys_of
from engine.wiring.settings import SettingsError


@named(
    "incoming",
    "winback incoming bounce.eml",
    "winback incoming returned/*.eml --json",
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE...")
def command(call: Call, files: tuple[Path, ...]) -> None:
    """Take in mails that came back: bounces, complaints, replies, a file each; the same mail twice changes nothing.

    It is what `[incoming]` does by itself with a mailbox or a listener, but for handing replies to people: those are
    counted, and somebody should read them. `winback bounce` says what a mail means without taking it in. Exits 1 when
    an event of a mail was a dead letter.
    """
    secrets = _secrets(call)
    with the_engine(call) as engine:
        with the_data(call) as views:
            came = [(file, _joined(_bytes_of(file, call), call, secrets, views)) for file in files]
        own = own_addresses(call.settings.incoming)
        made = [(file, each, list(events(each, secrets.blocks, own))) for file, each in came]
        told: list[Event] = [event for _, _, many in made for event in many]
        counts = engine.take(told, ["incoming/files"] * len(told)) if told else {}
    document = IncomingDocument(
        files=[IncomingFile(str(file), each.kind, [event.type for event in many]) for file, each, many in made],
        **{name: counts.get(name, 0) for name in ("accepted", "duplicate", "history", "dead_letters")},
        for_people=sum(each.is_for_people for _, each, _ in made),
    )
    if call.json:
        print_json(document)
    else:
        _tell(document)
    if document.dead_letters:
        raise click.exceptions.Exit(1)


def _secrets(call: Call) -> Secrets:
    try:
        return keys_of(call.settings, os.environ)
    except SettingsError as error:
        raise Misused(str(error)) from None


def _bytes_of(file: Path, call: Call) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(call.settings.incoming.most_bytes)
    except OSError as error:
        raise Misused(f"{file}: {error.strerror}") from None


def _joined(raw: bytes, call: Call, secrets: Secrets, views: Views) -> Came:
    came = came_in(raw, (), secrets, call.now())
    about, writer = came.about, came.head.writer
    if about is not None and not about.customer:
        about = replace(about, customer=views.find(f"message:{about.effect_id}") or "")
    customer = about.customer if about is not None else ""
    if not customer and writer and came.report.kind in WRITTEN:
        customer = views.find(mail_key(writer)) or ""
    return replace(came, about=about, customer=customer)


def _tell(document: IncomingDocument) -> None:
    console = to_people()
    rows = [(each.file, each.kind, ", ".join(each.events) or "nothing") for each in document.files]
    console.print(table("file", "what it is", "what follows", rows=rows))
    console.print(
        f"{document.accepted:,} accepted, {document.duplicate:,} known already, {document.dead_letters:,} dead letters"
    )
    if document.for_people:
        note(f"somebody should read {document.for_people:,} of them: they hold what a customer wrote")
