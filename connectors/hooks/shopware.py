"""Shopware's webhooks of an app (developer.shopware.com: webhooks, signing and verification; read 2026-11).

Signed with HMAC-SHA256 over the body, in hex, with the shop's secret. An app registers first: Shopware asks for a proof that
we know the app's secret, and is told the shop's in answer. That one is made of the app's, so that nothing needs to be kept;
who has registered otherwise names the shop's secret itself.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final
from urllib.parse import parse_qsl

from connectors.hooks.shop import Order, Shop, order_events, profile
from connectors.hooks.signing import check_hmac, from_hex, must_have, which_made
from connectors.hooks.telling import JSON, event, number_of, objects, read_object, since_1970, text, written
from engine.core.decoded import at
from engine.core.moments import rfc3339
from engine.ports import Heard, HookCall, UnreadableError

SOURCE = "shopware"
SIGNATURE, ASKS = "shopware-shop-signature", "shopware-app-signature"

APP: Final = "Winback"
"""The app's name in its manifest, which is part of the proof."""

_CANCELLED = frozenset({"state_enter.order.state.cancelled"})
_COMPLETED = frozenset({"state_enter.order.state.completed"})
_REFUNDED = frozenset(
    {"state_enter.order_transaction.state.refunded", "state_enter.order_transaction.state.chargeback"}
)


class ShopwareHook:
    """Takes what a Shopware shop tells of orders, customers and its newsletter."""

    name = SOURCE

    def __init__(self, secrets: Sequence[str], *, prefix: str = "", where: str = "") -> None:
        """Take the app's secrets, or the shop's; `where` is what this hook is reached at."""
        self._secrets = [each.encode() for each in secrets]
        self._of_shop = [secret_of_shop(each).encode() for each in self._secrets]
        self._shop, self._where = Shop(SOURCE, prefix), where

    def greet(self, call: HookCall) -> bytes:
        """Prove that we know the app's secret, and tell the shop's; the body of the call is what was asked.

        Raises:
            ForgedError: it is not Shopware that asks.

        """
        given = from_hex(must_have(call.headers.get(ASKS), ASKS))
        secret = which_made(self._secrets, call.body, given)
        asked = dict(parse_qsl(call.body.decode("ascii", "replace")))
        proof = f"{asked.get('shop-id', '')}{asked.get('shop-url', '')}{APP}".encode()
        answer = {"proof": hmac.digest(secret, proof, "sha256").hex(), "secret": secret_of_shop(secret)}
        return written({**answer, "confirmation_url": self._where})

    async def hear(self, call: HookCall) -> Heard:
        """Check the signature, and say what happened."""
        given = from_hex(must_have(call.headers.get(SIGNATURE), SIGNATURE))
        check_hmac([*self._secrets, *self._of_shop], call.body, given)
        body = read_object(call.body)
        if "apiKey" in body:
            return Heard()  # the shop confirms its registration, and gives us keys that we do not want
        kind, payload = text(body, "data", "event"), at(body, "data", "payload")
        if not kind:
            raise UnreadableError("there is no data.event")
        time = since_1970(body.get("timestamp")) or rfc3339(call.now)
        return Heard(tuple(_events(self._shop, kind, payload, time)))

    async def close(self) -> None:
        """Nothing is open."""


def secret_of_shop(secret: bytes) -> str:
    """Return the shop's secret that registering with the app's gives: 64 characters, which is what Shopware asks for at least."""
    return hmac.digest(secret, b"winback shop secret", "sha256").hex()


def _events(shop: Shop, kind: str, payload: object, time: str) -> Iterator[bytes]:
    order, customer = at(payload, "order"), at(payload, "customer")
    if isinstance(order, dict):
        yield from events_of_order(shop, order, kind, time)
    elif kind in ("customer.deleted", "checkout.customer.deleted"):
        number = text(customer, "id") or text(payload, "customerId") or text(payload, 0, "primaryKey")
        if number:
            data = {"email": text(customer, "email")}
            yield event(shop.source, "account.closed", f"closed-{number}", time, data, shop.named(number))
    elif isinstance(customer, dict):
        yield from _customer(shop, customer, kind, time)
    elif isinstance(recipient := at(payload, "newsletterRecipient"), dict):
        yield from _newsletter(shop, recipient, kind, time)


