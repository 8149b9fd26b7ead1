"""WooCommerce's webhooks (class-wc-webhook.php; REST API reference, version 3; read 2026-11).

Signed with HMAC-SHA256 over the body, in base64, when the webhook has a secret. The delivery id changes with each attempt,
so ids are made of what a body says. WooCommerce does not try again: what was missed is asked for (`[shop] poll`).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from connectors.hooks.shop import Order, Shop, order_events, profile
from connectors.hooks.signing import check_hmac, from_base64, must_have
from connectors.hooks.telling import JSON, event, objects, read_object, text, utc
from engine.core.moments import Instant, rfc3339
from engine.ports import Heard, HookCall

SOURCE = "woocommerce"

_PING = re.compile(rb"webhook_id=\d{1,20}\s*")
_NOT_YET = frozenset({"pending", "checkout-draft", "auto-draft", "draft"})
"""An order that nobody has paid or promised to pay: it comes again when somebody has."""

_TAKEN_BACK = frozenset({"cancelled", "failed", "trash"})


class WooCommerceHook:
    """Takes what a WooCommerce shop tells of orders and customers."""

    name = SOURCE

    def __init__(self, secrets: Sequence[str], *, prefix: str = "") -> None:
        """Take the webhooks' secrets. WooCommerce signs with what it has stored, its entities decoded."""
        self._secrets = [each.encode() for secret in secrets for each in dict.fromkeys((secret, html.unescape(secret)))]
        self._shop = Shop(SOURCE, prefix)

    async def hear(self, call: HookCall) -> Heard:
        """Check the signature, and say what happened. The first call asks only whether anybody is there, unsigned."""
        given = call.headers.get("x-wc-webhook-signature")
        if _PING.fullmatch(call.body):
            return Heard()
        check_hmac(self._secrets, call.body, from_base64(must_have(given, "X-WC-Webhook-Signature")))
        topic = call.headers.get("x-wc-webhook-topic") or ""
        said = read_object(call.body)
        if topic == "order.deleted" and (order := self._shop.named(text(said, "id"))):  # it says nothing else
            data = {"order_id": order, "reason": "deleted"}
            gone = event(SOURCE, "order.cancelled", f"cancelled-{order}", rfc3339(call.now), data)
            return Heard(of_orders=((order, gone),))
        return Heard(tuple(_events(self._shop, topic, said, call.now)))

    async def close(self) -> None:
        """Nothing is open."""


def _events(shop: Shop, topic: str, said: JSON, now: Instant) -> Iterator[bytes]:
    number = text(said, "id")
    if "line_items" in said or ("status" in said and "total" in said):
        yield from events_of_order(shop, said)
    elif topic == "customer.deleted" and number:
        yield event(shop.source, "account.closed", f"closed-{number}", rfc3339(now), {}, shop.named(number))
    elif topic.startswith("customer.") and "email" in said:
        yield profile(
            shop, number, utc(text(said, "date_modified_gmt") or text(said, "date_created_gmt")), _profile(said)
        )


def events_of_order(shop: Shop, said: JSON) -> Iterator[bytes]:
    """Yield the events of an order, however it came."""
    status, customer = text(said, "status"), text(said, "customer_id")
    modified = utc(text(said, "date_modified_gmt") or text(said, "date_created_gmt"))
    taken_back = status in _TAKEN_BACK
    yield from order_events(
        shop,
        Order(
            number=text(said, "id"),
            customer="" if customer == "0" else customer,
            email=text(said, "billing", "email"),
            placed_at=utc(text(said, "date_created_gmt")),
            total=said.get("total"),
            currency=text(said, "currency"),
            items=[_item(each) for each in objects(said, "line_items")],
            coupons=[text(each, "code") for each in objects(said, "coupon_lines")],
            country=text(said, "billing", "country"),
            cancelled_at=modified if taken_back else "",
            why_cancelled=status if taken_back else "",
            delivered_at=utc(text(said, "date_completed_gmt") or modified) if status == "completed" else "",
            refunds=[
                (text(each, "id"), modified, text(each, "total").removeprefix("-"), text(said, "currency"))
                for each in objects(said, "refunds")
            ],
            is_placed=status not in _NOT_YET and not taken_back,
        ),
    )


def _item(line: JSON) -> JSON:
    item = {"sku": text(line, "sku"), "name": text(line, "name"), "quantity": line.get("quantity")}
    return {name: value for name, value in (item | {"price": line.get("price")}).items() if value not in ("", None)}


def _profile(said: JSON) -> JSON:
    return {
        "email": text(said, "email"),
        "first_name": text(said, "first_name"),
        "last_name": text(said, "last_name"),
        "company": text(said, "billing", "company"),
        "phone": text(said, "billing", "phone"),
        "country": text(said, "billing", "country"),
    }
