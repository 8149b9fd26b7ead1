from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiokafka.errors import KafkaConnectionError

from engine.books.connection import DatabaseError
from engine.runtimes.kafka.brokers import Brokers
from engine.wiring.distributed import parts
from engine.wiring.distributed.parts import PartStoppedError, Up, keep_going

BROKERS = Brokers(addresses=("127.0.0.1:9",))


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test wait for seconds."""
    monkeypatch.setattr(parts, "FIRST_PAUSE", 0.001)


def failing(times: int, error: Exception, *, up_first: bool) -> tuple[Callable[[Up], Awaitable[None]], list[int]]:
    """Return a part that fails so often, then returns, and the list of its beginnings."""
    begun: list[int] = []

    async def part(up: Up) -> None:
        begun.append(len(begun))
        if up_first:
            up()
        if len(begun) <= times:
            raise error

    return part, begun


async def test_a_part_that_has_run_begins_anew_for_ever() -> None:
    """Brokers or PostgreSQL that were there come back."""
    part, begun = failing(5, DatabaseError("the server is gone"), up_first=True)
    await keep_going(part, BROKERS, asyncio.Event(), reach_within=0)
    assert len(begun) == 6


async def test_a_part_that_never_began_gives_up_with_the_brokers_named() -> None:
    """Whoever starts it sees which setting may be wrong."""
    part, _ = failing(100, KafkaConnectionError("refused"), up_first=False)
    with pytest.raises(PartStoppedError, match=r"127\.0\.0\.1:9 does not answer: .* kafka\.brokers"):
        await keep_going(part, BROKERS, asyncio.Event(), reach_within=0)


async def test_what_failed_inside_a_group_of_tasks_is_told_by_itself() -> None:
    """A part is several tasks; what one of them met is what people read."""

    async def part(up: Up) -> None:
        up()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fails())

    async def fails() -> None:
        raise LookupError("this")

    with pytest.raises(LookupError, match="this"):
        await keep_going(part, BROKERS, asyncio.Event(), reach_within=0)


async def test_a_part_is_cancelled_and_closes_what_it_opened_when_it_is_to_stop() -> None:
    """SIGTERM ends it in order, and that is no failure."""
    stop, closed = asyncio.Event(), asyncio.Event()

    async def part(up: Up) -> None:
        up()
        stop.set()
        try:
            await asyncio.Event().wait()
        finally:
            closed.set()

    await keep_going(part, BROKERS, stop, reach_within=0)
    assert closed.is_set()
