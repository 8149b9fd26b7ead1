"""`winback export`: everything that is known of one person."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from engine.cli.calling import Call, Misused, Wrong, named
from engine.cli.printing import note, print_json
from engine.cli.reaching import the_data, the_engine
from engine.wiring.exporting import ErasedDocument, ExportDocument, exported, kept_of_calls
from engine.wiring.secret import keys_of
from engine.wiring.senders import MAILBOX, mailbox_of
from engine.wiring.settings import SettingsError

if TYPE_CHECKING:
    from connectors.mailbox import Mailbox


@named(
    "export", "winback export c-1042", "winback export ada@example.org --to ada.json", "winback export c-1042 --json"
)
@click.argument("customer")
@click.option(
    "--to", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the document into this new file."
)
def command(call: Call, customer: str, file: Path | None) -> None:
    """Write everything that is known of one person: what was learned, said, sent, decided and kept.

    CUSTOMER is an id or an address. With --json or --to it is one JSON document, else text. It answers a request that
    `winback status` lists. Of somebody who was erased it shows what must be kept of their consent to calls; their number
    finds that, too.
    """
    document = _document(call, customer)
    raw = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    if file is not None:
        _write(file, raw)
        note(f"{file} holds everything about {document.customer}: give it to nobody else")
    elif call.json:
        print_json(document)
    else:
        click.echo("\n".join(_lines(msgspec.to_builtins(document))))
    if document.requested_at is not None:
        with the_engine(call) as engine:
            engine.do("answered", {"customer": document.customer})
        note(f"the request of {document.requested_at} counts as answered")


def _document(call: Call, name: str) -> ExportDocument | ErasedDocument:
    with the_data(call, tell_age=True) as views:
        try:
            key = keys_of(call.settings, os.environ).blocks
        except SettingsError as error:
            raise Misused(str(error)) from None
        record = views.found(name)
        if record is None:
            kept = views.call_consent(name, key)
            if kept is None:
                raise Wrong(f"no customer is known by {name}")
            return kept_of_calls(kept)
        now = max(call.now(), views.shop()[0])
        return exported(views, record, now, key=key, mailbox=_mailbox(call))


def _mailbox(call: Call) -> Mailbox | None:
    if call.settings.distributed or not (call.data / MAILBOX).is_dir():
        return None
    from engine.wiring.clock import clock_of  # noqa: PLC0415 - only where there is a mailbox

    return mailbox_of(call.data, clock_of(call.settings))


def _write(file: Path, raw: bytes) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as written:
            written.write(raw)
    except OSError as error:
        raise Misused(f"{file}: {error.strerror}") from None


def _lines(value: Any, depth: int = 0) -> list[str]:
    """Write a document as indented text: names, and below them what they hold."""
    blank, lines = "  " * depth, []
    named = value.items() if isinstance(value, dict) else (("-", each) for each in value)
    for name, each in named:
        if isinstance(each, dict | list):
            lines += [f"{blank}{name}{':' if name != '-' else ''}{'' if each else ' none'}", *_lines(each, depth + 1)]
        elif each not in (None, "", 0, False):
            lines.append(f"{blank}{name}{':' if name != '-' else ''} {each}")
    return lines
