"""`winback import`: what other tools knew."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import click

from connectors.files import FileProblem
from connectors.imports import KINDS, PRESETS, MappingProblem, Statement, Suppressed
from connectors.imports.consents import PURPOSES
from engine.books.database import present
from engine.cli.calling import Call, Misused, named, who
from engine.cli.documents import ImportDocument, RefusedRow
from engine.cli.exported import Export, Row, Said, open_export
from engine.cli.histories import moment_said
from engine.cli.printing import note, print_json, progress, table, to_people
from engine.cli.reaching import the_data, the_engine
from engine.core.moments import Instant, rfc3339, zone
from engine.core.money import DIGITS
from engine.core.reading import Reader
from engine.core.rules import Lifecycle
from engine.core.suppressions import EVENT_OF
from engine.wiring.checking import folder_as_it_stands
from engine.wiring.reaching import Channel

PIECE = 2_000
SHOWN = 3

_GOES_WITH = {
    "basis": ("consents",),
    "purpose": ("consents",),
    "suppressed_as": ("suppressions",),
    "currency": ("orders",),
    "sender": ("engagement", "sends"),
}
_NAMES = {"suppressed_as": "kind"}


@named(
    "import",
    "winback import suppressions unsubscribed.csv --preset mailchimp",
    "winback import orders orders.csv --map customer_id=Kunde time=Datum total=Betrag --currency EUR",
    "winback import consents export.csv --preset klaviyo --basis express --purpose newsletter,marketing --dry-run",
    "winback import suppressions hashes.csv --kind complained",
)
@click.argument("kind", type=click.Choice([*KINDS]), metavar="KIND")
@click.argument("file", metavar="FILE.csv")
@click.argument("pairs", nargs=-1, metavar="[OURS=THEIRS]...")
@click.option("--map", "maps", multiple=True, metavar="OURS=THEIRS", help="Which column holds which field of ours.")
@click.option("--preset", type=click.Choice([*PRESETS]), help="The tool that made the file.")
@click.option("--dry-run", "--preview", is_flag=True, help="Show how the file would be read; take nothing in.")
@click.option(
    "--basis",
    type=click.Choice(["express", "existing_customer", "presumed_b2b"]),
    help="Of consents that do not say theirs.",
)
@click.option("--purpose", metavar="PURPOSE,...", help="Of consents that do not say theirs. [newsletter]")
@click.option(
    "--kind",
    "suppressed_as",
    type=click.Choice([*EVENT_OF]),
    help="Of suppressions that do not say theirs. [unsubscribed]",
)
@click.option("--currency", help="Of orders that do not say theirs. [the shop's]")
@click.option("--sender", help="Which tool sent the mails. [the preset's name]")
@click.option("--dates", type=click.Choice(["dmy", "mdy"]), help="Whether 01/02/2026 has its day or its month first.")
@click.option("--timezone", help="Zone of times that do not say theirs. [the shop's]")
@click.option("--as-of", metavar="DAY", help="When rows without a date were true; never of consents.")
@click.option(
    "--refused", "refused_to", type=click.Path(path_type=Path, dir_okay=False), help="CSV to write refused rows to."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(call: Call, kind: str, file: str, pairs: tuple[str, ...], **options: Any) -> None:
    """Take in what other tools knew, from their CSV exports: KIND is customers, consents, suppressions, engagement, coupons, sends or orders.

    It shows which columns were found and how the first rows are read; on a terminal it asks then. All of it is history,
    whatever its time: facts, which start nothing and send nothing. The same file twice changes nothing. Rows that cannot be
    taken are listed with their line and the reason. A consent without a date or a basis counts as none.
    Exits 1 when every row was refused, or the file breaks off.
    """
    export = _opened(file, _said(call, kind, (*options["maps"], *pairs), options))
    if not call.json:
        _preview(export)
    if not (options["dry_run"] or options["yes"] or call.json) and sys.stdin.isatty():
        click.confirm("Take it in?", abort=True)
    document = (
        _checked(export, call, options["refused_to"])
        if options["dry_run"]
        else _taken(export, call, options["refused_to"])
    )
    if call.json:
        print_json(document)
    else:
        _tell(document)
    if document.broken or (document.refused and not document.taken and not document.known and not document.skipped):
        raise click.exceptions.Exit(1)


# What was said -------------------------------------------------------------------------------------------------------


def _said(call: Call, kind: str, pairs: tuple[str, ...], options: dict[str, Any]) -> Said:
    lifecycle = _lifecycle(call)
    problems = [
        f"--{_NAMES.get(name, name)} goes with {' and '.join(kinds)}"
        for name, kinds in _GOES_WITH.items()
        if options[name] and kind not in kinds
    ]
    purposes = tuple(each.strip() for each in (options["purpose"] or "newsletter").split(","))
    problems += [
        f"--purpose {each}: say newsletter, marketing or tracking" for each in purposes if each not in PURPOSES
    ]
    currency = (options["currency"] or lifecycle.currency).upper()
    problems += [] if currency in DIGITS else [f"--currency {currency}: ISO 4217 knows none"]
    timezone = options["timezone"] or lifecycle.timezone
    try:
        zone(timezone)
    except KeyError:
        problems.append(f"--timezone {timezone}: no such time zone; write it as Europe/Berlin")
    if problems:
        raise Misused("\n".join(problems))
    return Said(
        kind=kind,
        columns=_columns(pairs),
        preset=options["preset"],
        dates=options["dates"],
        timezone=timezone,
        currency=currency,
        basis=options["basis"] or "",
        purposes=purposes,
        suppressed_as=options["suppressed_as"] or "",
        sender=options["sender"],
        as_of=moment_said("--as-of", options["as_of"], timezone),
    )


def _columns(pairs: tuple[str, ...]) -> dict[str, str]:
    """Return the pairs of `--map`: said once for all or once for each, a comma or a blank between them."""
    columns: dict[str, str] = {}
    for pair in (each for text in pairs for each in next(csv.reader([text], skipinitialspace=True), [])):
        ours, equals, theirs = (part.strip() for part in pair.partition("="))
        if not (ours and equals and theirs):
            raise Misused(f"--map {pair!r}: write OURS=THEIRS, such as email=E-Mail")
        if ours in columns:
            raise Misused(f"--map {ours}: named twice")
        columns[ours] = theirs
    return columns


def _lifecycle(call: Call) -> Lifecycle:
    """Return the shop's lifecycle: of the rules in force, before the first start of the files."""
    if present(call.books):
        with the_data(call) as views:
            return views.rules().lifecycle
    rules = folder_as_it_stands(call.workflows).rules if call.workflows.is_dir() else None
    return Lifecycle() if rules is None else rules.lifecycle


