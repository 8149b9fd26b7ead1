"""Looking at all customers who may be concerned by other rules: read only, in two processes where there are many.

What is in columns sorts out most of them before a record is decoded. The processes are started anew and not forked: a
running engine has threads.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from multiprocessing import get_context

import msgspec
from msgspec import Struct

from engine.books.database import Where
from engine.books.views import Views
from engine.core import customer as records
from engine.core.moments import Instant
from engine.core.rulebook import Rules
from engine.core.rules import RuleSet
from engine.core.shop import Shop
from engine.insight.foresight import Foresight, Seen, standings_of

PROCESSES = 2
MANY = 50_000
"""Customers from which on a second process is worth its start."""

PORTION = 10_000

_Portion = tuple[int, int] | list[str]
"""The numbers between which a portion of all customers lies, or the ids of some who are under way."""

Tell = Callable[[int, int], None]
"""Hears how many customers were looked at, of how many."""


class Search(Struct, frozen=True):
    """What is looked for: `rules` hold the workflows to look at, as they would be; `shop` is the shop as it would be.

    `everybody`: standings may be others than those in the columns. `judged_otherwise`: they are all that changes.
    `enter`: somebody may enter; `moved`: the runs of these workflows go on in another version.
    """

    rules: RuleSet
    shop: Shop
    now: Instant
    everybody: bool
    judged_otherwise: bool
    enter: bool = True
    moved: tuple[str, ...] = ()


def look_at_all(where: Where, search: Search, tell: Tell | None = None) -> Seen:
    """Look at all whom the search may concern."""
    told = tell or (lambda _, __: None)
    with Views(where) as views:
        last = views.one("last_customer")[0] if search.enter else 0
        moved = [name for (name,) in views.all("under_way_in", _as_list(search.moved))] if search.moved else []
    portions: list[_Portion] = [(begin, begin + PORTION) for begin in range(0, last, PORTION)]
    portions += [moved[begin : begin + PORTION] for begin in range(0, len(moved), PORTION)]
    seen, all_ = Seen(), last + len(moved)
    with _seekers(where, search, all_) as results:
        for done, found in enumerate(results(portions), 1):
            seen.add(found)
            told(min(done * PORTION, all_), all_)
    return seen


def _as_list(names: Iterable[str]) -> str:
    return msgspec.json.encode(sorted(names)).decode()


@contextmanager
def _seekers(where: Where, search: Search, customers: int) -> Iterator[Callable[[Sequence[_Portion]], Iterator[Seen]]]:
    if customers < MANY:
        with closing(_Seeker(where, search)) as alone:
            yield lambda portions: map(alone.look, portions)
        return
    spawned, raw = get_context("spawn"), msgspec.msgpack.encode(search)
    with ProcessPoolExecutor(PROCESSES, spawned, _begin, (where, raw)) as pool:
        yield lambda portions: pool.map(_look, portions)


class _Seeker:
    """Looks at one portion after the other, over a connection of its own."""

    def __init__(self, where: Where, search: Search) -> None:
        self._search = search
        self._views = Views(where)
        versions = self._views.rules().versions
        self._rules = Rules(search.rules, search.shop, versions, key=b"")
        wanted = None if search.everybody else standings_of(self._rules)
        self._standings = None if wanted is None else _as_list(wanted)

    def look(self, portion: _Portion) -> Seen:
        """Look at the customers of a portion."""
        foresight = Foresight(self._rules, self._search.now, judged_otherwise=self._search.judged_otherwise)
        if isinstance(portion, tuple):
            for (record,) in self._records(*portion):
                foresight.see(records.decode(record))
        else:
            for (record,) in self._views.all("records", _as_list(portion)):
                foresight.move(records.decode(record))
        return foresight.seen

    def _records(self, after: int, until: int) -> list[tuple[bytes]]:
        if self._standings is None:
            return self._views.all("portion", after, until)
        return self._views.all("portion_of_standings", after, until, self._standings, self._search.now)

    def close(self) -> None:
        """Close the connection."""
        self._views.close()


_seeker: _Seeker | None = None
"""The one of a process that was started for looking."""


def _begin(where: Where, raw: bytes) -> None:
    gc.disable()  # records are made and freed by the thousand and hold no cycles; the process lives for seconds
    global _seeker  # noqa: PLW0603 - how a pool's processes keep what they were started with
    _seeker = _Seeker(where, msgspec.msgpack.decode(raw, type=Search))


def _look(portion: _Portion) -> Seen:
    assert _seeker is not None, "begun with the process"
    return _seeker.look(portion)
