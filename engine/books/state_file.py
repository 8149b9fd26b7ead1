"""A file that holds the whole state of a shop: a ZIP of tables as JSON lines, and a manifest that they are checked against.

Each line is one row, an array in the order of the columns that the manifest names; bytes are base64. The manifest is written
last, so a file without one is not whole; it has each part's number of rows and SHA-256, the version of the format and of the
schema, and a fingerprint of the secret, without which links and codes that were sent are worth nothing.
"""

from __future__ import annotations

import os
import zipfile
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from engine.core.moments import Instant

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"

Progress = Callable[[str, int], None]
"""Hears of a part and how many rows of it are done."""


class StateFileError(Exception):
    """The file cannot be used; the message says why."""


class Part(Struct, frozen=True):
    """A part of the file: rows of these columns, some of which hold bytes."""

    columns: tuple[str, ...]
    blobs: tuple[str, ...]
    rows: int
    sha256: str


class Manifest(Struct, frozen=True, kw_only=True):
    """What a file holds. `winback_state` is the version of the format, `engine` is embedded or distributed.

    `as_of` is the last instant that was given to a signal, `secret` the fingerprint of the secret.
    """

    winback_state: int
    schema: int
    engine: str
    as_of: Instant
    secret: str
    customers: int
    parts: dict[str, Part]


_encode = msgspec.json.Encoder().encode
_decode_row = msgspec.json.Decoder(list[Any]).decode
_decode_manifest = msgspec.json.Decoder(Manifest).decode


def fingerprint(secret: bytes) -> str:
    """Return what tells a secret from another, and gives nothing of it away."""
    return blake2b(secret, key=b"winback state", digest_size=16).hexdigest()


class StateWriter:
    """Writes the parts of a file, one after the other."""

    def __init__(self, archive: zipfile.ZipFile, progress: Progress) -> None:
        self._archive, self._progress = archive, progress
        self.parts: dict[str, Part] = {}

    def write(self, name: str, columns: Sequence[str], blobs: Iterable[str], rows: Iterable[Sequence[Any]]) -> int:
        """Write a part; return how many rows it has."""
        digest, count = sha256(), 0
        with self._archive.open(f"{name}.jsonl", "w", force_zip64=True) as file:
            for row in rows:
                line = _encode(row) + b"\n"
                digest.update(line)
                file.write(line)
                count += 1
                if not count % 10_000:
                    self._progress(name, count)
        self._progress(name, count)
        self.parts[name] = Part(tuple(columns), tuple(sorted(blobs)), count, digest.hexdigest())
        return count

    def finish(self, *, schema: int, engine: str, as_of: Instant, secret: str, customers: int) -> Manifest:
        """Write the manifest, and return it."""
        manifest = Manifest(
            winback_state=FORMAT,
            schema=schema,
            engine=engine,
            as_of=as_of,
            secret=secret,
            customers=customers,
            parts=self.parts,
        )
        self._archive.writestr(MANIFEST, msgspec.json.format(_encode(manifest)))
        return manifest


@contextmanager
def written(file: Path, progress: Progress = lambda _, __: None) -> Iterator[StateWriter]:
    """Yield a writer of a new file that only its owner can read; it takes its name when it is whole.

    Raises:
        OSError: it is there already, or cannot be written.

    """
    if file.exists():
        raise FileExistsError(17, "is there already; a state is never written over another", str(file))
    beside = file.with_name(f"{file.name}.part")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as raw:
            with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
                yield StateWriter(archive, progress)
            raw.flush()
            os.fsync(raw.fileno())
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


class StateReader:
    """Reads a file: first everything is checked, then rows are given out."""

    def __init__(self, file: Path, archive: zipfile.ZipFile) -> None:
        self._file, self._archive = file, archive
        self.manifest = self._manifest()

    def rows(self, name: str) -> Iterator[list[Any]]:
        """Yield the rows of a part, bytes as bytes; none of a part that is not there."""
        part = self.manifest.parts.get(name)
        if part is None:
            return
        blobs = [place for place, column in enumerate(part.columns) if column in part.blobs]
        with self._archive.open(f"{name}.jsonl") as lines:
            for line in lines:
                row = _decode_row(line)
                for place in blobs:
                    if row[place] is not None:
                        row[place] = b64decode(row[place])
                yield row

    def check(self, progress: Progress = lambda _, __: None) -> None:
        """Read everything once, and compare it with the manifest.

        Raises:
            StateFileError: something of it is missing or was changed.

        """
        for name, part in self.manifest.parts.items():
            digest, count = sha256(), 0
            try:
                with self._archive.open(f"{name}.jsonl") as lines:
                    for line in lines:
                        digest.update(line)
                        count += 1
            except (KeyError, zipfile.BadZipFile, OSError) as error:
                raise StateFileError(f"{self._file} is damaged: {name}: {error}") from None
            if (count, digest.hexdigest()) != (part.rows, part.sha256):
                raise StateFileError(f"{self._file} is damaged: {name} is not what the manifest says")
            progress(name, count)

    def _manifest(self) -> Manifest:
        try:
            manifest = _decode_manifest(self._archive.read(MANIFEST))
        except KeyError:
            raise StateFileError(f"{self._file} is no state of winback, or not whole: it has no {MANIFEST}") from None
        except msgspec.DecodeError as error:
            raise StateFileError(f"{self._file}: {MANIFEST} cannot be read: {error}") from None
        if manifest.winback_state > FORMAT:
            raise StateFileError(f"a newer winback made {self._file}: update this one")
        return manifest


@contextmanager
def read(file: Path) -> Iterator[StateReader]:
    """Yield a reader of a file.

    Raises:
        StateFileError: it is none of ours, or a newer winback made it.
        OSError: it cannot be read.

    """
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile:
        raise StateFileError(f"{file} is no state of winback: it is no ZIP file, or is not whole") from None
    with archive:
        yield StateReader(file, archive)
