"""What the gateway does with what came: each piece is told to whom it concerns, in order, or is a dead letter.

Pieces come in records of a source partition or by HTTP; both go the same way. A piece that needs a question keeps the
ones after it waiting, so that nothing overtakes anything within one source.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Final, Protocol

from msgspec import Struct

from engine.books.journal import encode_signal
from engine.core.customer import Customer
from engine.core.erasing import REFUSED, subject_key
from engine.core.events import DeadLetter, Event
from engine.core.moments import Instant
from engine.core.reading import encode
from engine.core.signals import AnySignal, Happened, Shares
from engine.core.whose import NOBODY, OF_THE_SHOP, mail_key
from engine.handling import Taken
from engine.handling.across import claimed
from engine.runtimes.kafka.identifying import Claim, Whose
from engine.runtimes.kafka.inbox import Inbox
from engine.runtimes.kafka.wire import Entry, partition_of
from engine.runtimes.kafka.words import Heard, Known, Told, entry_of_word, told

Piece = Event | DeadLetter | Told | Known | Heard
"""Something that came: from the shop, or a word of our own processes."""

Bury = Callable[[DeadLetter, Instant], asyncio.Future[None]]
"""Keeps a dead letter; the future ends when it is durable."""

Listed = Callable[[Sequence[str]], Awaitable[Mapping[str, Customer]]]
"""Says what imported suppressions know of addresses, as the record of one who shares them; many know nothing.

Raises:
    DatabaseError: the list cannot be asked now.
"""


class Erased(Protocol):
    """The list of those who were erased, as of a moment ago."""

    def knows(self, event: Event) -> bool:
        """Say whether an event is about one of them."""
        ...

    def knows_bytes(self, raw: bytes) -> bool:
        """Say whether bytes that cannot be read speak of one of them."""
        ...

    def has(self, keys: Iterable[str]) -> bool:
        """Say whether one of these identity keys is of one of them."""
        ...


class Given(Struct):
    """What became of some pieces. They are durable when everything in `waits` has ended."""

    results: list[Taken]
    waits: set[asyncio.Future[None]]

    async def durable(self) -> None:
        """Wait until all of it is in Kafka.

        Raises:
            ProducerStoppedError: it cannot get there.

        """
        await all_of(self.waits)


class Counts(Struct):
    """How many of what there has been, since the process began."""

    events: int = 0
    words: int = 0
    letters: int = 0
    looked_up: int = 0


class Taking:
    """Takes in pieces. Used in one asyncio loop."""

    def __init__(
        self,
        inbox: Inbox,
        whose: Whose,
        bury: Bury,
        listed: Listed,
        now: Callable[[], Instant],
        erased: Erased | None = None,
    ) -> None:
        self._inbox, self._whose, self._bury, self._listed, self._now = inbox, whose, bury, listed, now
        self._erased = erased
        self.counts = Counts()

    async def take(self, pieces: Sequence[Piece], origins: Sequence[str]) -> Given:
        """Put pieces on their way, each with where it came from; return before they are durable.

        Waits while too much is under way already, and while a question that must be asked cannot be.
        """
        await self._inbox.room()
        if self._erased is not None:
            pieces = [_REFUSED if _refuses(self._erased, piece) else piece for piece in pieces]
        at_once = self._whose.at_once
        customers = [at_once(piece) if type(piece) is Event else "" for piece in pieces]
        known = [(piece, origin) for piece, origin in zip(pieces, origins, strict=True) if type(piece) is Known]
        if known:
            await self._learn(known)
        if heard := {mail_key(piece.address) for piece in pieces if type(piece) is Heard}:
            pieces = _for_owners(pieces, await self._whose.find(heard))
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
        if piece is _REFUSED:
            return Taken("refused", reason=REFUSED)
        counts.words += 1
        if type(piece) is Told and piece.customer:
            waits.add(self._tell(piece))
        return _ACCEPTED

    def _tell(self, word: Told) -> asyncio.Future[None]:
        return self._inbox.add(partition_of(word.customer, self._inbox.partitions), entry_of_word(word)).done

    async def _ask(self, asking: Sequence[int], pieces: Sequence[Piece], customers: list[str | None]) -> None:
        events = [piece for place in asking if isinstance(piece := pieces[place], Event)]
        self.counts.looked_up += len(events)
        for place, customer in zip(asking, await self._whose.look_up(events), strict=True):
            customers[place] = customer

    async def _learn(self, words: Sequence[tuple[Known, str]]) -> None:
        """Let keys change hands; what follows from it for others is told, durably, before they do.

        In this order, a gateway that dies on the way tells it again, and nobody who shares an address goes unheard.
        """
        await self._heed_list(words)
        waiting = list(words)
        while waiting:
            this_time = {each[0].key: each for each in reversed(waiting)}  # of several the first
            owners = await self._whose.find(this_time)
            claims = [
                Claim(key, word.customer, owners.get(key, ""))
                for key, (word, _) in this_time.items()
                if owners.get(key) != word.customer
            ]
            follow = []
            for each in claims:
                word, origin = this_time[each.key]
                follows = claimed(each.key, each.instead_of or None, word.customer, history=word.history)
                if follows is not None:
                    follow.append(self._tell(_marked(*follows, origin)))
            await all_of(follow)
            done = await self._whose.claim(claims) if claims else ()
            lost = {each.key for each in claims}.difference(done)  # to another gateway, which was faster
            waiting = [each for each in waiting if each is not this_time[each[0].key] or each[0].key in lost]

    async def _heed_list(self, words: Sequence[tuple[Known, str]]) -> None:
        """Tell whoever has an address since now what imported suppressions say of it, whether it was theirs before or not."""
        before = mail_key("")
        owners = [
            (word.key.removeprefix(before), word, origin) for word, origin in words if word.key.startswith(before)
        ]
        if not owners:
            return
        listed = await self._whose.patiently(lambda: self._listed([address for address, _, _ in owners]))
        await all_of(
            self._tell(_marked(word.customer, Shares(listed[address], history=True), f"list {origin}"))
            for address, word, origin in owners
            if address in listed
        )


_REFUSED: Final = Told("", b"", b"")
"""Stands for a piece that is not taken in, since it is about somebody who was erased."""


def _refuses(erased: Erased, piece: Piece) -> bool:
    """Say whether a piece is not to be taken in. A word to somebody who was erased is: what is left of them hears it."""
    if isinstance(piece, Event):
        return erased.knows(piece)
    if isinstance(piece, DeadLetter):
        return erased.knows_bytes(piece.raw)
    return isinstance(piece, Known) and erased.has([subject_key(piece.customer)])


def _for_owners(pieces: Sequence[Piece], owners: Mapping[str, str]) -> list[Piece]:
    """Return the pieces with what is heard of an address told to who has it; of one that nobody has to nobody."""
    return [
        Told(owners.get(mail_key(each.address), ""), each.signal, each.mark) if type(each) is Heard else each
        for each in pieces
    ]


def _marked(customer_id: str, signal: AnySignal, origin: str) -> Told:
    """Return what a customer is told because of a word; read again, the word gives it the same mark."""
    mark = blake2b(f"{origin}\x1f{customer_id}".encode(), digest_size=8).digest()
    return told(customer_id, signal, mark=mark)


async def all_of(ends: Iterable[asyncio.Future[None]]) -> None:
    """Wait for all of these, which others wait for too: whoever is cancelled here (`gather` would) cancels none of them."""
    if waits := set(ends):
        await asyncio.wait(waits)
        for each in waits:
            each.result()


_ACCEPTED: Final = Taken("accepted")
