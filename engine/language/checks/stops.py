"""What a stop does to the rest of its run: sends it would stop, and stops that are never done."""

from __future__ import annotations

from engine.core.rules import (
    Address,
    AddressIs,
    AnyCondition,
    CloseAccount,
    EventSeen,
    MakeFormer,
    Purpose,
    Resume,
    Suppress,
)
from engine.language.checks.templates import BESIDE_MAIL
from engine.language.checks.ways import Place, sends_always, ways_on
from engine.language.problems import shown
from engine.language.reading import Reading
from engine.language.workflows import WorkflowDraft

_LIFTS = ("newsletter.confirmed", "newsletter.subscribed", "consent.given")
_ON_SILENCE = (Suppress, MakeFormer, CloseAccount)


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
                case _ if place not in noted:
                    for each in stage.steps[place[1]].sends:
                        if each.send.purpose in stopped and not (dead and each.send.channel in BESIDE_MAIL):
                            noted.add(place)
                            message = f"an earlier 'suppress: {each.send.purpose}' of the run stops this send"
                            hint = "send it before, or give it another 'purpose:'"
                            reading.error(each.fields.keys["send"], "send-after-stop", message, hint)
        for way in ways_on(stage, place[1], draft.stages):
            then = frozenset[Purpose]() if _lifts(way.heard) else after
            if (way.to, then) not in seen:
                seen.add((way.to, then))
                waiting.append((way.to, then))


def _lifts(heard: AnyCondition | None) -> bool:
    return isinstance(heard, EventSeen) and heard.event in _LIFTS


def _unasked_stops(draft: WorkflowDraft, reading: Reading) -> None:
    """A stop after sends is done only on silence to a delivered question; with no question it never is."""
    asked = _asked_before(draft)
    for (name, number), sent in _sent_before(draft).items():
        stage = draft.stages[name]
        if not sent or (name, number) in asked or number >= len(stage.steps):
            continue
        step = stage.steps[number]
        if isinstance(step.step, _ON_SILENCE):
            key = next(iter(step.fields.keys.values()))
            message = (
                f"{shown(key.value)} after a send is done only on silence to a question, and none is asked before it"
            )
            reading.error(key, "stop-without-question", message, "add 'asks:' to the send that asks")


def _asked_before(draft: WorkflowDraft) -> set[Place]:
    """Return the places that have a question before them on some way there."""
    asked = set[Place]()
    waiting = [
        (name, number)
        for name, stage in draft.stages.items()
        for number, step in enumerate(stage.steps)
        if any("asks" in each.fields.keys for each in step.sends)
    ]
    while waiting:
        name, number = waiting.pop()
        for way in ways_on(draft.stages[name], number, draft.stages):
            if way.to not in asked:
                asked.add(way.to)
                waiting.append(way.to)
    return asked


def _sent_before(draft: WorkflowDraft) -> dict[Place, bool]:
    """Return for each place that can be reached whether a send comes before it on every way there."""
    first: Place = (next(iter(draft.stages)), 0)
    sent = {first: False}
    waiting = [first]
    while waiting:
        place = waiting.pop()
        stage = draft.stages[place[0]]
        here = place[1] < len(stage.stage.steps) and sends_always(stage.stage.steps[place[1]])
        for way in ways_on(stage, place[1], draft.stages):
            so_far = sent[place] or here
            if way.to not in sent or (sent[way.to] and not so_far):
                sent[way.to] = so_far
                waiting.append(way.to)
    return sent


def _holdout(draft: WorkflowDraft, reading: Reading) -> None:
    """Warn of a hold-out where there is no gain to measure: who asks or stops offers nothing."""
    steps = [step for stage in draft.stages.values() for step in stage.stage.steps]
    asks = any(isinstance(step, _ON_SILENCE) for step in steps) or any(each.send.asks for each in draft.sendings)
    offers = any(each.send.offer for each in draft.sendings)
    if asks and not offers and draft.workflow.holdout:
        message = "this workflow asks or stops and makes no offer, so a hold-out has no gain to show"
        reading.warn(draft.fields.nodes["holdout"], "holdout-on-question", message, "write 0%")
