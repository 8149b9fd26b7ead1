"""How a part of the distributed engine lives: it begins anew when brokers or PostgreSQL went away, until it is stopped.

A part that could not begin once gives up after a while, with a word: somebody is watching, and the settings may be wrong.
One that has run tries for ever, since those who were there come back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from aiokafka.errors import KafkaConnectionError, KafkaError

from engine.books.connection import DatabaseError
from engine.runtimes.kafka.brokers import Brokers

FIRST_PAUSE = 0.5  # seconds of real time between two beginnings
LONGEST_PAUSE = 15.0

log = structlog.get_logger(__name__)


class PartStoppedError(Exception):
    """A part cannot go on; the message says why."""


Up = Callable[[], None]
"""Says that a part has begun: all that it needs was there."""


async def keep_going(
    part: Callable[[Up], Awaitable[None]], brokers: Brokers, stop: asyncio.Event, *, reach_within: float
) -> None:
    """Run a part until it returns or `stop` is set; when brokers or PostgreSQL are gone begin it anew.

    Args:
        part: runs until it is cancelled; it says when it is up.
        brokers: for the words about them.
        stop: set when the part is to end. It is cancelled then, and closes what it has opened.
        reach_within: seconds that the first beginning may take.

    Raises:
        PartStoppedError: it could not begin in that time.

    """
    has_begun, pause, deadline = False, FIRST_PAUSE, time.monotonic() + reach_within

    def up() -> None:
        nonlocal has_begun, pause
        has_begun, pause = True, FIRST_PAUSE

    while not stop.is_set():
        try:
            await _until(part(up), stop)
        except (KafkaError, DatabaseError, OSError) as error:
            why = in_words(error, brokers)
            if not has_begun and time.monotonic() >= deadline:
                raise PartStoppedError(why) from None
            log.warning("begins anew after a while", why=why, seconds=pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            return


def in_words(error: Exception, brokers: Brokers) -> str:
    """Say what went wrong with brokers or PostgreSQL."""
    if isinstance(error, KafkaConnectionError):
        return f"Kafka at {brokers.named} does not answer: is it up, and is kafka.brokers right? ({error})"
    if isinstance(error, KafkaError):
        return f"Kafka at {brokers.named}: {error}"
    return str(error)


async def _until(part: Awaitable[None], stop: asyncio.Event) -> None:
    """Wait for a part, or cancel it when it is to stop; what it raised first is raised."""
    running = asyncio.ensure_future(part)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        if not running.done():
            running.cancel()
    try:
        await running
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    except BaseExceptionGroup as group:
        raise first_of(group) from None


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what a group of tasks failed of: the first of its errors."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
