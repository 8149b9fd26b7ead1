"""Shopify's webhooks (shopify.dev: verify deliveries, delivery structure, privacy law compliance; read 2026-11).

Signed with HMAC-SHA256 over the body, in base64. The headers are not signed, so the topic is a hint alone: what a body
says decides, and ids are made of it. That answers replays, too: a body that comes again says the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from connectors.hooks.shop import Order, Shop, consents, order_events, profile
from connectors.hooks.signing import check_hmac, from_base64, must_have
from connectors.hooks.telling import JSON, event, number_of, objects, read_object, text
from engine.core.decoded import at
from engine.core.moments import Instant, rfc3339
from engine.ports import Heard, HookCall

SOURCE = "shopify"


class ShopifyHook:
    """Takes what a Shopify shop tells of orders and customers."""

    name = SOURCE

    def __init__(self, secrets: Sequence[str], *, prefix: str = "") -> None:
        """Take the app's client secrets."""
        self._secrets = [each.encode() for each in secrets]
        self._shop = Shop(SOURCE, prefix)

    async def hear(self, call: HookCall) -> Heard:
        """Check the signature, and say what happened."""
        given = call.headers.get("x-shopify-hmac-sha256") or call.headers.get("shopify-hmac-sha256")
        check_hmac(self._secrets, call.body, from_base64(must_have(given, "X-Shopify-Hmac-Sha256")))
        topic = call.headers.get("x-shopify-topic") or call.headers.get("shopify-topic") or ""
        said = read_object(call.body)
        return Heard(
            tuple(_events(self._shop, topic, said, call.now)), of_orders=tuple(_of_order(self._shop, topic, said))
        )

    async def close(self) -> None:
        """Nothing is open."""


def _events(shop: Shop, topic: str, said: JSON, now: Instant) -> Iterator[bytes]:
    if "shop_domain" in said:
        yield from _privacy(shop, said, now)
    elif topic.startswith("orders/") or ("line_items" in said and "order_number" in said):
        yield from events_of_order(shop, said)
    elif topic.startswith(("refunds/", "fulfillments/")):
        return  # they name an order alone
    elif "email_marketing_consent" in said or topic.startswith("customers"):
        yield from _customer(shop, topic, said, now)


def events_of_order(shop: Shop, said: JSON) -> Iterator[bytes]:
    """Yield the events of an order, however it came. Test orders are no orders."""
    if said.get("test") is True or not text(said, "id"):
        return
    email = text(said, "email") or text(said, "contact_email") or text(said, "customer", "email")
    yield from order_events(
        shop,
        Order(
            number=text(said, "id"),
            customer=text(said, "customer", "id"),
            email=email,
            placed_at=text(said, "processed_at") or text(said, "created_at"),
            total=said.get("total_price"),
            currency=text(said, "currency"),
            items=[_item(each) for each in objects(said, "line_items")],
            coupons=[text(each, "code") for each in objects(said, "discount_codes")],
            country=text(said, "shipping_address", "country_code") or text(said, "billing_address", "country_code"),
            cancelled_at=text(said, "cancelled_at"),
            why_cancelled=text(said, "cancel_reason"),
            delivered_at=_delivered_at(said),
            refunds=[found for each in objects(said, "refunds") if (found := _refund(each, text(said, "currency")))],
        ),
    )


def _item(line: JSON) -> JSON:
    item = {"sku": text(line, "sku"), "name": text(line, "title") or text(line, "name"), "price": line.get("price")}
    return {
        name: value for name, value in (item | {"quantity": line.get("quantity")}).items() if value not in ("", None)
    }


def _refund(said: JSON, currency: str) -> tuple[str, str, Decimal, str] | None:
    """Return what was paid back; None where only goods were put back."""
    paid = [each for each in objects(said, "transactions") if _is_paid_back(each)]
    amount = sum((found for each in paid if (found := _decimal(text(each, "amount"))) is not None), Decimal(0))
    if not amount:
        return None
    return text(said, "id"), text(said, "processed_at") or text(said, "created_at"), amount, _currency(paid, currency)


def _is_paid_back(transaction: JSON) -> bool:
    return text(transaction, "kind") in ("", "refund") and text(transaction, "status") in ("", "success")


def _currency(transactions: list[JSON], otherwise: str) -> str:
    return next((found for each in transactions if (found := text(each, "currency"))), otherwise)


