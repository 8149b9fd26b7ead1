"""Who would stand in which line if other rules were put in force now, and what the gate would say to their first mail.

Found by deciding as the sweep of an `apply` does, on copies: the same core gives the same answer.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import msgspec
from msgspec import Struct

from engine.core.candidates import levels_of
from engine.core.conditions import View
from engine.core.customer import Customer, home
from engine.core.entering import place_is_taken
from engine.core.gate import caps_reached, channel_of, refusal, refused_offer
from engine.core.had import GIVEN
from engine.core.machine import is_held_out
from engine.core.moments import Instant
from engine.core.reviewing import look_under_new_rules
from engine.core.rulebook import Rules
from engine.core.rules import AnyCondition, AnyOf, Mode, Not, Send, StandingIs, Workflow, sends_of
from engine.core.signals import TimeUp
from engine.core.standing import judge
from engine.core.turn import Turn
from engine.core.worth import cost_of
from engine.insight.wording import place_in_words


class Prospects(NamedTuple):
    """What would become of one customer who enters: why no mail can go (empty: it can), and the like."""

    unmailable: str
    capped: bool
    had_offer: bool
    held_out: bool
    place_taken: bool


class InLine(NamedTuple):
    """A place in a line: the latest reaction goes first, then the id. `costs` are what each of the offers may cost."""

    reaction: Instant  # negative, so that places sort
    customer: str
    prospects: Prospects
    costs: tuple[int, ...]


class Seen(Struct):
    """What was seen of some customers; those of several portions add up."""

    customers: int = 0
    standings: Counter[str] = msgspec.field(default_factory=Counter)
    lines: dict[str, list[InLine]] = {}
    due_at_once: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)  # by workflow and place

    def add(self, other: Seen) -> None:
        """Take in what was seen of other customers."""
        self.customers += other.customers
        self.standings += other.standings
        self.due_at_once += other.due_at_once
        for name, line in other.lines.items():
            self.lines.setdefault(name, []).extend(line)


class Foresight:
    """Looks at customers one by one under the rules to come."""

    def __init__(self, rules: Rules, now: Instant, *, judged_otherwise: bool = False) -> None:
        """Look at the workflows that are on.

        Args:
            rules: the set to come, with the shop as it would be.
            now: when it would come.
            judged_otherwise: nothing changes but how standings are judged, so that whoever is judged as before stands where
                they stand.

        """
        self.rules, self.now, self.judged_otherwise = rules, now, judged_otherwise
        self.seen = Seen()
        self._entries = {workflow.name: _Entry(workflow, rules) for workflow in rules.in_order}
        self._asks_since = any(
            _asks_since(condition)
            for workflow in rules.in_order
            for condition in (*workflow.enter_when_all, *workflow.leave_when_any)
        )
        self._shared: dict[Prospects, Prospects] = {}

    def see(self, customer: Customer) -> None:
        """Look at one customer: whose standing would change, and who would stand in line."""
        after = self._after(customer)
        seen = self.seen
        seen.customers += 1
        if after.standing is not customer.standing:
            seen.standings[f"{customer.standing.value} -> {after.standing.value}"] += 1
        for name in after.waiting:
            workflow = self.rules.rule_set.workflows.get(name)
            if workflow is not None:
                seen.lines.setdefault(name, []).append(self._in_line(after, workflow))

    def move(self, customer: Customer) -> None:
        """Look at one customer under way: whose run would be moved, and be due at once where it was not."""
        rules, moved = self.rules, {run.id: run for run in self._after(customer).runs}
        for run in customer.runs:
            then = moved.get(run.id)
            if then is None or then.version == run.version or then.due is None or then.due > self.now:
                continue
            if run.due is None or run.due > self.now:
                place = place_in_words(rules.version(run.workflow, run.version), run.stage, run.step)
                self.seen.due_at_once[run.workflow, place] += 1

    def _after(self, customer: Customer) -> Customer:
        if self.judged_otherwise and self._is_judged_the_same(customer):
            return customer
        turn = Turn(
            msgspec.structs.replace(customer), self.now, self.rules, TimeUp()
        )  # any but a look, which looks itself
        look_under_new_rules(turn)
        return turn.customer

    def _is_judged_the_same(self, customer: Customer) -> bool:
        """Say whether a customer's standing stays what it is, as far as entering asks: it counts after the lag."""
        lifecycle = self.rules.lifecycle
        judged = judge(customer, self.now, lifecycle, self.rules.shop.thresholds)
        if judged.standing is not customer.standing:
            return False
        if judged.lapsed_at == customer.lapsed_at:
            return True
        latest = max(judged.lapsed_at, customer.lapsed_at)
        return not self._asks_since and home(customer, lifecycle).after(latest, lifecycle.enter_after_lag) <= self.now

    def _in_line(self, customer: Customer, workflow: Workflow) -> InLine:
        entry = self._entries[workflow.name]
        prospects = self._prospects(customer, workflow, entry)
        can_cost = entry.is_live and not prospects.held_out and not prospects.unmailable
        costs = entry.costs(customer, self.rules.lifecycle.currency) if can_cost else ()
        shared = self._shared  # so that few of them are kept, and handed from one process to another
        return InLine(-customer.last_reaction, customer.id, shared.setdefault(prospects, prospects), costs)

    def _prospects(self, customer: Customer, workflow: Workflow, entry: _Entry) -> Prospects:
        rules, step = self.rules, entry.first_send
        view = View(customer, self.now, rules.lifecycle)
        unmailable = refusal(view, on_channel(view, step)) if step is not None else ""
        reached = caps_reached(view, step.purpose) if step is not None and not unmailable else iter(())
        had_any = bool(customer.offers_had) or GIVEN in customer.trail
        return Prospects(
            unmailable=unmailable,
            capped=next(reached, None) is not None,
            had_offer=had_any
            and any(refused_offer(view, workflow, name, rules, 0) in _HAD for name in workflow.offers),
            held_out=workflow.holdout > 0 and is_held_out(customer, workflow, rules.lifecycle),
            place_taken=place_is_taken(customer, workflow, rules),
        )


