"""Making a restored database safe to go on with, in one transaction, before anything of it runs.

All sends are paused and time stands still, both since the backup, and whatever happened before now is history. What is
known of the time between goes into the records; of what is not known the worst is assumed: what lay in the outbox may have
left, who stood first in a line may have been let in, and any code of a pool may have been given out.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from msgspec import Struct

from engine.books import ledger
from engine.books.ledger import Ending
from engine.books.store import SqlStore
from engine.core.customer import Ended
from engine.core.erasing import ERASED, subject_key
from engine.core.events import Event, Reason
from engine.core.moments import Instant, zone
from engine.core.ramping import GATHERED, LATER, LINES
from engine.core.restoring import RESTORED, lost
from engine.core.rules import Mode
from engine.core.shop import TIME
from engine.core.signals import CalledUp, Handed, PauseSet, Recovered, Restored
from engine.handling import Handling
from engine.handling.sweeping import MOST_WITHOUT_PACE
from engine.runtimes.sqlite import gap
from engine.runtimes.sqlite.backup import FILES
from engine.runtimes.sqlite.gap import Marks

_MAY_HAVE_LEFT = "it may have left after the backup was made"


SLICE = 5_000
"""Customers whose names are compared with the list of the erased in one go."""


class Salvaged(Struct, kw_only=True):
    """What was made of the time between. `known`: an old database told of it; then what it told, by number.

    `uncertain` are sends of the outbox that may have left; `assumed` counts by workflow who may have been let in, and
    `codes` by pool the codes that are set aside. `erased` counts who was erased since the backup, and is again.
    """

    known: bool
    calls: int = 0
    said: int = 0
    customers: int = 0
    settled: int = 0
    uncertain: int = 0
    assumed: dict[str, int] = {}
    codes: dict[str, int] = {}
    erased: int = 0


class Salvage:
    """Makes one restored database safe. `store` has a transaction open; the handling's shop is the restored one."""

    def __init__(self, handling: Handling, store: SqlStore, at: Marks, now: Instant, who: str) -> None:
        self._handling, self._store, self._at, self._now, self._who = handling, store, at, now, who

    def hold(self, why: str) -> None:
        """Let nothing leave and no timer ring, since the backup; and let nothing before now be news."""
        tell = self._handling.sweeping.tell
        for scope in ("engine", TIME):
            tell(self._store, PauseSet(scope, "", why, self._who), self._at.accepted)
        tell(self._store, Restored(self._at.accepted, self._who), self._now)

    def by_what_is_known(self, old: sqlite3.Connection) -> Salvaged:
        """Take over what an old database knows of the time between."""
        calls = gap.ledger_since(old, self._at.accepted)
        self._merge(old, calls)
        told = 0
        for event in gap.said(old, self._at.journal):
            self._handling.take(self._store, event, self._now, "restore", history=True)
            told += 1
        customers = 0
        for then, acts in gap.reached(old, self._at):
            record = self._store.load(then.id)
            runs = {run.id for run in record.runs} if record is not None else set()
            going_on = frozenset(effect for effect, run in acts.items() if run in runs)
            signal = lost(then, self._at.accepted, self._now, going_on)
            self._handling.decide(self._store, then.id, signal, self._now)
            customers += 1
        settled, left = self._settle_outbox(nobody_knows=False)
        return Salvaged(
            known=True,
            calls=len(calls),
            said=told,
            customers=customers,
            settled=settled,
            uncertain=left,
            erased=self._erase_again(),
        )

    def by_what_may_be(self) -> Salvaged:
        """Assume the worst of a time that nobody knows of."""
        settled, uncertain = self._settle_outbox(nobody_knows=True)
        for line in (GATHERED, *LINES.values(), *LATER.values()):
            for customer in self._store.line(line, 1 << 62):
                self._handling.decide(self._store, customer, CalledUp(), self._now)  # and held by the pause
        return Salvaged(
            known=False,
            settled=settled,
            uncertain=uncertain,
            assumed=self._assume_entered(),
            codes=self._put_codes_aside(),
        )

    def _merge(self, old: sqlite3.Connection, calls: list[tuple[Any, ...]]) -> None:
        connection = self._store.connection
        connection.executemany(
            "insert into ledger (effect_id, customer, state, message_id, at, attempts, detail) values (?, ?, ?, ?, ?, ?, ?)"
            " on conflict (effect_id) do update set state = excluded.state, message_id = excluded.message_id,"
            " at = excluded.at, attempts = excluded.attempts, detail = excluded.detail",
            calls,
        )
        connection.executemany(
            "insert into blocked (key, at) values (?, ?) on conflict (key) do update set at = max(at, excluded.at)",
            gap.no_list(old),
        )
        connection.executemany(
            "insert into suppression (key, kind, at) values (?, ?, ?)"
            " on conflict (key, kind) do update set at = max(at, excluded.at)",
            gap.suppressions(old),
        )
        erasures, keys = gap.erased(old)
        connection.executemany(
            "insert or ignore into erasure (num, id, at, who, why, state, person, proof) values (?, ?, ?, ?, ?, ?, ?, ?)",
            erasures,
        )
        connection.executemany("insert or ignore into erased (key, erasure) values (?, ?)", keys)
        connection.executemany(
            "insert into pool_code (pool, code, state, at) values (?, ?, 'granted', ?)"
            " on conflict (code) do update set state = 'granted'",
            gap.codes_given(old),
        )
        connection.executemany(
            "insert or ignore into seeded (digest, seed, template, language, at, state, detail) values (?, ?, ?, ?, ?, ?, ?)",
            gap.seeded(old),
        )
        come_to = [
            (name, min(position, self._at.effect)) for name, position in gap.positions(old).items() if name != FILES
        ]
        connection.executemany(
            "insert into receiver (name, position) values (?, ?)"
            " on conflict (name) do update set position = max(position, excluded.position)",
            come_to,
        )

    def _erase_again(self) -> int:
        """Begin to erase whoever is on the list of the erased and back with the backup; the next start ends it."""
        erasures, after, count = self._handling.erasures, "", 0
        assert erasures is not None, "whoever restores has the list"
        erasures.load(self._store.connection)
        while names := self._store.scan(after, SLICE):
            for name in [each for each in names if erasures.has([subject_key(each)])]:
                gone = Event(f"erase.{self._now}.{name}", "restore", ERASED, self._now, name, Reason())
                self._handling.take_of(self._store, name, gone, self._now, history=True)
                count += 1
            after = names[-1]
        return count

    def _settle_outbox(self, *, nobody_knows: bool) -> tuple[int, int]:
        """End what lies in the outbox as the ledger says; where nobody knows, as what may have left."""
        connection, counts = self._store.connection, [0, 0]
        for queued in ledger.lying_since(connection, self._now, 1 << 62):
            ending = ledger.ending_of(connection, queued.effect_id)
            if ending is not None:
                ledger.leave_outbox(connection, queued)
            elif nobody_knows:
                ending = Ending("uncertain", _MAY_HAVE_LEFT)
                ledger.end(connection, queued, ending, "", self._now)
                counts[1] += 1
            else:
                continue
            counts[0] += 1
            signal = Handed(queued.effect_id, ending.outcome, ending.reason)
            self._handling.decide(self._store, queued.customer, signal, self._now)
        return counts[0] - counts[1], counts[1]

    def _assume_entered(self) -> dict[str, int]:
        """Let those count as let in who may have been: as many of each line, from its head, as its pace would have let."""
        rules, found = self._handling.rules, {}
        for workflow in rules.in_order:
            if rules.switch(workflow.name).mode is not Mode.LIVE:
                continue
            ended = Ended(self._now, self._now, RESTORED, workflow.version, Mode.LIVE)
            first = self._store.line(workflow.name, self._let_in_at_most(workflow.name))
            for customer in first:
                self._handling.decide(self._store, customer, Recovered(ended={workflow.name: ended}), self._now)
            if first:
                found[workflow.name] = len(first)
        return found

    def _let_in_at_most(self, workflow: str) -> int:
        rules = self._handling.rules
        pace, waiting = rules.switch(workflow).enter_at_most, self._store.line_length(workflow)
        if pace is None:
            return waiting if waiting <= MOST_WITHOUT_PACE else 0
        there = zone(rules.lifecycle.timezone)
        most, begins = pace.count, self._at.accepted
        while (begins := there.after(begins, pace.length)) < self._now and most < waiting:
            most += pace.count
        return min(most + pace.count, waiting)  # the window that was open when the backup was made is one more

    def _put_codes_aside(self) -> dict[str, int]:
        connection = self._store.connection
        query = "select pool, count(*) from pool_code where state = 'ready' group by pool"
        found = dict(connection.execute(query).fetchall())
        connection.execute("update pool_code set state = 'granted' where state = 'ready'")
        return found
