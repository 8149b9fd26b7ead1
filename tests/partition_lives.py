"""A model of what a partition lives among: topics that append, a changelog that is compacted, processes that die or stop.

A process does what a worker does, in the worker's order, one small step after the other: decide a record, append what was
decided one by one, append a batch to the changelog, put it on the shelf, acknowledge. It may be killed between any two of
them, or be stopped and go on while another has the partition already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from engine.core.effects import Effect
from engine.runtimes.kafka.partition import Outcome, Partition
from engine.runtimes.kafka.values import Restored, Takeover
from engine.runtimes.kafka.wire import Place, Record
from engine.runtimes.kafka.words import Word
from tests.inbox_streams import KEY, Stream

Written = list[tuple[bytes, bytes | None]]


class Topics:
    """What one partition of each topic holds, and the offset that is acknowledged. `end` is how much has come by now."""

    def __init__(self, inbox: Sequence[Record]) -> None:
        self.inbox = inbox
        self.end = 0
        self.effects: list[tuple[Place, Effect]] = []
        self.words: list[tuple[Place, Word]] = []
        self.changelog: Written = []
        self.acknowledged = 0

    def compact(self, upto: int, *, deletions: bool) -> None:
        """Keep the last entry of each key of the changelog's beginning; with `deletions`, let those go as well."""
        head, tail = self.changelog[:upto], self.changelog[upto:]
        last = {key: place for place, (key, _) in enumerate(head)}
        kept = [(key, value) for place, (key, value) in enumerate(head) if last[key] == place]
        self.changelog = [(key, value) for key, value in kept if value is not None or not deletions] + tail

    def restored(self) -> Restored:
        """Read the changelog from its beginning."""
        restored = Restored()
        for key, value in self.changelog:
            restored.take(key, value)
        return restored


class Process:
    """A worker that has the partition, or believes it has. Each `step` is one thing that a crash cannot divide."""

    def __init__(self, topics: Topics, stream: Stream, number: int, random: Random, rewind: int) -> None:
        self.topics, self.random = topics, random
        restored = topics.restored()
        self.shelf = dict(restored.values)
        self.takeover: Takeover = restored.takeover(random.getrandbits(63), topics.end)
        self.partition = partition_over(self.shelf, stream, number)
        self.offset = max(0, topics.acknowledged - rewind)
        self.fetched: int | None = None
        self._outcomes: list[Outcome] = []
        self._steps = self._live()

    def stop(self) -> None:
        """Be stopped: what has come by now is at hand when it goes on, and nothing after it."""
        self.fetched = self.topics.end

    def step(self) -> bool:
        """Do the next thing; return whether there was one."""
        return next(self._steps, None) is not None

    def _live(self) -> Iterator[str]:
        offsets: list[int] = []
        while True:
            for _ in range(self.random.randint(1, 6)):
                yield from self._decide(offsets)
            if not offsets:
                if self.fetched is not None or self.topics.end == len(self.topics.inbox):
                    return
                self.topics.end = min(len(self.topics.inbox), self.topics.end + self.random.randint(1, 20))
                continue
            ahead: list[int] = []  # decided while the flush is under way
            yield from self.flush(self.partition.dirty(), offsets[-1] + 1, ahead)
            offsets = ahead

    def flush(self, batch: dict[bytes, bytes], upto: int, ahead: list[int]) -> Iterator[str]:
        """Make durable what was decided, and acknowledge it: the order is the promise."""
        yield from self.put_out()
        for _ in range(self.random.randint(0, 2)):
            yield from self._decide(ahead)
        yield from self.change(batch)
        self.topics.acknowledged = upto
        yield "acknowledged"

    def change(self, batch: dict[bytes, bytes]) -> Iterator[str]:
        """Append a batch to the changelog, and put it on the shelf."""
        self.topics.changelog += self.takeover.entries(batch)
        yield "changelog"
        self.shelf.update(batch)
        self.partition.kept()

    def _decide(self, offsets: list[int]) -> Iterator[str]:
        if self.offset < (self.topics.end if self.fetched is None else self.fetched):
            self._outcomes.append(self.partition.decide(self.offset, self.topics.inbox[self.offset]))
            offsets.append(self.offset)
            self.offset += 1
            yield "decided"

    def put_out(self) -> Iterator[str]:
        """Append what was decided to the topics, one by one."""
        outcomes, self._outcomes = self._outcomes, []
        for outcome in outcomes:
            for placed in outcome.effects:
                self.topics.effects.append(placed)
                yield "effect"
            for told in outcome.words:
                self.topics.words.append(told)
                yield "word"


def partition_over(shelf: dict[bytes, bytes], stream: Stream, number: int) -> Partition:
    """Return a partition of a stream over a shelf."""
    return Partition(number, len(stream.inboxes), stream.rules_of, KEY, shelf)
