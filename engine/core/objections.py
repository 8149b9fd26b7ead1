"""What an event that says "no" stops: whose messages, of which purposes, since when. For the block list.

The block list is what the relay asks last, before each mail; the record hears of the "no" by the event that follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from engine.core.events import SAYS_NO, Event
from engine.core.links import block_key, customer_block_key
from engine.core.moments import Instant
from engine.core.permission import STOPPABLE
from engine.core.rules import Purpose
from engine.core.whose import keys_of


class No(Struct, frozen=True):
    """A "no". `keys` are the identity keys that may tell who said it, where `customer` does not.

    It counts from `at` on: a yes that was said later stands, however late the "no" is heard of.
    """

    at: Instant
    address: str = ""
    customer: str = ""
    keys: tuple[str, ...] = ()
    purposes: tuple[str, ...] = STOPPABLE


def no_in(event: Event) -> No | None:
    """Return the "no" to mail that an event says; None where it says none, or one to something else."""
    data = event.data
    if event.type == "hand_off.answered" and data.result == "never":  # said to a person, and no less of a "no"
        return No(event.time, event.email, event.customer, tuple(keys_of(event)), (Purpose.MARKETING.value,))
    if event.type not in SAYS_NO:
        return None
    purposes: tuple[str, ...] = STOPPABLE
    if event.type == "consent.withdrawn":
        if data.channel not in ("", "email") or data.purpose not in ("", *STOPPABLE):
            return None  # a "no" to calls or to tracking stops no mail
        purposes = (data.purpose,) if data.purpose else STOPPABLE
    elif event.type == "email.unsubscribed" and data.purpose in STOPPABLE:
        purposes = (data.purpose,)
    return No(event.time, event.email, event.customer, tuple(keys_of(event)), purposes)


def block_keys(no: No, customers: Iterable[str], key: bytes) -> Iterator[bytes]:
    """Yield the keys of the block list for a "no": its address's and those of the customers it is known to be of."""
    for purpose in no.purposes:
        if no.address.strip():
            yield block_key(key, no.address, purpose)
        for customer in customers:
            yield customer_block_key(key, customer, purpose)
