"""Scenarios played on the core: one customer, one workflow, a virtual clock, and what should happen on which day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from engine.core import effects as fx
from engine.core.cadence import Cadence
from engine.core.causes import STRONG
from engine.core.customer import Customer, Ended, Evidence, Permission
from engine.core.decline import LAST
from engine.core.effects import Effect
from engine.core.events import DATA, Event
from engine.core.moments import DAY, HOUR, MINUTE, Day, Instant, Length, Zone, iso_day, zone
from engine.core.money import Money, written
from engine.core.rulebook import Rules
from engine.core.rules import WHOLE, Address, Mode, RuleSet, Standing, Switch, Workflow
from engine.core.shop import Shop
from engine.core.signals import Admit, Happened
from engine.language.scenarios import OPTIONAL, Expected, Given, Happening, Scenario
from engine.runtimes.simulator.actions import action_of
from engine.runtimes.simulator.world import World

CUSTOMER = "customer"
USUAL_BASKET = Decimal(50)
USUAL_PERMISSION_AGE = Length(days=365)
DECLINING_ORDERS = 8
LONGER_GAPS = LAST
"""So many of the latest gaps are twice as long as those before, for a customer who orders less and less."""
LONGEST = 800
"""Days a scenario may go on after its last line: more than any run may last by default, twice."""


class Played(Struct, frozen=True):
    """How a scenario went. `standing` says what is wrong with its `given:`; `difference` what came out otherwise."""

    title: str
    line: int
    passed: bool
    difference: tuple[str, ...] = ()
    standing: str = ""


def play(scenario: Scenario, workflow: Workflow, rule_set: RuleSet) -> Played:
    """Play one scenario of a workflow, whatever its mode and reach, and compare."""
    story = _Story(scenario, workflow, rule_set)
    wrong = story.begin()
    if wrong:
        return Played(scenario.title, scenario.spot.line, passed=False, standing=wrong)
    story.go_on()
    difference = tuple(story.compare())
    return Played(scenario.title, scenario.spot.line, passed=not difference, difference=difference)


class _Story:
    def __init__(self, scenario: Scenario, workflow: Workflow, rule_set: RuleSet) -> None:
        self.scenario = scenario
        self.lifecycle = replace(rule_set.lifecycle, warm_up=None, enter_after_lag=Length())
        self.zone: Zone = zone(self.lifecycle.timezone)
        self.start: Instant = self.zone.at(scenario.starts, scenario.clock * MINUTE)
        share = WHOLE if scenario.given.held_out else 0
        played = replace(workflow, holdout=share, version=1)
        alone = RuleSet(
            lifecycle=self.lifecycle,
            workflows={workflow.name: played},
            switches={workflow.name: Switch(mode=Mode.LIVE)},
            offers=rule_set.offers,
            own_events=rule_set.own_events,
        )
        shop = Shop(epoch=1, live_since=self.start, cadence=_known_interval(scenario.given.reorder_interval.days))
        pools = [offer.name for offer in alone.offers.values() if offer.codes == "pool"]
        shop.codes = {name: [f"POOL-{number:04d}" for number in range(99)] for name in pools}
        self.effects: list[Effect] = []
        self.world = World(
            Rules(alone, shop, key=b"scenario"),
            sink=self.effects.append,
            newcomer=self._newcomer,
            history_after=10 * 365 * DAY,
        )
        self.workflow = played
        self.orders = 0

    # What is given

    def _newcomer(self, customer_id: str) -> Customer:
        given = self.scenario.given
        since = self.zone.before(self.start, given.permission_since or USUAL_PERMISSION_AGE)
        allowed = {
            purpose if "/" in purpose else f"{purpose}/email": Permission(given=True, at=since, basis="express")
            for purpose in given.permission
        }
        profile = {"email": ("somebody@shop.example", 0), **{name: (v, 0) for name, v in given.profile.items()}}
        return Customer(customer_id, epoch=1, profile=profile, permission=allowed, tags=given.tags)

    def begin(self) -> str:
        """Make the customer by facts from before the start; say what is wrong when they do not yield the standing."""
        given = self.scenario.given
        store, just_before = self.world.store, self.start - 1
        self.world.handling.sweeping.close_day(store, just_before)
        for event in sorted(self._past(given), key=lambda each: each.time):
            self.world.handling.decide(store, CUSTOMER, Happened(event, history=True), just_before)
        customer = store.load(CUSTOMER) or self._newcomer(CUSTOMER)
        if given.standing is Standing.FORMER:
            since = max([order.at for order in customer.orders] or [0]) + 1
            customer = replace(customer, standing=Standing.FORMER, standing_since=since, lapse_due=None)
        customer = self._with_what_was_done(customer, given)
        store.save(store.load(CUSTOMER), customer)
        self.world.now = self.start
        self.world.handling.decide(store, CUSTOMER, Admit(self.workflow.name), self.start)
        self.world.settle()
        customer = store.customers[CUSTOMER]
        if given.standing is not None and self._standing_at_start(customer) is not given.standing:
            yielded = self._standing_at_start(customer).value
            return f"the given facts make this customer {yielded}, not {given.standing.value}"
        return ""

    def _with_what_was_done(self, customer: Customer, given: Given) -> Customer:
        """Put on the record what earlier runs, offers and answers left there."""
        offers = {name: (self.zone.before(self.start, ago),) for name, ago in given.offers_had.items()}
        evidence = [Evidence(self.start - HOUR, given.cause, "survey.answered", STRONG)] if given.cause else []
        ended = {}
        if given.ended is not None:
            at = self.zone.before(self.start, given.ended.ago)
            ended[given.ended.workflow] = Ended(at, at, given.ended.outcome, 1, Mode.LIVE)
        return replace(
            customer,
            offers_had={**customer.offers_had, **offers},
            evidence=(*customer.evidence, *evidence),
            ended={**customer.ended, **ended},
        )

    def _standing_at_start(self, customer: Customer) -> Standing:
        changed = [
            effect for effect in self.effects if effect.type == fx.STANDING_CHANGED and "workflow" in effect.data
        ]
        return Standing(changed[0].data["from"]) if changed else customer.standing

    def _past(self, given: Given) -> Iterator[Event]:
        usual = DECLINING_ORDERS if given.declining else int(given.last_order is not None)
        count = given.orders if given.orders is not None else usual
        at = self.zone.before(self.start, given.last_order or Length(days=given.reorder_interval.days))
        for number in range(count):
            held = [{"category": category} for category in given.categories]
            yield self._event("order.placed", at, {"total": self._basket(given.basket), "items": held})
            yield self._event("order.delivered", at + DAY, {"order_id": f"order-{self.orders}"})
            once_shorter = given.declining and number >= LONGER_GAPS
            at = self.zone.before(at, _half(given.reorder_interval) if once_shorter else given.reorder_interval)
        for kind, number in (("email.clicked", given.clicked_mails), ("email.opened", given.opened_mails)):
            for days in range(1, number + 1):
                yield self._event(kind, self.zone.before(self.start, Length(days=days)), {})
        if given.address is not Address.OK:
            kind = "dead" if given.address is Address.DEAD else "unknown"
            yield self._event("email.bounced", self.start - HOUR, {"kind": kind, "status": "5.1.1"})

    def _basket(self, basket: Money | None) -> str:
        if basket is None:
            return str(USUAL_BASKET)
        return written(basket.amount, basket.currency)

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
            "code": self._last_code(),
            "survey": "survey",
            "invitation": "invitation",
            "answer": "no",
            "hand_off": self._last_hand_off(),
            "result": "reached",
            "into": "somebody-else",
        }
        shape = DATA.get(kind)
        data: Any = given
        if shape is not None:
            wanted = {name: value for name, value in made_up.items() if name in shape.__struct_fields__ and value != ""}
            data = msgspec.convert({**wanted, **_unfolded(given)}, shape, strict=False)
        return Event(f"{kind}-{at}-{self.orders}", "scenario", kind, at, CUSTOMER, data)

    def _last_code(self) -> str:
        issued = [effect.data["code"] for effect in self.effects if effect.type == fx.COUPON_ISSUED]
        return issued[-1] if issued else "WB-UNKNOWN"

    def _last_hand_off(self) -> str:
        given = [effect.data["hand_off"] for effect in self.effects if effect.type == fx.HANDED_OFF]
        return given[-1] if given else "unknown"

    def go_on(self) -> None:
        """Let the days pass: to the last line of the scenario, then until no run is under way."""
        happenings: list[tuple[Instant, Happening]] = [
            (self.zone.after(self.start, each.at), each) for each in self.scenario.when
        ]
        for at, happening in sorted(happenings, key=lambda each: each[0]):
            self.world.run_until(at)
            self.world.take(self._event(happening.event, at, happening.data), at)
        last = max([self.zone.after(self.start, each.at) for each in self.scenario.expect] + [self.world.now])
        day = self.zone.day(last) + 1
        self.world.run_until(self.zone.start(day))
        for later in range(day + 1, day + LONGEST):
            if not self.world.store.customers[CUSTOMER].runs:
                return
            self.world.run_until(self.zone.start(later))

    # What came of it

    def compare(self) -> Iterator[str]:
        """Tell each day on which something else happened than expected, and why, in the words of the YAML."""
        yield from (letter.reason for letter in self.world.store.dead_letters)
        first = self.zone.day(self.start)
        expected: dict[Day, list[str]] = defaultdict(list)
        for each in self.scenario.expect:
            expected[self._day(each)] += [str(action) for action in each.actions]
        happened: dict[Day, list[str]] = defaultdict(list)
        for effect in self.effects:
            action = action_of(effect)
            need_not_be_listed = action.startswith(_OPTIONAL)
            if action and (not need_not_be_listed or action in expected[self.zone.day(effect.time)]):
                happened[self.zone.day(effect.time)].append(action)
        for day in sorted({*expected, *happened}):
            if expected[day] != happened[day]:
                wanted = ", ".join(expected[day]) or "nothing"
                came = ", ".join(happened[day]) or "nothing"
                yield f"day {day - first} ({iso_day(day)}): expected {wanted}; happened {came}"
                yield from (f"  {reason}" for reason in self._reasons(day))

    def _day(self, each: Expected) -> Day:
        return self.zone.day(self.zone.after(self.start, each.at))

    def _reasons(self, day: Day) -> Iterator[str]:
        customer = self.world.store.customers[CUSTOMER]
        seen = [effect for effect in self.effects if self.zone.day(effect.time) <= day]
        if not any(effect.type == fx.RUN_STARTED for effect in seen):
            yield f"because {self.workflow.name} was not entered: the customer is {customer.standing.value}"
        for effect in seen:
            if effect.type in (fx.SEND_DEFERRED, fx.SEND_DROPPED, fx.SEND_HELD_OUT) and effect.time > self.zone.start(
                day - 7
            ):
                what = effect.type.rpartition(".")[2].replace("_", " ")
                on = self.zone.day(effect.time) - self.zone.day(self.start)
                yield f"because on day {on} send {effect.data['template']} was {what}: {effect.data.get('reason', '')}".rstrip(
                    ": "
                )


def _unfolded(given: dict[str, Any]) -> dict[str, Any]:
    """Return an event's fields as its data has them: `items.category`, as `where:` names it, is one item of that category."""
    item = {name.removeprefix(_OF_ITEM): value for name, value in given.items() if name.startswith(_OF_ITEM)}
    others = {name: value for name, value in given.items() if not name.startswith(_OF_ITEM)}
    return {**others, "items": [item]} if item else others


def _half(length: Length) -> Length:
    return Length(days=max(1, length.days // 2))


_OF_ITEM = "items."
_OPTIONAL = tuple(f"{kind} " for kind in OPTIONAL)


def _known_interval(days: int) -> Cadence:
    """A shop whose customers all order after so many days."""
    cadence = Cadence()
    cadence.overall.change_many(days, 1_000)
    return cadence
