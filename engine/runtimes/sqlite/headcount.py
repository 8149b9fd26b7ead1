"""How many runs are at each step of each version, and what they do there, kept with each commit.

Counting them when somebody looks would mean decoding the record of everybody under way: ten seconds for a million.
"""

from __future__ import annotations

import sqlite3
from collections import Counter

from engine.core import customer as records
from engine.core.customer import Customer
from engine.runtimes.sqlite.database import QUERIES

_Step = tuple[str, int, str, str, int, str]


class Headcount:
    """The table `headcount`: what the records say of their runs, summed up, changed by differences."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.forget()

    def forget(self) -> None:
        """Forget what was not committed."""
        self._changes: Counter[_Step] = Counter()

    def note(self, before: Customer | None, after: Customer) -> None:
        """Note what a changed record changes."""
        if before is not None:
            self._changes.subtract(_steps(before))
        self._changes.update(_steps(after))

    def flush(self) -> None:
        """Write what was noted."""
        rows = [(*step, by) for step, by in self._changes.items() if by]
        if rows:
            self._connection.executemany(QUERIES["change_headcount"], rows)
        self.forget()

    def make_up(self) -> None:
        """Count everybody under way, in a transaction of its own, where an earlier version has not counted them."""
        if not self._connection.execute(QUERIES["uncounted"]).fetchone()[0]:
            return
        self._connection.execute("begin immediate")
        for (record,) in self._connection.execute(QUERIES["everybody_under_way"]):
            self._changes.update(_steps(records.decode(record)))
        self.flush()
        self._connection.execute("commit")


def _steps(customer: Customer) -> list[_Step]:
    return [(run.workflow, run.version, run.mode.value, run.stage, run.step, run.doing) for run in customer.runs]
