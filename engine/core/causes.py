"""Why customers leave: the causes there are, and how much what an event says of them is worth (R8, R9)."""

from __future__ import annotations

from typing import Final

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
