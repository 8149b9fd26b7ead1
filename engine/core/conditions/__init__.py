"""Conditions: does one hold for this customer at this time, and if not, when could time alone make it hold.

Each kind of condition answers both at once: the instant from which it holds if nothing else happens (`now` if it holds
already), or `NEVER` when only an event can make it hold; and where it holds, the instant at which time alone ends that.
So entry by absence ("no click for 90 days") needs no timer of its own kind: the answer is the due time.
"""

from engine.core.conditions.asking import all_hold_from, ceases, holds, holds_from
from engine.core.conditions.permissions import has_lapsed, lapses_at, used_at
from engine.core.conditions.topics import (
    ADDRESS,
    CAUSE,
    ENDED,
    FACTS,
    LIFE,
    OFFERS,
    PERMISSION,
    RETURNED,
    SENT,
    STANDING,
    TAGS,
    ended_topic,
    hastens,
    offer_topic,
    sent_topic,
    tag_topic,
    topics,
)
from engine.core.conditions.view import NEVER, View
from engine.core.matching import matches

__all__ = [
    "ADDRESS",
    "CAUSE",
    "ENDED",
    "FACTS",
    "LIFE",
    "NEVER",
    "OFFERS",
    "PERMISSION",
    "RETURNED",
    "SENT",
    "STANDING",
    "TAGS",
    "View",
    "all_hold_from",
    "ceases",
    "ended_topic",
    "has_lapsed",
    "hastens",
    "holds",
    "holds_from",
    "lapses_at",
    "matches",
    "offer_topic",
    "sent_topic",
    "tag_topic",
    "topics",
    "used_at",
]
