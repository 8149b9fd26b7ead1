"""The store of a batch: reads at its begin what it will need, remembers every change, and writes them all at its end.

What was saved, known, seen or put in a batch is found again in it at once, as if it had been written; a customer saved
many times in a batch is written once. Nothing is there before `commit`, and after it everything is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from hashlib import blake2b
from typing import Any

import msgspec

from engine.core import customer as records
from engine.core.customer import Customer
from engine.core.effects import SEND_REQUESTED, Effect
from engine.core.events import DeadLetter
from engine.core.moments import Instant
from engine.core.rules import Address
from engine.core.shop import Shop
from engine.core.signals import AnySignal
from engine.runtimes.sqlite.database import QUERIES
from engine.runtimes.sqlite.identities import FOLD_AT, SLICE, Identities
from engine.runtimes.sqlite.journal import encode_signal
from engine.runtimes.sqlite.lookup import in_lists
from engine.runtimes.sqlite.places import Places

_encode_json = msgspec.json.Encoder().encode
_encode_shop = msgspec.msgpack.Encoder().encode
_decode_shop = msgspec.msgpack.Decoder(Shop).decode

_Row = tuple[Any, ...]
_Stored = dict[str, tuple[int, Customer]]

RECENT = 4_096
"""Records kept as they were decoded, once more than so many are new among them: about 30 MB, twice."""

EXPECTED = 5_000
"""Records read ahead for a list of customers; of a longer one the rest is read when it is loaded."""


class SqliteStore:
    """The store port on one SQLite connection that writes. One thread at a time may use it.

    Nobody else writes records, so those of the last batches are kept as they were decoded: somebody who was sent a mail
    is likely to open it, and a burst of events is often about one person.
    """

    def __init__(self, connection: sqlite3.Connection, *, fold_at: int = FOLD_AT, slice_length: int = SLICE) -> None:
        self.connection = connection
        self._identities = Identities(connection, fold_at=fold_at, slice_length=slice_length)
        self._places = Places(connection)
        self._shop: Shop | None = None
        self._last_num: int | None = None
        self._last_effect: int | None = None
        self._recent: _Stored = {}
        self._less_recent: _Stored = {}
        self._forget()

    # The transaction -------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Open the transaction of a batch."""
        self.connection.execute("begin immediate")

    def prefetch(self, customers: Collection[str], keys: Collection[str] = (), refs: Collection[bytes] = ()) -> None:
        """Read at once what a batch will ask for one by one. Nothing depends on it but speed."""
        now, stored, recent, less_recent = self._now, self._stored, self._recent, self._less_recent
        wanted: dict[str, None] = {}
        for customer_id in customers:
            if customer_id not in now:
                known = recent.get(customer_id) or less_recent.get(customer_id)
                if known is None:
                    now[customer_id] = wanted[customer_id] = None
                else:
                    stored[customer_id], now[customer_id] = known, known[1]
        for num, customer_id, record in in_lists(self.connection, "load", wanted):
            now[customer_id] = found = records.decode(record)
            stored[customer_id] = num, found
        self._identities.prefetch(keys, refs)

    def commit(self, accepted: Instant) -> None:
        """Write everything and make it durable. `accepted` is the last instant that was given to a signal."""
        self._flush_customers()
        self._identities.flush()
        for query, rows in (("journal", self._signals), ("effect", self._effects), ("outbox", self._outbox)):
            if rows:
                self.connection.executemany(QUERIES[f"add_{query}"], rows)
        if self._shop is not None:
            self.connection.execute(QUERIES["save_shop"], (accepted, _encode_shop(self._shop)))
        else:
            self.connection.execute(QUERIES["save_accepted"], (accepted,))
        self.connection.execute("commit")
        self._keep_recent()
        self._forget()

    def rollback(self) -> None:
        """Forget the batch."""
        if self.connection.in_transaction:
            self.connection.execute("rollback")
        self._identities.reload()
        self._places.reload()
        self._recent, self._less_recent = {}, {}
        self._forget()

    # Records ---------------------------------------------------------------------------------------------------------

    def load(self, customer_id: str) -> Customer | None:
        """Return the customer's record as of this transaction, None where there is none."""
        try:
            return self._now[customer_id]
        except KeyError:
            self.prefetch((customer_id,))
            return self._now[customer_id]

    def save(self, before: Customer | None, after: Customer) -> None:  # noqa: ARG002 - what is stored is known here
        """Keep the record, its next due time, its runs, and its places in the lines of waiting workflows."""
        customer_id = after.id
        if customer_id not in self._now:
            self.prefetch((customer_id,))
        self._now[customer_id] = self._changed[customer_id] = after

    def due(self, now: Instant, limit: int) -> list[tuple[Instant, str]]:
        """Return up to `limit` customers whose next due time has come, as (due, customer id), in that order."""
        self._flush_customers()
        found = self.connection.execute(QUERIES["due"], (now, limit)).fetchall()
        self._expect(customer_id for _, customer_id in found)
        return found

    def earliest(self) -> Instant | None:
        """Return the next due time of all customers, None where nothing is due ever."""
        self._flush_customers()
        found = self.connection.execute(QUERIES["earliest"]).fetchone()
        return found[0] if found else None

    def line(self, workflow: str, limit: int) -> list[str]:
        """Return up to `limit` customers that wait to be let into a workflow, the latest reaction first, then by id."""
        self._flush_customers()
        return self._expect(self._places.line(workflow, limit))

    def line_length(self, workflow: str) -> int:
        """Return how many customers wait to be let into a workflow."""
        self._flush_customers()
        return self._places.length(workflow)

    def scan(self, after: str, limit: int) -> list[str]:
        """Return up to `limit` customer ids that follow `after`, in the order of ids: a sweep's way through everybody."""
        self._flush_customers()
        return self._expect(row[0] for row in self.connection.execute(QUERIES["scan"], (after, limit)))

    def _expect(self, customers: Iterable[str]) -> list[str]:
        """Read the records of those who were just asked for: they are loaded next, one by one."""
        found = list(customers)
        self.prefetch(found[:EXPECTED])
        return found

    # Identities and references ---------------------------------------------------------------------------------------

    def find(self, key: str) -> str | None:
        """Return the customer id known under an identity key."""
        return self._identities.find(key)

    def know(self, key: str, customer_id: str) -> None:
        """Remember an identity key; the newest owner of a key wins."""
        self._identities.know(key, customer_id)

    def seen(self, ref: bytes, now: Instant) -> bool:
        """Say whether this 16-byte reference was seen before, and remember it."""
        return self._identities.seen(ref, now)

    # Effects, journal, dead letters, the shop ------------------------------------------------------------------------

    def put(self, effects: Iterable[Effect]) -> None:
        """Append effects to the log of effects; `winback.send.requested` ones also go to the outbox."""
        for effect in effects:
            if self._last_effect is None:
                self._last_effect = self.connection.execute(QUERIES["last_effect"]).fetchone()[0]
            self._last_effect = seq = self._last_effect + 1
            body = _encode_json(effect.data).decode()
            self._effects.append(
                (seq, effect.time, effect.customer, effect.type, effect.effect_id, effect.ordinal, effect.shadow, body)
            )
            if effect.type == SEND_REQUESTED and not effect.shadow:
                self._outbox.append(_outbox_row(effect, seq, body))

    def journal(self, customer_id: str, signal: AnySignal, now: Instant) -> None:
        """Append the signal to the journal, in the order of decision."""
        self._signals.append((now, customer_id, encode_signal(signal)))

    def bury(self, letter: DeadLetter, now: Instant) -> bool:
        """Keep a dead letter; False where the same letter of the same origin is there already (it is counted)."""
        digest = blake2b(letter.raw, digest_size=16).digest()
        row = (now, now, letter.origin, letter.reason, letter.raw, digest)
        return bool(self.connection.execute(QUERIES["bury"], row).fetchone()[0] == 1)

    def save_shop(self, shop: Shop) -> None:
        """Keep the shop's state, as it will be when the transaction ends."""
        self._shop = shop

    def load_shop(self) -> tuple[Instant, Shop] | None:
        """Return the last accepted instant and the shop's state as of the last commit, None before the first."""
        found = self.connection.execute(QUERIES["shop"]).fetchone()
        return (found[0], _decode_shop(found[1])) if found else None

    # Writing ---------------------------------------------------------------------------------------------------------

    def _keep_recent(self) -> None:
        self._recent.update(self._stored)
        if len(self._recent) > RECENT:
            self._recent, self._less_recent = {}, self._recent

    def _forget(self) -> None:
        """Forget what the ended batch held."""
        self._now: dict[str, Customer | None] = {}
        self._stored: _Stored = {}
        self._changed: dict[str, Customer] = {}
        self._signals: list[_Row] = []
        self._effects: list[_Row] = []
        self._outbox: list[_Row] = []
        self._shop = None
        self._last_num = self._last_effect = None
        self._identities.forget()

    def _flush_customers(self) -> None:
        """Write the changed records, so that a query sees them."""
        if not self._changed:
            return
        inserts: list[_Row] = []
        records_alone: list[_Row] = []
        with_due: list[_Row] = []
        groups: list[_Row] = []
        for customer_id, after in self._changed.items():
            stored = self._stored.get(customer_id)
            record = records.encode(after)
            if stored is None:
                num, before = self._next_num(), None
                inserts.append((num, customer_id, after.next_due, str(after.standing), hindrance(after), record))
            else:
                num, before = stored
                if before.next_due == after.next_due:
                    records_alone.append((record, num))
                else:
                    with_due.append((record, after.next_due, num))
                if _may_have_changed_group(before, after):
                    groups.append((str(after.standing), hindrance(after), num))
            self._places.note(before, after)
            self._stored[customer_id] = num, after
        self._changed = {}
        for query, rows in (
            ("insert_customer", inserts),
            ("update_record", records_alone),
            ("update_due", with_due),
            ("update_group", groups),
        ):
            if rows:
                self.connection.executemany(QUERIES[query], rows)
        self._places.flush()

    def _next_num(self) -> int:
        if self._last_num is None:
            self._last_num = self.connection.execute(QUERIES["last_customer"]).fetchone()[0]
        self._last_num += 1
        return self._last_num


