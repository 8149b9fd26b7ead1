"""`winback bounce`: what the engine makes of a bounce or a complaint."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from connectors.bounces import Report, read
from connectors.bounces.files import files_of, mails_in
from engine.cli.calling import Call, Misused, Wrong, named
from engine.cli.documents import BounceDocument, JudgedRecipient, ReadMail
from engine.cli.printing import note, print_json, table, to_people


@named(
    "bounce",
    "winback bounce returned.eml",
    "winback bounce Maildir/new --json",
    "winback bounce bounces.mbox",
    "winback bounce - < returned.eml",
)
@click.argument("files", nargs=-1, metavar="FILE...")
def command(call: Call, files: tuple[str, ...]) -> None:
    """Show what the engine makes of mails about mail: bounces, complaints, automatic answers.

    A FILE is a mail, a mailbox (mbox), a folder of them, or - for standard input. Of each mail: what it is (bounce, complaint,
    auto_reply, delivered or other), whom it speaks of, and a verdict with the words that decided. Only `dead` speaks against an
    address at once; `doubtful` does after several proofs days apart; full, policy, spam and soft never do. Nothing is recorded.
    """
    if not files:
        raise Misused("name a file: winback bounce FILE, or - for standard input")
    unreadable: list[str] = []
    found = _read_all(files, unreadable)
    if call.json:
        print_json(BounceDocument(list(found)))
    else:
        for each in found:
            _show(each)
    if unreadable:
        raise Wrong("\n".join(unreadable))


def _read_all(files: tuple[str, ...], unreadable: list[str]) -> Iterator[ReadMail]:
    """Read what can be read; what cannot is told with its reason, and the rest goes on."""
    for file in files_of(files):
        try:
            yield from _mails(file)
        except OSError as error:
            unreadable.append(f"{file} can not be read: {error.strerror or error}")


def _mails(file: str) -> Iterator[ReadMail]:
    """The mails of a file under its name; where there are more, the second has `#2` behind it."""
    with sys.stdin.buffer if file == "-" else Path(file).open("rb") as opened:
        number = 0
        for number, raw in enumerate(mails_in(opened), 1):
            yield _mail(file if number == 1 else f"{file}#{number}", read(raw))
    if not number:
        note(f"{file} is empty")
        yield ReadMail(file, "other", [])


def _mail(file: str, report: Report) -> ReadMail:
    recipients = [
        JudgedRecipient(each.address, each.verdict, each.status, each.reason, list(each.evidence))
        for each in report.recipients
    ]
    return ReadMail(file, report.kind, recipients)


def _show(mail: ReadMail) -> None:
    console = to_people()
    console.print(f"{mail.file}: {mail.kind}", style="bold")
    rows = [
        (each.address or "(left out)", each.verdict, each.status, each.reason, ", ".join(each.evidence))
        for each in mail.recipients
    ]
    if rows:
        console.print(table("recipient", "verdict", "status", "why", "by the words", rows=rows))
