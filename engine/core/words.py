"""Conditions in the words of the YAML, for the reasons that effects and `explain` give."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from engine.core.rules import (
    AddressIs,
    AnyCondition,
    AnyOf,
    CauseIs,
    Declining,
    EventSeen,
    FieldIs,
    Not,
    OccasionNear,
    OfferHad,
    PermissionIs,
    Returned,
    StandingIs,
    TagIs,
    TemplateSent,
    WorkflowEnded,
    WorthIs,
)


def in_words(condition: AnyCondition) -> str:
    """Write a condition as one line of YAML-like text: `no_event: email.clicked, within: 90d`."""
    told = _KEYS[type(condition)](condition)
    return ", ".join(f"{key}: {value}" for key, value in told.items() if value is not None and value != "")


def _event(condition: EventSeen) -> dict[str, object]:
    where = ", ".join(f"{name}: {value}" for name, value in condition.where.items())
    return {
        "no_event" if condition.absent else "event": condition.event,
        "within": condition.within,
        "since": f"{{occasion: {condition.since}}}" if condition.since else None,
        "at_least": condition.at_least if condition.at_least != 1 else None,
        "where": f"{{{where}}}" if where else None,
    }


def _returned(condition: Returned) -> dict[str, object]:
    came = [standing.value for standing in condition.from_standings]
    return {"returned": f"from {_listed(came)}", "within": condition.within}


def _permission(condition: PermissionIs) -> dict[str, object]:
    return {
        "permission": condition.permission,
        "channel": condition.channel if condition.channel != "email" else None,
        "given_before": condition.given_before,
        "lapses_within": condition.lapses_within,
        "basis": condition.basis,
    }


def _field(condition: FieldIs) -> dict[str, object]:
    return {
        "customer": condition.field,
        "is": condition.equals,
        "any_of": _listed(condition.any_of) if condition.any_of else None,
        "at_least": condition.at_least,
        "at_most": condition.at_most,
        "within_next": condition.within_next,
        "within_last": condition.within_last,
    }


def _cause(condition: CauseIs) -> dict[str, object]:
    causes = condition.any_of
    return {"cause": causes[0] if len(causes) == 1 else _listed(causes), "within": condition.within}


def _offer(condition: OfferHad) -> dict[str, object]:
    used = None if condition.used is None else str(condition.used).lower()
    return {"offer": condition.offer, "had_within": condition.had_within, "used": used}


def _ended(condition: WorkflowEnded) -> dict[str, object]:
    return {"workflow": condition.workflow, "ended_within": condition.ended_within, "outcome": condition.outcome}


def _occasion(condition: OccasionNear) -> dict[str, object]:
    before, after = (length if length.days else None for length in (condition.before, condition.after))
    return {"occasion": condition.occasion, "before": before, "after": after}


def _listed(values: Iterable[object]) -> str:
    return f"[{', '.join(str(value) for value in values)}]"


_KEYS: dict[type, Callable[[Any], dict[str, object]]] = {
    EventSeen: _event,
    StandingIs: lambda condition: {"standing": condition.standing.value, "for": condition.held_for},
    Returned: _returned,
    Declining: lambda condition: {"declining": condition.what, "by": f"{condition.by / 100:g}%"},
    AddressIs: lambda condition: {"address": condition.address.value},
    TagIs: lambda condition: {"tag": condition.tag},
    PermissionIs: _permission,
    FieldIs: _field,
    CauseIs: _cause,
    OfferHad: _offer,
    TemplateSent: lambda condition: {"sent": condition.template, "within": condition.within},
    WorkflowEnded: _ended,
    WorthIs: lambda _: {"worth": "positive"},
    OccasionNear: _occasion,
    Not: lambda condition: {"not": f"{{{in_words(condition.condition)}}}"},
    AnyOf: lambda condition: {"enter_when_any": _listed([f"{{{in_words(each)}}}" for each in condition.conditions])},
}
"""The keys of each kind with their values; one that is None or empty was left out."""
