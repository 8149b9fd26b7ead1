"""Where customers stand, outside their records: in the stages of runs, and in the lines of workflows they wait for."""

from __future__ import annotations

from engine.books.connection import Connection
from engine.books.headcount import Headcount, runs_of
from engine.books.queries import QUERIES
from engine.core.customer import Customer

_Places = set[tuple[str, str, str]]
_PlacesInLine = set[tuple[str, int, str]]


class Places:
    """The tables `under_way` and `line`: a mirror of what the records say, changed by their differences."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._headcount = Headcount(connection, "change_headcount")
        self.reload()

    def reload(self) -> None:
        """Forget what was not committed."""
        self._rows: dict[str, list[tuple[str, str | int, str]]] = {}
        self._lengths: dict[str, int] = {}
        self._headcount.forget()

    def note(self, before: Customer | None, after: Customer) -> None:
        """Note what a changed record changes."""
        if (before.runs if before else ()) is not after.runs:
            was, is_ = _stages(before), _stages(after)
            self._note("leave_stage", was - is_)
            self._note("enter_stage", is_ - was)
            self._headcount.note(runs_of(before) if before else (), runs_of(after))
        if after.waiting or (before and before.waiting):
            stood, stands = _in_line(before), _in_line(after)
            self._note("leave_line", stood - stands)
            self._note("join_line", stands - stood)
            self._count(stood - stands, -1)
            self._count(stands - stood, 1)

    def flush(self) -> None:
        """Write what was noted."""
        for query, rows in self._rows.items():
            self._connection.executemany(QUERIES[query], rows)
        self._rows = {}

    def count(self) -> None:
        """Write how many stand where: once a transaction is enough."""
        self._headcount.flush()

    def forget_lengths(self) -> None:
        """Count lines anew when they are asked for."""
        self._lengths = {}

    def line(self, workflow: str, limit: int) -> list[str]:
        """Return the first in a line, as of the last flush."""
        return [customer for (customer,) in self._connection.execute(QUERIES["line"], (workflow, limit))]

    def length(self, workflow: str) -> int:
        """Return the length of a line, as of the last flush; counted once, then kept."""
        if workflow not in self._lengths:
            self._lengths[workflow] = self._connection.execute(QUERIES["line_length"], (workflow,)).fetchone()[0]
        return self._lengths[workflow]

    def in_workflow(self, workflow: str, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        """Return who is in a workflow behind a place (stage, customer), as of the last flush."""
        return self._connection.execute(QUERIES["in_workflow"], (workflow, *after, limit)).fetchall()

    def _note(self, query: str, rows: _Places | _PlacesInLine) -> None:
        if rows:
            self._rows.setdefault(query, []).extend(rows)

    def _count(self, places: _PlacesInLine, by: int) -> None:
        for workflow, _, _ in places:
            if workflow in self._lengths:
                self._lengths[workflow] += by


def _stages(customer: Customer | None) -> _Places:
    return {(run.workflow, run.stage, customer.id) for run in customer.runs} if customer else set()


def _in_line(customer: Customer | None) -> _PlacesInLine:
    return {(workflow, customer.last_reaction, customer.id) for workflow in customer.waiting} if customer else set()
