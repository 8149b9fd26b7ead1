"""The relay: hands released sends to the sender, with the ledger at the edge.

As many workers as there are connections take the next send each, note that they are about to call, call, and note how it
ended together with their next call: one commit a message, shared with what the others note at that time. So at any moment
only sends that are really being handed over are `calling`, and a kill makes no more of them uncertain.

An ending is on record before the customer is told (`Handed`), and is told until the record knows.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import partial
from sqlite3 import Connection
from typing import Any, Protocol

import structlog
from msgspec import Struct

from engine.core.events import Event, Mail
from engine.core.links import block_key, customer_block_key
from engine.core.moments import MINUTE, Instant
from engine.core.shop import Pause
from engine.core.signals import Handed
from engine.ports import Clock, Message, Sender, Sent
from engine.rendering.envelope import instant_of
from engine.runtimes.sqlite import ledger
from engine.runtimes.sqlite.ledger import Ending, Queued, Untold
from engine.runtimes.sqlite.limits import Limit, Limits, backoff
from engine.runtimes.sqlite.meters import Meters
from engine.runtimes.sqlite.scribe import Scribe

POLL = 0.25  # seconds of real time between looks at an outbox that nobody said has news
PAGE = 256
MOST_UNTOLD = 2_000

log = structlog.get_logger(__name__)

Compose = Callable[[str, Mapping[str, Any]], Message]
"""Makes the message of a send from its effect id and its effect's data: renders it, and puts links and headers to it."""


class Teller(Protocol):
    """Where endings go: the engine's loop."""

    async def signal(self, customer_id: str, signal: Handed) -> None:
        """Decide about the signal; return after the commit."""
        ...

    async def take(self, event: Event) -> None:
        """Take in an event of our own; return after the commit."""
        ...


class RelaySettings(Struct, frozen=True, kw_only=True):
    """`at_once` is the number of workers: that of the sender's connections. `only_to` are patterns of addresses."""

    at_once: int = 4
    lie_at_most: int = 15 * MINUTE
    only_to: tuple[str, ...] = ()
    limit: Limit = Limit()
    limits: dict[str, Limit] = {}


class _Over(Struct, frozen=True):
    """A send that is over for now: ended, or put off until `next_try`."""

    queued: Queued
    ending: Ending
    message_id: str = ""
    next_try: Instant | None = None


