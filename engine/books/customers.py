"""The records of a portion of a batch: read together, changed in memory, written once, and let go.

None is kept as it was decoded until it may be wanted again: it is six kilobytes in a hundred pieces all over the memory, and
by then as slow to come by as a row is to read. Measured with 100,000 customers, keeping 4,096 costs a tenth more time
than keeping none, keeping 16,000 a quarter more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from typing import Any

from engine.books.connection import Connection
from engine.books.headcount import Headcount
from engine.books.lookup import in_lists
from engine.books.places import Places
from engine.books.queries import QUERIES
from engine.core import customer as records
from engine.core.customer import Customer
from engine.core.moments import Instant
from engine.core.rules import Address

PORTION = 100
"""Customers whose records are read, decided and written together: so few stay in the processor's cache."""

_Row = tuple[Any, ...]


class Customers:
    """Records, due times and places in lines, as of the transaction under way."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._places = Places(connection)
        self._population = Headcount(connection, "change_population")
        self.reload()

    def reload(self) -> None:
        """Forget what was not committed."""
        self._places.reload()
        self._population.forget()
        self._last_num: int | None = None
        self._expect(())
        self._forget()

    def let_go(self) -> None:
        """Write the changed records, keep none in memory, and expect nobody."""
        self.flush()
        self._expect(())
        self._forget()

    def commit(self) -> None:
        """Write what is left to write of the transaction."""
        self.let_go()
        self._places.count()
        self._population.flush()
        if not isinstance(self._connection, sqlite3.Connection):  # another process may write before the next one
            self._places.forget_lengths()
            self._last_num = None

    def _forget(self) -> None:
        self._now: dict[str, Customer | None] = {}
        self._stored: dict[str, tuple[int, Customer]] = {}
        self._changed: dict[str, Customer] = {}

    def prefetch(self, customers: Collection[str]) -> None:
        """Read records that will be asked for."""
        now, stored = self._now, self._stored
        wanted = [customer_id for customer_id in dict.fromkeys(customers) if customer_id not in now]
        now.update(dict.fromkeys(wanted))
        for num, customer_id, record in in_lists(self._connection, "load", wanted):
            now[customer_id] = found = records.decode(record)
            stored[customer_id] = num, found

    def load(self, customer_id: str) -> Customer | None:
        """Return a record."""
        try:
            return self._now[customer_id]
        except KeyError:
            self._read(customer_id)
            return self._now[customer_id]

    def _read(self, customer_id: str) -> None:
        """Read a record, and where a list of customers is gone through a portion of it, letting go of the last one."""
        position = self._positions.get(customer_id)
        if position is None:
            self.prefetch((customer_id,))
        else:
            self.flush()
            self._forget()
            self.prefetch(self._expected[position : position + PORTION])

    def save(self, after: Customer) -> None:
        """Change a record."""
        customer_id = after.id
        if customer_id not in self._now:
            self.prefetch((customer_id,))
        self._now[customer_id] = self._changed[customer_id] = after

    def forget(self, customer_id: str) -> bool:
        """Delete a record with its places, and say whether there was one."""
        self.flush()
        if customer_id not in self._stored:
            self.prefetch((customer_id,))
        stored = self._stored.pop(customer_id, None)
        self._now[customer_id] = None
        if stored is None:
            return False
        num, before = stored
        self._places.note(before, Customer(customer_id))
        self._places.flush()
        self._population.note((_group(before),), ())
        self._connection.execute(QUERIES["forget_customer"], (num,))
        self._connection.execute(QUERIES["answer_request"], (customer_id,))
        return True

    def due(self, now: Instant, limit: int) -> list[tuple[Instant, str]]:
        """Return who is due, as (due, customer id), in that order."""
        self.flush()
        found = self._connection.execute(QUERIES["due"], (now, limit)).fetchall()
        self._expect(customer_id for _, customer_id in found)
        return found

    def earliest(self) -> Instant | None:
        """Return the next due time of all customers."""
        self.flush()
        found = self._connection.execute(QUERIES["earliest"]).fetchone()
        return found[0] if found else None

    def line(self, workflow: str, limit: int) -> list[str]:
        """Return who stands first in a line."""
        self.flush()
        return self._expect(self._places.line(workflow, limit))

    def line_length(self, workflow: str) -> int:
        """Return how many stand in a line."""
        self.flush()
        return self._places.length(workflow)

    def in_workflow(self, workflow: str, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        """Return who is in a workflow, as (stage, customer id)."""
        self.flush()
        found = self._places.in_workflow(workflow, after, limit)
        self._expect(dict.fromkeys(customer_id for _, customer_id in found))
        return found

    def runs_at_steps(self, workflow: str) -> list[tuple[int, str, int, int]]:
        """Return how many runs of a workflow are where."""
        self.flush()
        return self._connection.execute(QUERIES["headcount_of"], (workflow,)).fetchall()

    def scan(self, after: str, limit: int) -> list[str]:
        """Return the ids that follow one, in their order."""
        self.flush()
        return self._expect(row[0] for row in self._connection.execute(QUERIES["scan"], (after, limit)))

    def _expect(self, customers: Iterable[str]) -> list[str]:
        """Note who was just asked for: they are loaded next, one by one."""
        self._expected = list(customers)
        self._positions = {customer_id: position for position, customer_id in enumerate(self._expected)}
        return self._expected

    def flush(self) -> None:
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
                inserts.append((num, customer_id, after.next_due, *_group(after), record))
                self._population.note((), (_group(after),))
            else:
                num, before = stored
                if before.next_due == after.next_due:
                    records_alone.append((record, num))
                else:
                    with_due.append((record, after.next_due, num))
                if _may_have_changed_group(before, after):
                    groups.append((*_group(after), num))
                    self._population.note((_group(before),), (_group(after),))
            self._places.note(before, after)
            if after.data_requested and (before is None or before.data_requested != after.data_requested):
                self._connection.execute(QUERIES["note_request"], (customer_id, after.data_requested))
            self._stored[customer_id] = num, after
        self._changed = {}
        for query, rows in (
            ("insert_customer", inserts),
            ("update_record", records_alone),
            ("update_due", with_due),
            ("update_group", groups),
        ):
            if rows:
                self._connection.executemany(QUERIES[query], rows)
        self._places.flush()

    def _next_num(self) -> int:
        if self._last_num is None:
            self._last_num = self._connection.execute(QUERIES["last_customer"]).fetchone()[0]
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


def _group(customer: Customer) -> tuple[str, str]:
    return str(customer.standing), hindrance(customer)


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