def events_of_order(shop: Shop, said: JSON, kind: str = "", time: str = "") -> Iterator[bytes]:
    """Yield the events of an order, however it came; `kind` is the state that it has just entered, at `time`."""
    state = text(said, "stateMachineState", "technicalName")
    changed = time or text(said, "updatedAt") or text(said, "createdAt")
    currency = text(said, "currency", "isoCode")
    is_guest = at(said, "orderCustomer", "customer", "guest") is True
    yield from order_events(
        shop,
        Order(
            number=text(said, "orderNumber"),
            customer="" if is_guest else text(said, "orderCustomer", "customerId"),
            email=text(said, "orderCustomer", "email"),
            placed_at=text(said, "orderDateTime") or text(said, "createdAt"),
            total=_money(said.get("amountTotal")),
            currency=currency,
            items=[_item(each) for each in objects(said, "lineItems") if text(each, "type") in ("", "product")],
            coupons=[_code(each) for each in objects(said, "lineItems") if text(each, "type") == "promotion"],
            country=text(said, "addresses", 0, "country", "iso"),
            cancelled_at=changed if kind in _CANCELLED or state == "cancelled" else "",
            delivered_at=changed if kind in _COMPLETED or state == "completed" else "",
            refunds=[(text(said, "orderNumber"), changed, None, currency)] if _is_refunded(said, kind) else (),
        ),
    )


def _is_refunded(said: JSON, kind: str) -> bool:
    """Say whether all was paid back; of a part Shopware does not tell how much, so it is not counted."""
    paid = [text(each, "stateMachineState", "technicalName") for each in objects(said, "transactions")]
    return kind in _REFUNDED or (bool(paid) and paid[-1] in ("refunded", "chargeback"))


def _money(amount: object) -> str:
    """Return an amount as text. Shopware reckons in binary fractions, so its last digits may be no one's cents."""
    if isinstance(amount, bool) or not isinstance(amount, int | float | Decimal):
        return str(amount or "")
    whole = Decimal(str(amount))
    return (
        f"{whole.quantize(Decimal('0.0001')).normalize():f}"
        if whole.is_finite() and abs(whole) < 10**12
        else str(amount)
    )


def _item(line: JSON) -> JSON:
    price = _money(line.get("unitPrice"))
    item = {"sku": text(line, "payload", "productNumber"), "name": text(line, "label"), "price": price}
    return {
        name: value for name, value in (item | {"quantity": line.get("quantity")}).items() if value not in ("", None)
    }


def _code(line: JSON) -> str:
    return text(line, "payload", "code") or text(line, "referencedId")


def _customer(shop: Shop, said: JSON, kind: str, time: str) -> Iterator[bytes]:
    number = text(said, "id")
    if said.get("guest") is True or not number:
        return  # a guest is nobody but an address, and it comes with the order
    if kind == "checkout.customer.login":
        data = {"email": text(said, "email")}
        yield event(shop.source, "customer.logged_in", f"login-{number}-{time}", time, data, shop.named(number))
        return
    told = {"email": "email", "first_name": "firstName", "last_name": "lastName", "company": "company"}
    changed = text(said, "updatedAt") or text(said, "createdAt") or time
    yield profile(shop, number, changed, {name: text(said, theirs) for name, theirs in told.items()})


def _newsletter(shop: Shop, said: JSON, kind: str, time: str) -> Iterator[bytes]:
    """Yield what somebody said in the shop's newsletter form, which asks for a confirmation by mail itself."""
    email = text(said, "email")
    if kind == "newsletter.confirm":
        at_ = text(said, "confirmedAt") or time
        data = {"email": email, "proof": {"source": SOURCE, "confirmed_at": at_}}
        yield event(shop.source, "newsletter.confirmed", number_of(kind, email, at_), at_, data)
    elif kind == "newsletter.unsubscribe":
        data = {"email": email, "purpose": "newsletter"}
        yield event(shop.source, "email.unsubscribed", number_of(kind, email, time), time, data)