class Relay:
    """Hands over what is in the outbox, until it is stopped. `block_key` is the key of the block list."""

    def __init__(
        self,
        scribe: Scribe,
        sender: Sender,
        clock: Clock,
        teller: Teller,
        compose: Compose,
        *,
        block_key: bytes,
        pauses: Callable[[], Sequence[Pause]] = tuple,
        settings: RelaySettings | None = None,
        meters: Meters | None = None,
    ) -> None:
        self._scribe, self._sender, self._clock, self._teller, self._compose = scribe, sender, clock, teller, compose
        self._block_key, self._pauses = block_key, pauses
        self._settings = settings or RelaySettings()
        self._meters = meters or Meters(None)
        self._limits = Limits(self._settings.limit, self._settings.limits)
        self._ready: deque[Queued] = deque()
        self._held: set[str] = set()  # in `_ready`, or in the hands of a worker
        self._told: list[tuple[str, str]] = []
        self._telling = 0
        self._swept_for: Sequence[Pause] = ()
        self._gathering = asyncio.Lock()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._stopping = False
        self._group: asyncio.TaskGroup | None = None

    # What the runtime calls ------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Settle what an earlier process left, then hand over until `stop`; calls under way are waited for.

        Raises:
            ExceptionGroup: the database failed, or the loop did not take an ending. Nothing is lost by starting anew.

        """
        async with asyncio.TaskGroup() as self._group:
            await self._settle()
            for _ in range(self._settings.at_once):
                self._group.create_task(self._work())
        await self._note_told()

    def wake(self) -> None:
        """Say that there may be something new in the outbox, or that a pause was set or lifted."""
        self._news.set()

    def stop(self) -> None:
        """Begin no more calls."""
        self._stopping = True
        self._news.set()

    async def idle(self) -> bool:
        """Say whether everything released has ended, and every record knows."""
        waiting = await self._scribe.read(ledger.outbox_length)
        return not waiting and not self._held and not self._telling

    @property
    def trouble(self) -> str:
        """Why nothing can be handed over at present, empty when all is well: for `status`."""
        everywhere = self._limits.everywhere
        return everywhere.why if self._clock.now() < everywhere.closed_until else ""

    # The workers -----------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        over: list[_Over] = []
        while True:
            queued = None if self._stopping else self._next(over)
            if queued is None and not over:
                if self._stopping:
                    return
                await self._gather()
                continue
            message = self._composed(queued, over) if queued else None
            may_call = await self._note(over, queued if message else None, message)
            over = []
            if queued and message and may_call:
                over.append(await self._call(queued, message))

    def _next(self, over: list[_Over]) -> Queued | None:
        """Return the next send to call. Those that may not be called any more are put to `over`."""
        now = self._clock.now()
        if now < self._limits.everywhere.closed_until:
            self._let_go()
        while self._ready:
            queued = self._ready.popleft()
            ending = self._not_now(queued, now)
            if ending is not None:
                over.append(_Over(queued, ending))
                if len(over) >= PAGE:
                    return None
            elif self._limits.domain(queued.domain, now).open(now):
                self._limits.domain(queued.domain, now).begin()
                return queued
            else:
                self._held.discard(queued.effect_id)
        return None

    def _not_now(self, queued: Queued, now: Instant) -> Ending | None:
        """Say how a send ends without a call, None if it is to be called."""
        data = queued.data()
        not_after = instant_of(data.get("not_after"))
        if not_after and now > not_after:
            return Ending("late", "not handed over in time")
        if self._paused(queued):
            return Ending(ledger.AGAIN, "paused")
        if now - queued.queued_at >= self._settings.lie_at_most:
            return Ending(ledger.AGAIN, "lay too long")
        patterns = self._settings.only_to
        address = str(data["customer"].get("email") or "").casefold()
        if patterns and not any(fnmatchcase(address, pattern.casefold()) for pattern in patterns):
            return Ending("blocked", "only_to")
        return None

    def _paused(self, queued: Queued) -> bool:
        covered = {"engine": "", "workflow": queued.workflow, "template": queued.template, "domain": queued.domain}
        return any(covered.get(pause.scope) == pause.name for pause in self._pauses())

    def _composed(self, queued: Queued, over: list[_Over]) -> Message | None:
        try:
            return self._compose(queued.effect_id, queued.data())
        except Exception as error:
            log.exception("a message cannot be made", template=queued.template, effect_id=queued.effect_id)
            self._limits.domain(queued.domain, self._clock.now()).under_way -= 1
            over.append(_Over(queued, Ending("refused", f"the message could not be made: {error}")))
            return None

    async def _call(self, queued: Queued, message: Message) -> _Over:
        domain = self._limits.domain(queued.domain, self._clock.now())
        try:
            with self._meters.calls.time():
                sent = await self._sender.send(message)
        except Exception as error:  # noqa: BLE001 - a sender should not raise; when it does, the message may have left
            sent = Sent("unknown", diagnostic=f"the sender failed: {error}")
        finally:
            domain.under_way -= 1
        now = self._clock.now()
        ending = _ending(sent)
        if ending is not None:
            self._limits.everywhere.well()
            domain.circuit.well()
            if ending.outcome == "done":
                self._meters.handed_over_after(queued.queued_at, now)
            return _Over(queued, ending, message.message_id)
        return self._put_off(queued, sent, message, now)

    def _put_off(self, queued: Queued, sent: Sent, message: Message, now: Instant) -> _Over:
        """Choose when to try again after a temporary no; never later than the message may leave at all."""
        next_try = now + backoff(queued.effect_id, queued.attempts)
        if sent.kind == "unreachable":  # no fault of this message: the circuit decides when, for all of them
            self._limits.everywhere.trouble(now, sent.diagnostic)
            log.warning("the mail server cannot be used", why=sent.diagnostic)
            next_try = now
        else:
            self._limits.everywhere.well()
            if sent.kind == "busy":
                self._limits.domain(queued.domain, now).circuit.trouble(now, sent.diagnostic)
        if message.not_after:
            next_try = min(next_try, max(message.not_after + 1, now))
        return _Over(queued, Ending("later", sent.diagnostic), message.message_id, next_try)

    # The record ------------------------------------------------------------------------------------------------------

    async def _note(self, over: Sequence[_Over], queued: Queued | None, message: Message | None) -> bool:
        """Put on record what is over and what is called next, in one commit; then tell what has ended.

        Returns whether the next one may be called.
        """
        told, self._told = self._told, []
        now = self._clock.now()

        def change(connection: Connection) -> Untold | None:
            for each in over:
                _put_on_record(connection, each, now)
            ledger.told(connection, told)
            if queued is None or message is None:
                return None
            return ledger.claim(connection, queued, self._blocks(queued), message.message_id, now)

        ended = await self._scribe.write(change)
        for each in over:
            self._held.discard(each.queued.effect_id)
            if each.next_try is None:
                await self._begin_to_tell(Untold(each.queued.effect_id, each.queued.customer, each.ending))
        if queued is None or ended is None:
            return queued is not None
        self._limits.domain(queued.domain, now).under_way -= 1
        self._held.discard(queued.effect_id)
        await self._begin_to_tell(ended)
        return False

    def _blocks(self, queued: Queued) -> tuple[bytes, bytes]:
        data = queued.data()
        purpose = str(data["purpose"])
        address = str(data["customer"].get("email") or "")
        return (
            block_key(self._block_key, address, purpose),
            customer_block_key(self._block_key, queued.customer, purpose),
        )

    async def _begin_to_tell(self, ended: Untold) -> None:
        assert self._group is not None, "only what runs has endings"
        self._meters.ended(ended.ending.outcome)
        self._telling += 1
        if self._telling >= MOST_UNTOLD:
            self._room.clear()
            await self._room.wait()
        self._group.create_task(self._tell(ended))

    async def _tell(self, ended: Untold) -> None:
        ending = ended.ending
        try:
            if ending.outcome == "refused" and ending.kind:
                await self._teller.take(_bounce(ended, self._clock.now()))
            await self._teller.signal(ended.customer, Handed(ended.effect_id, ending.outcome, ending.reason))
            self._told.append((ended.effect_id, ending.outcome))
        finally:
            self._telling -= 1
            self._room.set()

    async def _note_told(self) -> None:
        told, self._told = self._told, []
        if told:
            await self._scribe.write(partial(_note_told, told))

    async def _settle(self) -> None:
        """Settle the calls an earlier process left behind, and tell what it could not."""
        now = self._clock.now()
        settle = partial(ledger.settle_calls, now=now, honours_key=self._sender.honours_key)
        calls = await self._scribe.write(settle)
        if calls:
            log.warning("calls were under way when the engine stopped", calls=calls, again=self._sender.honours_key)
        for ended in await self._scribe.write(ledger.untold):
            await self._begin_to_tell(ended)

    # The outbox ------------------------------------------------------------------------------------------------------

    async def _gather(self) -> None:
        """Get the next page of the outbox; where there is nothing to do, wait for news."""
        async with self._gathering:
            if self._ready or self._stopping:
                return
            self._news.clear()
            now = self._clock.now()
            busy = await self._return_paused(now) + await self._return_old(now)
            if now >= self._limits.everywhere.closed_until:
                self._take(await self._untouched(partial(ledger.due, now=now, closed=self._limits.closed(now))))
            if not busy and not self._ready:
                await self._note_told()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), POLL)

    async def _return_paused(self, now: Instant) -> int:
        """Give back what a new pause covers, so that the customers' records say it and `unpause` decides about it."""
        pauses = tuple(self._pauses())
        if pauses == self._swept_for:
            return 0
        returned = 0
        pages = await self._scribe.read(ledger.outbox_length) // PAGE + 1  # bounded, whatever comes in meanwhile
        for pause in pauses:
            for _ in range(pages):
                rows = await self._untouched(partial(ledger.covered, scope=pause.scope, name=pause.name))
                returned += await self._return(rows, Ending(ledger.AGAIN, "paused"), now)
        self._swept_for = pauses
        return returned

    async def _return_old(self, now: Instant) -> int:
        """Give back what has lain too long, also where it waits for another attempt or its domain is closed."""
        rows = await self._untouched(partial(ledger.lying_since, moment=now - self._settings.lie_at_most))
        return await self._return(rows, Ending(ledger.AGAIN, "lay too long"), now)

    async def _untouched(self, query: Callable[..., list[Queued]]) -> list[Queued]:
        """Return a page of what a query finds, without what is in somebody's hands."""
        rows = await self._scribe.read(partial(query, limit=PAGE + len(self._held)))
        return [row for row in rows if row.effect_id not in self._held]

    async def _return(self, rows: Sequence[Queued], ending: Ending, now: Instant) -> int:
        if rows:
            self._held.update(row.effect_id for row in rows)
            await self._note([_Over(row, self._not_now(row, now) or ending) for row in rows], None, None)
        return len(rows)

    def _take(self, rows: Sequence[Queued]) -> None:
        self._held.update(row.effect_id for row in rows)
        self._ready.extend(rows)

    def _let_go(self) -> None:
        self._held.difference_update(queued.effect_id for queued in self._ready)
        self._ready.clear()


def _put_on_record(connection: Connection, over: _Over, now: Instant) -> None:
    if over.next_try is not None:
        ledger.put_off(connection, over.queued, over.next_try, over.ending.reason, now)
    else:
        ledger.end(connection, over.queued, over.ending, over.message_id, now)


def _note_told(told: Sequence[tuple[str, str]], connection: Connection) -> None:
    ledger.told(connection, told)


def _ending(sent: Sent) -> Ending | None:
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


def _bounce(ended: Untold, now: Instant) -> Event:
    """Return a refusal as the bounce it is; told twice, it is the same event."""
    ending = ended.ending
    data = Mail(message_id=ended.effect_id, kind=ending.kind, status=ending.status, diagnostic=ending.diagnostic)
    return Event(f"{ended.effect_id}.refused", "smtp", "email.bounced", now, ended.customer, data)
