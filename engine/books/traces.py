"""Where the traces of one person lie in the books: looked for on a connection that only reads, beside the engine.

The journal and the log of effects have no index for this, since it would cost with every event what is asked for once in a
while: they are gone through from end to end, once, in slices with a breath between them; after that only what is newer.
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

SLICE: Final = 100_000
"""Rows that are looked at in one go; the database does it, a tenth of a second or two."""

BREATH: Final = 0.02
"""Seconds between two slices, so that whoever else reads from the disk goes on."""

_GIVE_ADDRESSES: Final = frozenset({"profile.updated", "newsletter.subscribed", "newsletter.confirmed"})
"""Events whose address is the person's own; an order may name somebody else's."""


class Seen(Struct, frozen=True):
    """Up to which rows the logs were looked at."""

    journal: int = 0
    effect: int = 0


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
    spelled: dict[str, None] = {}
    addresses: dict[str, None] = {each.removeprefix(BY_ADDRESS): None for each in ids if each.startswith(BY_ADDRESS)}
    for (raw,) in connection.execute(QUERIES["journal_of_all"], (listed(tuple(ids)),)):
        signal = decode_signal(bytes(raw))
        if isinstance(signal, Happened) and signal.event.type in _GIVE_ADDRESSES and signal.event.email:
            spelled[signal.event.email.strip()] = None
        elif isinstance(signal, Joined):
            spelled[str(signal.other.value("email") or "").strip()] = None
    addresses |= dict.fromkeys(each.casefold() for each in spelled)
    if person.shares_address:
        addresses = {}
    free = [each for each in addresses if each and owner_of(mail_key(each)) in (None, *ids)]
    own = tuple(each for each in spelled if each.casefold() in free)
    return person.joined(Person(tuple(ids), tuple(free), spelled=own))


def calls(connection: Connection, person: Person) -> int:
    """Return how many calls of the mail server are under way for a person."""
    return int(connection.execute(QUERIES["calls_of"], (listed(person.ids),)).fetchone()[0])


def look(connection: Connection, person: Person, seen: Seen) -> tuple[Found, Seen]:
    """Return what there is of a person, in the logs behind what was seen before, and up to where they were looked at now."""
    traces, found, ids = Traces(person), Found(), frozenset(person.ids)
    names = listed(person.ids)

    def every(query: str) -> list[Any]:
        return connection.execute(QUERIES[query], (names,)).fetchall()

    now = Seen(*connection.execute(QUERIES["newest_rows"]).fetchone())
    found.customers = [customer for (customer,) in every("records_there")]
    for seq, customer, raw in _log(connection, _JOURNAL, traces, names, seen.journal, now.journal):
        if customer in ids:
            found.journal.append(seq)
        else:
            _look_at_entry(found, traces, ids, seq, bytes(raw))
    for seq, customer, body in _log(connection, _EFFECTS, traces, names, seen.effect, now.effect):
        if customer in ids:
            found.effects.append(seq)
        elif (less := _without(traces, body)) != body:
            found.effects_anew.append((less, seq))
    found.ledger = [effect_id for (effect_id,) in every("ledger_of")]
    found.identities = [bytes(key) for (key,) in every("identities_of")]
    if not isinstance(connection, PostgresConnection):
        found.identities += [bytes(key) for (key,) in every("fresh_of")]
    for number, origin, raw in connection.execute(QUERIES["letters_all"]):
        if origin.removeprefix("customer ") in ids or traces.are_whose(bytes(raw)):
            found.letters.append(number)
    found.parcels = every("parcels_of")[0][0]
    return found, now


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


_JOURNAL, _EFFECTS = ("journal", "signal"), ("effect", "body")


def _log(
    connection: Connection, log: tuple[str, str], traces: Traces, names: str, after: int, last: int
) -> Iterator[tuple[int, str, Any]]:
    """Yield the rows of a log that are a person's, or in which a trace of them may be."""
    table, column = log
    words: list[Any] = list(traces.spellings)
    if column == "signal":  # only there the ids of some stand in what is others'
        words += msgspec.json.decode(names)
        words = [each.encode(errors="surrogatepass") for each in words]
    holds = f"strpos({column}, ?) > 0" if isinstance(connection, PostgresConnection) else f"instr({column}, ?) > 0"
    if isinstance(connection, PostgresConnection) and column == "signal":
        holds = f"position(? in {column}) > 0"
    theirs = " or ".join(["customer in (select value from json_each(?))", *[holds] * len(words)])
    query = f"select seq, customer, {column} from {table} where seq > ? and seq <= ? and ({theirs})"  # noqa: S608 - of names above
    for begin in range(after, last, SLICE):
        end = min(begin + SLICE, last)
        yield from connection.execute(query, (begin, end, names, *words)).fetchall()
        time.sleep(BREATH)
