"""Who is known under which key, and which references were seen: both by 16-byte hashes.

A hash falls on a random page of a large table, and each page that changes is written whole, twice: one event's 16 bytes
would cost as much as all the rest of it. So new rows are kept in memory and at the end of one table, `fresh`; when there
are many they are folded into `identity` and `seen` in the order of their hashes, a slice with each commit. Folding twice
does no harm, so a crash in the middle of it needs no care: at the start everything in `fresh` is fresh again.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b

from engine.books.connection import Connection
from engine.books.lookup import in_lists
from engine.books.queries import QUERIES
from engine.core.moments import DAY, Day, Instant

FOLD_AT = 65_536
SLICE = 4_000


def hashed(key: str) -> bytes:
    """Return the 16 bytes that stand for an identity key."""
    return blake2b(key.encode(), digest_size=16).digest()


class Generation:
    """Rows of `fresh` that are folded together."""

    def __init__(self) -> None:
        self.owners: dict[bytes, str] = {}
        self.refs: dict[bytes, Day] = {}

    def __len__(self) -> int:
        return len(self.owners) + len(self.refs)


class Identities:
    """Keys and references, as of the transaction under way."""

    def __init__(self, connection: Connection, *, fold_at: int = FOLD_AT, slice_length: int = SLICE) -> None:
        self._connection = connection
        self._fold_at = fold_at
        self._slice_length = slice_length
        self.reload()

    def reload(self) -> None:
        """Take over what the tables hold, forgetting what was not committed."""
        self._new, self._old = Generation(), Generation()  # the old one is being folded
        self._to_fold: list[bytes] = []
        self._seq = self._last_to_fold = 0
        self._rows: list[tuple[int, bytes, str | None, Day | None]] = []
        for seq, key, customer, day in self._connection.execute(QUERIES["fresh"]):
            self._seq = seq
            if customer is None:
                self._new.refs[key] = day
            else:
                self._new.owners[key] = customer
        self.forget()

    def forget(self) -> None:
        """Forget what was read for the batch that ended."""
        self._found: dict[str, str | None] = {}
        self._looked_for: set[bytes] = set()
        self._seen: set[bytes] = set()

    def prefetch(self, keys: Collection[str], refs: Collection[bytes]) -> None:
        """Read what will be asked for."""
        wanted: dict[bytes, str] = {}
        for key in keys:
            if key not in self._found:
                owner = self._fresh_owner(hash_ := hashed(key))
                self._found[key] = owner
                if owner is None:
                    wanted[hash_] = key
        for hash_, customer in in_lists(self._connection, "find", wanted):
            self._found[wanted[hash_]] = customer
        self._looked_for.update(refs)
        self._seen.update(ref for (ref,) in in_lists(self._connection, "seen", refs))

    def find(self, key: str) -> str | None:
        """Return the customer known under a key."""
        try:
            return self._found[key]
        except KeyError:
            self.prefetch((key,), ())
            return self._found[key]

    def know(self, key: str, customer: str) -> None:
        """Let a key belong to a customer from now on.

        Whether it does already is asked of what is at hand alone: to look it up would cost more than to note it again.
        """
        hash_ = hashed(key)
        known = self._found[key] if key in self._found else self._fresh_owner(hash_)
        if known == customer:
            return
        self._found[key] = customer
        self._new.owners[hash_] = customer
        self._append(hash_, customer, None)

    def seen(self, ref: bytes, now: Instant) -> bool:
        """Say whether a reference was seen before, and remember it."""
        if ref not in self._looked_for:
            self.prefetch((), (ref,))
        if ref in self._seen or ref in self._new.refs or ref in self._old.refs:
            return True
        self._new.refs[ref] = day = now // DAY
        self._append(ref, None, day)
        return False

    def forget_owners(self, customers: Collection[str], keys: Collection[bytes]) -> None:
        """Forget that these hashes, and whatever else is fresh, belong to these customers; what went over to others stays."""
        for generation in (self._new, self._old):
            for key in [each for each, owner in generation.owners.items() if owner in customers]:
                del generation.owners[key]
        self._rows = [row for row in self._rows if row[2] not in customers]
        self._connection.executemany(QUERIES["forget_fresh_of"], [(each,) for each in customers])
        rows = [(key, customer) for key in keys for customer in customers]
        self._connection.executemany(QUERIES["forget_identity"], rows)
        self._found = {key: owner for key, owner in self._found.items() if owner not in customers}

    def flush(self) -> None:
        """Write what is new, and fold a slice of the old generation if there is one."""
        if self._rows:
            self._connection.executemany(QUERIES["add_fresh"], self._rows)
            self._rows = []
        if self._to_fold:
            self._fold()
        elif len(self._new) >= self._fold_at:
            self._old, self._new = self._new, Generation()
            self._to_fold = sorted({*self._old.owners, *self._old.refs}, reverse=True)
            self._last_to_fold = self._seq

    def _fold(self) -> None:
        """Fold the next slice; with the last one the generation is gone from `fresh`."""
        owners, refs = self._old.owners, self._old.refs
        keys = self._to_fold[: -self._slice_length - 1 : -1]
        del self._to_fold[-self._slice_length :]
        self._connection.executemany(QUERIES["fold_identity"], [(key, owners[key]) for key in keys if key in owners])
        self._connection.executemany(QUERIES["fold_seen"], [(key, refs[key]) for key in keys if key in refs])
        if not self._to_fold:
            self._connection.execute(QUERIES["drop_fresh"], (self._last_to_fold,))
            self._old = Generation()

    def _append(self, key: bytes, customer: str | None, day: Day | None) -> None:
        self._seq += 1
        self._rows.append((self._seq, key, customer, day))

    def _fresh_owner(self, key: bytes) -> str | None:
        return self._new.owners.get(key) or self._old.owners.get(key)
