"""Moving what was committed from the write-ahead log into the database, beside the writer instead of in its commits.

A commit that has to checkpoint first takes a tenth of a second and more. So a thread of its own does it, on its own
connection; SQLite lets it, while the writer goes on. As long as the writer never rests the log cannot begin anew, so when
it has grown long the writer itself does the little that the thread has left, which lets it.
"""

from __future__ import annotations

import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from engine.books.database import open_to_write

BEGIN_AT = 10_000
"""Rows written since the last checkpoint."""

CATCH_UP_AT = 32_768
"""Pages in the log: 128 MiB."""

_PASSIVE = "pragma wal_checkpoint(passive)"


class Checkpoints:
    """Keeps the write-ahead log short. The writer calls `after_commit`."""

    def __init__(self, writer: sqlite3.Connection, folder: Path) -> None:
        self._writer = writer
        self._connection = open_to_write(folder)
        self._thread = ThreadPoolExecutor(1, "checkpoints")
        self._running: Future[int] | None = None
        self._rows = writer.total_changes

    def after_commit(self) -> None:
        """Begin a checkpoint where there is enough to do and none is under way.

        Raises:
            sqlite3.Error: the last one failed.

        """
        if self._running is not None:
            if not self._running.done():
                return
            pages = self._running.result()
            self._running = None
            if pages >= CATCH_UP_AT:
                self._writer.execute(_PASSIVE).fetchone()
        if self._writer.total_changes - self._rows >= BEGIN_AT:
            self._rows = self._writer.total_changes
            self._running = self._thread.submit(self._checkpoint)

    def empty(self) -> bool:
        """Move everything now and cut the log to nothing; False where a reader or the writer is in the way."""
        busy, _, _ = self._thread.submit(
            lambda: self._connection.execute("pragma wal_checkpoint(truncate)").fetchone()
        ).result()
        return not busy

    def close(self, *, empty_log: bool) -> None:
        """Wait for a checkpoint under way; then move everything and empty the log, if that is wanted."""
        self._thread.shutdown()
        self._connection.close()
        if empty_log:
            self._writer.execute("pragma wal_checkpoint(truncate)").fetchone()

    def _checkpoint(self) -> int:
        """Return how many pages the log has."""
        pages: int = self._connection.execute(_PASSIVE).fetchone()[1]
        return pages
