"""A "no" that came by another way than a link of ours: put on the block list, for the address and for whom it is of.

Functions within somebody's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from engine.books import ledger
from engine.books.connection import Connection
from engine.core.objections import No, block_keys

Find = Callable[[str], str | None]
"""Returns the customer known under an identity key."""


def note(connection: Connection, find: Find, noes: Iterable[No], key: bytes) -> None:
    """Put what was said no to on the block list, since when it was said. `key` is the block list's."""
    for no in noes:
        known = [no.customer] if no.customer else [found for each in no.keys if (found := find(each))]
        ledger.block(connection, block_keys(no, dict.fromkeys(known), key), no.at)
