"""Why customers leave: the causes there are, and how much what an event says of them is worth (R8, R9)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from engine.core.customer import EVIDENCE_KEPT, Customer, Evidence
from engine.core.engagement import asks_by_whom, is_human
from engine.core.events import DATA, Event
from engine.core.matching import matches
from engine.core.moments import Instant, Zone, iso_day
from engine.core.rules import CauseRule

CAUSES: Final[dict[str, str]] = {
    "changed_need": "The customer no longer needs what we sell.",
    "changed_motive": "The customer wants something else from it than before.",
    "quality": "The goods were not good enough.",
    "offer": "What we offer does not fit: range, choice or availability.",
    "service": "Service, delivery or advice fell short.",
    "price": "It is too expensive.",
    "money": "The customer has less to spend.",
    "variety": "The customer looks for something new.",
    "life_phase": "The customer's phase of life has changed.",
    "moved": "The customer has moved away.",
    "out_of_reach": "The customer can no longer come to us or be delivered to.",
    "person_changed": "Somebody else decides there now.",
    "image": "The customer does not like what we stand for.",
    "competitor": "A competitor won the customer over.",
    "competitor_contract": "The customer is bound by a contract with a competitor.",
    "household_changed": "The household has changed, and others in it buy.",
}
"""The causes, each with one sentence. They are the same for every shop, so that measures and reports can be compared."""

WEAK, FAIR, STRONG = 1, 2, 3

_STRENGTHS: Final = {
    "hand_off.answered": STRONG,
    "survey.answered": STRONG,
    "contract.cancelled": FAIR,
    "ticket.opened": FAIR,
    "ticket.solved": FAIR,
}


def usual_strength(event: str) -> int:
    """Return how strong the evidence of an event is where nobody says: what customers tell us outweighs what they do."""
    return _STRENGTHS.get(event, WEAK)


# Evidence ------------------------------------------------------------------------------------------------------------

TELL_A_CAUSE: Final = frozenset(kind for kind, data in DATA.items() if "cause" in data.__struct_fields__)
"""Events with a field `cause` of their own; those of events.yaml may have one too."""

_LATER: Final[Instant] = 1 << 62


def learned(event: Event, rules: Iterable[CauseRule]) -> Iterator[Evidence]:
    """Tell what an event says of a cause: by its own field `cause`, and by the rules of lifecycle.yaml.

    Facts once learned stay: other rules say something of later events only.
    """
    own = event.field("cause")
    if isinstance(own, str) and own in CAUSES:
        yield Evidence(event.time, own, event.type, usual_strength(event.type))
    for rule in rules:
        if rule.event != event.type or not (is_human(event.field) or asks_by_whom(rule.where)):
            continue
        if matches(rule.where, event.field):
            yield Evidence(event.time, rule.means, event.type, rule.strength)


def with_evidence(kept: tuple[Evidence, ...], new: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Return evidence with more of it: the latest of each cause, event type and strength, and of those the latest few.

    So the outcome does not depend on the order of arrival, and many weak ones of a kind push no strong one out.
    """
    more = tuple(new)
    if not more:
        return kept
    latest: dict[tuple[str, str, int], Evidence] = {}
    for each in (*kept, *more):
        kind = (each.cause, each.by, each.strength)
        if kind not in latest or each.at > latest[kind].at:
            latest[kind] = each
    found = tuple(sorted(latest.values(), key=_by_time)[-EVIDENCE_KEPT:])
    return kept if found == kept else found


def cause_of(customer: Customer, now: Instant = _LATER) -> Evidence | None:
    """Return the evidence that says why the customer leaves: the strongest, then the newest; None where nothing does.

    What was learned before the last order counts no more: who ordered again has got over it.
    """
    if not customer.evidence:
        return None
    return max(_counting(customer, now), key=_by_strength, default=None)


def cause_in_words(customer: Customer, now: Instant, there: Zone) -> list[str]:
    """Say the cause, what it rests on and its date, and what else was said."""
    found = sorted(_counting(customer, now), key=_by_strength, reverse=True) if customer.evidence else []
    return [
        f"{'cause' if place == 0 else 'another cause'}: {each.cause}, {_NAMES[each.strength]} evidence"
        f" by {each.by} on {iso_day(there.day(each.at))}"
        for place, each in enumerate(found)
    ]


_NAMES: Final = {WEAK: "weak", FAIR: "fair", STRONG: "strong"}


def _counting(customer: Customer, now: Instant) -> list[Evidence]:
    last = next((order.at for order in reversed(customer.orders) if order.at <= now), 0)
    return [each for each in customer.evidence if last <= each.at <= now]


def _by_time(each: Evidence) -> tuple[Instant, str, str, int]:
    return each.at, each.cause, each.by, each.strength


def _by_strength(each: Evidence) -> tuple[int, Instant, str, str]:
    return each.strength, each.at, each.cause, each.by