def _opened(file: str, said: Said) -> Export:
    try:
        return open_export(file, said)
    except FileProblem as problem:
        raise Misused(str(problem)) from None
    except MappingProblem as problem:
        raise Misused("\n".join(f"{file}: {each}" for each in problem.problems)) from None


# Taking in -----------------------------------------------------------------------------------------------------------


class _Result:
    """What became of the rows so far; those refused are also written to a file, if one was named."""

    def __init__(self, export: Export, refused_to: Path | None, stack: ExitStack) -> None:
        self.counts: Counter[str] = Counter()
        self.refused: list[RefusedRow] = []
        self.broken = ""
        self._export = export
        self._writer = None
        if refused_to is not None:
            try:
                opened = stack.enter_context(refused_to.open("w", newline="", encoding="utf-8"))
            except OSError as error:
                raise Misused(f"{refused_to}: {error.strerror}") from None
            self._writer = csv.writer(opened)
            self._writer.writerow(["line", "reason", *export.sheet.columns])

    def refuse(self, line: int, reason: str, cells: list[str]) -> None:
        """Note a row that was not taken."""
        self.refused.append(RefusedRow(line, reason))
        if self._writer is not None:
            self._writer.writerow([line, reason, *cells])

    def rows(self) -> Iterator[Row]:
        """Yield rows that say something; note the others, and where the file breaks off."""
        with progress() as bar:
            task = bar.add_task("reading", total=self._export.sheet.lines)
            try:
                for row in self._export.rows():
                    bar.advance(task)
                    if row.refused:
                        self.refuse(row.line, row.refused, row.cells)
                    elif row.says:
                        yield row
                    else:
                        self.counts["skipped"] += 1
            except FileProblem as problem:
                self.broken = str(problem)

    def document(self, *, dry_run: bool) -> ImportDocument:
        """Return the result."""
        export = self._export
        return ImportDocument(
            kind=export.said.kind,
            file=export.sheet.path,
            form=export.form,
            columns=export.mapped.columns,
            unused=export.mapped.unused,
            taken=self.counts["taken"],
            known=self.counts["known"],
            skipped=self.counts["skipped"],
            refused=self.refused,
            stopped=self.counts["stopped"],
            dry_run=dry_run,
            broken=self.broken,
        )


def _checked(export: Export, call: Call, refused_to: Path | None) -> ImportDocument:
    """Read the whole file as it would be taken in, and take in nothing."""
    reader, now = Reader(), call.now()
    with ExitStack() as stack:
        result = _Result(export, refused_to, stack)
        for row in result.rows():
            reads = [reader.read(each.event(now), "", now) for each in row.says if isinstance(each, Statement)]
            dead = next((read.dead for read in reads if read.dead is not None), None)
            if dead is None:
                result.counts["taken"] += 1
            else:
                result.refuse(row.line, dead.reason, row.cells)
        return result.document(dry_run=True)


