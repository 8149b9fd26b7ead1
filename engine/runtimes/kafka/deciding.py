"""Deciding: what a worker does with a record of the inbox, whoever brought it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec import DecodeError

from engine.core.events import DeadLetter
from engine.handling.timekeeping import POISON_A_MINUTE, PoisonWatch
from engine.runtimes.kafka.flushing import Flushing
from engine.runtimes.kafka.held import Held
from engine.runtimes.kafka.holding import Holding
from engine.runtimes.kafka.partition import epochs_in
from engine.runtimes.kafka.rules_topic import RulesReader
from engine.runtimes.kafka.stopping import fail_stop
from engine.runtimes.kafka.watchdog import Pulse
from engine.runtimes.kafka.wire import SHOP, Record, decode_record, partition_of
from engine.runtimes.kafka.worker_meters import WorkerMeters

LOOKED_INTO: Final = 100
"""Records of a partition whose every entry is checked to belong there; of later ones it is one entry each."""


class Deciding:
    """Decides records one by one, in the order of their offsets; ends the process where it cannot."""

    def __init__(
        self,
        holding: Holding,
        flushing: Flushing,
        rules: RulesReader,
        pulse: Pulse,
        meters: WorkerMeters,
        *,
        partitions: int,
        use_templates: Callable[[], None],
    ) -> None:
        """Decide for the partitions held, of so many; `use_templates` is called before messages are made."""
        self._holding, self._flushing, self._rules, self._pulse, self._meters = holding, flushing, rules, pulse, meters
        self._partitions, self._use_templates = partitions, use_templates
        self._poison = PoisonWatch()
        self._looked_into: dict[int, int] = {}

    async def take(self, event: Any) -> None:
        """Decide a record of the inbox, if it is the one that comes next; return when there is room for another."""
        message = event.message
        held = self._holding.held.get(message.partition)
        if held is None or held.expected is None:
            fail_stop(f"a record came of partition {message.partition}, which this worker does not hold")
        if message.offset < held.expected:
            event.ack()  # read twice
            return
        if message.offset > held.expected:
            fail_stop(f"partition {held.number}: offset {held.expected} was to come, and {message.offset} came")
        record = self._record_in(held, message)
        for epoch in epochs_in(record):
            await self._rules.wait_for(epoch)
        self._use_templates()
        self._decide(held, message.offset, record, event)
        await self._flushing.room()

    def _decide(self, held: Held, offset: int, record: Record, event: Any) -> None:
        outcome = held.decide(offset, record, event)
        self._pulse.steps += 1
        self._meters.decided(outcome.poisoned)
        if self._poison.is_too_much(outcome.poisoned, held.partition.accepted):
            fail_stop(
                f"more than {POISON_A_MINUTE} decisions failed within a minute: this is no bad event but a defect; the dead"
                " letters say what they met"
            )
        self._flushing.note()

    def _record_in(self, held: Held, message: Any) -> Record:
        """Return the record; what is none is a dead letter, and in its place time stands still."""
        try:
            record = decode_record(message.value or b"")
        except DecodeError as error:
            where = f"{message.topic}, partition {message.partition}, offset {message.offset}"
            held.bury(DeadLetter(message.value or b"", f"no record of ours: {error}", where))
            return Record(held.partition.accepted)
        self._check_hash(held.number, message.offset, record)
        return record

    def _check_hash(self, number: int, offset: int, record: Record) -> None:
        """Stop where a customer is in a partition that is not theirs: they would have two records."""
        entries = [each for each in record.entries if each.customer != SHOP]
        if not entries:
            return
        looked_into = self._looked_into[number] = self._looked_into.get(number, 0) + 1
        chosen = entries if looked_into <= LOOKED_INTO else [entries[offset % len(entries)]]
        for entry in chosen:
            right = partition_of(entry.customer, self._partitions)
            if right != number:
                fail_stop(
                    f"the inbox, offset {offset}: a customer of partition {right} is in partition {number};"
                    " something else than our gateway writes there, or with another number of partitions"
                )
