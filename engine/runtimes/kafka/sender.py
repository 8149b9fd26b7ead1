"""The sender: the one process that hands mails over, with the ledger in PostgreSQL.

It holds a lock that ends with its session. A second sender waits for it; one that has lost its session can note nothing
any more, so it can call nothing any more either, since a call is noted before it is made. Whatever a lost sender was about
to hear from the mail server is listed as uncertain by the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from engine.books import handover
from engine.books.deliveries import Deliveries
from engine.books.ledger import Queued
from engine.books.relay import Relay
from engine.books.store import SqlStore
from engine.runtimes.kafka.incoming import Incoming
from engine.runtimes.kafka.telling import Telling

CALLS_MAY_TAKE = 20.0
"""Seconds that calls under way get when the sender stops."""

log = structlog.get_logger(__name__)


def is_current(store: SqlStore, queued: Queued) -> bool:
    """Say whether the books have the customer's record as of the send's release, or later.

    The projector writes records meanwhile: whatever was read of them before this was asked is let go.
    """
    store.end_portion()
    return handover.is_current(store.connection, queued.customer, queued.seq)


async def hand_over(
    incoming: Incoming,
    relay: Relay,
    deliveries: Deliveries,
    telling: Telling,
    beside: Sequence[Callable[[], Awaitable[None]]] = (),
) -> None:
    """Take in sends, hand them over and tell what became of them, until cancelled; then end in order.

    `beside` runs along. Ending in order: no more calls are begun, those under way are waited for, and what is to be told
    is told.

    Raises:
        ExceptionGroup: books or brokers cannot be used any more. Nothing is lost by beginning anew.

    """
    calling = [asyncio.create_task(relay.run()), asyncio.create_task(deliveries.run())]
    telling_on = asyncio.create_task(telling.run())
    others = [asyncio.create_task(_run(each)) for each in (incoming.run, *beside)]
    every = [*calling, telling_on, *others]
    try:
        await asyncio.wait(every, return_when=asyncio.FIRST_COMPLETED)
        failed = [error for task in every if task.done() and (error := task.exception()) is not None]
        raise ExceptionGroup("the sender cannot go on", [error for error in failed if isinstance(error, Exception)])
    except asyncio.CancelledError:
        relay.stop()
        deliveries.stop()
        await asyncio.wait(calling, timeout=CALLS_MAY_TAKE)
        telling.stop()
        await asyncio.wait([telling_on], timeout=CALLS_MAY_TAKE)
        raise
    finally:
        for task in every:
            task.cancel()
        await asyncio.gather(*every, return_exceptions=True)


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()
