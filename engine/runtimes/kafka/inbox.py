"""The gateway's side of the inbox: entries are gathered per partition, stamped, and written in records.

While one batch of a partition is on its way the next one gathers, and there is never more than one on its way: so the
order of a partition is the order in which entries were added, whatever a broker does. A lone entry waits 5 ms for others;
where many come, up to 50 ms, since every record costs the worker as much as some tens of entries do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from engine.core.moments import SECOND, Instant
from engine.runtimes.kafka.producing import Producing
from engine.runtimes.kafka.wire import MOST_BYTES, MOST_ENTRIES, Entry, Record, encode_record, in_records

LINGER: Final = 0.005
LINGER_UNDER_LOAD: Final = 0.05
"""Seconds of real time that a record gathers, when it is quiet and when it is not."""

MOST_IN_HAND: Final = 64 * 1024 * 1024
"""Bytes of entries that may wait for the broker; whoever brings more waits before they are taken."""

BATCH_BYTES: Final = 900_000
"""Bytes of records that go to the broker at once, under the megabyte that brokers take without being told to."""

_OVERHEAD = 200  # bytes that an entry costs beside what it holds


class Gathering:
    """Entries of one partition that go into Kafka together. `done` ends when they are there."""

    __slots__ = ("began", "done", "entries", "size")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.size = 0
        self.began = 0.0  # when its first entry came, in the asyncio loop's time
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Inbox:
    """Writes the inbox. Used in one asyncio loop."""

    def __init__(
        self,
        producing: Producing,
        topic: str,
        partitions: int,
        now: Callable[[], Instant],
        *,
        most_in_hand: int = MOST_IN_HAND,
        linger: float = LINGER,
        linger_under_load: float = LINGER_UNDER_LOAD,
    ) -> None:
        """`now` reads the clock; what a partition is told never goes back."""
        self._producing, self._topic, self._now = producing, topic, now
        self._most_in_hand = most_in_hand
        self._linger, self._linger_under_load = linger, linger_under_load
        self._lanes = [_Lane(self, number) for number in range(partitions)]
        self._room = asyncio.Event()
        self._room.set()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.in_hand = self.records = self.entries = 0

    @property
    def partitions(self) -> int:
        """How many partitions it has."""
        return len(self._lanes)

    def add(self, partition: int, entry: Entry) -> Gathering:
        """Add an entry, after all that were added before; its gathering says when it is in Kafka."""
        lane = self._lanes[partition]
        gathering = lane.gathering
        entries = gathering.entries
        entries.append(entry)
        size = len(entry.signal) + _OVERHEAD
        gathering.size += size
        self.in_hand += size
        if len(entries) == 1:
            gathering.began = asyncio.get_running_loop().time()
            lane.look()
        elif len(entries) == MOST_ENTRIES or gathering.size >= MOST_BYTES:
            lane.look()
        return gathering

    async def room(self) -> None:
        """Wait while too much waits already.

        Raises:
            ProducerStoppedError: Kafka takes no more, for good.

        """
        if self._failed.done():
            self._failed.result()
        if self.in_hand >= self._most_in_hand:
            self._room.clear()
            await self._room.wait()

    def tick(self) -> None:
        """Tell every partition the time, but for those that were told with other things since the last time."""
        for lane in self._lanes:
            lane.tick()

    async def flush(self) -> None:
        """Wait until all that was added is in Kafka.

        Raises:
            ProducerStoppedError: it cannot get there.

        """
        while True:
            waiting = [lane.last for lane in self._lanes if lane.busy]
            if not waiting:
                return
            for lane in self._lanes:
                lane.look(at_once=True)
            await asyncio.wait(waiting)
            for each in waiting:
                each.result()

    async def ended(self) -> None:
        """Wait until Kafka refuses our records for good.

        Raises:
            ProducerStoppedError: it has.

        """
        await asyncio.shield(self._failed)

    # What lanes use --------------------------------------------------------------------------------------------------

    def linger_after(self, quiet: float) -> float:
        """Return how long a record gathers, from how long its partition has been quiet."""
        return self._linger if quiet > self._linger_under_load else self._linger_under_load

    def stamp(self, last: Instant) -> Instant:
        """Return when entries are accepted that leave now: never before the last ones of their partition."""
        return max(self._now(), last)

    async def write(self, partition: int, gathering: Gathering, at: Instant) -> None:
        """Write what was gathered, and tell who waits for it."""
        try:
            for rows in _batches(at, gathering.entries):
                await self._producing.append(self._topic, partition, [(None, row, ()) for row in rows])
                self.records += len(rows)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it, and nothing goes on
            if not self._failed.done():
                self._failed.set_exception(error)
            gathering.done.set_exception(error)
            gathering.done.exception()  # whoever waits is told; nobody may be waiting
            self._room.set()
            return
        self.entries += len(gathering.entries)
        self.in_hand -= gathering.size
        if self.in_hand < self._most_in_hand:
            self._room.set()
        gathering.done.set_result(None)


class _Lane:
    """One partition of the inbox: what gathers, and what is on its way."""

    __slots__ = ("_at", "_due", "_inbox", "_last_end", "_number", "_task", "_told", "gathering", "last")

    def __init__(self, inbox: Inbox, number: int) -> None:
        self._inbox, self._number = inbox, number
        self.gathering = Gathering()
        self.last = self.gathering.done
        self._at: Instant = 0
        self._told = False
        self._due: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._last_end = -1e9

    @property
    def busy(self) -> bool:
        """Whether something gathers or is on its way. `last` is then the end of the latest of it."""
        if self.gathering.entries:
            self.last = self.gathering.done
            return True
        return self._task is not None

    def look(self, *, at_once: bool = False) -> None:
        """Send what has gathered if it is time to; else see to it that it will be."""
        gathering = self.gathering
        if self._task is not None or not gathering.entries:
            return
        full = len(gathering.entries) >= MOST_ENTRIES or gathering.size >= MOST_BYTES
        if full or at_once:
            self._send()
        elif self._due is None:
            loop = asyncio.get_running_loop()
            began = gathering.began
            self._due = loop.call_at(began + self._inbox.linger_after(began - self._last_end), self._send)

    def tick(self) -> None:
        if self._task is None and not self.gathering.entries and not self._told:
            self._send()
        self._told = False

    def _send(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self._task is not None:
            return
        gathering, self.gathering = self.gathering, Gathering()
        self.last = gathering.done
        self._at = self._inbox.stamp(self._at)
        self._told = True
        self._task = asyncio.create_task(self._inbox.write(self._number, gathering, self._at))
        self._task.add_done_callback(self._sent)

    def _sent(self, _: asyncio.Task[None]) -> None:
        self._task = None
        self._last_end = asyncio.get_running_loop().time()
        self.look()


def _batches(at: Instant, entries: list[Entry]) -> list[list[bytes]]:
    """Return the records of these entries as bytes, in batches that a broker takes; of no entries one tick."""
    batches: list[list[bytes]] = [[]]
    size = 0
    for record in in_records(at, entries) if entries else (Record(at),):
        raw = encode_record(record)
        if batches[-1] and size + len(raw) > BATCH_BYTES:
            batches.append([])
            size = 0
        batches[-1].append(raw)
        size += len(raw)
    return batches


def until_next_second(now: Instant) -> float:
    """Return the seconds until the clock shows a whole second: gateways tick together, so that ticks are told once."""
    return (SECOND - now % SECOND) / SECOND
