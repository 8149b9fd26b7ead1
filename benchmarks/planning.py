"""Plans and sweeps over a million customers: what an edit would do, told in seconds; and its sweep beside a stream of events.

Three edits are planned: a draft goes live, a step of a live workflow changes, and the threshold of lifecycle.yaml, which
concerns everybody. Then the last is applied, and events come in as fast as they are taken while the sweep goes on; the
reference is the same stream before it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace as with_fields
from itertools import count, islice
from pathlib import Path

from msgspec.structs import replace

from benchmarks._large_shop import BEGIN, LIVE, files, fill, rules
from connectors.memory import FixedClock
from engine.books import rulebook
from engine.core.events import Event, Mail
from engine.core.moments import HOUR, MINUTE, Length
from engine.core.rules import EnterAtMost, LapseRule, Mode, RuleSet, Switch, Wait
from engine.runtimes.sqlite.engine import BATCH, Arrivals, Asked, Engine
from engine.runtimes.sqlite.opening import opened
from engine.wiring.planning import plan_of

CUSTOMERS = 1_000_000
DRAFT = "readers-who-dont-buy"
NOW = BEGIN + 3 * HOUR
REFERENCE = 100
"""Batches before the sweep begins."""


def a_draft_goes_live() -> RuleSet:
    """Return the rules with another workflow live."""
    live = Switch(mode=Mode.LIVE, enter_at_most=EnterAtMost(500, Length(days=1)))
    return replace(rules(), switches={**rules().switches, DRAFT: live})


def a_step_changes() -> RuleSet:
    """Return the rules with another wait in the live workflow."""
    workflow = rules().workflows[LIVE]
    first = workflow.first
    steps = tuple(replace(step, length=Length(days=3)) if isinstance(step, Wait) else step for step in first.steps)
    changed = replace(workflow, stages=(replace(first, steps=steps), *workflow.stages[1:]))
    return replace(rules(), workflows={**rules().workflows, LIVE: changed})


def another_threshold() -> RuleSet:
    """Return the rules with a threshold in days."""
    return replace(rules(), lifecycle=replace(rules().lifecycle, lapsed_after=LapseRule("days", (60, 1))))


def plan(folder: Path, title: str, edited: RuleSet) -> None:
    """Make a plan, and say how long it took."""
    before, began = os.times(), time.perf_counter()
    made = plan_of(folder, with_fields(files(), rules=edited), now=NOW, who="bench")
    took, after = time.perf_counter() - began, os.times()
    used = sum(after[:4]) - sum(before[:4])
    would_enter = sum(change.would_enter for change in made.changes)
    print(f"plan, {title}: {took:.1f} s ({used:.1f} s of processor time), {would_enter:,} would enter", flush=True)


def clicks(customers: int) -> Iterator[Event]:
    """Yield events about customers here and there, without an end."""
    for number in count():
        name, mail = f"c-{number * 9_973 % customers:07}", Mail(f"again-{number}@shop.example")
        yield Event(f"again-{number}", "mails", "email.clicked", NOW - MINUTE, name, mail)


def sweep(folder: Path, customers: int) -> None:
    """Apply the threshold, and take events in until everybody was looked at."""
    with opened(folder, FixedClock(NOW), key=b"bench", first_rules=rules()) as engine:
        events = clicks(customers)
        _take(engine, events, 10)
        reference = REFERENCE * BATCH / _take(engine, events, REFERENCE)
        engine.run([Asked(lambda store, now: rulebook.apply(engine.handling, another_threshold(), store, now))])
        batches, began = 0, time.perf_counter()
        while engine.handling.rules.shop.sweep is not None:
            _take(engine, events, 1)
            batches += 1
        took = time.perf_counter() - began
    share = batches * BATCH / took / reference
    print(f"sweep beside events: {took:.0f} s, {batches * BATCH / took:,.0f} events/s, {share:.2f} x those without it")


def _take(engine: Engine, events: Iterator[Event], batches: int) -> float:
    began = time.perf_counter()
    for _ in range(batches):
        engine.run([Arrivals(list(islice(events, BATCH)))])
    return time.perf_counter() - began


def main(customers: int = CUSTOMERS) -> None:
    """Measure, and print seconds and ratios."""
    with tempfile.TemporaryDirectory(prefix="winback-bench-") as temporary:
        folder = Path(temporary)
        pace = fill(folder, customers)
        print(f"{customers:,} customers taken in, {pace:,.0f} events a second", flush=True)
        for edit in (a_draft_goes_live, a_step_changes, another_threshold):
            plan(folder, edit.__name__.replace("_", " "), edit())
        sweep(folder, customers)
    print("must be 20 s for a plan on two cores, and 300 s for a sweep with at least 0.5 x the events")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
