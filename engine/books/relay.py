"""The relay: hands released sends to the sender, with the ledger at the edge.

As many workers as there are connections take the next send each, note that they are about to call, call, and note how it
ended together with their next call: one transaction a message, shared with whatever else the engine commits then. So at
any moment only sends that are really being handed over are `calling`, and a kill makes no more of them uncertain. An
ending is put on record and decided about (`Handed`) in the same transaction, so nobody has to be told twice.

What goes by another channel than email is not called: its text is put among the effects, which whoever prints, calls or
pushes takes from there, and that ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

import structlog
from msgspec import Struct

from engine.books import ledger
from engine.books.backlog import Backlog, RelaySettings
from engine.books.ledger import Call, Ending, Queued
from engine.books.limits import Limits, backoff
from engine.books.meters import Meters
from engine.books.reconciling import Doubt, Reconciling, ending_of
from engine.books.store import SqlStore
from engine.books.suppressions import Suppressions
from engine.core.effects import SEND_GIVEN_OUT, Effect
from engine.core.events import Event, Mail
from engine.core.links import block_key, customer_block_key
from engine.core.moments import Instant
from engine.core.permission import STOPPABLE, is_stopped
from engine.core.providers import family
from engine.core.rules import Address, Purpose
from engine.core.signals import Handed, TurnedAway
from engine.core.suppressions import bounced_at, said_no_at
from engine.ports import Clock, Message, Sender, Sent, Store

POLL = 0.25  # seconds of real time between looks at an outbox that nobody said has news

T = TypeVar("T")
log = structlog.get_logger(__name__)

Compose = Callable[[str, Mapping[str, Any]], Message]
"""Makes the message of a send from its effect id and its effect's data: renders it, and puts links and headers to it."""


class Books(Protocol):
    """Where transactions are made: the engine's loop."""

    async def ask(self, change: Callable[[SqlStore, Instant], T], customers: Sequence[str] = ()) -> T:
        """Make a change in the next transaction, return what it returns after the commit."""
        ...


class Decider(Protocol):
    """Who decides about endings: the engine's handling."""

    def decide(self, store: Store, customer_id: str, signal: Handed, now: Instant) -> None:
        """Decide a signal about a customer."""
        ...

    def take(self, store: Store, event: Event, accepted: Instant, origin: str = "") -> object:
        """Take in an event of our own."""
        ...

    def look_if_moved(self, store: Store, customer_id: str, now: Instant) -> None:
        """See to it that runs which an `apply` has ended or moved are so before one of their sends leaves."""
        ...

    def turned_away(self, store: Store, customer_id: str, signal: TurnedAway, now: Instant) -> None:
        """Note that a server put off a marketing mail for what it thinks of us as a sender."""
        ...


class _Over(Struct, frozen=True):
    """A send that is over for now: ended, or put off until `next_try`."""

    queued: Queued | Call
    ending: Ending
    message_id: str = ""
    next_try: Instant | None = None
    turned_away: bool = False


