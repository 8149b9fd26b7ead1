"""Opening a data folder for an engine, and leaving it in order."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from engine.books import applied, rulebook
from engine.books.beginning import put_first_in_force
from engine.books.database import Lock, open_to_write
from engine.books.erasures import Erasures
from engine.books.headcount import make_up
from engine.books.store import SqlStore
from engine.books.suppressions import Suppressions
from engine.core.rules import RuleSet
from engine.handling import HISTORY_AFTER, Handling
from engine.handling.timekeeping import OVERDUE_A_SECOND
from engine.ports import Clock
from engine.runtimes.sqlite.engine import Asked, Engine


@contextmanager
def opened(
    folder: Path,
    clock: Clock,
    *,
    key: bytes,
    first_rules: RuleSet,
    templates: str = "",
    suppressions: Suppressions | None = None,
    erasures: Erasures | None = None,
    history_after: int | None = HISTORY_AFTER,
    overdue_a_second: int | None = OVERDUE_A_SECOND,
) -> Iterator[Engine]:
    """Yield the engine of a data folder, which no other engine can use meanwhile.

    `first_rules` is the set that the first start finds and puts live; later ones wait for an `apply`. `templates` are
    those beside the rules in force where the database has none yet: at the first start, or of an earlier version. With `suppressions`
    whoever comes to have an address on that list is stopped. With `erasures` who is to be erased is, and what comes of them later
    is not taken in.

    Raises:
        DatabaseError: another engine uses the folder, or the database cannot be used.

    """
    with Lock(folder), _rare_collections(), closing(open_to_write(folder)) as connection:
        make_up(connection)
        store = SqlStore(connection)
        rules = rulebook.load(store, clock.now(), key=key)
        handling = Handling(rules, history_after=history_after)
        if suppressions is not None:
            handling.listed = partial(suppressions.known, connection)
        if erasures is not None:
            erasures.load(connection)
            handling.erasures = erasures
        engine = Engine(connection, folder, handling, clock, store=store, overdue_a_second=overdue_a_second)
        with closing(engine):
            if not rules.shop.epoch or (templates and applied.newest(connection) is None):
                _put_in_force(engine, first_rules, templates)
            yield engine


def _put_in_force(engine: Engine, first_rules: RuleSet, templates: str) -> None:
    asked = Asked(lambda store, now: put_first_in_force(engine.handling, store, now, first_rules, templates))
    engine.run([asked])
    if asked.error is not None:
        raise asked.error


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let the garbage collector look for cycles seldom: decoded records have none, and are made and freed by the thousand.

    At Python's usual pace it takes a third of an engine's time.
    """
    usual = gc.get_threshold()
    gc.set_threshold(500_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
