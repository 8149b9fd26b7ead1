"""Sample data for previews: a customer, an offer and links that lead nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from engine.core.ids import SAMPLE_CODE
from engine.core.moments import Length
from engine.core.money import Money
from engine.core.rules import Discount, Offer
from engine.rendering.brand import PLACEHOLDER, Brand
from engine.rendering.variables import offer_variables

CUSTOMER: Final[dict[str, Any]] = {
    "id": "c-1042",
    "email": "ada@example.org",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "salutation": "Ms",
    "language": "en",
    "timezone": "Europe/Berlin",
    "country": "DE",
    "orders": 3,
    "order_days": 3,
    "revenue": Money(14_970, "EUR"),
    "revenue_365d": Money(4_990, "EUR"),
    "average_basket": Money(4_990, "EUR"),
    "first_order": date(2024, 6, 3),
    "last_order": date(2025, 9, 7),
    "idle_days": 120,
    "own_interval": 58,
    "last_items": ["Green tea, 250 g"],
    "categories": ["tea"],
    "standing": "reader",
    "address": "ok",
    "tags": [],
    "reading": "observed",
    "attributes": {},
}

OFFER: Final = Offer(
    name="ten_percent",
    what=Discount(share=1_000),
    valid_for=Length(days=14),
    minimum_basket=Money(2_000, "EUR"),
    terms="https://shop.example/terms",
)

CODE: Final = SAMPLE_CODE
LAST_DAY: Final = date(2026, 1, 19)
LINKS: Final = ("unsubscribe", "preferences", "confirm", "yes", "no", "accept", "decline", "survey")


def sample_context(
    *,
    brand: Brand = PLACEHOLDER,
    offer: Offer | None = OFFER,
    purpose: str = "marketing",
    customer: Mapping[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a context to preview a template with; what is given replaces the sample's.

    `customer` holds single fields, `values` is a step's `with:`, and with `offer` None the message has no offer.
    """
    return {
        "customer": {**CUSTOMER, **(customer or {})},
        "offer": offer_variables(offer, CODE, LAST_DAY) if offer else None,
        "links": {name: f"{brand.url}/sample/{name}" for name in LINKS},
        "shop": brand.variables(),
        "message": {"purpose": purpose},
        "with": dict(values or {}),
    }
