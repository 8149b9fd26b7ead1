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
from engine.core.customer import Customer
from engine.core.entering import place_is_taken
from engine.core.gate import caps_reached, channel_of, refusal, refused_offer
from engine.core.machine import is_held_out
from engine.core.moments import Instant
from engine.core.reviewing import look_under_new_rules
from engine.core.rulebook import Rules
from engine.core.rules import Mode, PerCustomer, Send, Workflow, sends_of
from engine.core.signals import Look
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
        self._first = {workflow.name: first_send(workflow) for workflow in rules.in_order}

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
        if self.judged_otherwise:
            judged = judge(customer, self.now, self.rules.lifecycle, self.rules.shop.thresholds)
            if judged.standing is customer.standing and judged.lapsed_at == customer.lapsed_at:
                return customer
        turn = Turn(msgspec.structs.replace(customer), self.now, self.rules, Look())
        look_under_new_rules(turn)
        return turn.customer

    def _in_line(self, customer: Customer, workflow: Workflow) -> InLine:
        rules, step = self.rules, self._first[workflow.name]
        view = View(customer, self.now, rules.lifecycle)
        currency = rules.lifecycle.currency
        costs = [cost_of(offer, customer, currency) for _, offer in sorted(workflow.offers.items())]
        held_out = is_held_out(customer, workflow, rules.lifecycle)
        unmailable = refusal(view, on_channel(view, step)) if step is not None else ""
        prospects = Prospects(
            unmailable,
            step is not None and not unmailable and any(True for _ in caps_reached(view, step.purpose)),
            any(
                refused_offer(view, workflow, name, rules, cost) in _HAD
                for name, cost in zip(sorted(workflow.offers), costs, strict=True)
            ),
            held_out,
            place_is_taken(customer, workflow, rules),
        )
        can_cost = not held_out and not unmailable and rules.switch(workflow.name).mode is Mode.LIVE
        spent = tuple(_at_most(costs, workflow, rules.lifecycle.offers_at_most)) if can_cost else ()
        return InLine(-customer.last_reaction, customer.id, prospects, spent)


_HAD = frozenset({"offer_had", "offers_at_most", "offer_excluded"})
"""Refusals that rest on offers the customer had before."""


def first_send(workflow: Workflow) -> Send | None:
    """Return the first message that is written in a workflow; None where it sends none."""
    steps = (step for stage in workflow.stages for step in stage.steps)
    return next((send for step in steps for send in sends_of(step)), None)


def on_channel(view: View, step: Send) -> Send:
    """Return a send on the channel it would take."""
    return step if step.channel != "preferred" else msgspec.structs.replace(step, channel=channel_of(view, step))


def _at_most(costs: list[int], workflow: Workflow, allowed: PerCustomer | None) -> list[int]:
    """Return what each offer may cost in one run: the dearest of them, as many as may be made within its length."""
    if allowed is None:
        return costs
    length = allowed.length.roughly if allowed.length is not None else 0
    times = allowed.count * (workflow.ends_within.roughly // length + 1 if length else 1)
    dearest = sorted(range(len(costs)), key=lambda place: -costs[place])[:times]
    return [cost if place in dearest else 0 for place, cost in enumerate(costs)]


def standings_of(rules: Rules) -> frozenset[str] | None:
    """Return the standings without one of which none of the workflows that are on can be entered; None: any will do."""
    found: set[str] = set()
    for workflow in rules.in_order:
        standings, _ = levels_of(workflow)
        if not standings:
            return None
        found |= standings
    return frozenset(found)
