"""Watching the workflow files: what changed is checked as one set, and waits for `apply`, or is applied at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from engine.language.files import Checked
from engine.wiring.checking import checked_folder

LOOK_EVERY = 1.0  # seconds of real time; polling works on every file system, shared ones included

log = structlog.get_logger(__name__)

Seen = frozenset[tuple[str, int, int]]


def seen(folder: Path) -> Seen:
    """Return what tells that a file has changed: path, time of change and size of each that matters."""
    found = set()
    for path in folder.rglob("*"):
        if path.suffix in (".yaml", ".yml", ".liquid", ".csv") and not path.name.startswith("."):
            try:
                stat = path.stat()
            except OSError:  # gone between the two looks
                continue
            found.add((str(path), stat.st_mtime_ns, stat.st_size))
    return frozenset(found)


async def watch(folder: Path, on_change: Callable[[Checked], Awaitable[None]]) -> None:
    """Check the folder whenever its files have changed and then rested for a look; until cancelled."""
    known = await asyncio.to_thread(seen, folder)
    handled = known
    while True:
        await asyncio.sleep(LOOK_EVERY)
        now = await asyncio.to_thread(seen, folder)
        if now == known and now != handled:
            handled = now
            try:
                checked, _ = await asyncio.to_thread(checked_folder, folder)
            except OSError as error:
                log.warning("the workflow files cannot be read", why=str(error))
                continue
            await on_change(checked)
        known = now
