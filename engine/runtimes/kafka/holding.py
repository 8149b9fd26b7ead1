"""Which partitions a worker holds: taken over after an assignment, kept over a rebalance, given up without a pause.

A rebalance takes all partitions from everybody and hands most of them back. One that comes back with the very next generation
of the group had no other owner meanwhile, so its engine goes on as it is. Any other is read back from its changelog.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import structlog

from engine.runtimes.kafka.held import Compose, Held
from engine.runtimes.kafka.partition import Partition
from engine.runtimes.kafka.restoring import CannotRestore, Ends, restore
from engine.runtimes.kafka.rules_topic import RulesReader
from engine.runtimes.kafka.shelf import Shelf
from engine.runtimes.kafka.topic_names import TopicNames
from engine.runtimes.kafka.values import GENERATION_BYTES
from engine.runtimes.kafka.watchdog import Pulse, moment
from engine.runtimes.kafka.worker_meters import WorkerMeters

RECORDS_A_SECOND: Final = 50
"""At most this many records a second a partition of the inbox gets: the gateway lingers 20 ms at least under load."""

log = structlog.get_logger(__name__)


class Holding:
    """The partitions held, by number."""

    def __init__(
        self,
        connection: Mapping[str, Any],
        topics: TopicNames,
        partitions: int,
        rules: RulesReader,
        key: bytes,
        compose: Compose,
        new_shelf: Callable[[int], Shelf],
        pulse: Pulse,
        meters: WorkerMeters,
        *,
        rewind: float,
    ) -> None:
        """Hold none yet.

        Args:
            connection: what reaches the brokers.
            topics: their names.
            partitions: how many the inbox has.
            rules: the rules of all epochs.
            key: the secret that makes codes unguessable.
            compose: makes messages.
            new_shelf: makes, or opens, the shelf of a partition.
            pulse: told of progress.
            meters: told of restores.
            rewind: seconds' worth of records that are read once more when a partition is taken over.

        """
        self.held: dict[int, Held] = {}
        self._connection, self._topics, self._partitions = connection, topics, partitions
        self._rules, self._key, self._compose, self._new_shelf = rules, key, compose, new_shelf
        self._pulse, self._meters = pulse, meters
        self._rewind = int(rewind * RECORDS_A_SECOND)
        self._ends: dict[int, Ends] = {}
        self._assigned: dict[int, int] = {}  # by partition, since which generation of the group without a break
        self._one_restore = asyncio.Lock()

    def assigned(self, numbers: Iterable[int], generation: int) -> None:
        """Hear of an assignment; give up what is not in it, and what another may have had since. Nothing is awaited."""
        wanted = set(numbers)
        for number, held in list(self.held.items()):
            if number in wanted and held.group == generation - 1:
                held.group = generation
            else:
                self._give_up(number)
        self._wanted, self._generation = wanted, generation

    async def take_over(self) -> None:
        """Take over what was assigned and is not held.

        Raises:
            CannotRestore: what Kafka has of a partition cannot be gone on from.
            RulesError: the rules of its epoch are not there.
            aiokafka.errors.KafkaError: the brokers cannot be asked.

        """
        async with self._one_restore:  # the one before was cancelled by this rebalance, and is letting go
            began, generation = moment(), self._generation
            missing = sorted(self._wanted - self.held.keys())
            if not missing:
                return
            shelves: dict[int, Shelf] = {}
            try:
                for number in missing:
                    shelves[number] = self._new_shelf(number)
                ends = await restore(
                    self._connection, self._topics.changelog, self._topics.inbox, shelves, progress=self._progress
                )
                await self._rules.read_on()
                for number in missing:
                    self.held[number] = self._begin(number, shelves[number], ends[number], generation)
                    del shelves[number]
                    await asyncio.sleep(0)
            finally:
                for shelf in shelves.values():
                    shelf.close()
            self._meters.restored(moment() - began)
            log.info("partitions taken over", partitions=missing, seconds=round(moment() - began, 2))

    def begin_at(self, number: int, committed: int | None) -> int | None:
        """Return the offset of the inbox from which a held partition is to be read; None where it is not held.

        A new one begins where its table stands, or where the group has committed if that is earlier, and some records
        before: what is decided already is passed over.
        """
        held = self.held.get(number)
        if held is None:
            return None
        if held.expected is None:
            stands = held.partition.offset + 1
            begin, first = stands if committed is None else min(committed, stands), self._ends[number].first
            held.expected = max(begin - self._rewind, first)
            if 0 < stands < first:
                log.error(
                    "records are gone that nobody has decided: the inbox keeps them too short a time",
                    partition=number,
                    offsets=f"{stands} to {first - 1}",
                )
                self._meters.lost(first - stands)
            if committed is not None and committed > stands:
                log.warning(
                    "more was committed than is in the table", partition=number, committed=committed, table=stands
                )
        return held.expected

    def close(self) -> None:
        """Give up everything."""
        for number in list(self.held):
            self._give_up(number)

    def _begin(self, number: int, shelf: Shelf, ends: Ends, generation: int) -> Held:
        shelf.take_over(int.from_bytes(secrets.token_bytes(GENERATION_BYTES), "big"), ends.following)
        partition = Partition(number, self._partitions, self._rules.document, self._key, shelf)
        if partition.offset >= ends.following:
            raise CannotRestore(
                f"{self._topics.changelog}, partition {number}: decided up to offset {partition.offset}, but"
                f" {self._topics.inbox} ends at {ends.following}: it is another topic of this name"
            )
        self._ends[number] = ends
        return Held(partition, shelf, self._compose, generation)

    def _give_up(self, number: int) -> None:
        self.held.pop(number).shelf.close()

    def _progress(self, count: int) -> None:
        self._pulse.steps += count
