"""Where the traces of one person lie in the books: looked for on a connection that only reads, beside the engine.

The journal and the log of effects have no index for this, since it would cost with every event what is asked for once in a
while: they are gone through from end to end, in slices with a breath between them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from engine.books.connection import Connection
from engine.books.erasures import QUERIES, listed
from engine.books.journal import decode_signal
from engine.books.postgres import PostgresConnection
from engine.core import customer as records
from engine.core.erasing import Person, Traces
from engine.core.merging import MERGED
from engine.core.rules import Standing
from engine.core.signals import AnySignal, Greeted, Happened, Joined, Merging, Shares
from engine.core.whose import BY_ADDRESS, mail_key

SLICE: Final = 5_000
"""Rows that are looked at in one go."""

BREATH: Final = 0.002
"""Seconds between two slices, so that the engine in the same process goes on."""

_GIVE_ADDRESSES: Final = frozenset({"profile.updated", "newsletter.subscribed", "newsletter.confirmed"})
"""Events whose address is the person's own; an order may name somebody else's."""


class Found(Struct):
    """What was found: rows to delete by number, and rows of others with what is to stand there instead."""

    customers: list[str] = []
    journal: list[int] = []
    journal_anew: list[tuple[bytes, int]] = []
    effects: list[int] = []
    effects_anew: list[tuple[str, int]] = []
    ledger: list[str] = []
    identities: list[bytes] = []
    letters: list[int] = []
    parcels: int = 0
    calling: int = 0

    @property
    def nothing(self) -> bool:
        """Whether there is nothing left."""
        return self == Found()


def learn(connection: Connection, person: Person, owner_of: Callable[[str], str | None]) -> Person:
    """Return a person with what the books know beside the record: merged records, and addresses of earlier times.

    An address that is another's today is left out.
    """
    ids = dict.fromkeys(person.ids)
    for customer_id, stays in _merged(connection):
        if stays in ids:
            ids[customer_id] = None
    addresses: dict[str, None] = {each.removeprefix(BY_ADDRESS): None for each in ids if each.startswith(BY_ADDRESS)}
    for _, customer, raw in _slices(connection, "journal_slice"):
        if customer in ids:
            signal = decode_signal(bytes(raw))
            if isinstance(signal, Happened) and signal.event.type in _GIVE_ADDRESSES and signal.event.email:
                addresses[signal.event.email.strip().casefold()] = None
            elif isinstance(signal, Joined):
                addresses[str(signal.other.value("email") or "").strip().casefold()] = None
    if person.shares_address:
        addresses = {}
    free = (each for each in addresses if each and owner_of(mail_key(each)) in (None, *ids))
    return person.joined(Person(tuple(ids), tuple(free)))


def look(connection: Connection, person: Person) -> Found:
    """Return what there is of a person."""
    traces, found, ids = Traces(person), Found(), frozenset(person.ids)
    names = listed(person.ids)

    def every(query: str) -> list[Any]:
        return connection.execute(QUERIES[query], (names,)).fetchall()

    found.customers = [customer for (customer,) in every("records_there")]
    for seq, customer, raw in _slices(connection, "journal_slice"):
        if customer in ids:
            found.journal.append(seq)
        elif traces.may_be_in(raw := bytes(raw)):
            _look_at_entry(found, traces, ids, seq, raw)
    for seq, customer, body in _slices(connection, "effect_slice"):
        if customer in ids:
            found.effects.append(seq)
        elif traces.may_be_in(body.encode()) and (less := _without(traces, body)) != body:
            found.effects_anew.append((less, seq))
    found.ledger = [effect_id for (effect_id,) in every("ledger_of")]
    found.calling = every("calls_of")[0][0]
    found.identities = [bytes(key) for (key,) in every("identities_of")]
    if not isinstance(connection, PostgresConnection):
        found.identities += [bytes(key) for (key,) in every("fresh_of")]
    for number, origin, raw in connection.execute(QUERIES["letters_all"]).fetchall():
        if origin.removeprefix("customer ") in ids or traces.are_whose(bytes(raw)):
            found.letters.append(number)
    found.parcels = every("parcels_of")[0][0]
    return found


def _look_at_entry(found: Found, traces: Traces, ids: frozenset[str], seq: int, raw: bytes) -> None:
    """Look at somebody else's entry of the journal: theirs about the person goes, of another it is only the trace."""
    signal: AnySignal = decode_signal(raw)
    if isinstance(signal, Shares | Greeted | Joined | Merging) and signal.other.id in ids:
        found.journal.append(seq)
        return
    plain = msgspec.msgpack.decode(raw)
    less = traces.without(plain)
    if less != plain:
        found.journal_anew.append((msgspec.msgpack.encode(less), seq))


def _without(traces: Traces, body: str) -> str:
    return msgspec.json.encode(traces.without(msgspec.json.decode(body))).decode()


def _merged(connection: Connection) -> Iterator[tuple[str, str]]:
    """Yield who was merged into whom, those further on in a row behind those before."""
    into: dict[str, list[str]] = {}
    for standing in Standing:
        for customer_id, raw in connection.execute(QUERIES["gone_records"], (standing.value,)):
            gone = records.decode(bytes(raw)).gone
            if gone.startswith(MERGED):
                into.setdefault(gone.removeprefix(MERGED), []).append(customer_id)
    roots = [stays for stays in into if all(stays not in names for names in into.values())] or list(into)
    while roots:
        stays = roots.pop()
        for customer_id in into.pop(stays, ()):
            yield customer_id, stays
            roots.append(customer_id)


def _slices(connection: Connection, query: str) -> Iterator[Any]:
    after = -1
    while rows := connection.execute(QUERIES[query], (after, SLICE)).fetchall():
        yield from rows
        after = rows[-1][0]
        time.sleep(BREATH)
