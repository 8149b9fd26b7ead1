"""Copies of a database that is being written to."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from engine.books.database import open_to_write
from engine.books.store import SqlStore
from engine.core.effects import SUPPRESSED, Effect
from engine.core.moments import DAY, Instant
from engine.core.shop import Shop
from engine.runtimes.sqlite.backup import FILES, back_up, looked_into

NOW: Instant = 20_000 * DAY


def commit(store: SqlStore, number: int) -> None:
    """Commit a batch of ten effects that bear its number."""
    store.begin()
    body = {"number": number, "filler": "x" * 2_000}
    store.put(Effect(SUPPRESSED, NOW + number, "ada", f"e{number}", body, ordinal) for ordinal in range(10))
    store.save_shop(Shop())
    store.commit(NOW + number)


def test_a_copy_is_of_one_moment_while_an_engine_writes(tmp_path: Path) -> None:
    """Under commits without a pause it ends, holds whole batches alone, and is as of the instant it says."""
    enough = threading.Event()
    with closing(open_to_write(tmp_path / "data")) as connection:
        store = SqlStore(connection)
        for number in range(200):
            commit(store, number)
        seen: list[int] = []

        def write() -> None:
            number = 200
            while not enough.is_set():
                commit(store, number)
                number += 1
            seen.append(number)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            made = [back_up(tmp_path / "data", tmp_path / f"{nth}.backup", 17) for nth in range(3)]
        finally:
            enough.set()
            writer.join()
    assert seen[0] > 200
    for each in made:
        with closing(sqlite3.connect(each.file)) as copy:
            assert copy.execute("pragma integrity_check").fetchone() == ("ok",)
            batches = copy.execute("select effect_id, count(*) from effect group by effect_id").fetchall()
            assert {count for _, count in batches} == {10}
            assert copy.execute("select accepted from shop").fetchone() == (NOW + len(batches) - 1,)
            assert each.as_of == NOW + len(batches) - 1
            assert copy.execute("select position from receiver where name = ?", (FILES,)).fetchone() == (17,)
        assert sorted(path.name for path in tmp_path.glob(f"{Path(each.file).name}*")) == [Path(each.file).name]


def test_a_copy_tells_how_far_it_has_come(tmp_path: Path) -> None:
    """Progress goes up to all there is; the copy says what it holds."""
    with closing(open_to_write(tmp_path)) as connection:
        for number in range(500):
            commit(SqlStore(connection), number)
    told: list[tuple[int, int]] = []
    made = back_up(tmp_path, tmp_path / "b", 0, lambda done, of: told.append((done, of)))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] > 0
    assert looked_into(tmp_path / "b") == made
    assert (made.effects, made.as_of) == (5_000, NOW + 499)
