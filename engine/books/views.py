"""What people are shown of the books, whether an engine runs on it or not: read only, as of the last commit."""

from __future__ import annotations

import copy
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, Final, Self

import msgspec
from msgspec import Struct

from engine.books import applied, call_consents, partition_shops, pools, proposals, rulebook
from engine.books.applied import PutInForce
from engine.books.coupons import look_up
from engine.books.database import Where, open_to_read
from engine.books.identities import hashed
from engine.books.ledger import Ending
from engine.books.lookup import each
from engine.books.proposals import Proposal
from engine.books.queries import named_queries, read_sql
from engine.core import customer as records
from engine.core.call_consents import CallConsent
from engine.core.coupons import Coupon
from engine.core.customer import Customer
from engine.core.effects import Effect
from engine.core.moments import Instant
from engine.core.rulebook import Rules
from engine.core.rules import RuleSet
from engine.core.shop import Shop
from engine.core.suppressions import Suppression

QUERIES: Final = named_queries(read_sql("views.sql"))
ERASURE: Final = named_queries(read_sql("erasure.sql"))

_decode_data = msgspec.json.Decoder(dict[str, Any]).decode
_decode_shop = msgspec.msgpack.Decoder(Shop).decode
_decode_ending = msgspec.json.Decoder(Ending).decode


class Ended(Struct, frozen=True):
    """How a send stands in the ledger: its state, since when, and why."""

    state: str
    at: Instant
    why: str


class Letter(Struct, frozen=True):
    """A dead letter: `count` is how often the same bytes came from the same place."""

    id: int
    at: Instant
    last_at: Instant
    origin: str
    reason: str
    raw: bytes
    count: int


