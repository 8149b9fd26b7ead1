"""The sets that were put in force, one after the other: who, when, what it changed, and what taking it back returns to.

Rules are kept by epoch (`rulebook`); the templates and the brand beside them are opaque text here, each set kept once. An
apply that changes templates alone has the epoch of the one before it: nobody need be looked at for another wording.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import Struct

from engine.books.connection import Connection
from engine.books.queries import QUERIES
from engine.core.moments import Instant


class Said(Struct, frozen=True, omit_defaults=True):
    """What an apply changed, in words; what became of runs, by workflow; the modes of its files; who had planned it."""

    changes: tuple[str, ...] = ()
    moves: dict[str, str] = {}
    modes: dict[str, str] = {}
    planned_by: str = ""
    back_to: int | None = None  # the row whose set this one returned to


class PutInForce(Struct, frozen=True):
    """One row: `before` is the row that `apply --back` returns to from here, None where there is none."""

    num: int
    at: Instant
    who: str
    epoch: int
    template_set: int
    before: int | None
    said: Said


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(Said).decode


def put(
    connection: Connection,
    now: Instant,
    *,
    who: str,
    epoch: int,
    templates: str,
    said: Said,
    back_to: PutInForce | None = None,
) -> PutInForce:
    """Note what is in force from now on, in the transaction under way; return its row. What changes nothing gets none.

    With `back_to` it is what that row put in force, and taking it back returns to what was before that: so one way back
    after the other leads further back, and never to and fro.
    """
    last, number = newest(connection), _kept(connection, templates)
    if back_to is not None:
        before = back_to.before
        said = msgspec.structs.replace(said, back_to=back_to.num)
    elif last is None:
        before = None
    elif last.template_set == number and _is_same(connection, last.epoch, epoch):
        before = last.before  # runs were moved, and nothing else: there is nothing of it that could be taken back
    else:
        before = last.num if last.said.back_to is None else last.said.back_to
    if (
        last is not None
        and back_to is None
        and (last.epoch, last.template_set, last.said.modes) == (epoch, number, said.modes)
    ):
        return last
    row = (now, who, epoch, number, before, _encode(said).decode())
    return found(connection, connection.execute(QUERIES["add_applied"], row).fetchone()[0])


def newest(connection: Connection) -> PutInForce | None:
    """Return what is in force; None before the first apply."""
    return _read(connection.execute(QUERIES["newest_applied"]).fetchone())


def found(connection: Connection, num: int) -> PutInForce:
    """Return a row by its number.

    Raises:
        KeyError: there is none.

    """
    row = _read(connection.execute(QUERIES["applied"], (num,)).fetchone())
    if row is None:
        raise KeyError(num)
    return row


def latest(connection: Connection, most: int) -> list[PutInForce]:
    """Return the last ones, the newest first."""
    rows = connection.execute(QUERIES["last_applied"], (most,)).fetchall()
    return [row for row in map(_read, rows) if row is not None]


def templates_of(connection: Connection, row: PutInForce) -> str:
    """Return the templates and the brand of a row, as they were put."""
    return str(connection.execute(QUERIES["template_set"], (row.template_set,)).fetchone()[0])


def _kept(connection: Connection, templates: str) -> int:
    digest = blake2b(templates.encode(), digest_size=16).digest()
    return int(connection.execute(QUERIES["add_template_set"], (digest, templates)).fetchone()[0])


def _is_same(connection: Connection, epoch: int, other: int) -> bool:
    """Say whether the rules of two epochs are the same."""
    one, two = (connection.execute(QUERIES["rules_of"], (each,)).fetchone() for each in (epoch, other))
    return bool(one == two)


def _read(row: tuple[Any, ...] | None) -> PutInForce | None:
    if row is None:
        return None
    num, at, who, epoch, template_set, before, said = row
    return PutInForce(num, at, who, epoch, template_set, before, _decode(said))
