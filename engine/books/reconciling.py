"""Calls of unknown end: the other side is asked what became of them before they are given up.

A mail service knows what it took, but not at once: its index follows its queue by seconds. So it is asked again after
growing waits, and only when it still does not know the message is the send `uncertain`. Until then the ledger says
`calling`, which is what a kill in between leaves: the next start begins to ask anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from msgspec import Struct
from msgspec.structs import replace

from engine.books.ledger import Call, Ending, Queued
from engine.core.moments import MINUTE, SECOND, Instant
from engine.ports import Clock, Sender, Sent

LOOKS: Final = (0, 5 * SECOND, 30 * SECOND, 2 * MINUTE, 8 * MINUTE)
"""When it is asked, from the end of the call on; less in all than a released send may lie."""

log = structlog.get_logger(__name__)


class Doubt(Struct, frozen=True):
    """A call of unknown end: its send, why its end is not known, since when, and how often was asked."""

    send: Queued | Call
    message_id: str
    why: str
    since: Instant
    looks: int = 0


class Reconciling:
    """Asks about doubts until each is settled; `settled` is told how, once for each."""

    def __init__(self, sender: Sender, clock: Clock, settled: Callable[[Doubt, Ending], Awaitable[None]]) -> None:
        """Begin without doubts."""
        self._sender, self._clock, self._settled = sender, clock, settled
        self._open: list[Doubt] = []

    @property
    def open(self) -> int:
        """How many are not settled."""
        return len(self._open)

    async def ask(self, doubt: Doubt) -> Ending | None:
        """Ask about a call, and return how it ended; None where it is to be asked about again."""
        send = doubt.send
        try:
            said = await self._sender.find(send.effect_id, doubt.message_id)
        except Exception as error:
            log.exception("a sender failed to say what became of a call", effect_id=send.effect_id)
            said = Sent("unknown", diagnostic=f"the sender failed: {error}")
        if said is not None and said.outcome == "unknown" and doubt.looks + 1 < len(LOOKS):
            self._open.append(replace(doubt, looks=doubt.looks + 1))
            return None
        if said is None or said.outcome == "unknown":
            return Ending("uncertain", doubt.why)
        return ending_of(said)

    async def look(self) -> None:
        """Ask about those whose time it is."""
        now = self._clock.now()
        due = [doubt for doubt in self._open if doubt.since + LOOKS[doubt.looks] <= now]
        for doubt in due:
            self._open.remove(doubt)
            ending = await self.ask(doubt)
            if ending is not None:
                await self._settled(doubt, ending)


def ending_of(sent: Sent) -> Ending | None:
    """Return how a call ended, None for a temporary no."""
    match sent.outcome:
        case "done":
            return Ending("done")
        case "refused":
            reason = " ".join(word for word in (sent.kind, sent.status) if word)
            return Ending("refused", reason, sent.kind, sent.status, sent.diagnostic)
        case "later":
            return None
        case _:
            return Ending("uncertain", sent.diagnostic)
