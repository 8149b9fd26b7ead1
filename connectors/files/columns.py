"""What the columns of a CSV history mean, as said on the command line, checked before any file is opened."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cached_property

import msgspec
from msgspec import Struct

from engine.core.events import DATA
from engine.core.moments import zone
from engine.core.money import DIGITS
from engine.core.reasons import did_you_mean
from engine.core.rules import OwnEvent

ENVELOPE = ("customer_id", "time", "id", "source")
_HAVE_CURRENCY = ("order.placed", "order.cancelled", "order.refunded")
_NOT_FROM_ONE_CELL = ("items",)
_FREE = ("answers", "attributes", "postal", "proof")


class OptionProblem(ValueError):
    """Options that cannot be followed; `problems` holds all of them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Table(Struct, frozen=True, dict=True):
    """How to read a CSV history: which column (by name, or by number from 1) holds which field of which event type."""

    columns: dict[str, str]
    kind: str = "order.placed"
    currency: str = ""
    timezone: str = "UTC"
    source: str = "csv"
    own: OwnEvent | None = None

    @cached_property
    def only_numbers(self) -> bool:
        """Whether all columns go by number, so that there may be no header."""
        return all(column.isdecimal() for column in self.columns.values())

    @property
    def makes_ids(self) -> bool:
        """Whether rows get their id from what they hold, so that equal rows are one event. People are told that."""
        return "id" not in self.columns and not (self.kind == "order.placed" and "order_id" in self.columns)

    @classmethod
    def from_options(
        cls,
        columns: str,
        kind: str = "order.placed",
        currency: str = "",
        timezone: str = "UTC",
        own_events: Mapping[str, OwnEvent] | None = None,
    ) -> Table:
        """Return the table that `--csv`, `--type`, `--currency` and `--timezone` describe.

        Args:
            columns: `customer_id=ID,time=DATE,total=AMOUNT`; a pair with a comma in it stands in double quotes.
            kind: the type of event that each row is.
            currency: where no column says it.
            timezone: IANA name of the zone of times that do not say theirs; the shop's, if nobody says otherwise.
            own_events: the shop's own types.

        Raises:
            OptionProblem: with everything that is wrong.

        """
        own = (own_events or {}).get(kind)
        if kind not in DATA and own is None:
            near = did_you_mean(kind, [*DATA, *(own_events or {})])
            raise OptionProblem([f"--type {kind}: no such type of event{near}"])
        pairs, problems = _pairs(columns)
        table = cls(pairs, kind, currency, timezone, own=own)
        problems += [problem for field in pairs for problem in table._wrong(field)]
        problems += table._missing()
        if currency and currency not in DIGITS:
            problems.append(f"--currency {currency}: ISO 4217 knows none{did_you_mean(currency.upper(), DIGITS)}")
        try:
            zone(timezone)
        except KeyError:
            problems.append(f"--timezone {timezone}: no such time zone; write it as Europe/Berlin")
        if problems:
            raise OptionProblem(problems)
        return table

    @property
    def fields(self) -> list[str]:
        """The fields that rows of this type may have, those outside of the data included."""
        if self.own is not None:
            return [*ENVELOPE, "email", *self.own.fields]
        return [*ENVELOPE, *(field.name for field in msgspec.structs.fields(DATA[self.kind]))]

    def _wrong(self, field: str) -> list[str]:
        name, dot, _ = field.partition(".")
        if name in _NOT_FROM_ONE_CELL or (dot and name not in _FREE):
            return [f"--csv {field}: this cannot come from a column"]
        if name not in self.fields:
            fields = [name for name in self.fields if name not in _NOT_FROM_ONE_CELL]
            there = ", ".join(fields)
            return [f"--csv {field}: {self.kind} has no such field (it has {there}){did_you_mean(field, fields)}"]
        return []

    def _missing(self) -> list[str]:
        problems = [] if "time" in self.columns else ["--csv: say which column is the time: time=COLUMN"]
        if not {"customer_id", "email", "message_id"} & self.columns.keys() and self.kind != "sender.reputation":
            problems.append("--csv: say which column is the customer: customer_id=COLUMN or email=COLUMN")
        required = (
            [] if self.own else [field.name for field in msgspec.structs.fields(DATA[self.kind]) if field.required]
        )
        for field in required:
            if field in self.columns or (field == "order_id" and self.kind == "order.placed"):
                continue
            if field == "currency":
                problems += [] if self.currency else ["say the currency: --currency EUR, or currency=COLUMN in --csv"]
            else:
                problems.append(f"--csv: {self.kind} needs a {field}: {field}=COLUMN")
        return problems

    @property
    def has_currency(self) -> bool:
        """Whether rows of this type name a currency."""
        return self.kind in _HAVE_CURRENCY


def _pairs(columns: str) -> tuple[dict[str, str], list[str]]:
    """Return field and column of each pair, and what is wrong with the others."""
    pairs: dict[str, str] = {}
    problems = []
    for pair in next(csv.reader([columns], skipinitialspace=True), []):
        field, equals, column = (part.strip() for part in pair.partition("="))
        if not (field and equals and column):
            problems.append(f"--csv {pair!r}: write FIELD=COLUMN, such as customer_id=id")
        elif field in pairs:
            problems.append(f"--csv {field}: named twice")
        else:
            pairs[field] = column
    return pairs, problems
