"""What a condition listens to: the topics that a signal touches and by which workflows are indexed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.core.marks import BY_ANYBODY
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

STANDING, RETURNED, ADDRESS, TAGS, PERMISSION, FACTS, LIFE, CAUSE, OFFERS, SENT, ENDED = (
    "standing",
    "returned",
    "address",
    "tags",
    "permission",
    "facts",
    "life",
    "cause",
    "offers",
    "sent",
    "ended",
)
"""Aspects of a customer that a signal may touch; FACTS are orders and profile, LIFE the signs of it, CAUSE the evidence
of causes, OFFERS and SENT what was released, ENDED its runs."""

_OF_CAUSE = frozenset(
    {CAUSE, "order.placed", "order.cancelled"}
)  # an order is the end of a cause, until it is cancelled

_FIELD_TOPICS = {
    "standing": frozenset({STANDING}),
    "address": frozenset({ADDRESS}),
    "tags": frozenset({TAGS}),
    "reading": frozenset({PERMISSION, "profile.updated"}),  # some countries ask for no tracking consent
    "last_click": frozenset({LIFE}),
    "cause": _OF_CAUSE,
    "call_again_on": frozenset({"hand_off.answered"}),
    "competitor_contract_ends": frozenset({"contract.cancelled"}),
}
_FACTS = frozenset({FACTS})


def tag_topic(tag: str) -> str:
    """Return the topic of one tag: that another one was put is no news of it."""
    return f"tag {tag}"


def offer_topic(offer: str) -> str:
    """Return the topic of one offer."""
    return f"offer {offer}"


def sent_topic(template: str) -> str:
    """Return the topic of the messages of one template."""
    return f"sent {template}"


def ended_topic(workflow: str) -> str:
    """Return the topic of the runs of one workflow that end."""
    return f"workflow {workflow}"


def topics(condition: AnyCondition) -> frozenset[str]:
    """What can change whether a condition holds: event types, and the aspects of a customer named above.

    What time alone changes has none: `holds_from` and `ceases` tell its due time.
    """
    return _HEARD[type(condition)](condition)


def hastens(condition: AnyCondition) -> frozenset[str]:
    """What can make a condition hold sooner: its topics, but for the event that can only put it off.

    An order's mark may be taken out again, when it is called off; so a condition on orders is asked in any case.
    """
    if isinstance(condition, AnyOf):
        return frozenset[str]().union(*(hastens(each) for each in condition.conditions))
    heard = topics(condition)
    asked = condition.condition if isinstance(condition, Not) else condition
    if (
        isinstance(asked, EventSeen)
        and asked.event != "order.placed"
        and asked.absent is not isinstance(condition, Not)
    ):
        return heard - {asked.event}
    return heard


def _of_event(condition: EventSeen) -> frozenset[str]:
    heard = {condition.event, PERMISSION, "profile.updated"} if condition.event in BY_ANYBODY else {condition.event}
    return frozenset(heard | {FACTS} if condition.since else heard)  # an occasion may be of the customer's own


def _of_offer(condition: OfferHad) -> frozenset[str]:
    had = offer_topic(condition.offer)
    heard = {had, "coupon.given"}
    return frozenset(heard if condition.used is None else heard | {"order.placed", "coupon.redeemed"})


_HEARD: dict[type, Callable[[Any], frozenset[str]]] = {
    EventSeen: _of_event,
    StandingIs: lambda _: frozenset({STANDING}),
    Returned: lambda _: frozenset({RETURNED}),
    AddressIs: lambda _: frozenset({ADDRESS}),
    TagIs: lambda condition: frozenset({tag_topic(condition.tag)}),
    PermissionIs: lambda _: frozenset({PERMISSION, "order.cancelled"}),  # an order that was none used no permission
    FieldIs: lambda condition: _FIELD_TOPICS.get(condition.field, _FACTS),
    Declining: lambda _: _FACTS,
    WorthIs: lambda _: _FACTS,
    OccasionNear: lambda _: _FACTS,
    CauseIs: lambda _: _OF_CAUSE,
    OfferHad: _of_offer,
    TemplateSent: lambda condition: frozenset({sent_topic(condition.template)}),
    WorkflowEnded: lambda condition: frozenset({ended_topic(condition.workflow)}),
    Not: lambda condition: topics(condition.condition),
    AnyOf: lambda condition: frozenset[str]().union(*(topics(each) for each in condition.conditions)),
}
