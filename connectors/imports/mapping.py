"""Which column of a file holds which field: as said, else as the preset knows, else as columns are usually called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from connectors.imports.kinds import FLAGS, KINDS, Field
from connectors.imports.presets import PRESETS, Preset
from connectors.imports.values import NO
from engine.core.reasons import did_you_mean

_ATTRIBUTE: Final = "attributes."


class MappingProblem(ValueError):
    """Columns that cannot be found or are missing; `problems` holds all of them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Mapped(Struct, frozen=True):
    """Where the fields stand: `columns` by field as the file calls them, `places` their indexes, and what is not read.

    A tool may have several columns for one field: the first counts that says something, of a flag the first that says yes.
    """

    columns: dict[str, str]
    places: dict[str, tuple[int, ...]]
    unused: list[str]

    def cells(self, row: Sequence[str]) -> dict[str, str]:
        """Return the cells of a row by field, without empty ones."""
        found = {}
        for field, places in self.places.items():
            text = next((row[place] for place in places if row[place]), "")
            if field in FLAGS and len(places) > 1:
                text = next((row[place] for place in places if row[place].casefold() not in NO), text)
            if text:
                found[field] = text
        return found


def map_columns(
    kind: str, header: Sequence[str], said: Mapping[str, str], preset: Preset | None, *, has_header: bool = True
) -> Mapped:
    """Find the columns of a kind's fields.

    Args:
        kind: one of `KINDS`.
        header: what the file's columns are called.
        said: our field to their column, by name or by number from 1.
        preset: the tool that made the file.
        has_header: without one a lone column is the address.

    Raises:
        MappingProblem: a field or column is not there, or one that is needed has no column.

    """
    fields = KINDS[kind].fields
    names = [_plain(name) for name in header]
    columns: dict[str, tuple[int, ...]] = {}
    problems: list[str] = []
    for ours, theirs in said.items():
        field = _field(ours, kind)
        place = _place(theirs, names)
        if not field:
            there = ", ".join(fields)
            near = did_you_mean(ours, list(fields))
            problems.append(f"--map {ours}: {kind} have no such field (they have {there}){near}")
        elif place is None:
            problems.append(f"--map {ours}={theirs}: no column is called that{did_you_mean(theirs, list(header))}")
        else:
            columns[field] = (place,)
    for field, known in (preset.columns.get(kind, {}) if preset else {}).items():
        places = tuple(names.index(plain) for plain in map(_plain, known) if plain in names)
        if places:
            columns.setdefault(field, places)
    for field, known in _usual(fields, preset):
        taken = {place for places in columns.values() for place in places}
        place = next((names.index(plain) for plain in map(_plain, known) if plain in names), None)
        if place is not None and place not in taken and not (field == "kind" and columns.keys() & set(FLAGS)):
            columns.setdefault(field, (place,))
    if not has_header and len(header) == 1 and not columns and "email" in fields:
        columns["email"] = (0,)
    problems += [] if problems else _missing(kind, columns, header)
    if problems:
        raise MappingProblem(problems)
    in_order = dict(sorted(columns.items(), key=lambda each: each[1]))
    taken = {place for places in columns.values() for place in places}
    unused = [name for place, name in enumerate(header) if place not in taken]
    named = {field: ", ".join(header[place] for place in places) for field, places in in_order.items()}
    return Mapped(named, in_order, unused)


def _usual(fields: Mapping[str, Field], preset: Preset | None) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Yield fields with what their columns are usually called.

    A tool's own number is not the shop's. And where flags tell what a row is suppressed for, the caller guesses no other
    column's status to be the reason: it may be of something else.
    """
    for name, field in fields.items():
        if not (preset and name == "customer_id"):
            yield name, (name, *field.columns)


def _field(ours: str, kind: str) -> str:
    """Return the field that somebody names, under its own name or another one; empty where there is none."""
    fields = KINDS[kind].fields
    plain = ours.strip()
    if plain in fields or (kind == "customers" and plain.startswith(_ATTRIBUTE) and len(plain) > len(_ATTRIBUTE)):
        return plain
    return next((name for name, field in fields.items() if plain in field.also), "")


def _missing(kind: str, columns: Mapping[str, object], header: Sequence[str]) -> list[str]:
    fields = KINDS[kind].fields
    lacking = [group for group in KINDS[kind].needs if not columns.keys() & set(group)]
    if not lacking:
        return []
    found = f"its columns are {', '.join(header)}"
    problems = [
        f"no column for {' or '.join(group)} ({fields[group[0]].means}): say --map {group[0]}=COLUMN"
        for group in lacking
    ]
    names = {_plain(name) for name in header}
    tools = [name for name, preset in PRESETS.items() if names >= {_plain(each) for each in preset.marks}]
    hint = [f"this looks like an export of {tools[0]}: --preset {tools[0]}"] if tools else []
    return [*problems, found, *hint]


def _plain(name: str) -> str:
    """Return a column's name without capitals, blanks and signs, as it is compared."""
    return re.sub(r"[^\w]|_", "", name.casefold())


def _place(column: str, names: Sequence[str]) -> int | None:
    plain = _plain(column)
    if plain in names:
        return names.index(plain)
    return int(column) - 1 if column.isdecimal() and 0 < int(column) <= len(names) else None
