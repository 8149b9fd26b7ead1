"""Scenarios played on the core: one customer, one workflow, a virtual clock, and what should happen on which day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.cadence import Cadence
from engine.core.customer import Customer
from engine.core.effects import Effect
from engine.core.events import DATA, Event
from engine.core.marks import BY_ANYBODY
from engine.core.moments import DAY, MINUTE, Day, Instant, Length, Zone, iso_day, zone
from engine.core.rulebook import Rules
from engine.core.rules import WHOLE, Mode, RuleSet, Standing, Switch, Workflow
from engine.core.shop import Shop
from engine.core.signals import Admit, Happened, Look, TimeUp
from engine.core.standing import evidence
from engine.language.problems import Spot
from engine.language.scenarios import OPTIONAL, Difference, Happening, Scenario
from engine.runtimes.simulator.actions import action_of
from engine.runtimes.simulator.differing import Seen, in_days, reasons
from engine.runtimes.simulator.somebody import USUAL_BASKET, Somebody
from engine.runtimes.simulator.store import MemoryStore
from engine.runtimes.simulator.world import World

CUSTOMER = "customer"
EXPLAINED = 10
"""Of so many days that went otherwise the reasons are told: one slip moves all that follows it."""
LONGEST = 800
"""Days a scenario may go on after its last line: more than any run may last by default, twice."""


class Played(Struct, frozen=True):
    """How a scenario went. `standing` says what is wrong with its `given:`; `difference` what came out otherwise.

    `happened` holds what happened on which day since the start, as far as a scenario has a word for it.
    """

    title: str
    passed: bool
    difference: tuple[Difference, ...] = ()
    standing: str = ""
    happened: tuple[tuple[Day, str], ...] = ()


def play(scenario: Scenario, workflow: Workflow, rule_set: RuleSet) -> Played:
    """Play one scenario of a workflow, whatever its mode and reach, and compare."""
    enacted = Enactment(scenario, workflow, rule_set)
    wrong = enacted.begin()
    if wrong is not None:
        said = f"the given facts make this customer {wrong.happened.removeprefix('standing ')}"
        named = wrong.expected.removeprefix("standing ")
        return Played(scenario.title, passed=False, difference=(wrong,), standing=f"{said}, not {named}")
    enacted.go_on()
    difference = tuple(enacted.compare())
    return Played(scenario.title, not difference, difference, happened=tuple(enacted.happened()))


_ANSWERS_OF_THE_SHOP = ("coupon.ready", "coupon.refused")
"""Where a scenario has one of them, the shop's answers are its own; else each code is ready at once, as in a rehearsal."""


