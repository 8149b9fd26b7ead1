"""How many there are of what pages count, kept with each commit: runs by step, and customers by standing and hindrance.

Counting the runs when somebody looks would mean decoding the record of everybody under way, ten seconds for a million;
counting the customers, reading an index from end to end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from engine.books.connection import Connection
from engine.books.queries import QUERIES
from engine.core import customer as records
from engine.core.customer import Customer

Row = tuple[str | int, ...]
"""What is counted, in the order of its table's columns."""


class Headcount:
    """A table of sums, changed by differences; `query` adds to one of them."""

    def __init__(self, connection: Connection, query: str) -> None:
        self._connection, self._query = connection, query
        self.forget()

    def forget(self) -> None:
        """Forget what was not committed."""
        self._changes: Counter[Row] = Counter()

    def note(self, were: Iterable[Row], are: Iterable[Row]) -> None:
        """Note what is there no more, and what is there now."""
        self._changes.subtract(were)
        self._changes.update(are)

    def flush(self) -> None:
        """Write what was noted."""
        rows = sorted((*row, by) for row, by in self._changes.items() if by)
        if rows:
            self._connection.executemany(QUERIES[self._query], rows)
        self.forget()


def runs_of(customer: Customer) -> list[Row]:
    """Return the runs of a customer, as the table `headcount` counts them."""
    return [(run.workflow, run.version, run.mode.value, run.stage, run.step, run.doing) for run in customer.runs]


def make_up(connection: Connection) -> None:
    """Count the runs under way, in a transaction of its own, where an earlier version has not counted them."""
    if not connection.execute(QUERIES["uncounted"]).fetchone()[0]:
        return
    connection.execute("begin immediate")
    counts = Headcount(connection, "change_headcount")
    for (record,) in connection.execute(QUERIES["everybody_under_way"]):
        counts.note((), runs_of(records.decode(record)))
    counts.flush()
    connection.execute("commit")
