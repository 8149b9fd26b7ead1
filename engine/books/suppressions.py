"""The list of imported suppressions: which addresses are on it, by keyed hash. Functions within somebody's transaction."""

from __future__ import annotations

from collections.abc import Iterable

from engine.books.connection import Connection
from engine.books.ledger import QUERIES
from engine.core.customer import Customer
from engine.core.moments import Instant
from engine.core.suppressions import Suppression, fingerprint, known_of, suppression_key


class Suppressions:
    """The list, for whoever has its key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def key(self, sha256: bytes) -> bytes:
        """Return the key of an address, from its fingerprint."""
        return suppression_key(self._key, sha256)

    def key_of(self, address: str) -> bytes:
        """Return the key of an address."""
        return self.key(fingerprint(address))

    def add(self, connection: Connection, rows: Iterable[tuple[bytes, str, Instant]]) -> None:
        """Put keys on the list, each with its kind and since when; of several instants of a kind the latest is kept."""
        connection.executemany(QUERIES["suppress"], list(rows))

    def under(self, connection: Connection, key: bytes) -> list[Suppression]:
        """Return what the list says under a key; nothing if it is not on it."""
        return [Suppression(*row) for row in connection.execute(QUERIES["suppressions"], (key,))]

    def of(self, connection: Connection, address: str) -> list[Suppression]:
        """Return what the list says of an address."""
        return self.under(connection, self.key_of(address)) if address else []

    def known(self, connection: Connection, address: str) -> Customer | None:
        """Return what whoever gets this address must be told, None where the list does not know it."""
        listed = self.of(connection, address)
        return known_of(address, listed) if listed else None
