"""An export of another tool as `winback import` reads it: its columns found, its dates and amounts understood."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from msgspec import Struct

from connectors.files.sheets import Sheet, SheetRow, open_sheet
from connectors.imports import (
    KINDS,
    PRESETS,
    Mapped,
    MappingProblem,
    Options,
    Preset,
    Refused,
    Statement,
    Style,
    Suppressed,
    map_columns,
    read_row,
    style_of,
)
from connectors.imports.kinds import FLAGS
from engine.core.moments import Instant
from engine.core.suppressions import UNSUBSCRIBED

LOOKED_AT = 2_000
"""Rows that tell how a file writes its dates and amounts."""

COLUMNS_OF_A_LIST = 3
"""Columns that a plain list of suppressions may have beside those we know."""

_DATED = ("moment", "day", "flag")
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


class Said(Struct, frozen=True, kw_only=True):
    """What the command line says about a file."""

    kind: str
    columns: Mapping[str, str] = {}
    preset: str | None = None
    dates: str | None = None
    timezone: str = "UTC"
    currency: str = ""
    basis: str = ""
    purposes: tuple[str, ...] = ("newsletter",)
    suppressed_as: str = ""
    sender: str | None = None
    as_of: Instant | None = None


class Row(Struct, frozen=True):
    """A row: what it says, or why it cannot be taken. It may say nothing of what is imported."""

    line: int
    cells: list[str]
    says: list[Statement | Suppressed]
    refused: str = ""


class Export(Struct, frozen=True):
    """One file, ready to be read."""

    said: Said
    sheet: Sheet
    mapped: Mapped
    options: Options

    @property
    def form(self) -> str:
        """What the file is written in, in words."""
        style = self.options.style
        reads = {field: KINDS[self.said.kind].fields[field].reads for field in self._known_fields()}
        told = [self.sheet.encoding, _SEPARATORS[self.sheet.separator]]
        told += [] if self.sheet.has_header else ["no header"]
        if style.day_first is not None and set(_DATED) & {*reads.values()}:
            told.append("the day first in dates" if style.day_first else "the month first in dates")
        if "amount" in reads.values():
            told.append("decimal comma" if style.decimal_comma else "decimal point")
        return ", ".join(told)

    @property
    def taken_for_granted(self) -> list[str]:
        """What no column says and is taken as said, or as usual."""
        has, options, told = self.mapped.columns, self.options, []
        if self.said.kind == "consents":
            told += [] if "purpose" in has else [f"every consent is for {' and '.join(options.purposes)} (--purpose)"]
            told += [f"a row without a basis has the basis {options.basis} (--basis)"] if options.basis else []
        if self.said.kind == "orders" and "currency" not in has:
            told.append(f"amounts are in {options.currency} (--currency)")
        if self.said.kind == "suppressions" and not {"kind", *FLAGS} & has.keys():
            told.append(f"every row is {options.suppressed_as} (--kind)")
        if self.said.kind in ("engagement", "sends") and "sender" not in has:
            told.append(f"the sender was {options.sender} (--sender)")
        return told

    def rows(self) -> Iterator[Row]:
        """Yield what each row says.

        Raises:
            FileProblem: the file breaks off.

        """
        return map(self._read, self.sheet.rows())

    def _read(self, row: SheetRow) -> Row:
        if row.problem:
            return Row(row.number, row.cells, [], row.problem)
        try:
            return Row(row.number, row.cells, read_row(self.said.kind, self.mapped.cells(row.cells), self.options))
        except Refused as refused:
            return Row(row.number, row.cells, [], str(refused))

    def _known_fields(self) -> list[str]:
        return [field for field in self.mapped.columns if field in KINDS[self.said.kind].fields]


def open_export(path: str, said: Said) -> Export:
    """Find out what a file holds, from its header and its first rows.

    Raises:
        FileProblem: it cannot be read.
        MappingProblem: it has not the columns that are needed or named.

    """
    sheet = open_sheet(path)
    preset = PRESETS[said.preset] if said.preset else None
    mapped = map_columns(said.kind, sheet.columns, said.columns, preset, has_header=sheet.has_header)
    _see_that_it_suppresses(said, mapped)
    options = Options(
        style=_style(sheet, mapped, said, preset),
        currency=said.currency,
        basis=said.basis,
        purposes=said.purposes,
        suppressed_as=said.suppressed_as or UNSUBSCRIBED,
        sender=said.sender or said.preset or "another tool",
        as_of=said.as_of,
        words=preset.words if preset else {},
        has_flags=bool(mapped.columns.keys() & set(FLAGS)),
    )
    return Export(said, sheet, mapped, options)


def _see_that_it_suppresses(said: Said, mapped: Mapped) -> None:
    """Refuse a table of much else that says of nobody that they are suppressed: likely it is a list of everybody."""
    tells = {"kind", *FLAGS} & mapped.columns.keys()
    if said.kind == "suppressions" and not tells and not said.suppressed_as and len(mapped.unused) > COLUMNS_OF_A_LIST:
        what = "no column says who is suppressed, or why, so this looks like a list of everybody"
        cure = "map one (--map kind=COLUMN, or unsubscribed, complained, bounced, erased), or say --kind for every row of it"
        raise MappingProblem([f"{what}: {cure}"])


def _style(sheet: Sheet, mapped: Mapped, said: Said, preset: Preset | None) -> Style:
    fields = KINDS[said.kind].fields
    first = [mapped.cells(row.cells) for row in islice(sheet.rows(), LOOKED_AT) if not row.problem]
    read: dict[str, list[str]] = {"date": [], "amount": []}
    for field in mapped.columns.keys() & fields.keys():
        reads = "date" if fields[field].reads in _DATED else fields[field].reads
        if reads in read:
            read[reads] += [cells[field] for cells in first if field in cells]
    shown = {"dmy": True, "mdy": False}.get(said.dates or "", preset.day_first if preset else None)
    return style_of(
        read["date"], read["amount"], comma_cuts=sheet.separator == ",", timezone=said.timezone, day_first=shown
    )
