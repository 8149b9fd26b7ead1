"""The time between a backup and its restore, as an older database of the same engine knows it: what left, and what was said.

Functions that read the old database. It must be of the same engine: its journal begins with the backup's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from engine.books.journal import decode_signal
from engine.books.queries import QUERIES
from engine.core import customer as records
from engine.core import effects as fx
from engine.core.customer import Customer
from engine.core.events import SAYS_NO, Event
from engine.core.moments import Instant
from engine.core.signals import Happened

PAGE = 1_000

_KEPT_IN_MIND = SAYS_NO | {"coupon.redeemed"}
"""Events that nobody would bring again, and that must hold whatever is restored: each "no", and each code that was used."""

_REACHED = (fx.RUN_STARTED, fx.SEND_REQUESTED, fx.COUPON_ISSUED)


class Marks(Struct, frozen=True):
    """How far a database has come: its last instant, and its last entries in the journal and in the log of effects."""

    accepted: Instant
    journal: int
    effect: int


def marks(connection: sqlite3.Connection) -> Marks:
    """Return how far a database has come."""
    accepted = connection.execute("select accepted from shop").fetchone()[0]
    journal = connection.execute("select coalesce(max(seq), 0) from journal").fetchone()[0]
    return Marks(accepted, journal, connection.execute("select coalesce(max(seq), 0) from effect").fetchone()[0])


def follows(old: sqlite3.Connection, backup: sqlite3.Connection, at: Marks) -> bool:
    """Say whether an old database went on from where a backup was made."""
    query = "select seq, accepted, customer, signal from journal where seq <= ? order by seq desc limit 1"
    theirs = old.execute(query, (at.journal,)).fetchone()  # the very last may be of somebody who was erased since
    return theirs is not None and backup.execute(query, (theirs[0],)).fetchone() == theirs


def said(old: sqlite3.Connection, after: int) -> Iterator[Event]:
    """Yield what was said since and must hold: each "no", and each code that was used, in order."""
    come_to = after
    while rows := old.execute(QUERIES["journal"], (come_to, PAGE)).fetchall():
        come_to = rows[-1][0]
        for _, _, customer, raw in rows:
            signal = decode_signal(raw) if customer else None
            if isinstance(signal, Happened) and signal.event.type in _KEPT_IN_MIND:
                yield signal.event


def reached(old: sqlite3.Connection, at: Marks) -> Iterator[tuple[Customer, dict[str, str]]]:
    """Yield whoever was written to or let in since, as they were last, with the run of each act, by effect id."""
    query = (
        "select distinct customer from effect"
        " where seq > ? and shadow = 0 and type in (select value from json_each(?)) order by customer"
    )
    listed = "[" + ",".join(f'"{kind}"' for kind in _REACHED) + "]"
    for (customer,) in old.execute(query, (at.effect, listed)).fetchall():
        row = old.execute("select record from customer where id = ?", (customer,)).fetchone()
        if row is not None:
            yield records.decode(row[0]), _acts(old, customer, at.effect)


def _acts(old: sqlite3.Connection, customer: str, after: int) -> dict[str, str]:
    query = "select effect_id, body ->> '$.run' from effect where customer = ? and seq > ? and type = ?"
    return {effect: run or "" for effect, run in old.execute(query, (customer, after, fx.SEND_REQUESTED))}


def ledger_since(old: sqlite3.Connection, since: Instant) -> list[tuple[Any, ...]]:
    """Return what the old ledger says of calls since; one that was under way at the end may have been taken."""
    query = (
        "select effect_id, customer, iif(state = 'calling', 'uncertain', state), message_id, at, attempts,"
        """ iif(state = 'calling', '{"outcome":"uncertain","reason":"the engine ended during the call"}', detail)"""
        " from ledger where at >= ?"
    )
    return old.execute(query, (since,)).fetchall()


def no_list(old: sqlite3.Connection) -> list[tuple[bytes, Instant]]:
    """Return the block list."""
    return old.execute("select key, at from blocked").fetchall()


def suppressions(old: sqlite3.Connection) -> list[tuple[bytes, str, Instant]]:
    """Return the list of imported suppressions."""
    return old.execute("select key, kind, at from suppression").fetchall()


def erased(old: sqlite3.Connection) -> tuple[list[tuple[Any, ...]], list[tuple[bytes, int]]]:
    """Return the erasures there were, and the list of the erased."""
    erasures = old.execute("select num, id, at, who, why, state, person, proof from erasure").fetchall()
    return erasures, old.execute("select key, erasure from erased").fetchall()


def codes_given(old: sqlite3.Connection) -> list[tuple[str, str, Instant]]:
    """Return the codes of pools that were granted, as (pool, code, when)."""
    return old.execute("select pool, code, at from pool_code where state = 'granted'").fetchall()


def seeded(old: sqlite3.Connection) -> list[tuple[Any, ...]]:
    """Return which versions of templates went to which seeds."""
    return old.execute("select digest, seed, template, language, at, state, detail from seeded").fetchall()


def positions(old: sqlite3.Connection) -> dict[str, int]:
    """Return how far each receiver had come."""
    return dict(old.execute("select name, position from receiver").fetchall())
