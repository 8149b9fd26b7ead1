"""Scenarios played on a partition of the inbox: events, ticks, closed days and hand-overs come as records, as from a gateway."""

from __future__ import annotations

from collections import ChainMap

from engine.core.cadence import thresholds
from engine.core.customer import Customer
from engine.core.effects import SEND_REQUESTED, Effect
from engine.core.events import DeadLetter, Event
from engine.core.moments import Instant, zone
from engine.core.rules import RuleSet, Workflow
from engine.core.signals import DayClosed, Handed, Happened
from engine.handling import Handling
from engine.language.scenarios import Scenario
from engine.runtimes.kafka.partition import Partition
from engine.runtimes.kafka.values import SHOP_KEY, encode_body, pack
from engine.runtimes.kafka.wire import Entry, Record, entry_of, entry_of_shop
from engine.runtimes.simulator.scenarios import CUSTOMER, Enactment, Played
from tests.inbox_streams import Document

_FAR = 1 << 62


class PartitionWorld:
    """What an enactment asks of its world and its store, from the start of the story on, over a partition."""

    def __init__(self, enacted: Enactment) -> None:
        """Go on where the simulator has come to with what is given."""
        world = enacted.world
        rules = world.handling.rules
        self.now: Instant = world.now
        self.effects = enacted.effects
        self.records: list[tuple[Instant, Customer]] = list(enacted.store.records)
        self.dead_letters: list[DeadLetter] = list(enacted.store.dead_letters)
        self.shelf = {SHOP_KEY: pack(None, -1, encode_body(rules.shop))}
        self._rules = Document(rules.rule_set, tuple(rules.versions.values()))
        self._key = rules.key
        self.partition = self._begun()
        for record in enacted.store.customers.values():
            self.partition.store.save(None, record)
        self._day_ends = world.handling.sweeping.day_ends
        self._offset = self._word = 0

    def _begun(self) -> Partition:
        return Partition(0, 1, lambda _: self._rules, self._key, self.shelf)

    @property
    def handling(self) -> Handling:
        """The partition's own."""
        return self.partition.handling

    @property
    def customers(self) -> ChainMap[str, Customer]:
        """The one customer of the story, as they are now."""
        found = self.partition.load(CUSTOMER)
        assert found is not None
        return ChainMap({CUSTOMER: found})

    def take(self, event: Event, accepted: Instant) -> None:
        """Take in an event."""
        self.now = accepted
        self._record(entry_of(event.customer, Happened(event)))

    def run_until(self, end: Instant) -> None:
        """Tick at every instant at which something is due, and close the shop's days."""
        while True:
            wake = min(self.partition.next_due or _FAR, self.handling.sweeping.wake, self._day_ends)
            if wake >= end:
                return
            self.now = max(self.now, wake)
            self._close_day() if wake == self._day_ends else self._record()

    def _close_day(self) -> None:
        rules = self.handling.rules
        there = zone(rules.lifecycle.timezone)
        self._day_ends = there.start(there.day(self.now) + 1)
        self._word += 1
        closed = DayClosed(thresholds(rules.shop.cadence, rules.lifecycle), rules.shop.known_since)
        self._record(entry_of_shop(self._word, closed))

    def _record(self, *entries: Entry) -> None:
        """Decide a record, flush it, begin anew, and hand over what was released."""
        outcome = self.partition.decide(self._offset, Record(self.now, entries))
        self._offset += 1
        self.effects += (effect for _, effect in outcome.effects)
        self.dead_letters += outcome.letters
        self.shelf.update(self.partition.dirty())
        self.partition = self._begun()
        self.records.append((self.now, self.customers[CUSTOMER]))
        for _, effect in outcome.effects:
            if effect.type == SEND_REQUESTED and not effect.shadow:
                self._record(_handed(effect))


def _handed(effect: Effect) -> Entry:
    return entry_of(effect.customer, Handed(effect.effect_id, "done"), mark=effect.effect_id.encode()[:8])


def play_on_a_partition(scenario: Scenario, workflow: Workflow, rule_set: RuleSet) -> Played:
    """Play a scenario: what is given by the simulator, what happens then by a partition."""
    enacted = Enactment(scenario, workflow, rule_set)
    wrong = enacted.begin()
    if wrong is not None:
        return Played(scenario.title, passed=False, difference=(wrong,))
    world = PartitionWorld(enacted)
    enacted.world = enacted.store = world  # type: ignore[assignment]  # it has what an enactment asks of both from now on
    enacted.go_on()
    difference = tuple(enacted.compare())
    return Played(scenario.title, not difference, difference, happened=tuple(enacted.happened()))