class Relay:
    """Hands over what is in the outbox, until it is stopped. `block_key` is the key of the block list."""

    def __init__(
        self,
        books: Books,
        decider: Decider,
        backlog: Backlog,
        limits: Limits,
        sender: Sender,
        compose: Compose,
        clock: Clock,
        *,
        block_key: bytes,
        settings: RelaySettings | None = None,
        meters: Meters | None = None,
        on_done: Callable[[Queued], None] | None = None,
        is_current: Callable[[SqlStore, Queued], bool] = lambda _store, _queued: True,
    ) -> None:
        """`on_done` hears of each mail that was handed over, after that is on record.

        `is_current` says whether the store has the customer's record as of a send's release or later. Where it has an
        older one (the distributed engine's books follow a moment behind), that record has nothing to say about the send.
        """
        self._books, self._decider, self._backlog, self._limits = books, decider, backlog, limits
        self._sender, self._compose, self._clock, self._block_key = sender, compose, clock, block_key
        self._suppressions = Suppressions(block_key)
        self._settings = settings or RelaySettings()
        self._meters = meters or Meters(None)
        self._on_done, self._is_current = on_done, is_current
        self._reconciling = Reconciling(sender, clock, self._settled)
        self._doubted = asyncio.Event()
        self._gathering = asyncio.Lock()
        self._news = asyncio.Event()
        self._stopping = False

    async def run(self) -> None:
        """Settle what an earlier process left, then hand over until `stop`; calls under way are waited for.

        Raises:
            ExceptionGroup: the engine has stopped. Nothing is lost by starting anew.

        """
        await self._settle()
        async with asyncio.TaskGroup() as workers:
            for _ in range(self._settings.at_once):
                workers.create_task(self._work())
            workers.create_task(self._look_back())

    def wake(self) -> None:
        """Say that there may be something new in the outbox, or that a pause was set or lifted."""
        self._news.set()

    def stop(self) -> None:
        """Begin no more calls."""
        self._stopping = True
        self._news.set()
        self._doubted.set()

    async def idle(self) -> bool:
        """Say whether everything released has ended."""
        return not await self._backlog.waiting() and not self._backlog.held

    @property
    def trouble(self) -> str:
        """Why nothing can be handed over at present, empty when all is well: for `status`."""
        everywhere = self._limits.everywhere
        return everywhere.why if self._clock.now() < everywhere.closed_until else ""

    # The workers -----------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        over: list[_Over] = []
        while over or not self._stopping:
            queued, message = self._next(over)
            if queued is None and not over:
                await self._refill()
            elif await self._note(over, queued, message) and queued and message:
                over = await self._call(queued, message)
            else:
                over = []

    def _next(self, over: list[_Over]) -> tuple[Queued | None, Message | None]:
        """Return the next send and its message. What cannot be called is put to `over`."""
        given_back: list[tuple[Queued, Ending]] = []
        queued = None if self._stopping else self._backlog.next(self._clock.now(), given_back)
        over += [_Over(each, ending) for each, ending in given_back]
        if queued is None:
            return None, None
        try:
            return queued, self._compose(queued.effect_id, queued.data())
        except Exception as error:
            log.exception("a message cannot be made", template=queued.template, effect_id=queued.effect_id)
            self._limits.domain(queued.domain, self._clock.now()).under_way -= 1
            over.append(_Over(queued, Ending("refused", f"the message could not be made: {error}")))
            return None, None

    async def _refill(self) -> None:
        """Get the next page of the outbox; where there is nothing to do, wait for news."""
        async with self._gathering:
            if self._backlog.has_ready() or self._stopping:
                return
            self._news.clear()
            given_back = await self._backlog.gather(self._clock.now())
            if given_back:
                await self._note([_Over(queued, ending) for queued, ending in given_back])
            elif not self._backlog.has_ready():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), POLL)

    async def _call(self, queued: Queued, message: Message) -> list[_Over]:
        domain = self._limits.domain(queued.domain, self._clock.now())
        try:
            with self._meters.calls.time():
                sent = await self._sender.send(message)
        except Exception as error:  # noqa: BLE001 - a sender should not raise; when it does, the message may have left
            sent = Sent("unknown", diagnostic=f"the sender failed: {error}")
        finally:
            domain.under_way -= 1
        now = self._clock.now()
        ending = ending_of(sent)
        if ending is None:
            return [self._put_off(queued, sent, message, now)]
        if ending.outcome == "uncertain":
            return await self._doubt(Doubt(queued, message.message_id, ending.reason, now))
        self._limits.everywhere.well()
        domain.circuit.well()
        if ending.outcome == "done":
            self._meters.handed_over_after(queued.queued_at, now)
        return [_Over(queued, ending, message.message_id)]

    def _put_off(self, queued: Queued, sent: Sent, message: Message, now: Instant) -> _Over:
        """Choose when to try again after a temporary no; never later than the message may leave at all."""
        next_try = now + backoff(queued.effect_id, queued.attempts)
        if sent.kind == "unreachable":  # no fault of this message: the circuit decides when, for all of them
            self._limits.everywhere.trouble(now, sent.diagnostic, sent.retry_after)
            log.warning("the mail server cannot be used", why=sent.diagnostic)
            next_try = now
        else:
            self._limits.everywhere.well()
            if sent.kind == "busy":
                self._limits.domain(queued.domain, now).circuit.trouble(now, sent.diagnostic)
        if message.not_after:
            next_try = min(next_try, max(message.not_after + 1, now))
        first_answer = sent.turned_away and not queued.attempts  # of each mail one, however often it is tried
        return _Over(queued, Ending("later", sent.diagnostic), message.message_id, next_try, first_answer)

    # Calls of unknown end --------------------------------------------------------------------------------------------

    async def _doubt(self, doubt: Doubt) -> list[_Over]:
        """Ask what became of a call; where nobody knows yet it is asked again later, and its send stays `calling`."""
        ending = await self._reconciling.ask(doubt)
        self._doubted.set()
        return [] if ending is None else [_Over(doubt.send, ending, doubt.message_id)]

    async def _settled(self, doubt: Doubt, ending: Ending) -> None:
        await self._note([_Over(doubt.send, ending, doubt.message_id)])

    async def _look_back(self) -> None:
        """Ask about the calls of unknown end, as long as there are any. What is left at a stop the next start settles."""
        while not self._stopping:
            if not self._reconciling.open:
                self._doubted.clear()
                await self._doubted.wait()
                continue
            await self._reconciling.look()
            await asyncio.sleep(POLL)

    # The record ------------------------------------------------------------------------------------------------------

    async def _note(self, over: Sequence[_Over], queued: Queued | None = None, message: Message | None = None) -> bool:
        """Put on record what is over and what is called next, in one transaction.

        Returns whether the next one may be called.
        """

        def change(store: SqlStore, now: Instant) -> bool:
            for each in over:
                self._put_on_record(store, each, now)
            return queued is not None and message is not None and self._claim(store, queued, message, now)

        customers = {each.queued.customer for each in over}
        if queued is not None:
            customers.add(queued.customer)
        may_call = await self._books.ask(change, [*customers])
        self._backlog.let_go([each.queued for each in over])
        for each in over:
            self._meters.ended("later" if each.next_try is not None else each.ending.outcome)
            if each.ending.outcome == "done" and isinstance(each.queued, Queued):
                self._tell_of(each.queued)
        if queued is not None and not may_call:
            self._backlog.let_go([queued])
            self._limits.domain(queued.domain, self._clock.now()).under_way -= 1
        return may_call

    def _tell_of(self, handed_over: Queued) -> None:
        if self._on_done is not None and _channel(handed_over) == "email":
            self._on_done(handed_over)

    def _put_on_record(self, store: SqlStore, over: _Over, now: Instant) -> None:
        queued = over.queued
        if over.next_try is None or isinstance(queued, Call):
            self._end(store, queued, over.ending, over.message_id, now)
            return
        ledger.put_off(store.connection, queued, over.next_try, over.ending.reason, now)
        data = queued.data() if over.turned_away else {}
        if data and data["purpose"] != Purpose.SERVICE.value:
            address = str(data["customer"].get("email") or "")
            signal = TurnedAway(family(address), queued.effect_id, queued.queued_at)
            self._decider.turned_away(store, queued.customer, signal, now)

    def _end(self, store: SqlStore, send: Queued | Call, ending: Ending, message_id: str, now: Instant) -> None:
        ledger.end(store.connection, send, ending, message_id, now)
        if ending.outcome == "done" and isinstance(send, Queued):
            store.tally.handed_over(send.workflow, send.template)
        if ending.outcome == "refused" and ending.kind:
            self._decider.take(store, _bounce(send, ending, now), now, "smtp")
        self._decider.decide(store, send.customer, Handed(send.effect_id, ending.outcome, ending.reason), now)

    def _claim(self, store: SqlStore, queued: Queued, message: Message, now: Instant) -> bool:
        """Note that a send is about to be called, unless something came up since its release.

        What has left once never leaves again, and nothing leaves after a "no" that the database knows.
        """
        self._decider.look_if_moved(store, queued.customer, now)
        objection = self._objection(store, queued)
        if objection:
            self._end(store, queued, Ending("blocked", objection), message.message_id, now)
            return False
        if ledger.claim(store.connection, queued, message.message_id, now):
            if _channel(queued) == "email":
                return True
            self._give_out(store, queued, message, now)
            return False
        ledger.leave_outbox(store.connection, queued)
        ending = ledger.ending_of(store.connection, queued.effect_id) or Ending(ledger.AGAIN, "withdrawn")
        self._decider.decide(store, queued.customer, Handed(queued.effect_id, ending.outcome, ending.reason), now)
        return False

    def _give_out(self, store: SqlStore, queued: Queued, message: Message, now: Instant) -> None:
        """Put what is no mail among the effects, with its text, and end it: whoever takes the effects has it now."""
        data = {**queued.data(), "subject": message.subject, "text": message.text, "html": message.html}
        store.put([Effect(SEND_GIVEN_OUT, now, queued.customer, queued.effect_id, data)])
        self._end(store, queued, Ending("done"), message.message_id, now)

    def _objection(self, store: SqlStore, queued: Queued) -> str:
        data, channel = queued.data(), _channel(queued)
        purpose, address = str(data["purpose"]), str(data["customer"].get("email") or "")
        keys = (
            block_key(self._block_key, address, purpose),
            customer_block_key(self._block_key, queued.customer, purpose),
        )
        is_current = self._is_current(store, queued)  # first: a record that was read before may be older than it says
        record = store.load(queued.customer)
        if is_current and (record is None or record.gone):
            return "the customer is gone"
        listed = self._suppressions.of(store.connection, address)
        noes = [ledger.blocked_at(store.connection, keys), said_no_at(listed) if purpose in STOPPABLE else None]
        no_at = max((at for at in noes if at is not None), default=None)
        permission = record.permission.get(f"{purpose}/{channel}") if record is not None else None
        if no_at is not None and not (permission and permission.given and permission.at > no_at):
            return "the customer said no"  # and no yes came after it, from wherever
        if record is None or not is_current:
            return ""  # the release asked its record, and here is none that knows more
        if is_stopped(record, purpose, channel):
            return "stopped"
        if channel == "email" and (record.address is Address.DEAD or (bounced_at(listed) or 0) > record.last_reaction):
            return "address_dead"
        waits = any(run.effect_id == queued.effect_id and run.doing == "sending" for run in record.runs)
        return "" if waits else "the run has moved on"

    async def _settle(self) -> None:
        """Settle the calls that a stopped process left behind.

        Where the other side recognises a repeated call they may be made again; where it can be asked, it is. Else nobody
        can tell whether the message was taken, and a missing mail is better than a second one: they end as `uncertain`,
        and are not sent again.
        """

        def change(store: SqlStore, now: Instant) -> tuple[list[Doubt], int]:
            calls = ledger.calls(store.connection)
            doubts = []
            for call in calls:
                queued = ledger.queued(store.connection, call.effect_id)
                if self._sender.honours_key and queued is not None:
                    ledger.allow_again(store.connection, call)
                else:
                    doubts.append(Doubt(queued or call, call.message_id, _STOPPED, now))
            return doubts, len(calls)

        doubts, calls = await self._books.ask(change)
        if calls:
            log.warning("calls were under way when the engine stopped", calls=calls, again=self._sender.honours_key)
        self._backlog.hold([doubt.send for doubt in doubts])
        over = [each for doubt in doubts for each in await self._doubt(doubt)]
        if over:
            await self._note(over)


_STOPPED = "the engine stopped during the call"


def _channel(queued: Queued) -> str:
    return str(queued.data().get("channel") or "email")


def _bounce(send: Queued | Call, ending: Ending, now: Instant) -> Event:
    """Return a refusal as the bounce it is; its id is that of the send, so it is taken in once."""
    data = Mail(message_id=send.effect_id, kind=ending.kind, status=ending.status, diagnostic=ending.diagnostic)
    return Event(f"{send.effect_id}.refused", "smtp", "email.bounced", now, send.customer, data)
