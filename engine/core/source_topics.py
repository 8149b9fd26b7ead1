"""How topics of the shop's own bus become events: what connectors.yaml says, as data. `connectors.bus` does it."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

KEY, TIME, HEADER = "$key", "$time", "$header"
"""Roots of a path beside the record's value: its key as text, its time in milliseconds, one of its headers."""

RFC3339: Final = "rfc3339"
PER_SECOND: Final = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000}
"""How instants may be written as numbers since 1970 in UTC, and how many of each make a second."""

MINOR_UNITS: Final = "minor_units"


class Path(Struct, frozen=True):
    """A way to a value inside a record: names and numbers of list items. `root` is empty for the record's value."""

    steps: tuple[str | int, ...]
    root: str = ""

    def __str__(self) -> str:
        """Return it as it is written in connectors.yaml."""
        parts = [self.root] if self.root else []
        for step in self.steps:
            if isinstance(step, int):
                parts.append(f"{parts.pop() if parts else ''}[{step}]")
            else:
                parts.append(step)
        return ".".join(parts)


class Value(Struct, frozen=True, kw_only=True):
    """What a field of an event is to hold: found at a path, or a constant.

    `form` is text, number, minor_units (an integer of the currency's smallest unit) or empty for what stands there.
    `table` gives another word for each of some; what is not in it is `otherwise`, or left as it is where that is None.
    """

    path: Path | None = None
    constant: str | bool = ""
    form: str = ""
    table: dict[str, str] | None = None
    otherwise: str | None = None


class Items(Struct, frozen=True):
    """A list, each item of it made of the record's item at the same place."""

    path: Path
    each: dict[str, Value]


class When(Struct, frozen=True, kw_only=True):
    """What a record must have at a path: one of some words, none of them, or anything or nothing at all."""

    path: Path
    any_of: tuple[str, ...] | None = None
    none_of: tuple[str, ...] = ()
    exists: bool | None = None


class Moment(Struct, frozen=True):
    """Where the time of an event stands and how it is written; `zone` is that of a time which names none."""

    path: Path
    form: str = RFC3339
    zone: str = ""


class Kind(Struct, frozen=True):
    """The type of an event: always the same, or by a table from a word of the record; empty: the record is not for us."""

    always: str = ""
    path: Path | None = None
    table: dict[str, str] = {}

    @property
    def possible(self) -> tuple[str, ...]:
        """All types it can be."""
        return (self.always,) if self.always else tuple(dict.fromkeys(self.table.values()))


class SourceEvent(Struct, frozen=True, kw_only=True):
    """How a record becomes an event. Without `id` it is the record's place: topic, partition and offset."""

    kind: Kind
    time: Moment
    when: tuple[When, ...] = ()
    id: tuple[Path, ...] = ()
    customer: Path | None = None
    data: dict[str, Value | Items] = {}


class SourceTopic(Struct, frozen=True, kw_only=True):
    """A topic of the shop's. With `events` its records are the shop's own JSON; the first that fits makes the event.

    Without, they are CloudEvents already. `source` is that of its events, the topic's name where it is empty.
    """

    name: str
    source: str = ""
    events: tuple[SourceEvent, ...] = ()
