"""Why a scenario went otherwise: what was in the way, where the run stood, and what led it there, with the lines of YAML.

It asks what `explain` asks of a live customer. Instants are said as days of the scenario, as its author counts them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from msgspec import Struct

from engine.core import effects as fx
from engine.core.conditions import View, holds
from engine.core.customer import Customer, Run
from engine.core.effects import Effect
from engine.core.moments import MINUTE, Day, Instant, Zone, instant, parse_day
from engine.core.rulebook import Rules
from engine.core.rules import AnyCondition, EventSeen, Wait, Workflow
from engine.core.runs import step_of
from engine.core.standing import evidence
from engine.core.words import in_words
from engine.runtimes.simulator.actions import action_of
from engine.trace import Decision, run_told, told, why_not

_WHEN = re.compile(r"\b\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(?:\.\d+)?Z)?")
_NOT_DONE = (fx.SEND_DEFERRED, fx.SEND_DROPPED, fx.SEND_HELD_OUT, fx.STEP_HELD_OUT)


class Seen(Struct, frozen=True):
    """What was seen of a scenario as it was played: effects, records and events, each in the order of time."""

    zone: Zone
    start: Instant
    workflow: Workflow
    rules: Rules
    effects: Sequence[Effect]
    records: Sequence[tuple[Instant, Customer]]
    events: Sequence[tuple[Instant, str]]


def in_days(text: str, zone: Zone, start: Instant) -> str:
    """Write the instants and dates in a text as days since a scenario's start: `day 3 09:00`, `day -120`."""
    first = zone.day(start)

    def as_day(found: re.Match[str]) -> str:
        if found[1] is None:
            day = parse_day(found[0])
            return found[0] if day is None else f"day {day - first}"
        at = instant(datetime.fromisoformat(found[0]))
        clock = zone.clock(at) // MINUTE
        return f"day {zone.day(at) - first}" + (f" {clock // 60:02d}:{clock % 60:02d}" if clock else "")

    return _WHEN.sub(as_day, text)


def reasons(seen: Seen, day: Day, expected: Collection[str], happened: Collection[str]) -> tuple[str, ...]:
    """Say why a day (a day number of the calendar) went otherwise than expected."""
    end = seen.zone.start(day + 1) - 1
    before = [effect for effect in seen.effects if effect.time <= end]
    if not any(effect.type == fx.RUN_STARTED for effect in before):
        found = list(_not_entered(seen, end))
    else:
        found = [*_led_there(seen, before), *_decided(seen, before, day, expected, happened), *_stands(seen, end)]
    return tuple(dict.fromkeys(in_days(each, seen.zone, seen.start) for each in found))


def _not_entered(seen: Seen, end: Instant) -> Iterator[str]:
    customer, rules = _record(seen, end), seen.rules
    for each in why_not(customer, seen.workflow, rules, end, {}):
        condition, dash, instead = each.why.partition(" - ")
        said = f"{condition} did not hold: {instead}" if dash else condition
        yield f"not entered: {said}{_place(each)}"
    known = evidence(customer, end, rules.lifecycle, rules.shop.thresholds)
    yield f"the customer is {customer.standing.value}: {'; '.join(known)}"


def _decided(
    seen: Seen, before: Sequence[Effect], day: Day, expected: Collection[str], happened: Collection[str]
) -> Iterator[str]:
    """What was put off, dropped or held out, and how the run ended, as far as it has to do with what differs."""
    differing = {*expected}.symmetric_difference(happened)
    subjects = {action.partition(" ")[2] for action in differing}
    acts = {effect.effect_id for effect in before if action_of(effect) in differing}
    run = _run(seen, seen.zone.start(day + 1) - 1)
    ended = next((effect for effect in reversed(before) if effect.type == fx.RUN_ENDED), None)
    for effect in before:
        is_of_the_day = seen.zone.day(effect.time) == day
        concerns = (
            effect.effect_id in acts
            or action_of(effect).partition(" ")[2] in subjects
            or (run is not None and effect.effect_id == run.effect_id)
        )
        if (
            effect is ended
            or (effect.type in _NOT_DONE and (is_of_the_day or concerns))
            or (effect.type == fx.RUN_STARTED and is_of_the_day and not expected)
        ):
            for each in told(effect, seen.rules, {}):
                why = f": {each.why}" if each.why else ""
                yield f"{_on(seen, effect.time)}: {each.what}{why}{_place(each)}"


def _led_there(seen: Seen, before: Sequence[Effect]) -> Iterator[str]:
    """What made the run leave: for another stage (the last time it did), or altogether."""
    for effect in reversed(before):
        run = _run(seen, effect.time - 1)
        if run is None:
            continue
        outcome = effect.data.get("outcome")
        ways = [(each, f"stage {each.then}", each.then) for each in seen.workflow.stage(run.stage).until_any]
        found = [(way.condition, where) for way, where, stage in ways if stage == effect.data.get("stage") != run.stage]
        if outcome == "left":
            found = [(each, "the end, by leave_when_any") for each in seen.workflow.leave_when_any]
        for condition, where in found:
            if _was_heard(seen, condition, effect.time):
                line = f" ({seen.workflow.file}:{condition.line})"
                yield f"{_on(seen, effect.time)}: {in_words(condition)} led to {where}{line}"
                return


def _was_heard(seen: Seen, condition: AnyCondition, at: Instant) -> bool:
    if isinstance(condition, EventSeen):
        return (at, condition.event) in seen.events
    customer = _record(seen, at)
    return holds(condition, View(customer, at, seen.rules.lifecycle))


def _stands(seen: Seen, end: Instant) -> Iterator[str]:
    """Where the run stood at the end of the day, and what it waited for."""
    run = _run(seen, end)
    if run is None or run.reason:  # what keeps a send waiting has been told
        return
    there, step = run_told(run, seen.rules), step_of(seen.workflow, run)
    if step is None:
        return
    name = f"wait: {step.length}" if isinstance(step, Wait) else step.key.rpartition(" ")[0] or step.key
    until = f" until {there['until']}" if there["until"] else ""
    yield f"the run is in stage {run.stage} at '{name}'{until} ({there['file']}:{there['line']})"


def _record(seen: Seen, at: Instant) -> Customer:
    """The record as it was at an instant; the first one where there was none."""
    place = bisect_right(seen.records, at, key=lambda each: each[0])
    return seen.records[max(place - 1, 0)][1]


def _run(seen: Seen, at: Instant) -> Run | None:
    return next((run for run in _record(seen, at).runs if run.workflow == seen.workflow.name), None)


def _on(seen: Seen, at: Instant) -> str:
    return f"day {seen.zone.day(at) - seen.zone.day(seen.start)}"


def _place(decision: Decision) -> str:
    return f" ({decision.file}:{decision.line})" if decision.line else ""
