"""Pools of codes: lists that the shop knows, each code once and for one pool, given out in the order they came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from engine.books.connection import Connection
from engine.books.queries import named_queries, read_sql
from engine.core.moments import Instant

QUERIES: Final = named_queries(read_sql("pools.sql"))
MINTED, READY, GRANTED = "minted", "ready", "granted"


class Loaded(Struct, frozen=True):
    """What became of codes that were brought: taken, known already, or (by their places) those of another pool."""

    taken: int
    known: int
    elsewhere: tuple[int, ...] = ()


def mint(
    connection: Connection, pool: str, count: int, draw: Callable[[], str], now: Instant, *, ready: bool
) -> list[str]:
    """Make so many codes that were never there before. They are given out once they are ready: the shop knows them."""
    made: list[str] = []
    while len(made) < count:
        code = draw()
        if _add(connection, pool, code, READY if ready else MINTED, now):
            made.append(code)
    return made


def load(connection: Connection, pool: str, codes: Sequence[str], now: Instant) -> Loaded:
    """Bring codes that the shop knows. Bringing one again changes nothing; one that was minted here is ready then."""
    taken, elsewhere = 0, []
    for place, code in enumerate(codes):
        if _add(connection, pool, code, READY, now):
            taken += 1
            continue
        taken += connection.execute(QUERIES["make_ready"], (code, pool)).rowcount
        if connection.execute(QUERIES["pool_of"], (code,)).fetchone()[0] != pool:
            elsewhere.append(place)
    return Loaded(taken, len(codes) - taken - len(elsewhere), tuple(elsewhere))


def note_granted(connection: Connection, pool: str, codes: Sequence[str], now: Instant) -> None:
    """Note codes that were granted before there was a table of them."""
    for code in codes:
        _add(connection, pool, code, GRANTED, now)


def take(connection: Connection, pool: str, count: int) -> list[str]:
    """Take the next codes of a pool, the first that came first; they never come again."""
    rows = connection.execute(QUERIES["take"], (pool, count)).fetchall()
    return [code for _, code in sorted(rows)]


def has_codes(connection: Connection, pool: str, *, ready: bool) -> bool:
    """Say whether a pool has codes that are ready; else whether it ever had any."""
    return bool(connection.execute(QUERIES["has_ready" if ready else "has_any"], (pool,)).fetchone()[0])


def counts(connection: Connection) -> dict[str, dict[str, int]]:
    """Return how many codes of each pool are minted and ready; those granted, of which there may be many, are left out."""
    found: dict[str, dict[str, int]] = {}
    for pool, state, count in connection.execute(QUERIES["counts"]):
        found.setdefault(pool, {})[state] = count
    return found


def _add(connection: Connection, pool: str, code: str, state: str, now: Instant) -> bool:
    return connection.execute(QUERIES["add"], (pool, code, state, now)).rowcount == 1