class Views:
    """The read side. One thread at a time may use it."""

    def __init__(self, where: Where) -> None:
        """Open the books at a place.

        Raises:
            DatabaseError: there is none, or it cannot be read.

        """
        self._connection = open_to_read(where)
        self._rules: Rules | None = None

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def all(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return all rows of a named query."""
        return self._connection.execute(QUERIES[query], values).fetchall()

    def named(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return all rows of a query whose places have names."""
        return self._connection.execute(QUERIES[query], values).fetchall()

    def one(self, query: str, *values: Any) -> tuple[Any, ...]:
        """Return the only row of a named query."""
        row: tuple[Any, ...] = self._connection.execute(QUERIES[query], values).fetchone()
        return row

    # The shop --------------------------------------------------------------------------------------------------------

    def shop(self) -> tuple[Instant, Shop]:
        """Return the last accepted instant and the shop's state; before the first commit both are new."""
        row = self._connection.execute(QUERIES["shop"]).fetchone()
        return (row[0], _decode_shop(row[1])) if row else (0, Shop())

    def partitions(self) -> dict[int, Instant]:
        """Return up to which instant each of the distributed engine's partitions is in the books, of those heard of."""
        return partition_shops.reached(self._connection)

    def rules(self, key: bytes = b"") -> Rules:
        """Return the rules in force, with the shop's state."""
        _, shop = self.shop()
        if not shop.epoch:
            return Rules(RuleSet(), shop, key=key)
        if self._rules is None or self._rules.shop.epoch != shop.epoch or self._rules.key != key:
            self._rules = rulebook.rules_of(self._connection, shop.epoch, shop, key=key)
        rules = copy.copy(self._rules)  # reading and indexing them takes longer than whatever is asked of them
        rules.shop = shop
        return rules

    def templates(self) -> str:
        """Return the templates and the brand in force, as they were put; empty before the first apply."""
        row = applied.newest(self._connection)
        return "" if row is None else applied.templates_of(self._connection, row)

    def templates_at(self, at: Instant) -> str:
        """Return the templates and the brand that were in force at an instant, as they were put; empty before the first."""
        row = self._connection.execute(QUERIES["template_set_at"], (at,)).fetchone()
        return "" if row is None else str(row[0])

    def put_in_force(self, most: int) -> list[PutInForce]:
        """Return what was put in force last, the newest first."""
        return applied.latest(self._connection, most)

    def proposals(self, most: int) -> list[Proposal]:
        """Return the plans that were saved last, those that wait before the others."""
        return proposals.latest(self._connection, most)

    def pools(self) -> dict[str, dict[str, int]]:
        """Return how many codes of each pool are minted and ready."""
        return pools.counts(self._connection)

    def has_codes(self, pool: str, *, ready: bool = True) -> bool:
        """Say whether a pool has codes that are ready, or has or had any."""
        return pools.has_codes(self._connection, pool, ready=ready)

    # Customers -------------------------------------------------------------------------------------------------------

    def record(self, customer_id: str) -> Customer | None:
        """Return a customer's record."""
        row = self._connection.execute(QUERIES["record"], (customer_id,)).fetchone()
        return records.decode(row[0]) if row else None

    def found(self, name: str) -> Customer | None:
        """Return the customer of this id or, if there is none, of this address."""
        customer = self.record(name)
        if customer is None and "@" in name:
            owner = self.find(f"mail:{name.strip().casefold()}")
            customer = self.record(owner) if owner else None
        return customer

    def find(self, key: str) -> str | None:
        """Return the customer id known under an identity key."""
        owner: str | None = self._connection.execute(QUERIES["owner"], {"key": hashed(key)}).fetchone()[0]
        return owner

    def coupon(self, code: str, now: Instant, shop: Shop) -> Coupon | None:
        """Return how a code stands, None for one that was never issued."""
        return look_up(self._connection, self.find, self.record, code, now, shop)

    def places(self, customer: Customer) -> dict[str, int]:
        """Return how many stand before a customer in each line they wait in."""
        query = QUERIES["place"]
        return {
            name: self._connection.execute(query, {"workflow": name, "customer": customer.id}).fetchone()[0]
            for name in customer.waiting
        }

    def everybody(self) -> Iterator[Customer]:
        """Yield all customers, in no order."""
        for (record,) in each(self._connection, QUERIES["everybody"]):
            yield records.decode(record)

    def in_stage(self, workflow: str, stage: str = "") -> Iterator[tuple[str, Customer]]:
        """Yield who is in a workflow, as (stage, customer), by id; of one stage, if it is named."""
        for _, found, record in each(self._connection, QUERIES["in_stage"], {"workflow": workflow, "stage": stage}):
            yield found, records.decode(record)

    def in_standing(self, standing: str) -> Iterator[Customer]:
        """Yield the customers of a standing, by id."""
        for _, record in each(self._connection, QUERIES["in_standing"], (standing,)):
            yield records.decode(record)

    # Effects ---------------------------------------------------------------------------------------------------------

    def effects_of(self, customer_id: str) -> list[Effect]:
        """Return all effects of a customer, in the order of decision."""
        return [_effect(row) for row in self._connection.execute(QUERIES["effects_of"], (customer_id,))]

    def effects_after(self, seq: int, limit: int) -> list[tuple[int, Effect]]:
        """Return up to `limit` effects that follow a number, each with its own."""
        return [(row[0], _effect(row)) for row in self._connection.execute(QUERIES["effects_after"], (seq, limit))]

    def endings(self, effect_ids: Iterable[str]) -> dict[str, Ended]:
        """Return how these sends stand in the ledger; those it does not know are left out."""
        listed = msgspec.json.encode(list(effect_ids)).decode()
        return {
            effect_id: Ended(state, at, _why(detail))
            for effect_id, state, at, detail in self._connection.execute(QUERIES["endings"], (listed,))
        }

    def message_id(self, effect_id: str) -> str:
        """Return the Message-ID of a mail by its effect; empty where the ledger knows none."""
        row = self._connection.execute(QUERIES["message_id"], (effect_id,)).fetchone()
        return "" if row is None else str(row[0])

    # What one person is owed -----------------------------------------------------------------------------------------

    @property
    def keeps_journal(self) -> bool:
        """Whether events are in the books as they came: on the distributed engine they are in Kafka's topics."""
        return isinstance(self._connection, sqlite3.Connection)

    def journal_of(self, customer_id: str) -> list[tuple[Instant, bytes]]:
        """Return the entries of a customer in the journal, in order; all of it is gone through for that."""
        return self._connection.execute(QUERIES["journal_of"], (customer_id,)).fetchall()

    def blocked_at(self, keys: Iterable[bytes]) -> Instant | None:
        """Return when the latest of these keys came on the block list, None where none is there."""
        rows = [self._connection.execute(QUERIES["blocked"], (key,)).fetchone() for key in keys]
        return max((row[0] for row in rows if row), default=None)

    def suppressed(self, key: bytes) -> list[Suppression]:
        """Return what imported lists say under a key."""
        return [Suppression(*row) for row in self._connection.execute(QUERIES["suppressed"], (key,))]

    def data_requested(self, customer_id: str) -> Instant | None:
        """Return when a customer asked what is known of them and was not answered yet."""
        row = self._connection.execute(ERASURE["data_requested"], (customer_id,)).fetchone()
        return row[0] if row else None

    def data_requests(self, most: int) -> list[tuple[str, Instant]]:
        """Return who asked what is known of them and was not answered yet, the first who asked first."""
        return self._connection.execute(ERASURE["data_requests"], (most,)).fetchall()

    def proof(self, number: str) -> tuple[str, str] | None:
        """Return the proof of an erasure as JSON, and how that stands: begun or done."""
        row: tuple[str, str] | None = self._connection.execute(ERASURE["proof"], (number,)).fetchone()
        return row

    def proofs(self, most: int) -> list[tuple[str, Instant, str]]:
        """Return the last erasures as (id of the proof, when it was asked for, begun or done)."""
        return self._connection.execute(ERASURE["proofs"], (most,)).fetchall()

    def call_consent(self, name: str, key: bytes) -> CallConsent | None:
        """Return what is kept of an erased person's consent to calls, by id, number or address."""
        return call_consents.found(self._connection, key, name)

    # Dead letters ----------------------------------------------------------------------------------------------------

    def letters(self) -> list[Letter]:
        """Return all dead letters, the oldest first."""
        return [Letter(*row) for row in self._connection.execute(QUERIES["letters"])]

    def letter(self, number: int) -> Letter | None:
        """Return a dead letter by its number."""
        row = self._connection.execute(QUERIES["letter"], (number,)).fetchone()
        return Letter(*row) if row else None


def _effect(row: tuple[Any, ...]) -> Effect:
    _, kind, time, customer, effect_id, body, ordinal, shadow = row
    return Effect(kind, time, customer, effect_id, _decode_data(body), ordinal, bool(shadow))


def _why(detail: str) -> str:
    if not detail.startswith("{"):
        return detail
    ending = _decode_ending(detail)
    return ": ".join(word for word in (ending.reason, ending.diagnostic) if word)
