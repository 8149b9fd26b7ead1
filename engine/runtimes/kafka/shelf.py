"""Shelves: what is durable of one partition's table. This one is in memory; `disk_shelf` has one on a disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from engine.runtimes.kafka.values import GONE, Restored, Takeover

ChangelogEntry = tuple[bytes, bytes | None]
"""Key and value; no value is a deletion."""


class Shelf(Protocol):
    """What is durable of a partition's table, and how its changelog is written on."""

    def get(self, key: bytes) -> bytes | None:
        """Return a value, None where there is none."""
        ...

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Return all values, in any order."""
        ...

    def read_from(self) -> int:
        """Return the offset of the changelog from which it must be read; 0 is its beginning."""
        ...

    def restore(self, entries: Sequence[ChangelogEntry], upto: int) -> None:
        """Take entries of the changelog, in order; `upto` is the offset that follows them.

        Raises:
            ValueError: one is none of ours.
            struct.error: nor is this.

        """
        ...

    def take_over(self, generation: int, safe_from: int) -> None:
        """Write under this generation from now on; see `Takeover`."""
        ...

    def entries(self, dirty: Mapping[bytes, bytes]) -> list[ChangelogEntry]:
        """Return what a flush of these values writes to the changelog, in one batch."""
        ...

    def put(self, values: Mapping[bytes, bytes], upto: int) -> None:
        """Keep what the changelog has now, up to this offset."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class MemoryShelf:
    """A shelf in memory: read from the beginning of the changelog whenever a partition is taken over."""

    def __init__(self) -> None:
        self._table = Restored()
        self._takeover = Takeover(0, 0)
        self.get = self._table.values.get
        self.items = self._table.values.items

    def read_from(self) -> int:
        """Return 0: nothing is here before a restore."""
        return 0

    def restore(self, entries: Sequence[ChangelogEntry], upto: int) -> None:  # noqa: ARG002 - a disk keeps `upto`
        """Take entries of the changelog, in order."""
        for key, value in entries:
            self._table.take(key, value)

    def take_over(self, generation: int, safe_from: int) -> None:
        """Write under this generation from now on."""
        self._takeover = self._table.takeover(generation, safe_from)

    def entries(self, dirty: Mapping[bytes, bytes]) -> list[ChangelogEntry]:
        """Return what a flush writes."""
        return self._takeover.entries(dirty)

    def put(self, values: Mapping[bytes, bytes], upto: int) -> None:  # noqa: ARG002 - a disk keeps `upto`
        """Keep what the changelog has now."""
        for key, value in values.items():
            if value == GONE:
                self._table.values.pop(key, None)
            else:
                self._table.values[key] = value

    def close(self) -> None:
        """Do nothing."""
