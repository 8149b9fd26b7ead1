"""Whose an event is that names no customer: the identity keys that may tell, in the order in which they are believed.

One list for every runtime: embedded looks the keys up in its store, the gateway of the distributed engine in PostgreSQL.
"""

from __future__ import annotations

from typing import Final

from engine.core.coupons import coupon_key
from engine.core.events import Event
from engine.core.message_ids import effect_of

BY_ADDRESS: Final = "mailto:"
"""How the id of a customer begins of whom we know only the address."""

OF_THE_SHOP: Final = frozenset({"sender.reputation"})
"""Events that concern no customer; nothing is decided by them yet."""

NOBODY: Final = "nobody to find: the event names no customer, and its message or address is not known"
"""Why an event is a dead letter that is about no one."""

_ABOUT_CODES = frozenset({"coupon.redeemed", "coupon.ready", "coupon.refused"})


def keys_of(event: Event) -> list[str]:
    """Return the keys by which the customer of an event may be known: message, code, address."""
    keys = []
    message = event.field("message_id")
    if isinstance(message, str) and message:
        keys.append(f"message:{effect_of(message)}")
    if event.type in _ABOUT_CODES:
        keys.append(coupon_key(event.data.code))
    address = address_in(event)
    if address:
        keys.append(mail_key(address))
    return keys


def address_in(event: Event) -> str:
    """Return the address an event names, as identities have it; empty where it names none."""
    return event.email.strip().casefold()


def mail_key(address: str) -> str:
    """Return the identity key of an address that is casefolded already."""
    return f"mail:{address}"


def order_key(shop: str, order_id: str) -> str:
    """Return the identity key of an order that a shop told, for what names nothing but the order."""
    return f"order:{shop}:{order_id}"


def unknown_at(event: Event) -> str:
    """Return the customer of whom an event tells nothing but an address; empty where it names none either."""
    address = address_in(event)
    return f"{BY_ADDRESS}{address}" if address else ""
