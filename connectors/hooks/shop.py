"""What shops have in common: whose an order is, and the events of an order and of a customer's master data.

Orders come in every state and again at every change, and by polling as well: so what an order says is read from what it
holds and not from the topic it came under, and its events have ids made of it. An order that is told twice is one order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from connectors.hooks.telling import JSON, event, number_of


class Shop(Struct, frozen=True):
    """A shop whose events these are. `prefix` keeps its customers and orders apart from another shop's."""

    source: str
    prefix: str = ""

    def named(self, number: str) -> str:
        """Return our id of a customer or an order of this shop's."""
        return f"{self.prefix}{number}" if number else ""


class Order(Struct, frozen=True, kw_only=True):
    """An order as a shop tells it. `customer` is empty for a guest, who is found by the address."""

    number: str
    customer: str
    email: str
    placed_at: str
    total: Any
    currency: str
    items: Sequence[JSON] = ()
    coupons: Sequence[str] = ()
    country: str = ""
    cancelled_at: str = ""
    why_cancelled: str = ""
    delivered_at: str = ""
    refunds: Sequence[tuple[str, str, Any, str]] = ()
    """Each as id, time, amount and currency."""
    is_placed: bool = True


def order_events(shop: Shop, order: Order) -> Iterator[bytes]:
    """Yield what is known of an order. Without a customer or an address there is nobody it could be told of."""
    who, number = shop.named(order.customer), shop.named(order.number)
    if not number or not (who or order.email):
        return

    def told(kind: str, name: str, time: str, data: Mapping[str, Any]) -> bytes:
        return event(shop.source, kind, name, time, {"order_id": number, "email": order.email, **data}, who)

    if order.is_placed:
        first, *others = [*order.coupons, ""][:10]
        placed = {"total": order.total, "currency": order.currency, "items": list(order.items)}
        placed |= {"coupon": first, "country": order.country}
        yield told("order.placed", f"order-{number}", order.placed_at, placed)
        for code in filter(None, others):
            yield told("coupon.redeemed", f"coupon-{number}-{code}", order.placed_at, {"code": code})
    for name, time, amount, currency in order.refunds:
        yield told("order.refunded", f"refund-{name}", time, {"amount": amount, "currency": currency})
    if order.delivered_at:
        yield told("order.delivered", f"delivered-{number}", order.delivered_at, {})
    if order.cancelled_at:
        yield told("order.cancelled", f"cancelled-{number}", order.cancelled_at, {"reason": order.why_cancelled})


def profile(shop: Shop, customer: str, time: str, data: Mapping[str, Any]) -> bytes:
    """Return a customer's master data as of a moment. What is not told stays as it is."""
    return event(shop.source, "profile.updated", number_of("profile", customer, time), time, data, shop.named(customer))


PURPOSES = ("marketing", "newsletter")
"""What a shop's "email marketing" is about: it asks once for both."""


def consents(shop: Shop, customer: str, email: str, time: str, proof: JSON | None) -> Iterable[bytes]:
    """Yield a consent to mail for each purpose, or without a proof its withdrawal."""
    kind = "consent.withdrawn" if proof is None else "consent.given"
    basis = "" if proof is None else "express"
    for purpose in PURPOSES:
        data = {"purpose": purpose, "channel": "email", "basis": basis, "proof": proof, "email": email}
        number = number_of(kind, customer or email, purpose, time)
        yield event(shop.source, kind, number, time, data, shop.named(customer))
