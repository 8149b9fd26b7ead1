"""The journal, decided once more: the records must come out byte for byte as they are.

Each signal goes through the same handling, over a store of its own, with the instant it was accepted at. What the handling
then journals must be what the journal says next: the signal itself, and after it whatever followed from it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import chain, islice

from engine.books.journal import decode_signal, encode_signal
from engine.books.queries import QUERIES
from engine.books.rulebook import load, rules_of
from engine.books.store import SqlStore
from engine.core.moments import Instant
from engine.core.rulebook import Rules
from engine.core.rules import RuleSet
from engine.core.shop import Shop, learn_since
from engine.core.signals import AnySignal, Happened, PersonErased, RulesChanged, ShopSignal
from engine.handling import Handling

SLICE = 1_000

Entry = tuple[int, Instant, str, bytes]
"""A row of the journal: its number, its instant, the customer (empty: the shop) and the signal."""


class ReplayDiffers(Exception):
    """The handling journalled something else than the journal says; the message says where."""


class _Listening(SqlStore):
    """A store that tells what is journalled, beside keeping it."""

    heard: list[tuple[Instant, str, bytes]]

    def journal(self, customer_id: str, signal: AnySignal, now: Instant) -> None:
        """Keep the signal, and tell it."""
        super().journal(customer_id, signal, now)
        self.heard.append((now, customer_id, encode_signal(signal)))


def replay(source: sqlite3.Connection, target: sqlite3.Connection, *, key: bytes) -> int:
    """Decide the journal of `source` into the database `target`; return the number of its last entry.

    An empty target takes all of it. One that is a backup of the source goes on from where it was made: so a journal whose
    oldest entries are forgotten can still be decided; and so can one from which somebody was erased, from a backup made after
    that: what they had added to the shop's sums is in it. `key` is the one that the source's codes were made with.

    Raises:
        ReplayDiffers: something else followed than what the journal says, or somebody was erased on the way.

    """
    store = _Listening(target)
    begun_before = store.load_shop() is not None
    handling = Handling(load(store, 0, key=key) if begun_before else Rules(RuleSet(), Shop(), key=key))
    seq: int = target.execute("select coalesce(max(seq), 0) from journal").fetchone()[0]
    entries = _entries(source, seq)
    while batch := list(islice(entries, SLICE)):
        store.begin()
        store.prefetch([customer_id for _, _, customer_id, _ in batch if customer_id])
        expected = chain(batch, entries)  # what follows from the last one may lie beyond the slice
        for begun in islice(expected, len(batch)):
            store.heard = []
            _feed(handling, store, source, begun)
            seq = _compare(store.heard, begun, expected)
        store.save_shop(handling.rules.shop)
        store.commit(begun[1])
    return seq


def differing(one: sqlite3.Connection, other: sqlite3.Connection) -> list[str]:
    """Return the customers whose records are not the same bytes in both databases, or are in one alone."""
    query = "select id, record from customer order by id"
    first, second = (dict(connection.execute(query)) for connection in (one, other))
    return sorted(name for name in {*first, *second} if first.get(name) != second.get(name))


def _entries(source: sqlite3.Connection, after: int) -> Iterator[Entry]:
    while rows := source.execute(QUERIES["journal"], (after, SLICE)).fetchall():
        yield from rows
        after = rows[-1][0]


def _feed(handling: Handling, store: SqlStore, source: sqlite3.Connection, entry: Entry) -> None:
    _, now, customer_id, raw = entry
    shop = handling.rules.shop
    match signal := decode_signal(raw):
        case PersonErased(proof):
            raise ReplayDiffers(
                f"somebody was erased at entry {entry[0]} (proof {proof}), and their part of the journal with them: "
                "replay from a backup that was made after it"
            )
        case RulesChanged(epoch):
            if not shop.epoch:
                shop.live_since = now
            handling.rules = rules_of(source, epoch, shop, key=handling.rules.key)
            handling.sweeping.tell(store, signal, now)
        case Happened(event, history):
            # What `take` notes of the shop; the rest of it was done before the event came into the journal.
            learn_since(shop, event.time, history=history, accepted=now)
            handling.decide(store, customer_id, signal, now)
        case _ if isinstance(signal, ShopSignal):
            handling.sweeping.tell(store, signal, now)
        case _:
            handling.decide(store, customer_id, signal, now)


def _compare(heard: list[tuple[Instant, str, bytes]], begun: Entry, expected: Iterator[Entry]) -> int:
    """See that what was heard is what the journal says next, and step over it; return its last number."""
    if not heard:
        raise ReplayDiffers(f"entry {begun[0]} of the journal, {begun[1:]}, is nothing the replay decides")
    entry: Entry | None = begun
    seq = begun[0]
    for told in heard:
        if entry is None or entry[1:] != told:
            raise ReplayDiffers(f"the journal goes on with {entry or 'nothing'}, the replay with {told}")
        seq = entry[0]
        entry = next(expected, None) if told is not heard[-1] else None
    return seq
