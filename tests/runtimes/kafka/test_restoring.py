"""Reading a changelog back: what a slow disk means for the loop, and for who is cancelled meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from engine.runtimes.kafka.restoring import write_meanwhile
from engine.runtimes.kafka.shelf import ChangelogEntry


class SlowDisk:
    """Takes as long over a write as it is held."""

    def __init__(self) -> None:
        self.begun, self.let_go = threading.Event(), threading.Event()
        self.written = 0

    def write(self, entries: Sequence[ChangelogEntry], upto: int) -> None:  # noqa: ARG002 - only the end is of interest
        """Wait to be let go."""
        self.begun.set()
        assert self.let_go.wait(30)
        self.written = upto


async def test_the_loop_turns_while_a_disk_writes() -> None:
    """However long a write takes, others go on meanwhile."""
    disk = SlowDisk()
    writing = asyncio.create_task(write_meanwhile(disk.write, [], 7))
    await asyncio.to_thread(disk.begun.wait, 30)
    assert not writing.done()  # and this line was reached
    disk.let_go.set()
    await writing
    assert disk.written == 7


async def test_who_is_cancelled_waits_for_the_end_of_a_write() -> None:
    """A restore that is cancelled ends when its write has: nobody closes the disk under it."""
    disk = SlowDisk()
    writing = asyncio.create_task(write_meanwhile(disk.write, [], 7))
    await asyncio.to_thread(disk.begun.wait, 30)
    writing.cancel()
    await asyncio.sleep(0)
    assert not writing.done()
    disk.let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert disk.written == 7