class Enactment:
    """One customer and one workflow on a virtual clock, from the start of a scenario on."""

    def __init__(
        self, scenario: Scenario, workflow: Workflow, rule_set: RuleSet, *, cadence: Cadence | None = None
    ) -> None:
        """Set it up. `cadence` is the shop's own reorder interval, instead of the one that is given."""
        self.scenario, self._cadence = scenario, cadence
        self.lifecycle = replace(rule_set.lifecycle, warm_up=None, enter_after_lag=Length(), ramp=None, breaker=None)
        self.zone: Zone = zone(self.lifecycle.timezone)
        self.start: Instant = self.zone.at(scenario.starts, scenario.clock * MINUTE)
        self.first: Day = self.zone.day(self.start)
        share = WHOLE if scenario.given.held_out else 0
        self.workflow = replace(workflow, holdout=share, version=1)
        self.orders = 0
        self.somebody = Somebody(scenario.given, self.start, self.zone, self._event)
        self.effects: list[Effect] = []
        self.events: list[tuple[Instant, str]] = []
        self.store = _Remembering(self.effects.append, lambda: self.world.now)
        self.world = World(
            Rules(self._alone(rule_set), self._shop(rule_set), key=b"scenario"),
            newcomer=self.somebody.newcomer,
            history_after=10 * 365 * DAY,
            store=self.store,
        )

    def _alone(self, rule_set: RuleSet) -> RuleSet:
        """The rules with this workflow alone, live."""
        return RuleSet(
            lifecycle=self.lifecycle,
            workflows={self.workflow.name: self.workflow},
            switches={self.workflow.name: Switch(mode=Mode.LIVE)},
            offers=rule_set.offers,
            own_events=rule_set.own_events,
        )

    def _shop(self, rule_set: RuleSet) -> Shop:
        known = self._cadence or _known_interval(self.scenario.given.reorder_interval.days)
        answers = any(each.event in _ANSWERS_OF_THE_SHOP for each in self.scenario.when)
        shop = Shop(epoch=1, live_since=self.start, gone_live=answers, cadence=known)
        pools = [offer.name for offer in rule_set.offers.values() if offer.codes == "pool"]
        shop.codes = {name: [f"POOL-{number:04d}" for number in range(99)] for name in pools}
        return shop

    # What is given

    def begin(self) -> Difference | None:
        """Make the customer by facts from before the start; tell it when they do not yield the standing."""
        store, just_before = self.store, self.start - 1
        self.world.now = just_before
        self.world.handling.sweeping.close_day(store, just_before)
        for event in self.somebody.past():
            self.world.handling.decide(store, CUSTOMER, Happened(event, history=True), just_before)
        known = store.load(CUSTOMER)
        store.save(known, self.somebody.with_what_was_done(known or self.somebody.newcomer(CUSTOMER)))
        self.world.now = self.start
        due = store.next_due()
        if due is not None and due[0] <= self.start:  # what time alone brings at the very start counts
            self.world.handling.decide(store, CUSTOMER, TimeUp(), self.start)
        self.world.handling.decide(store, CUSTOMER, Admit(self.workflow.name), self.start)
        self.world.settle()
        standing, wanted = self._standing_at_start(), self.scenario.given.standing
        if wanted is None or standing is wanted:
            return None
        rules = self.world.handling.rules
        said = evidence(store.customers[CUSTOMER], self.start, self.lifecycle, rules.shop.thresholds)
        why = (in_days("; ".join(said), self.zone, self.start),)
        return self._difference(0, f"standing {wanted.value}", f"standing {standing.value}", why)

    def begin_as(self, record: Customer) -> None:
        """Let a copy of a real customer stand at the start, with none of their runs, and enter if they fit.

        That they walked this workflow before does not keep them out: it is walked to look at it.
        """
        world, start = self.world, self.start
        world.now = start
        world.handling.sweeping.close_day(self.store, start)
        ended = {name: each for name, each in record.ended.items() if name != self.workflow.name}
        copied = replace(
            record,
            id=CUSTOMER,
            epoch=1,
            ended=ended,
            runs=(),
            waiting=(),
            crowded_out=(),
            looks={},
            promises=(),
            shares=(),
            stuck="",
            next_due=None,
        )
        self.store.save(None, copied)
        for signal in (Look(), Admit(self.workflow.name)):
            world.handling.decide(self.store, CUSTOMER, signal, start)
        world.settle()

    def _standing_at_start(self) -> Standing:
        changed = [
            effect for effect in self.effects if effect.type == fx.STANDING_CHANGED and "workflow" in effect.data
        ]
        return Standing(changed[0].data["from"]) if changed else self.store.customers[CUSTOMER].standing

    # What happens

    def _event(self, kind: str, at: Instant, given: dict[str, Any]) -> Event:
        """An event of the story; what it leaves out of its data is made up."""
        if kind == "order.placed":
            self.orders += 1
        basket = self.scenario.given.basket
        made_up: dict[str, Any] = {
            "order_id": f"order-{self.orders}",
            "total": str(USUAL_BASKET),
            "currency": basket.currency if basket else self.lifecycle.currency,
            "ticket_id": "ticket",
            "purpose": "newsletter" if kind.startswith("consent.") else "",
            "code": self._last(fx.COUPON_ISSUED, "code") or "WB-UNKNOWN",
            "survey": "survey",
            "invitation": "invitation",
            "answer": "no",
            "hand_off": self._last(fx.HANDED_OFF, "hand_off") or "unknown",
            "result": "reached",
            "into": "somebody-else",
            "machine": False
            if kind in BY_ANYBODY and "unverified" not in given
            else "",  # people's, unless it says else
        }
        shape = DATA.get(kind)
        data: Any = given
        if shape is not None:
            wanted = {name: value for name, value in made_up.items() if name in shape.__struct_fields__ and value != ""}
            data = msgspec.convert({**wanted, **_unfolded(given)}, shape, strict=False)
        return Event(f"{kind}-{at}-{self.orders}", "scenario", kind, at, CUSTOMER, data)

    def _last(self, kind: str, field: str) -> str:
        """A field of the last effect of a kind, empty where there was none."""
        return next((str(effect.data[field]) for effect in reversed(self.effects) if effect.type == kind), "")

    def go_on(self) -> None:
        """Let the days pass: to the last line of the scenario, then until no run is under way."""
        self._happen(self.scenario.when)
        last = max([self.zone.after(self.start, each.at) for each in self.scenario.expect] + [self.world.now])
        day = self.zone.day(last) + 1
        self.world.run_until(self.zone.start(day))
        for later in range(day + 1, day + LONGEST):
            if not self.store.customers[CUSTOMER].runs:
                return
            self.world.run_until(self.zone.start(later))

    def pass_until(self, end: Instant, happenings: Iterable[Happening]) -> None:
        """Let time pass up to an instant, with what happens meanwhile."""
        self._happen(happenings)
        self.world.run_until(end)

    def _happen(self, happenings: Iterable[Happening]) -> None:
        for at, happening in sorted(
            ((self.zone.after(self.start, each.at), each) for each in happenings), key=lambda each: each[0]
        ):
            self.world.run_until(at)
            self.events.append((at, happening.event))
            self.world.take(self._event(happening.event, at, happening.data), at)

    # What came of it

    def happened(self) -> Iterator[tuple[Day, str]]:
        """Tell what happened on which day since the start, in order."""
        for effect in self.effects:
            action = action_of(effect)
            if action:
                yield self.zone.day(effect.time) - self.first, action

    def compare(self) -> Iterator[Difference]:
        """Tell each day on which something else happened than expected, and why, in the words of the YAML."""
        expected: dict[Day, list[str]] = defaultdict(list)
        spots: dict[Day, Spot] = {}
        for each in self.scenario.expect:
            day = self.zone.day(self.zone.after(self.start, each.at)) - self.first
            expected[day] += [str(action) for action in each.actions]
            spots.setdefault(day, each.spot)
        happened: dict[Day, list[str]] = defaultdict(list)
        for day, action in self.happened():
            if not action.startswith(_OPTIONAL) or action in expected[day]:
                happened[day].append(action)
        yield from (self._difference(0, "no failure", letter.reason, ()) for letter in self.store.dead_letters)
        rules, records = self.world.handling.rules, self.store.records
        seen = Seen(self.zone, self.start, self.workflow, rules, self.effects, records, self.events)
        days = [day for day in sorted({*expected, *happened}) if expected[day] != happened[day]]
        for place, day in enumerate(days):
            wanted, came = expected[day], happened[day]
            why = reasons(seen, self.first + day, wanted, came) if place < EXPLAINED else ()
            said, instead = (", ".join(each) or "nothing" for each in (wanted, came))
            yield self._difference(day, said, instead, why, spots.get(day))

    def _difference(
        self, day: Day, expected: str, happened: str, why: tuple[str, ...], spot: Spot | None = None
    ) -> Difference:
        return Difference(day, iso_day(self.first + day), expected, happened, why, spot or self.scenario.spot)


