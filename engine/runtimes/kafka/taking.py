"""What the gateway does with what came: each piece is told to whom it concerns, in order, or is a dead letter.

Pieces come in records of a source partition or by HTTP; both go the same way. A piece that needs a question keeps the
ones after it waiting, so that nothing overtakes anything within one source.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from msgspec import Struct

from engine.books.journal import encode_signal
from engine.core.events import DeadLetter, Event
from engine.core.moments import Instant
from engine.core.reading import encode
from engine.core.signals import Happened
from engine.core.whose import NOBODY, OF_THE_SHOP
from engine.handling import Taken
from engine.runtimes.kafka.identifying import Claim, Whose
from engine.runtimes.kafka.inbox import Inbox
from engine.runtimes.kafka.wire import Entry, partition_of
from engine.runtimes.kafka.words import Known, Told, entry_of_word

Piece = Event | DeadLetter | Told | Known
"""Something that came: from the shop, or a word of our own processes."""

Bury = Callable[[DeadLetter, Instant], asyncio.Future[None]]
"""Keeps a dead letter; the future ends when it is durable."""

Follows = Callable[[Known, str], Awaitable[Sequence[Told]]]
"""What is to be told before a key changes hands, from the word and who had it until now (empty: nobody)."""


class Given(Struct):
    """What became of some pieces. They are durable when everything in `waits` has ended."""

    results: list[Taken]
    waits: set[asyncio.Future[None]]

    async def durable(self) -> None:
        """Wait until all of it is in Kafka.

        Raises:
            ProducerStoppedError: it cannot get there.

        """
        if self.waits:
            await asyncio.gather(*self.waits)


class Counts(Struct):
    """How many of what there has been, since the process began."""

    events: int = 0
    words: int = 0
    letters: int = 0
    looked_up: int = 0


class Taking:
    """Takes in pieces. Used in one asyncio loop."""

    def __init__(self, inbox: Inbox, whose: Whose, bury: Bury, follows: Follows, now: Callable[[], Instant]) -> None:
        self._inbox, self._whose, self._bury, self._follows, self._now = inbox, whose, bury, follows, now
        self.counts = Counts()

    async def take(self, pieces: Sequence[Piece], origins: Sequence[str]) -> Given:
        """Put pieces on their way, each with where it came from; return before they are durable.

        Waits while too much is under way already, and while a question that must be asked cannot be.
        """
        await self._inbox.room()
        at_once = self._whose.at_once
        customers = [at_once(piece) if type(piece) is Event else "" for piece in pieces]
        known = [piece for piece in pieces if type(piece) is Known]
        if known:
            await self._learn(known)
        asking = [place for place, customer in enumerate(customers) if customer is None]
        if asking:
            await self._ask(asking, pieces, customers)
        given = Given([], set())
        for piece, customer, origin in zip(pieces, customers, origins, strict=True):
            given.results.append(self._give(piece, customer or "", origin, given.waits))
        return given

    def _give(self, piece: Piece, customer: str, origin: str, waits: set[asyncio.Future[None]]) -> Taken:
        inbox, counts = self._inbox, self.counts
        if type(piece) is Event:
            if customer:
                counts.events += 1
                entry = Entry(customer, encode_signal(Happened(piece)), b"", origin)
                waits.add(inbox.add(partition_of(customer, inbox.partitions), entry).done)
                return Taken("accepted", customer)
            if piece.type in OF_THE_SHOP:
                counts.events += 1
                return _ACCEPTED
            piece = DeadLetter(encode(piece), NOBODY, origin)
        if type(piece) is DeadLetter:
            counts.letters += 1
            waits.add(self._bury(piece, self._now()))
            return Taken("dead_letter", reason=piece.reason)
        counts.words += 1
        if type(piece) is Told:
            waits.add(self._tell(piece))
        return _ACCEPTED

    def _tell(self, word: Told) -> asyncio.Future[None]:
        return self._inbox.add(partition_of(word.customer, self._inbox.partitions), entry_of_word(word)).done

    async def _ask(self, asking: Sequence[int], pieces: Sequence[Piece], customers: list[str | None]) -> None:
        events = [piece for place in asking if isinstance(piece := pieces[place], Event)]
        self.counts.looked_up += len(events)
        for place, customer in zip(asking, await self._whose.look_up(events), strict=True):
            customers[place] = customer

    async def _learn(self, words: Sequence[Known]) -> None:
        """Let keys change hands; what follows from it for those who had them is told, durably, before they do.

        In this order, a gateway that dies on the way tells it again and nobody who shares an address goes unheard.
        """
        waiting = list(words)
        while waiting:
            this_time = {word.key: word for word in reversed(waiting)}  # a key's first word, where it has several
            owners = await self._whose.find(this_time)
            claims = [
                Claim(key, word.customer, owners.get(key, ""))
                for key, word in this_time.items()
                if owners.get(key) != word.customer
            ]
            told = [tell for each in claims for tell in await self._follows(this_time[each.key], each.instead_of)]
            if told:
                await asyncio.gather(*{self._tell(tell) for tell in told})
            claimed = await self._whose.claim(claims) if claims else ()
            lost = {each.key for each in claims}.difference(claimed)
            waiting = [word for word in waiting if word is not this_time[word.key] or word.key in lost]


_ACCEPTED: Final = Taken("accepted")
