"""Bringing effects to one receiver: what to try, the calls, and the record of how they ended.

A receiver follows the log of effects at its own pace. What it takes leaves no trace but its position; what it cannot
take yet becomes a parcel, tried again for days and then a dead letter, and whatever comes for the same customer waits
behind it. Position, parcels, dead letters and what a receiver tells us are noted in one transaction, after the calls: a
kill in between makes some of them come again, under the same ids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

import structlog
from msgspec import Struct
from msgspec.structs import replace

from engine.books import parcels
from engine.books.connection import Connection
from engine.books.limits import Circuit, backoff
from engine.books.meters import DeliveryMeters
from engine.books.parcels import Parcel
from engine.books.reader import Reader
from engine.books.store import SqlStore
from engine.core.customer import Customer
from engine.core.effects import Effect, line
from engine.core.events import DeadLetter, Event
from engine.core.leaving import may_leave, told
from engine.core.moments import DAY, MINUTE, SECOND, Instant
from engine.core.shop import Shop
from engine.ports import Clock, Receipt, Receiver, Store

POLL = 0.25  # seconds of real time between looks at a log that nobody said has news

PAGE = 64
"""Effects in hand at a time, for one receiver: so many may come again after a kill."""

UNNOTED = 1_000
"""Effects for others that a receiver may have passed without a note of it: they are passed again after a start."""

GIVE_UP_AFTER = 3 * DAY
"""After the first attempt; what was not taken by then is a dead letter."""

LEAST_ATTEMPTS = 12
"""Before it is a dead letter, however long ago the first one was: an engine that stood still for days has not tried."""

LONGEST_WAIT = 30 * MINUTE
"""Between two attempts with one parcel."""

ORIGIN = "receiver "
"""How the origin of a dead letter begins that is about an effect nobody took."""

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Books(Protocol):
    """Where transactions are made: the engine's loop."""

    async def ask(self, change: Callable[[SqlStore, Instant], T], customers: Sequence[str] = ()) -> T:
        """Make a change in the next transaction, return what it returns after the commit."""
        ...


class Taker(Protocol):
    """Who takes in what receivers tell: the engine's handling."""

    def take(self, store: Store, event: Event, accepted: Instant, origin: str = "") -> object:
        """Take in an event."""
        ...


class _End(Struct, frozen=True):
    """How an attempt ended; without a receipt none was made, and the effect waits behind another of its customer."""

    parcel: Parcel
    receipt: Receipt | None
    at: Instant


class _Hand(Struct, frozen=True):
    """What is in hand: parcels to try, by customer in order; those that wait; and how far this leads in the log."""

    to_try: dict[str, list[Parcel]] = {}
    behind: tuple[Parcel, ...] = ()
    position: int = 0
    records: dict[str, Customer] = {}


def _in_hand(connection: Connection, found: Sequence[Parcel], waiting: set[str], position: int) -> _Hand:
    to_try: dict[str, list[Parcel]] = {}
    for parcel in found:
        if parcel.effect.customer not in waiting:
            to_try.setdefault(parcel.effect.customer, []).append(parcel)
    behind = tuple(each for each in found if each.effect.customer in waiting)
    return _Hand(to_try, behind, position, parcels.records_of(connection, to_try) if to_try else {})


