"""What the embedded engine has of a person outside its database: effect files and the local mailbox."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from connectors.effect_files import erased
from connectors.mailbox import Mailbox
from engine.books.proofs import Remains
from engine.core.erasing import Traces
from engine.core.moments import Instant, rfc3339
from engine.wiring.effect_log import Following
from engine.wiring.restoring import ASIDE


class DataFolder:
    """The files of one data folder."""

    def __init__(self, folder: Path, mailbox: Mailbox, following: Following | None = None) -> None:
        """`following` is what writes effects into files while an engine runs: they are changed between two pages of it."""
        self._folder, self._mailbox, self._following = folder, mailbox, following

    async def erase(self, traces: Traces, customers: frozenset[str], effects: Sequence[str]) -> dict[str, int]:
        """Take a person out of them.

        Raises:
            OSError: a file cannot be read or written.

        """
        messages = await asyncio.to_thread(self._mailbox.erase, effects, traces)
        if self._following is not None:
            lines = await self._following.erase(traces, customers)
        else:
            lines = await asyncio.to_thread(partial(erased, self._folder, traces, customers))
        return {"effects files": lines, "mailbox": messages}

    def remains(self, asked_at: Instant) -> list[Remains]:
        """Return what of the folder an erasure leaves alone."""
        return [
            Remains(
                path.name,
                "until you delete it",
                f"the database before a restore, not changed since {rfc3339(asked_at)}",
            )
            for path in sorted(self._folder.glob(f"{ASIDE}-*"))
        ]
