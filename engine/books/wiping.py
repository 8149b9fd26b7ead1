"""Taking the traces of one person out of the books, a transaction at a time.

What others need stays without them: the newest row of a log keeps its number, and a send keeps its place in the ledger
under a keyed hash of its id, with how it ended and when. The shop's sums are nobody's, and stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.books.erasures import QUERIES, Erasures, listed
from engine.books.identities import hashed
from engine.books.postgres import PostgresConnection
from engine.books.store import SqlStore
from engine.books.traces import Found
from engine.core.erasing import Person, let_go_of
from engine.core.shop import Shop

AT_ONCE: Final = 500
"""Rows of the journal or the log of effects that are deleted in one transaction, a few milliseconds."""


def wipe(store: SqlStore, shop: Shop, erasures: Erasures, person: Person, found: Found) -> dict[str, int]:
    """Take out everything but what is in the logs; return how many rows, by table."""
    connection, names = store.connection, listed(person.ids)
    keys = [*found.identities, *identities_of(person)]
    counts = {"customer": store.forget(person.ids, keys)}
    let_go_of(shop, person.ids)
    blanked = [(f"erased:{erasures.key_of(f'message:{each}').hex()}", each) for each in found.ledger]
    connection.executemany(QUERIES["blank_ledger"], blanked)
    counts |= {
        "identity": len(found.identities),
        "ledger": len(found.ledger),
        "parcel": connection.execute(QUERIES["wipe_parcels"], (names,)).rowcount,
        "outbox": connection.execute(QUERIES["outbox_of"], (names,)).rowcount,
        "data_request": connection.execute(QUERIES["wipe_request"], (names,)).rowcount,
    }
    connection.executemany(QUERIES["wipe_letter"], [(number,) for number in found.letters])
    counts["dead_letter"] = len(found.letters)
    if isinstance(connection, PostgresConnection):
        counts["snapshot"] = connection.execute(QUERIES["wipe_snapshot"], (names,)).rowcount
        counts["sender_word"] = connection.execute(QUERIES["wipe_sender_words"], (names,)).rowcount
        counts["redemption"] = sum(
            connection.execute(QUERIES["wipe_redemption"], (each,)).rowcount for each in person.codes
        )
        counts["shop_word"] = connection.execute(QUERIES["wipe_words"], (names,)).rowcount
    return {table: max(0, count) for table, count in counts.items()}


def identities_of(person: Person) -> list[bytes]:
    """Return the hashes of a person's identity keys, as the table of identities has them."""
    return [hashed(each) for each in person.identity_keys() if not each.startswith("customer:")]


def logs_of(found: Found) -> list[tuple[str, Sequence[int]]]:
    """Return the slices of the logs that are to be deleted, each in a transaction of its own."""
    return [
        (table, numbers[at : at + AT_ONCE])
        for table, numbers in (("journal", found.journal), ("effect", found.effects))
        for at in range(0, len(numbers), AT_ONCE)
    ]


def wipe_log(store: SqlStore, table: str, numbers: Sequence[int]) -> None:
    """Delete rows of a log; its newest one is emptied instead, so that its number does not come again."""
    connection = store.connection
    newest = connection.execute(QUERIES["newest_effect"]).fetchone()[0] if table == "effect" else None
    connection.executemany(QUERIES[f"wipe_{table}"], [(each,) for each in numbers if each != newest])
    if newest in numbers:
        connection.execute(QUERIES["blank_effect"], (newest,))


def rewrite_logs(store: SqlStore, found: Found) -> int:
    """Take the person's traces out of others' rows; return how many rows there were."""
    store.connection.executemany(QUERIES["rewrite_journal"], found.journal_anew)
    store.connection.executemany(QUERIES["rewrite_effect"], found.effects_anew)
    return len(found.journal_anew) + len(found.effects_anew)
