"""Mails that somebody puts into a folder: a file each, or a Maildir's `new`.

Whoever puts them there writes elsewhere, or under a name that begins with a dot, and renames: so no half of a file is read.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from connectors.incoming.taking import NotNowError, Take

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 500
"""Files of one look; the others have their turn in the next one."""


class Folder:
    """Reads the files of one folder. What was taken in is deleted, or moved to `cur` where it is a Maildir."""

    def __init__(self, path: Path, take: Take, most_bytes: int) -> None:
        self.name = "files"
        self._path, self._take, self._most = path, take, most_bytes

    async def look(self) -> int:
        """Take in what is there; return how many mails.

        Raises:
            NotNowError: a mail cannot be taken in now; it and those behind it stay.
            OSError: the folder cannot be read.

        """
        taken = 0
        for file in await asyncio.to_thread(self._waiting):
            try:
                raw = await asyncio.to_thread(self._head_of, file)
            except OSError as error:
                log.warning("a file of mail cannot be read; it stays", file=file.name, why=error.strerror)
                continue
            await self._take(raw, (), "incoming/files")
            await asyncio.to_thread(self._done, file)
            taken += 1
        return taken

    async def close(self) -> None:
        """End nothing: no file stays open."""

    def _waiting(self) -> list[Path]:
        new = self._path / "new"
        folder = new if new.is_dir() else self._path
        files = [each for each in folder.iterdir() if each.is_file() and not each.name.startswith(".")]
        return sorted(files, key=lambda each: each.name)[:MOST_AT_ONCE]

    def _head_of(self, file: Path) -> bytes:
        with file.open("rb") as opened:
            return opened.read(self._most)

    def _done(self, file: Path) -> None:
        if file.parent.name == "new" and (self._path / "cur").is_dir():
            file.rename(self._path / "cur" / f"{file.name.partition(':')[0]}:2,S")
        else:
            file.unlink(missing_ok=True)


__all__ = ["Folder", "NotNowError"]
