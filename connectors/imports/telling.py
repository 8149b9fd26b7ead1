"""What the rows of all kinds share: the options they are read by, what they become, and whom they are about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

import msgspec
from msgspec import Struct

from connectors.imports.kinds import KINDS
from connectors.imports.values import Style, amount, day, moment, truth
from engine.core.moments import Instant, rfc3339

SOURCE: Final = "import"
"""The source of imported events; their ids are made of what they say, so that a row that is told twice is one event."""

NOBODY_KNOWS: Final[Instant] = 0
"""The time of a fact whose day is not known: anything with a date is newer, and nobody counts as known since then."""

_ADDRESS: Final = re.compile(r"[^@\s<>,;*]+@[^@\s<>,;*]+\.[^@\s<>,;*.]+")
_encode: Final = msgspec.json.Encoder(order="sorted").encode


class Refused(ValueError):
    """Why a row cannot be taken."""


class Options(Struct, frozen=True, kw_only=True):
    """How the rows of one file are read; what a column says goes before what is said for all of them.

    Args:
        style: how dates and amounts are written.
        currency: of orders that do not name theirs.
        basis: of consents that do not name theirs; empty: they count as none.
        purposes: of consents that do not name theirs.
        suppressed_as: the kind of suppressions whose row does not say.
        sender: the tool that sent the mails.
        as_of: when undated rows were true; consents stay undated, and so are none.
        words: what a cell of a field means, casefolded, in the words of the tool and ours.
        has_flags: columns say of each address whether it is suppressed, so a row without any says that it is not.

    """

    style: Style
    currency: str = ""
    basis: str = ""
    purposes: tuple[str, ...] = ("newsletter",)
    suppressed_as: str = "unsubscribed"
    sender: str = "another tool"
    as_of: Instant | None = None
    words: Mapping[str, Mapping[str, str]] = {}
    has_flags: bool = False

    def word(self, field: str, text: str) -> str:
        """Return what a cell means in our words, the cell itself where the tool has no word of its own."""
        return self.words.get(field, {}).get(text.casefold().replace("\u2013", "-"), text)


class Statement(Struct, frozen=True):
    """What a row says about a customer. `at` is None for a "no" whose day nobody knows: then it is said now."""

    type: str
    customer: str
    at: Instant | None
    data: dict[str, Any]

    @property
    def number(self) -> str:
        """An id made of what it says."""
        return blake2b(_encode([self.type, self.customer, self.at, self.data]), digest_size=16).hexdigest()

    def event(self, now: Instant) -> bytes:
        """Return it as a CloudEvent."""
        told = {
            "id": self.data["order_id"] if self.type == "order.placed" else self.number,
            "source": SOURCE,
            "type": self.type,
            "time": rfc3339(now if self.at is None else self.at),
            "subject": self.customer,
            "data": self.data,
        }
        return _encode({name: value for name, value in told.items() if value})


class Suppressed(Struct, frozen=True):
    """An address that must not be written to: its SHA-256 in hex, and itself where the file has it."""

    kind: str
    sha256: str
    address: str = ""
    at: Instant | None = None


def who(cells: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Return the customer id, and the data with the address.

    Raises:
        Refused: the row names nobody, or what it calls an address is none.

    """
    customer, email = cells.get("customer_id", ""), email_of(cells)
    if not customer and not email:
        raise Refused("names nobody: neither a customer id nor an address")
    return customer, {"email": email} if email else {}


def email_of(cells: Mapping[str, str]) -> str:
    """Return the address, empty where there is none.

    Raises:
        Refused: it is none.

    """
    email = cells.get("email", "").removeprefix("mailto:")
    if email and not _ADDRESS.fullmatch(email):
        raise Refused("email is a pattern, not an address" if "*" in email else "email is not an address")
    return email


def instant_of(cells: Mapping[str, str], field: str, options: Options) -> Instant | None:
    """Return the moment in a field, None where there is none.

    Raises:
        Refused: the cell is no moment.

    """
    try:
        return moment(cells.get(field, ""), options.style)
    except ValueError as error:
        raise Refused(f"{field} {error}") from None


def value(kind: str, field: str, text: str, options: Options) -> Any:
    """Return a cell as the event holds it.

    Raises:
        Refused: it is not what the field must be.

    """
    reads = KINDS[kind].fields[field].reads if field in KINDS[kind].fields else "text"
    try:
        match reads:
            case "day":
                return day(text, options.style)
            case "amount":
                return amount(text, options.style)
            case "number":
                return int(float(amount(text, options.style)))
            case "truth":
                return truth(text)
    except ValueError as error:
        raise Refused(f"{field} {error}") from None
    return text
