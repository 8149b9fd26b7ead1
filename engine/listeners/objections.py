"""A "no" that is heard otherwise than through a link: a complaint, a reply, a shop's or a mail service's word.

It takes the same way as one through a link: the block list first, durably, then whoever said it is answered, then (or with
it) the event goes in that tells the record. So nothing leaves after the answer, wherever the event may have to wait.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from engine.core.events import Event
from engine.core.moments import Instant
from engine.core.objections import No, no_in
from engine.core.permission import STOPPABLE
from engine.core.whose import mail_key
from engine.ports import Clock

NoteNoes = Callable[[Sequence[No]], Awaitable[None]]
"""Puts them on the block list; returns after the commit."""


class Objections:
    """Hears every "no" that comes by another way than a link."""

    def __init__(self, note: NoteNoes, clock: Clock) -> None:
        self._note, self._clock = note, clock

    async def heard_no(
        self, address: str, customer: str = "", *, purposes: Sequence[str] = STOPPABLE, at: Instant | None = None
    ) -> None:
        """Stop messages to an address, and to the customer who has it; returns after the commit.

        Args:
            address: of who said it; may be empty where the customer is known.
            customer: their id, where it is known; else the address finds it.
            purposes: what they said no to; everything that can be stopped.
            at: when they said it, now when left out: a yes from after that stands.

        """
        bare = address.strip().casefold()
        keys = (mail_key(bare),) if bare else ()
        await self._note([No(self._clock.now() if at is None else at, bare, customer, keys, tuple(purposes))])

    async def heed(self, events: Iterable[Event]) -> None:
        """Stop what events say no to, before they are taken in; those that say none cost nothing."""
        noes = [no for event in events if (no := no_in(event)) is not None]
        if noes:
            await self._note(noes)
