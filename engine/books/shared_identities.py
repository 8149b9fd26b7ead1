"""Who is known under which key, and which references were seen, where several processes keep them: on PostgreSQL.

Each process writes what it learned at the end of its transaction, in the order of the hashes, so that none waits for
another that waits for it. Nothing is kept from one transaction to the next: another process may have written since.
"""

from __future__ import annotations

from collections.abc import Collection

from engine.books.connection import Connection
from engine.books.identities import hashed
from engine.books.lookup import in_lists
from engine.books.queries import QUERIES
from engine.core.moments import DAY, Day, Instant


class SharedIdentities:
    """Keys and references, as of the transaction under way; the same face as `Identities` for one process alone."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.forget()

    def reload(self) -> None:
        """Forget what was not committed."""
        self.forget()

    def forget(self) -> None:
        """Forget what was read and written in the transaction that ended."""
        self._found: dict[str, str | None] = {}
        self._seen: dict[bytes, bool] = {}
        self._owners: dict[bytes, str] = {}
        self._refs: dict[bytes, Day] = {}

    def prefetch(self, keys: Collection[str], refs: Collection[bytes]) -> None:
        """Read what will be asked for."""
        wanted = {hashed(key): key for key in keys if key not in self._found}
        self._found.update(dict.fromkeys(wanted.values()))
        for hash_, customer in in_lists(self._connection, "find", wanted):
            self._found[wanted[hash_]] = customer
        unknown = [ref for ref in dict.fromkeys(refs) if ref not in self._seen]
        self._seen.update(dict.fromkeys(unknown, False))
        self._seen.update((ref, True) for (ref,) in in_lists(self._connection, "seen", unknown))

    def find(self, key: str) -> str | None:
        """Return the customer known under a key."""
        if key not in self._found:
            self.prefetch((key,), ())
        return self._found[key]

    def know(self, key: str, customer: str) -> None:
        """Let a key belong to a customer from now on."""
        if self._found.get(key) != customer:
            self._found[key] = self._owners[hashed(key)] = customer

    def seen(self, ref: bytes, now: Instant) -> bool:
        """Say whether a reference was seen before, and remember it."""
        if ref not in self._seen:
            self.prefetch((), (ref,))
        if self._seen[ref]:
            return True
        self._seen[ref], self._refs[ref] = True, now // DAY
        return False

    def forget_owners(self, customers: Collection[str], keys: Collection[bytes]) -> None:
        """Forget that these hashes belong to these customers; what went over to others stays."""
        self._found = {key: owner for key, owner in self._found.items() if owner not in customers}
        self._owners = {key: owner for key, owner in self._owners.items() if owner not in customers}
        rows = [(key, customer) for key in keys for customer in customers]
        self._connection.executemany(QUERIES["forget_identity"], rows)

    def flush(self) -> None:
        """Write what is new."""
        for query, rows in (("fold_identity", self._owners), ("fold_seen", self._refs)):
            if rows:
                self._connection.executemany(QUERIES[query], sorted(rows.items()))
        self._owners, self._refs = {}, {}
