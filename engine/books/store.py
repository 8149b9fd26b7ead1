"""The store of a batch: reads at once what a portion of it will need, remembers every change, and writes them together.

What was saved, known, seen or put in a batch is found again in it at once, as if it had been written; a customer saved
many times in a portion is written once. Nothing is there before `commit`, and after it everything is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from engine.books.connection import Connection
from engine.books.customers import Customers
from engine.books.identities import FOLD_AT, SLICE, Identities
from engine.books.journal import encode_signal
from engine.books.queries import QUERIES
from engine.books.shared_identities import SharedIdentities
from engine.books.tally import Tally
from engine.core.customer import Customer
from engine.core.effects import SEND_REQUESTED, Effect
from engine.core.events import DeadLetter
from engine.core.moments import DAY, Day, Instant
from engine.core.shop import Shop
from engine.core.signals import AnySignal

_encode_json = msgspec.json.Encoder().encode
_encode_shop = msgspec.msgpack.Encoder().encode
_decode_shop = msgspec.msgpack.Decoder(Shop).decode

_Row = tuple[Any, ...]


class SqlStore:
    """The store port on one connection that writes. One thread at a time may use it."""

    def __init__(
        self,
        connection: Connection,
        *,
        fold_at: int = FOLD_AT,
        slice_length: int = SLICE,
        fills_outbox: bool = True,
    ) -> None:
        """`fold_at` and `slice_length` are of `Identities`. `fills_outbox`: sends that are put leave from here."""
        self.connection = connection
        self._fills_outbox = fills_outbox
        self._customers = Customers(connection)
        self._identities = (
            Identities(connection, fold_at=fold_at, slice_length=slice_length)
            if isinstance(connection, sqlite3.Connection)
            else SharedIdentities(connection)
        )
        self.tally = Tally(connection)
        self._last_effect: int | None = None
        self._shop: Shop | None = None
        self._forget()

    # The transaction -------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Open the transaction of a batch."""
        self.connection.execute("begin immediate")

    def prefetch(self, customers: Collection[str], keys: Collection[str] = (), refs: Collection[bytes] = ()) -> None:
        """Read at once what a portion will ask for one by one. Nothing depends on it but speed."""
        self._customers.prefetch(customers)
        self._identities.prefetch(keys, refs)

    def end_portion(self) -> None:
        """Write the records that a portion changed, and let go of them all. Nothing depends on it but speed."""
        self._customers.let_go()

    def commit(self, accepted: Instant, day: Day | None = None) -> None:
        """Write everything and make it durable.

        `accepted` is the last instant that was given to a signal, `day` the shop's day then, for the tally; where none
        is given, that of UTC.
        """
        self._customers.commit()
        self.tally.flush(accepted // DAY if day is None else day)
        self._identities.flush()
        for query, rows in (("journal", self._signals), ("effect", self._effects), ("outbox", self._outbox)):
            if rows:
                self.connection.executemany(QUERIES[f"add_{query}"], rows)
        if self._shop is not None:
            self.connection.execute(QUERIES["save_shop"], (accepted, _encode_shop(self._shop)))
        else:
            self.connection.execute(QUERIES["save_accepted"], {"accepted": accepted})
        self.connection.execute("commit")
        self._forget()

    def commit_beside(self, day: Day) -> None:
        """Write effects and what was counted, and make it durable: records and the shop are another process's to change."""
        self._customers.let_go()
        self.tally.flush(day)
        if self._effects:
            self.connection.executemany(QUERIES["add_effect"], self._effects)
        self.connection.execute("commit")
        self._forget()

    def rollback(self) -> None:
        """Forget the batch."""
        if self.connection.in_transaction:
            self.connection.execute("rollback")
        self._identities.reload()
        self._customers.reload()
        self._forget()

    # Records ---------------------------------------------------------------------------------------------------------

    def load(self, customer_id: str) -> Customer | None:
        """Return the customer's record as of this transaction, None where there is none."""
        return self._customers.load(customer_id)

    def save(self, before: Customer | None, after: Customer) -> None:  # noqa: ARG002 - what is stored is known here
        """Keep the record, its next due time, its runs, and its places in the lines of waiting workflows."""
        self._customers.save(after)

    def due(self, now: Instant, limit: int) -> list[tuple[Instant, str]]:
        """Return up to `limit` customers whose next due time has come, as (due, customer id), in that order."""
        return self._customers.due(now, limit)

    def earliest(self) -> Instant | None:
        """Return the next due time of all customers, None where nothing is due ever."""
        return self._customers.earliest()

    def line(self, workflow: str, limit: int) -> list[str]:
        """Return up to `limit` customers that wait to be let into a workflow, the latest reaction first, then by id."""
        return self._customers.line(workflow, limit)

    def line_length(self, workflow: str) -> int:
        """Return how many customers wait to be let into a workflow."""
        return self._customers.line_length(workflow)

    def in_workflow(self, workflow: str, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        """Return up to `limit` of those in a workflow as (stage, customer id) that follow `after`, in that order."""
        return self._customers.in_workflow(workflow, after, limit)

    def runs_at_steps(self, workflow: str) -> list[tuple[int, str, int, int]]:
        """Return how many runs of a workflow are where, as (version, stage, step's place in it, runs)."""
        return self._customers.runs_at_steps(workflow)

    def scan(self, after: str, limit: int) -> list[str]:
        """Return up to `limit` customer ids that follow `after`, in the order of ids: a sweep's way through everybody."""
        return self._customers.scan(after, limit)

    def forget(self, customers: Sequence[str], keys: Iterable[bytes]) -> int:
        """Delete records, and what is known under identity keys (their hashes); return how many records there were."""
        self._identities.forget_owners(frozenset(customers), list(keys))
        return sum(self._customers.forget(each) for each in customers)

    # Identities and references ---------------------------------------------------------------------------------------

    def find(self, key: str) -> str | None:
        """Return the customer id known under an identity key."""
        return self._identities.find(key)

    def know(self, key: str, customer_id: str) -> None:
        """Remember an identity key; the newest owner of a key wins."""
        self._identities.know(key, customer_id)

    def seen(self, customer_id: str, ref: bytes, now: Instant) -> bool:  # noqa: ARG002 - one table for all
        """Say whether this 16-byte reference was seen before, and remember it."""
        return self._identities.seen(ref, now)

    # Effects, journal, dead letters, the shop ------------------------------------------------------------------------

    def put(self, effects: Iterable[Effect]) -> None:
        """Append effects to the log of effects; `winback.send.requested` ones also go to the outbox."""
        for effect in effects:
            seq = self._next_effect()
            body = _encode_json(effect.data).decode()
            self.tally.note(effect)
            self._effects.append(
                (seq, effect.time, effect.customer, effect.type, effect.effect_id, effect.ordinal, effect.shadow, body)
            )
            if self._fills_outbox and effect.type == SEND_REQUESTED and not effect.shadow:
                self._outbox.append(outbox_row(effect, seq, body))

    def journal(self, customer_id: str, signal: AnySignal, now: Instant) -> None:
        """Append the signal to the journal, in the order of decision."""
        self._signals.append((now, customer_id, encode_signal(signal)))

    def bury(self, letter: DeadLetter, now: Instant) -> bool:
        """Keep a dead letter; False where the same letter of the same origin is there already (it is counted)."""
        digest = blake2b(letter.raw, digest_size=16).digest()
        row = (now, now, letter.origin, letter.reason.replace("\0", "�"), letter.raw, digest)
        return bool(self.connection.execute(QUERIES["bury"], row).fetchone()[0] == 1)

    def save_shop(self, shop: Shop) -> None:
        """Keep the shop's state, as it will be when the transaction ends."""
        self._shop = shop

    def load_shop(self) -> tuple[Instant, Shop] | None:
        """Return the last accepted instant and the shop's state as of the last commit, None before the first."""
        found = self.connection.execute(QUERIES["shop"]).fetchone()
        return (found[0], _decode_shop(found[1])) if found else None

    def _next_effect(self) -> int:
        last = self._last_effect
        if last is None:
            last = int(self.connection.execute(QUERIES["last_effect"]).fetchone()[0])
        self._last_effect = last + 1
        return self._last_effect

    def _forget(self) -> None:
        """Forget what the ended batch held."""
        self._signals: list[_Row] = []
        self._effects: list[_Row] = []
        self._outbox: list[_Row] = []
        self._shop = None
        self._last_effect = None  # asked anew in each transaction: another process may have put some
        self._identities.forget()
        self.tally.forget()


def outbox_row(effect: Effect, seq: int, body: str) -> tuple[Any, ...]:
    """Return the row of the outbox for a requested send; `seq` numbers its releases, `body` is its data as JSON."""
    data = effect.data
    customer = data.get("customer")
    email = customer.get("email", "") if isinstance(customer, dict) else ""
    by_mail = data.get("channel", "email") == "email"
    domain = str(email or "").rpartition("@")[2].lower() if by_mail else ""
    template, workflow = data.get("template", ""), data.get("workflow", "")
    return (effect.effect_id, seq, effect.customer, domain, template, workflow, effect.time, effect.time, body)
