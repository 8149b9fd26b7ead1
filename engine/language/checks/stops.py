"""What a stop does to the rest of its run: sends it would stop, and stops that are never done."""

from __future__ import annotations

from engine.core.rules import (
    Address,
    AddressIs,
    AnyCondition,
    EventSeen,
    MakeFormer,
    Purpose,
    Resume,
    Send,
    Suppress,
)
from engine.language.checks.ways import Place, ways_on
from engine.language.problems import shown
from engine.language.reading import Reading
from engine.language.workflows import WorkflowDraft

_LIFTS = ("newsletter.confirmed", "newsletter.subscribed", "consent.given")
_BESIDE_MAIL = ("letter", "phone", "sms", "push")


def check(draft: WorkflowDraft, reading: Reading) -> None:
    """Note sends after a stop of their kind, and stops after sends of which none asks."""
    _stopped_sends(draft, reading)
    _unasked_stops(draft, reading)
    _holdout(draft, reading)


def _stopped_sends(draft: WorkflowDraft, reading: Reading) -> None:
    """Walk every way with the stops done so far; a place is looked at once for each set of stops."""
    dead = any(isinstance(each, AddressIs) and each.address is Address.DEAD for each in draft.workflow.enter_when_all)
    first: tuple[Place, frozenset[Purpose]] = ((next(iter(draft.stages)), 0), frozenset())
    waiting, seen, noted = [first], {first}, set[Place]()
    while waiting:
        place, stopped = waiting.pop()
        stage = draft.stages[place[0]]
        after = stopped
        if place[1] < len(stage.stage.steps):
            step = stage.stage.steps[place[1]]
            match step:
                case Suppress():
                    after = stopped | {step.scope}
                case Resume():
                    after = stopped - {step.scope}
                case Send() if step.purpose in stopped and not (dead and step.channel in _BESIDE_MAIL):
                    if place not in noted:
                        noted.add(place)
                        key = stage.steps[place[1]].fields.keys["send"]
                        message = f"an earlier 'suppress: {step.purpose}' of the run stops this send"
                        reading.error(key, "send-after-stop", message, "send it before, or give it another 'purpose:'")
        for way in ways_on(stage, place[1], draft.stages):
            then = frozenset[Purpose]() if _lifts(way.heard) else after
            if (way.to, then) not in seen:
                seen.add((way.to, then))
                waiting.append((way.to, then))


def _lifts(heard: AnyCondition | None) -> bool:
    return isinstance(heard, EventSeen) and heard.event in _LIFTS


def _unasked_stops(draft: WorkflowDraft, reading: Reading) -> None:
    """A stop after sends is done only on silence to a delivered question; with no question it never is."""
    steps = [each for stage in draft.stages.values() for each in stage.steps]
    if any(isinstance(each.step, Send) and "asks" in each.fields.keys for each in steps):
        return
    for (name, number), sent in _sent_before(draft).items():
        stage = draft.stages[name]
        if not sent or number >= len(stage.steps):
            continue
        step = stage.steps[number]
        if isinstance(step.step, Suppress | MakeFormer):
            key = next(iter(step.fields.keys.values()))
            message = (
                f"{shown(key.value)} after a send is done only on silence to a question, and this workflow asks none"
            )
            reading.error(key, "stop-without-question", message, "add 'asks:' to the send that asks")


def _sent_before(draft: WorkflowDraft) -> dict[Place, bool]:
    """Return for each place that can be reached whether a send comes before it on every way there."""
    first: Place = (next(iter(draft.stages)), 0)
    sent = {first: False}
    waiting = [first]
    while waiting:
        place = waiting.pop()
        stage = draft.stages[place[0]]
        here = place[1] < len(stage.stage.steps) and isinstance(stage.stage.steps[place[1]], Send)
        for way in ways_on(stage, place[1], draft.stages):
            so_far = sent[place] or here
            if way.to not in sent or (sent[way.to] and not so_far):
                sent[way.to] = so_far
                waiting.append(way.to)
    return sent


def _holdout(draft: WorkflowDraft, reading: Reading) -> None:
    """Warn of a hold-out where there is no gain to measure: who asks or stops offers nothing."""
    steps = [step for stage in draft.stages.values() for step in stage.stage.steps]
    asks = any(isinstance(step, Suppress | MakeFormer) or (isinstance(step, Send) and step.asks) for step in steps)
    offers = any(isinstance(step, Send) and step.offer for step in steps)
    if asks and not offers and draft.workflow.holdout:
        message = "this workflow asks or stops and makes no offer, so a hold-out has no gain to show"
        reading.warn(draft.fields.nodes["holdout"], "holdout-on-question", message, "write 0%")
