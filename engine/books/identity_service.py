"""Identities for several gateways at once: who is known under which key, asked and changed in batches beside a loop.

A key changes hands only from the one it is known to belong to: so of two gateways that learn at the same time whose an
address is, one is told that somebody was faster, and asks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from engine.books import postgres
from engine.books.identities import hashed
from engine.books.postgres import Server

if TYPE_CHECKING:
    import psycopg

_FIND = "select key, customer from identity where key = any(%s)"

_TAKE = """
insert into identity (key, customer) select * from unnest(%(keys)s::bytea[], %(customers)s::text[])
on conflict do nothing returning key
"""

# Rows are locked in the order of their keys, so that two gateways never wait for each other in a circle.
_CHANGE = """
with locked as (select key, customer from identity where key = any(%(keys)s) order by key for update)
update identity set customer = claim.customer
from unnest(%(keys)s::bytea[], %(customers)s::text[], %(before)s::text[]) as claim (key, customer, instead_of)
join locked on locked.key = claim.key and locked.customer = claim.instead_of
where identity.key = claim.key returning identity.key
"""


class Claim(Protocol):
    """A key is to belong to a customer from now on, if it still belongs to who had it: empty for nobody."""

    @property
    def key(self) -> str:
        """The identity key."""
        ...

    @property
    def customer(self) -> str:
        """Whose it is to be."""
        ...

    @property
    def instead_of(self) -> str:
        """Whose it is."""
        ...


class IdentityService:
    """The identities in PostgreSQL. The connection is made at the first question, and anew after the server was away."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._one_at_a_time = asyncio.Lock()

    async def find(self, keys: Collection[str]) -> dict[str, str]:
        """Return the customers known under these keys; keys that nobody is known under are left out.

        Raises:
            DatabaseError: the server is away. Asking again is right.

        """
        wanted = {hashed(key): key for key in keys}
        rows = await self._ask((_FIND, [list(wanted)])) if wanted else []
        return {wanted[key]: customer for key, customer in rows}

    async def claim(self, claims: Sequence[Claim]) -> set[str]:
        """Let keys change hands, each named once; return those that did. The others belong to somebody else by now.

        Raises:
            DatabaseError: the server is away; it may have been done, and doing it again is right.

        """
        by_hash = {hashed(each.key): each for each in claims}
        new = _columns({key: each for key, each in by_hash.items() if not each.instead_of})
        known = _columns({key: each for key, each in by_hash.items() if each.instead_of})
        asked = [(query, columns) for query, columns in ((_TAKE, new), (_CHANGE, known)) if columns["keys"]]
        met = await self._ask(*asked) if asked else []
        return {by_hash[key].key for (key,) in met}

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()

    async def _ask(self, *statements: tuple[str, Any]) -> list[tuple[Any, ...]]:
        """Return what all statements return, done in one transaction."""
        import psycopg  # noqa: PLC0415 - the extra `kafka` is there, or there would be no gateway

        async with self._one_at_a_time:
            connection = self._connection
            if connection is None or connection.closed:
                self._connection = connection = await postgres.connect_beside_a_loop(self._server)
            rows: list[tuple[Any, ...]] = []
            try:
                async with connection.transaction():
                    for query, values in statements:
                        rows += await (await connection.execute(query, values, binary=True)).fetchall()
            except psycopg.Error as error:
                raise postgres.in_words(self._server, error) from error
            return rows


def _columns(claims: Mapping[bytes, Claim]) -> dict[str, list[bytes] | list[str]]:
    ordered = sorted(claims)
    return {
        "keys": ordered,
        "customers": [claims[key].customer for key in ordered],
        "before": [claims[key].instead_of for key in ordered],
    }