def _taken(export: Export, call: Call, refused_to: Path | None) -> ImportDocument:
    with ExitStack() as stack:
        result = _Result(export, refused_to, stack)
        engine = stack.enter_context(the_engine(call))
        now = call.now()
        rows, has_hashes = result.rows(), False
        while piece := list(islice(rows, PIECE)):
            if export.said.kind == "suppressions":
                has_hashes |= _suppress(engine, piece, result)
            else:
                _import(engine, piece, result, export, now)
        if export.said.kind == "suppressions" and not (
            result.refused or result.counts["taken"] or result.counts["known"]
        ):
            engine.do("suppress", {"rows": [], "who": who()})  # a list that names nobody says that nobody said no
        if has_hashes:
            _match(engine, result)
        engine.do("lines")  # as after an ingest: the reorder interval holds for what plan and status say next
        return result.document(dry_run=False)


def _import(engine: Channel, piece: list[Row], result: _Result, export: Export, now: Instant) -> None:
    told = [[row.line, [each.event(now).decode() for each in row.says if isinstance(each, Statement)]] for row in piece]
    did = engine.do("import", {"rows": told, "origin": Path(export.sheet.path).name})
    result.counts.update(taken=did["taken"], known=did["known"])
    cells = {row.line: row.cells for row in piece}
    for line, reason in did["refused"]:
        result.refuse(line, reason, cells[line])


def _suppress(engine: Channel, piece: list[Row], result: _Result) -> bool:
    """Put a piece on the list; say whether there is a hash in it, whose customer is yet to be found."""
    told = [each for row in piece for each in row.says if isinstance(each, Suppressed)]
    rows = [[each.kind, each.sha256, each.address, each.at] for each in told]
    did = engine.do("suppress", {"rows": rows, "who": who()})
    result.counts.update(taken=did["taken"], known=did["known"])
    return any(not each.address for each in told)


def _match(engine: Channel, result: _Result) -> None:
    """Compare everybody with the list: of a hash nobody can be found in another way."""
    with progress() as bar:
        task, after = bar.add_task("comparing customers", total=None), ""
        while after is not None:
            did = engine.do("match-suppressions", {"after": after})
            after = did["after"]
            bar.advance(task, did["looked_at"])
            result.counts["stopped"] += did["matched"]


# What people see -----------------------------------------------------------------------------------------------------


def _preview(export: Export) -> None:
    console = to_people()
    console.print(f"{export.sheet.path}: {export.form}; {export.sheet.lines:,} lines")
    first = list(islice(export.rows(), SHOWN))
    sample = export.mapped.cells(first[0].cells) if first and len(first[0].cells) == len(export.sheet.columns) else {}
    rows = [(field, column, sample.get(field, "")) for field, column in export.mapped.columns.items()]
    console.print(table("field", "column", "first row", rows=rows))
    if export.mapped.unused:
        console.print(f"not read: {', '.join(export.mapped.unused)}")
    for each in export.taken_for_granted:
        console.print(f"taken for granted: {each}")
    for row in first:
        for said in row.says:
            console.print(f"line {row.line}: {_in_words(said)}")
        if not row.says:
            console.print(f"line {row.line}: {'refused: ' + row.refused if row.refused else 'says nothing of this'}")


def _in_words(said: Statement | Suppressed) -> str:
    if isinstance(said, Suppressed):
        since = "said now" if said.at is None else f"since {rfc3339(said.at)}"
        return f"{said.kind} {said.address or said.sha256[:12] + '…'}, {since}"
    when = "said now" if said.at is None else rfc3339(said.at) if said.at else "no date"
    data = ", ".join(f"{name} {value}" for name, value in said.data.items() if isinstance(value, str | bool | int))
    return f"{said.type} {said.customer or '(by address)'}, {when}, {data}"


def _tell(document: ImportDocument) -> None:
    console = to_people()
    would = "would be taken" if document.dry_run else "taken"
    told = [f"{document.taken:,} {would}"]
    told += [f"{document.known:,} known before"] if document.known else []
    told += [f"{document.skipped:,} say nothing of this"] if document.skipped else []
    told += [f"{document.stopped:,} customers stopped by a hash"] if document.stopped else []
    console.print(f"{document.kind}: {', '.join([*told, f'{len(document.refused):,} refused'])}", style="bold")
    first: dict[str, int] = {}
    for row in document.refused:
        first.setdefault(row.reason, row.line)
    for reason, count in Counter(row.reason for row in document.refused).most_common(10):
        console.print(f"  {count:,} x {reason} (first in line {first[reason]})")
    if document.broken:
        note(document.broken)