def _decimal(written: str) -> Decimal | None:
    try:
        found = Decimal(written)
    except ArithmeticError:
        return None
    return found if found.is_finite() else None


def _delivered_at(order: JSON) -> str:
    """Return when all that was sent had arrived; empty where something is under way, or nobody says."""
    sent = list(objects(order, "fulfillments"))
    if text(order, "fulfillment_status") != "fulfilled" or not all(_has_arrived(each) for each in sent):
        return ""
    return max((text(each, "updated_at") for each in sent), default="")


def _has_arrived(fulfilment: JSON) -> bool:
    """A parcel that nobody tracks has arrived when it was handed over: nothing more will be heard of it."""
    if text(fulfilment, "status") not in ("", "success"):
        return False
    tracked = text(fulfilment, "tracking_number") or at(fulfilment, "tracking_numbers")
    return text(fulfilment, "shipment_status") == "delivered" or not tracked


def _of_order(shop: Shop, topic: str, said: JSON) -> Iterator[tuple[str, bytes]]:
    """Yield what a refund or a fulfilment says of its order, each behind the order's number; it names no customer."""
    order = shop.named(text(said, "order_id"))
    if not order:
        return
    if topic.startswith("refunds/") and (found := _refund(said, "")):
        name, time, amount, currency = found
        data = {"order_id": order, "amount": amount, "currency": currency}
        yield order, event(shop.source, "order.refunded", f"refund-{name}", time, data)
    elif topic.startswith("fulfillments/") and text(said, "shipment_status") == "delivered":
        data = {"order_id": order}
        yield order, event(shop.source, "order.delivered", f"delivered-{order}", text(said, "updated_at"), data)


def _customer(shop: Shop, topic: str, said: JSON, now: Instant) -> Iterator[bytes]:
    number = text(said, "id") or text(said, "customer_id")
    email = text(said, "email") or text(said, "email_address")
    updated = text(said, "updated_at")
    if topic == "customers/delete":
        if number:
            yield event(shop.source, "account.closed", f"closed-{number}", rfc3339(now), {}, shop.named(number))
        return
    if topic == "customers/merge":
        yield from _merged(shop, said, now)
        return
    if updated and "email" in said:
        yield profile(shop, number, updated, _profile(said, email))
    consent = said.get("email_marketing_consent")
    if number and isinstance(consent, dict):
        yield from _consent(shop, number, email, consent, updated or rfc3339(now))


def _profile(said: JSON, email: str) -> JSON:
    address = at(said, "default_address")
    return {
        "email": email,
        "first_name": text(said, "first_name"),
        "last_name": text(said, "last_name"),
        "phone": text(said, "phone"),
        "language": text(said, "locale"),
        "company": text(address, "company"),
        "country": text(address, "country_code"),
    }


def _consent(shop: Shop, number: str, email: str, consent: JSON, updated: str) -> Iterator[bytes]:
    """Yield what `email_marketing_consent` says: a yes without its day is none, a "no" counts without."""
    state, since = text(consent, "state").casefold(), text(consent, "consent_updated_at")
    if state == "unsubscribed":
        yield from consents(shop, number, email, since or updated, None)
    elif state == "subscribed" and since:
        level = text(consent, "opt_in_level").casefold()
        yield from consents(shop, number, email, since, {"source": SOURCE, "opt_in_level": level, "at": since})


def _merged(shop: Shop, said: JSON, now: Instant) -> Iterator[bytes]:
    goes, stays = (
        text(said, f"admin_graphql_api_customer_{which}_id").rpartition("/")[2] for which in ("deleted", "kept")
    )
    if goes and stays:
        data = {"into": shop.named(stays)}
        yield event(shop.source, "customer.merged", f"merged-{goes}-{stays}", rfc3339(now), data, shop.named(goes))


def _privacy(shop: Shop, said: JSON, now: Instant) -> Iterator[bytes]:
    """Yield what the law's webhooks ask. They carry no time: it is when we heard it first, since ids are of the body."""
    customer = text(said, "customer", "id")
    if "data_request" in said or "orders_requested" in said:
        kind = "customer.data_requested"
    elif isinstance(said.get("customer"), dict):
        kind = "customer.erased"
    else:
        return  # shop/redact: the shop has left, and with it whoever runs this engine
    data = {"email": text(said, "customer", "email"), "reason": "asked in the shop"}
    yield event(shop.source, kind, number_of(kind, said), rfc3339(now), data, shop.named(customer))