class Delivery:
    """Brings effects to one receiver, until it is told to stop."""

    def __init__(
        self,
        books: Books,
        taker: Taker,
        effects: Reader,
        receiver: Receiver,
        clock: Clock,
        shop: Callable[[], Shop],
        give_up_after: int,
        meters: DeliveryMeters,
    ) -> None:
        self.receiver, self.news, self.stopping = receiver, asyncio.Event(), False
        self._books, self._taker, self._log, self._clock, self._shop = books, taker, effects, clock, shop
        self._give_up_after, self._meters = give_up_after, meters
        self._circuit = Circuit(SECOND, 15 * MINUTE)
        self._position = self._noted = 0
        self._in_hand = True

    @property
    def trouble(self) -> str:
        """Why the receiver as a whole is left alone for now, empty when all is well."""
        return self._circuit.why if self._clock.now() < self._circuit.closed_until else ""

    def has_come_to(self, position: int) -> bool:
        """Say whether nothing is in hand, and everything up to this effect has been."""
        return self._position >= position and not self._in_hand

    async def run(self) -> None:
        """Deliver until `stopping`."""
        self._position = self._noted = await self._books.ask(
            lambda store, _: parcels.begin(store.connection, self.receiver.name)
        )
        while not self.stopping:
            self.news.clear()
            self._in_hand = True
            hand = await self._gather()
            if hand.to_try or hand.behind or hand.position - self._noted >= UNNOTED:
                await self._note(hand, await self._try(hand))
                continue
            self._position = max(self._position, hand.position)
            self._in_hand = False
            with suppress(TimeoutError):
                await asyncio.wait_for(self.news.wait(), POLL)

    async def _gather(self) -> _Hand:
        """Find what to try; in trouble one at a time is enough to learn whether it is over."""
        now, shop = self._clock.now(), self._shop()
        if now < self._circuit.closed_until:
            return _Hand(position=self._position)
        limit = 1 if self._circuit.why else PAGE

        def mine(found: Parcel) -> bool:
            return may_leave(found.effect, shop) and self.receiver.takes(told(found.effect))

        def look(connection: Connection) -> _Hand:
            """Parcels whose time has come go before what is new."""
            overdue = parcels.due(connection, self.receiver.name, now, limit)
            if overdue:
                return _in_hand(connection, overdue, set(), self._position)
            found, position = parcels.news(connection, self.receiver.types, self._position, limit)
            found = [each for each in found if mine(each)]
            customers = {each.effect.customer for each in found}
            waiting = parcels.waiting_customers(connection, self.receiver.name, customers)
            return _in_hand(connection, found, waiting, position)

        return await self._log.read(look)

    # The calls -------------------------------------------------------------------------------------------------------

    async def _try(self, hand: _Hand) -> list[_End]:
        """Try what is in hand, as many customers at a time as the receiver takes; return how it ended, in order."""
        room = asyncio.Semaphore(self.receiver.at_once)

        async def one_customer(customer: str, theirs: list[Parcel]) -> list[_End]:
            async with room:
                return await self._try_in_order(theirs, hand.records.get(customer))

        tried = await asyncio.gather(*(one_customer(*each) for each in hand.to_try.items()))
        ends = [end for ends in tried for end in ends]
        return sorted(ends, key=lambda end: end.parcel.seq)

    async def _try_in_order(self, theirs: list[Parcel], record: Customer | None) -> list[_End]:
        ends: list[_End] = []
        held = False
        for parcel in theirs:
            closed = self.stopping or self._clock.now() < self._circuit.closed_until
            receipt = None if held or closed else await self._call(told(parcel.effect), record)
            ends.append(_End(parcel, receipt, self._clock.now()))
            if receipt is None or receipt.outcome == "later":
                held = True
        return ends

    async def _call(self, effect: Effect, record: Customer | None) -> Receipt:
        try:
            receipt = await self.receiver.take(effect, record)
        except Exception as error:  # a receiver should not raise; when it does, nobody knows what became of the effect
            log.exception("a receiver failed", receiver=self.receiver.name, type=effect.type)
            receipt = Receipt("later", f"the receiver failed: {type(error).__name__}")
        self._meters.attempted(self.receiver.name, receipt.outcome)
        if receipt.outcome == "later":
            now = self._clock.now()
            self._circuit.trouble(now, receipt.reason)
            if receipt.retry_after is not None:
                self._circuit.closed_until = max(self._circuit.closed_until, now + receipt.retry_after)
        else:
            self._circuit.well()
        return receipt

    # The record ------------------------------------------------------------------------------------------------------

    async def _note(self, hand: _Hand, ends: Sequence[_End]) -> None:
        """Put on record how everything in hand ended, in one transaction."""

        def change(store: SqlStore, now: Instant) -> None:
            for end in ends:
                self._put_on_record(store, end, now)
            for parcel in hand.behind:
                parcels.keep(store.connection, self.receiver.name, parcel, now, "")
            parcels.move_on(store.connection, self.receiver.name, hand.position)

        concerned = [end.parcel.effect.customer for end in ends if end.receipt is not None and end.receipt.events]
        await self._books.ask(change, concerned)
        self._position = self._noted = max(self._position, hand.position)

    def _put_on_record(self, store: SqlStore, end: _End, now: Instant) -> None:
        name, parcel, receipt = self.receiver.name, end.parcel, end.receipt
        if receipt is None:
            parcels.keep(store.connection, name, parcel, now, "")
            return
        for event in receipt.events:
            self._taker.take(store, replace(event, time=now), now, f"told by {name}")
        if receipt.outcome == "done":
            parcels.drop(store.connection, name, parcel)
            return
        tried = replace(parcel, first_try=parcel.first_try or end.at, attempts=parcel.attempts + 1)
        assert tried.first_try is not None, "it was set a line before"
        too_long = end.at - tried.first_try >= self._give_up_after and tried.attempts >= LEAST_ATTEMPTS
        if receipt.outcome == "later" and not too_long:
            wait = backoff(parcel.effect.id, parcel.attempts, most=LONGEST_WAIT)
            parcels.keep(store.connection, name, tried, end.at + max(wait, receipt.retry_after or 0), receipt.reason)
            return
        reason = receipt.reason if receipt.outcome == "refused" else f"not taken for days: {receipt.reason}"
        store.bury(DeadLetter(line(told(parcel.effect)).rstrip(), reason, f"{ORIGIN}{name}"), now)
        parcels.drop(store.connection, name, parcel)
        log.warning("an effect is a dead letter", receiver=name, type=parcel.effect.type, why=reason)
