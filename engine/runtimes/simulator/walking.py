"""Walking one workflow day by day: a customer of a scenario, or a copy of a real one, while somebody looks on.

It is a scenario that is not compared with anything: the same core, clock and customer, and nothing is put on any record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from engine.core import effects as fx
from engine.core.cadence import Cadence
from engine.core.customer import Customer
from engine.core.effects import Effect
from engine.core.moments import MINUTE, Instant, iso_day, zone
from engine.core.rulebook import Rules
from engine.core.rules import AnyCondition, EventSeen, RuleSet, Workflow
from engine.language.problems import Spot
from engine.language.scenarios import Given, Happening, Scenario
from engine.runtimes.simulator.actions import action_of
from engine.runtimes.simulator.scenarios import CUSTOMER, LONGEST, Enactment
from engine.trace.obstacles import why_not


class WalkedDay(Struct, frozen=True):
    """What happened on one day: its number since the start, its date, what was done, and the sends among it."""

    number: int
    date: str
    actions: tuple[str, ...]
    sends: tuple[Effect, ...]


class Walk:
    """One customer's way through a workflow. `begin` first, then `day` after day until `over`."""

    def __init__(
        self,
        scenario: Scenario,
        workflow: Workflow,
        rule_set: RuleSet,
        *,
        real: Customer | None = None,
        cadence: Cadence | None = None,
    ) -> None:
        """Walk as a scenario's customer, or as a copy of a real one with the shop's reorder interval."""
        self._enacted = Enactment(scenario, workflow, rule_set, cadence=cadence)
        self._real = real
        self._told = 0
        self._number = -1

    @property
    def rules(self) -> Rules:
        """The rules it walks by: this workflow alone, live."""
        return self._enacted.world.handling.rules

    @property
    def now(self) -> Instant:
        """The instant it has come to."""
        return self._enacted.world.now

    @property
    def over(self) -> bool:
        """Whether the customer is through."""
        return self._number >= 0 and (not self.record().runs or self._number > LONGEST)

    def record(self, _: str = CUSTOMER) -> Customer:
        """Return the customer's record as it is now."""
        return self._enacted.store.customers[CUSTOMER]

    def begin(self) -> str:
        """Let the customer enter; say why they do not, empty when they do."""
        if self._real is not None:
            self._enacted.begin_as(self._real)
        else:
            wrong = self._enacted.begin()
            if wrong is not None:
                return f"the scenario's facts make them {wrong.happened}, not {wrong.expected}: {'; '.join(wrong.why)}"
        if any(each.type == fx.RUN_STARTED for each in self._enacted.effects):
            return ""
        return "; ".join(each.why for each in why_not(self.record(), self._enacted.workflow, self.rules, self.now, {}))

    def day(self, happenings: Sequence[Happening] = ()) -> WalkedDay:
        """Let a day pass, with what happens on it by the time since the start, and tell what was done."""
        enacted = self._enacted
        self._number += 1
        ends = enacted.zone.start(enacted.first + self._number + 1)
        enacted.pass_until(ends, [each for each in happenings if self._is_on(each, ends)])
        effects = enacted.effects[self._told :]
        self._told = len(enacted.effects)
        return WalkedDay(
            self._number,
            iso_day(enacted.first + self._number),
            tuple(action for each in effects if (action := action_of(each))),
            tuple(each for each in effects if each.type == fx.SEND_REQUESTED),
        )

    def _is_on(self, happening: Happening, ends: Instant) -> bool:
        begins = self._enacted.zone.start(self._enacted.first + self._number)
        return begins <= self._enacted.zone.after(self._enacted.start, happening.at) < ends

    def listens_to(self) -> list[tuple[str, str]]:
        """Return the events that would move the customer on now, each with the stage it leads to (empty: out)."""
        return list(dict.fromkeys(self._heard()))

    def _heard(self) -> Iterator[tuple[str, str]]:
        for run in self.record().runs:
            workflow = self.rules.version(run.workflow, run.version)
            for way in workflow.stage(run.stage).until_any:
                yield from ((event, way.then) for event in _events(way.condition))
            for condition in workflow.leave_when_any:
                yield from ((event, "") for event in _events(condition))


def _events(condition: AnyCondition) -> Iterator[str]:
    if isinstance(condition, EventSeen) and not condition.absent:
        yield condition.event


def right_now(now: Instant, zone_name: str) -> Scenario:
    """Return a scenario that gives nothing, and starts this minute in the shop's zone."""
    there = zone(zone_name)
    clock = there.clock(now) // MINUTE
    return Scenario(
        title="now", starts=there.day(now), clock=clock, given=Given(), when=(), expect=(), spot=Spot("", 1, 1)
    )
