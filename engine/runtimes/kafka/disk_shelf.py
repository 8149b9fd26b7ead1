"""A shelf on a disk that may be lost at any time: RocksDB.

It never knows more than the changelog does: what a flush writes comes onto the disk when Kafka has it. How far the changelog
was read stands in the same write as what was read, so that a kill finds both or neither; the rejected way, Faust's own, writes
the disk first and keeps that offset in a write of its own.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, cast

from rocksdict import BlockBasedOptions, Cache, Options, Rdict, WriteBatch, WriteBufferManager

from engine.runtimes.kafka.shelf import ChangelogEntry
from engine.runtimes.kafka.values import GENERATION_BYTES, GONE, Takeover, changelog_key, counts, is_left, split_key

_UPTO_KEY: Final = b"\xfeupto"
_UPTO = struct.Struct(">q")
_BLOCK_CACHE: Final = Cache(32 * 1024 * 1024)
"""One for all partitions of the process: RocksDB's default, and Faust's, is one of its own for each."""
_WRITE_BUFFER: Final = 8 * 1024 * 1024
_WRITE_BUFFERS: Final = WriteBufferManager(32 * 1024 * 1024, allow_stall=False)
"""What the write buffers of all partitions take together."""


class DiskShelf:
    """A shelf in RocksDB. A value stands behind the eight bytes of the generation that wrote it."""

    def __init__(self, folder: Path) -> None:
        """Open the folder, or make it.

        Raises:
            Exception: it cannot be opened, as RocksDB says; one that another process has open cannot.

        """
        folder.mkdir(parents=True, exist_ok=True)
        self._db = Rdict(str(folder), _options())
        self._takeover = Takeover(0, 0)
        self._generation = b""
        self._beaten: set[bytes] = set()

    def get(self, key: bytes) -> bytes | None:
        """Return a value, None where there is none."""
        return self._stored(key)[1]

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield all values; nothing may be written meanwhile."""
        for key, stored in self._db.items():
            if key != _UPTO_KEY:
                yield cast(bytes, key), stored[GENERATION_BYTES:]

    def read_from(self) -> int:
        """Return how far the changelog was read, or written by ourselves."""
        kept = self._db.get(_UPTO_KEY)
        return 0 if kept is None else int(_UPTO.unpack(kept)[0])

    def restore(self, entries: Sequence[ChangelogEntry], upto: int) -> None:
        """Take entries of the changelog, in order and by the rule of `Restored`; all of them in one write."""
        news: dict[bytes, bytes] = {}
        for key, value in entries:
            generation, customer = split_key(key)
            mine, known = _parted(news[customer] or None) if customer in news else self._stored(customer)
            if value is None:
                self._beaten.discard(key)
                if mine == generation and known and is_left(customer, known):
                    news[customer] = GONE
            elif known is None or mine == generation or counts(value, known):
                if mine is not None and mine != generation:
                    self._beaten.add(changelog_key(mine, customer))
                    self._beaten.discard(key)
                news[customer] = key[:GENERATION_BYTES] + value
            else:
                self._beaten.add(key)
        self._write(news, upto)

    def take_over(self, generation: int, safe_from: int) -> None:
        """Write under this generation from now on."""
        self._generation = generation.to_bytes(GENERATION_BYTES, "big")
        self._takeover = Takeover(generation, safe_from, _Generations(self), self._beaten)

    def entries(self, dirty: Mapping[bytes, bytes]) -> list[ChangelogEntry]:
        """Return what a flush writes to the changelog; the disk gets it with `put`."""
        return self._takeover.entries(dirty)

    def put(self, values: Mapping[bytes, bytes], upto: int) -> None:
        """Write what the changelog has now."""
        self._write({key: self._generation + value if value != GONE else GONE for key, value in values.items()}, upto)

    def close(self) -> None:
        """Let go of the folder."""
        self._db.close()

    def _stored(self, key: bytes) -> tuple[int | None, bytes | None]:
        return _parted(self._db.get(key))

    def _write(self, values: Mapping[bytes, bytes], upto: int) -> None:
        batch = WriteBatch(raw_mode=True)
        for key, value in values.items():
            if value == GONE:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(_UPTO_KEY, _UPTO.pack(upto))
        self._db.write(batch)


class _Generations:
    """Under which generation each value on a shelf was found, as `Takeover` asks for it."""

    def __init__(self, shelf: DiskShelf) -> None:
        self._shelf = shelf

    def pop(self, key: bytes, default: None, /) -> int | None:
        """Return the generation; it is ours with the next write, so there is nothing to take away."""
        found = self._shelf._stored(key)[0]  # noqa: SLF001 - it is the shelf's other half
        return default if found is None else found


def _parted(stored: bytes | None) -> tuple[int | None, bytes | None]:
    if stored is None:
        return None, None
    return int.from_bytes(stored[:GENERATION_BYTES], "big"), stored[GENERATION_BYTES:]


def _options() -> Options:
    blocks = BlockBasedOptions()
    blocks.set_block_cache(_BLOCK_CACHE)
    blocks.set_bloom_filter(10, block_based=False)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(blocks)
    options.set_write_buffer_size(_WRITE_BUFFER)
    options.set_write_buffer_manager(_WRITE_BUFFERS)
    return options