def hindrance(customer: Customer) -> str:
    """Return why no marketing or newsletter mail can reach a customer at all, empty when it can."""
    if customer.gone:
        return "gone"
    if customer.stuck:
        return "stuck"
    if not customer.value("email"):
        return "no address"
    if customer.address is Address.DEAD:
        return "dead address"
    given = [customer.permission.get(f"{purpose}/email") for purpose in ("marketing", "newsletter")]
    if not any(permission is not None and permission.given for permission in given):
        return "no permission"
    if "marketing" in customer.stopped and "newsletter" in customer.stopped:
        return "stopped"
    return ""


def _may_have_changed_group(before: Customer, after: Customer) -> bool:
    """Say whether standing or hindrance may differ; a record's containers are replaced, never changed in place."""
    return (
        before.standing is not after.standing
        or before.permission is not after.permission
        or before.profile is not after.profile
        or before.address is not after.address
        or before.stopped is not after.stopped
        or before.gone != after.gone
        or before.stuck != after.stuck
    )


def _outbox_row(effect: Effect, seq: int, body: str) -> _Row:
    data = effect.data
    customer = data.get("customer")
    email = customer.get("email", "") if isinstance(customer, dict) else ""
    domain = str(email or "").rpartition("@")[2].lower()
    template, workflow = data.get("template", ""), data.get("workflow", "")
    return (effect.effect_id, seq, effect.customer, domain, template, workflow, effect.time, effect.time, body)
