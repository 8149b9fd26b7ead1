"""The list of the erased, and the beginning of an erasure: what must hold from the very transaction that it is asked in.

From then on nothing is sent to them, nothing of them is taken in, and what is waiting is gone. Their traces are taken out
afterwards (`traces`, `wiping`), which takes as long as it takes: who it was is kept until then, so that a crash ends nothing
half-way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from engine.books import call_consents, ledger
from engine.books.connection import Connection
from engine.books.queries import named_queries, read_sql
from engine.books.store import SqlStore
from engine.core.customer import Customer
from engine.core.effects import COUPON_ISSUED, SEND_REQUESTED
from engine.core.erasing import Person, blocks_of, erased_key, keys_in, keys_in_bytes, nameless, person_of, subject_key
from engine.core.events import Event
from engine.core.moments import Instant
from engine.core.whose import mail_key

QUERIES: Final = named_queries(read_sql("erasure.sql"))

_encode = msgspec.json.Encoder().encode
_decode_person = msgspec.json.Decoder(Person).decode
_decode_counts = msgspec.json.Decoder(dict[str, int]).decode


class Begun(Struct, frozen=True):
    """An erasure under way. `id` is that of its proof, `counts` what was taken out so far, by place."""

    num: int
    id: str
    at: Instant
    who: str
    why: str
    person: Person
    counts: dict[str, int]


class Erasures:
    """The list of the erased, for whoever has its key; and the hook that begins an erasure."""

    def __init__(self, key: bytes) -> None:
        """`key` is that of the block list."""
        self.key = key
        self.refused = 0
        """How many inputs were not taken in since the start."""
        self.waiting = True
        """Whether there may be an erasure under way: at the start one may have been left behind."""
        self._known: set[bytes] = set()
        self._as_of: tuple[int, ...] = ()

    def load(self, connection: Connection) -> None:
        """Take over the list as it is."""
        self._known = {bytes(key) for (key,) in connection.execute(QUERIES["erased_keys"])}

    def refresh(self, connection: Connection) -> None:
        """Take over the list anew where it has changed: another process may have written it."""
        found = connection.execute(QUERIES["how_many_erased"]).fetchone()
        if tuple(found) != self._as_of:
            self._as_of = tuple(found)
            self.load(connection)

    def key_of(self, identity_key: str) -> bytes:
        """Return the hash of an identity key."""
        return erased_key(self.key, identity_key)

    def number_of(self, customer_id: str, asked_at: Instant) -> str:
        """Return the id of the proof of an erasure."""
        return self.key_of(f"proof\0{customer_id}\0{asked_at}").hex()

    # What is not taken in ---------------------------------------------------------------------------------------------

    def knows(self, event: Event) -> bool:
        """Say whether an event is about somebody who was erased; it is counted then."""
        return self._refuses(keys_in(event)) if self._known else False

    def knows_bytes(self, raw: bytes) -> bool:
        """Say whether bytes that cannot be read speak of somebody who was erased; they are counted then."""
        return self._refuses(keys_in_bytes(raw)) if self._known else False

    def has(self, keys: Iterable[str]) -> bool:
        """Say whether one of these identity keys is of somebody who was erased."""
        return any(self.key_of(each) in self._known for each in keys)

    def _refuses(self, keys: Iterable[str]) -> bool:
        refuses = self.has(keys)
        self.refused += refuses
        return refuses

    # Beginning and ending ---------------------------------------------------------------------------------------------

    def begin(self, store: SqlStore, customer_id: str, record: Customer | None, event: Event, now: Instant) -> None:
        """Begin to erase whoever an event says so of, in the transaction that takes it in."""
        connection = store.connection
        person = person_of(customer_id, record, event).joined(_reached(connection, customer_id))
        number = self.number_of(customer_id, now)
        why = nameless(event.data.reason, person)
        row = (number, now, event.source, why, _encode(person).decode())
        (num,) = connection.execute(QUERIES["begin_erasure"], row).fetchone()
        self.heed(connection, num, person, now)
        if record is not None:
            call_consents.keep(connection, self.key, record, number)
        self.waiting = True

    def heed(self, connection: Connection, num: int, person: Person, now: Instant) -> None:
        """Let nothing leave for a person any more, and nothing of them in."""
        keys = [self.key_of(each) for each in person.identity_keys()]
        ledger.block(connection, blocks_of(self.key, person), now)
        connection.executemany(QUERIES["add_erased"], [(key, num) for key in keys])
        connection.execute(QUERIES["outbox_of"], (listed(person.ids),))
        self._known.update(keys)

    def found(self, connection: Connection, customer_id: str = "", address: str = "") -> tuple[str, Instant] | None:
        """Return the proof's id and the instant of a past erasure by id or address; None where there was none."""
        key = subject_key(customer_id) if customer_id else mail_key(address.strip().casefold())
        row: tuple[str, Instant] | None = connection.execute(QUERIES["erasure_of_key"], (self.key_of(key),)).fetchone()
        return row

    def lift(self, connection: Connection, name: str) -> bool:
        """Let somebody be known again, by the id or address they were erased under; say whether they had been erased.

        The block list forgets them, too, as far as the name says: the next yes counts as anybody's.
        """
        keys = [subject_key(name), mail_key(name.strip().casefold())]
        lifted = 0
        for key in map(self.key_of, keys):
            lifted += connection.execute(QUERIES["lift_erased"], (key,)).rowcount
        if lifted:
            ledger.unblock(connection, blocks_of(self.key, Person((name,), (name.strip().casefold(),))))
            self.load(connection)
        return bool(lifted)


def begun(connection: Connection) -> list[Begun]:
    """Return the erasures under way, the oldest first."""
    return [
        Begun(num, number, at, who, why, _decode_person(person), _decode_counts(counts))
        for num, number, at, who, why, person, counts in connection.execute(QUERIES["begun_erasures"])
    ]


def enlarge(connection: Connection, num: int, person: Person, counts: dict[str, int]) -> None:
    """Keep what was learned of who is being erased, and what was taken out so far."""
    connection.execute(QUERIES["enlarge_erasure"], (_encode(person).decode(), _encode(counts).decode(), num))


def end(connection: Connection, num: int, proof: bytes) -> None:
    """Keep the proof, and forget who it was."""
    connection.execute(QUERIES["end_erasure"], (proof.decode(), num))


def proof_of(connection: Connection, number: str) -> tuple[str, str] | None:
    """Return a proof as JSON with the erasure's state, None where there is none of this id."""
    row: tuple[str, str] | None = connection.execute(QUERIES["proof"], (number,)).fetchone()
    return row


def listed(values: Sequence[str]) -> str:
    """Return texts as the queries take lists of them."""
    return _encode(list(values)).decode()


def _reached(connection: Connection, customer_id: str) -> Person:
    """Return the messages and codes that somebody ever got, as far as effects tell."""
    messages: list[str] = []
    codes: list[str] = []
    for kind, effect_id, body in connection.execute(QUERIES["effects_made"], (listed([customer_id]),)):
        if kind == SEND_REQUESTED:
            messages.append(effect_id)
        elif kind == COUPON_ISSUED:
            said: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
            codes += [said["code"]] if said.get("code") and said.get("codes") != "text" else []
    return Person((customer_id,), messages=tuple(dict.fromkeys(messages)), codes=tuple(dict.fromkeys(codes)))