def _asks_since(condition: AnyCondition) -> bool:
    """Say whether a condition asks since when a standing is what it is."""
    match condition:
        case Not(condition=inner):
            return _asks_since(inner)
        case AnyOf(conditions=several):
            return any(_asks_since(each) for each in several)
        case StandingIs():
            return condition.held_for is not None
        case _:
            return False


_HAD = frozenset({"offer_had", "offers_at_most", "offer_excluded"})
"""Refusals that rest on offers the customer had before."""


class _Entry:
    """What is the same for all who enter a workflow: the first message it writes, and what its offers may cost in one run.

    A run makes no more offers than `offers_at_most` lets it within its length: of several, the dearest count.
    """

    def __init__(self, workflow: Workflow, rules: Rules) -> None:
        steps = (step for stage in workflow.stages for step in stage.steps)
        self.first_send = next((send for step in steps for send in sends_of(step)), None)
        self.is_live = rules.switch(workflow.name).mode is Mode.LIVE
        self._offers = [offer for _, offer in sorted(workflow.offers.items())]
        allowed, self._most = rules.lifecycle.offers_at_most, len(self._offers)
        if allowed is not None:
            length = allowed.length.roughly if allowed.length is not None else 0
            self._most = allowed.count * (workflow.ends_within.roughly // length + 1 if length else 1)
        self._known: dict[tuple[int, ...], tuple[int, ...]] = {}

    def costs(self, customer: Customer, currency: str) -> tuple[int, ...]:
        """Return what each offer may cost with a customer, in the order of their names."""
        costs = tuple([cost_of(offer, customer, currency) for offer in self._offers])
        if costs not in self._known:
            dearest = sorted(range(len(costs)), key=lambda place: -costs[place])[: self._most]
            self._known[costs] = tuple(cost if place in dearest else 0 for place, cost in enumerate(costs))
        return self._known[costs]


def on_channel(view: View, step: Send) -> Send:
    """Return a send on the channel it would take."""
    return step if step.channel != "preferred" else msgspec.structs.replace(step, channel=channel_of(view, step))


def standings_of(rules: Rules) -> frozenset[str] | None:
    """Return the standings without one of which none of the workflows that are on can be entered; None: any will do."""
    found: set[str] = set()
    for workflow in rules.in_order:
        standings, _ = levels_of(workflow)
        if not standings:
            return None
        found |= standings
    return frozenset(found)