def _unfolded(given: dict[str, Any]) -> dict[str, Any]:
    """Return an event's fields as its data has them.

    `items.category`, as `where:` names it, is one item of that category; `attributes.NAME` is one of several there.
    """
    item, attributes = (
        {name.removeprefix(outer): value for name, value in given.items() if name.startswith(outer)}
        for outer in (_OF_ITEM, _OWN)
    )
    made = {name: value for name, value in given.items() if not name.startswith((_OF_ITEM, _OWN))}
    made |= {"items": [item]} if item else {}
    return made | ({"attributes": attributes} if attributes else {})


_OF_ITEM, _OWN = "items.", "attributes."
_OPTIONAL = tuple(f"{kind} " for kind in OPTIONAL)


class _Remembering(MemoryStore):
    """Keeps each record as it was at its time, so that a day that went otherwise can be looked at."""

    def __init__(self, sink: Callable[[Effect], None], clock: Callable[[], Instant]) -> None:
        super().__init__(sink)
        self.records: list[tuple[Instant, Customer]] = []
        self._clock = clock

    def save(self, before: Customer | None, after: Customer) -> None:
        """Keep the record, and remember it."""
        super().save(before, after)
        self.records.append((self._clock(), after))


def _known_interval(days: int) -> Cadence:
    """A shop whose customers all order after so many days."""
    cadence = Cadence()
    cadence.overall.change_many(days, 1_000)
    return cadence
