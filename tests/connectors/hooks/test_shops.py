"""What shops say of orders and customers, and what we make of it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from connectors.hooks import ORDERS_OF, Shop
from engine.core.events import Event
from engine.core.reading import Reader
from engine.ports import HookCall
from engine.wiring.hooks import hooks_of
from engine.wiring.settings import Settings
from tests.hook_senders import SENDERS, environment

NOW = 1_767_607_200_000_000  # 2026-01-05 10:00 UTC
JSON = dict[str, Any]


async def heard(name: str, said: Any, topic: str = "", body: bytes = b"") -> list[Event]:
    """Return the events of what a shop says, as they are read."""
    (hook,) = hooks_of(Settings(), environment(name))
    sender = SENDERS[name]
    headers, raw = sender.signed(body or json.dumps(said).encode(), sender.secrets[0], NOW)
    headers |= {"X-Shopify-Topic": topic, "X-WC-Webhook-Topic": topic}
    call = HookCall({key.lower(): value for key, value in headers.items()}, raw, NOW)
    read = [Reader().read(each, now=NOW) for each in (await hook.hear(call)).events]
    assert all(each.dead is None for each in read), [each.dead for each in read]
    return [each.event for each in read if each.event is not None]


def shopify(**changes: Any) -> JSON:
    """Return an order of Shopify's."""
    return {**SENDERS["shopify"].said(1), **changes}


def woocommerce(**changes: Any) -> JSON:
    """Return an order of WooCommerce's."""
    return {**SENDERS["woocommerce"].said(1), **changes}


def shopware(event: str, **changes: Any) -> JSON:
    """Return a word of Shopware's about an order."""
    said = SENDERS["shopware"].said(1)
    order = {**said["data"]["payload"]["order"], **changes}
    return {**said, "data": {"event": event, "payload": {"order": order}}}


def kinds(events: list[Event]) -> list[str]:
    """Return the types of events."""
    return [event.type for event in events]


@pytest.mark.parametrize("name", ["shopify", "woocommerce", "shopware"])
async def test_an_order_is_told_whole(name: str) -> None:
    """Money exact, items, code and country, at the shop's own time, of the shop's own customer."""
    (event,) = await heard(name, SENDERS[name].said(1))
    data = event.data
    assert (event.type, event.source, data.total, data.currency) == ("order.placed", name, Decimal("49.90"), "EUR")
    assert event.time == 1_767_607_080_000_000  # 09:58 UTC
    assert data.email == "c1@example.org"
    assert event.customer in ("7001", f"{7_001:032x}")
    (item,) = data.items
    assert (item.name, item.quantity, item.price) == ("Tea", 2, Decimal("24.95"))
    if name != "shopware":
        assert (data.coupon.upper(), data.country) == ("WB-7K2M9Q", "DE")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("shopify", shopify(customer=None)),
        ("woocommerce", woocommerce(customer_id=0)),
        ("shopware", shopware("checkout.order.placed", orderCustomer={"customerId": "g1", "email": "c1@example.org", "customer": {"guest": True}})),
    ],
)  # fmt: skip
async def test_a_guest_is_known_by_the_address(name: str, said: JSON) -> None:
    """A guest's number in the shop is nobody's."""
    (event,) = await heard(name, said)
    assert (event.customer, event.email) == ("", "c1@example.org")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("shopify", shopify(test=True)),
        ("shopify", shopify(customer=None, email="")),
        ("woocommerce", woocommerce(status="pending")),
        ("woocommerce", woocommerce(status="checkout-draft")),
        ("shopware", {**SENDERS["shopware"].said(1), "data": {"event": "product.written", "payload": [{"entity": "product"}]}}),
    ],
)  # fmt: skip
async def test_what_is_no_order_is_none(name: str, said: JSON) -> None:
    """Test orders, baskets that nobody has paid or promised to, sales at the counter to nobody, other things."""
    assert await heard(name, said) == []


async def test_an_order_is_told_once_whatever_it_went_through() -> None:
    """Created, paid, updated: the id of each event is the same each time."""
    first = await heard("shopify", shopify(), "orders/create")
    for topic in ("orders/paid", "orders/updated", "orders/fulfilled", ""):
        later = await heard("shopify", shopify(updated_at="2026-01-05T11:30:00+01:00"), topic)
        assert [(each.type, each.id) for each in later] == [(each.type, each.id) for each in first]


@pytest.mark.parametrize(
    ("name", "said", "expected"),
    [
        ("shopify", shopify(cancelled_at="2026-01-05T10:59:00+01:00", cancel_reason="customer"), ["order.placed", "order.cancelled"]),
        ("woocommerce", woocommerce(status="cancelled"), ["order.cancelled"]),
        ("woocommerce", woocommerce(status="trash"), ["order.cancelled"]),
        ("shopware", shopware("state_enter.order.state.cancelled"), ["order.placed", "order.cancelled"]),
        ("woocommerce", woocommerce(status="completed", date_completed_gmt="2026-01-05T09:59:00"), ["order.placed", "order.delivered"]),
        ("shopware", shopware("state_enter.order.state.completed"), ["order.placed", "order.delivered"]),
        ("shopware", shopware("state_enter.order_transaction.state.refunded"), ["order.placed", "order.refunded"]),
        ("shopware", shopware("state_enter.order_transaction.state.refunded_partially"), ["order.placed"]),
        ("shopify", shopify(fulfillment_status="fulfilled", fulfillments=[{"status": "success", "shipment_status": "delivered", "tracking_number": "1", "updated_at": "2026-01-05T10:59:00+01:00"}]), ["order.placed", "order.delivered"]),
        ("shopify", shopify(fulfillment_status="fulfilled", fulfillments=[{"status": "success", "shipment_status": "in_transit", "tracking_number": "1", "updated_at": "2026-01-05T10:59:00+01:00"}]), ["order.placed"]),
    ],
)  # fmt: skip
async def test_what_becomes_of_an_order_is_told(name: str, said: JSON, expected: list[str]) -> None:
    """Cancelled, arrived, paid back; a parcel that is still under way has not arrived."""
    assert kinds(await heard(name, said)) == expected


async def test_refunds_are_told_each_with_its_amount() -> None:
    """Under the number of the refund, so that each counts once; where only goods were put back there is none."""
    paid = {"kind": "refund", "status": "success", "amount": "10.00", "currency": "EUR"}
    failed = {**paid, "status": "failure", "amount": "99.00"}
    refunds = [
        {"id": 1, "created_at": "2026-01-05T10:59:00+01:00", "transactions": [paid, paid, failed]},
        {"id": 2, "created_at": "2026-01-05T10:59:00+01:00", "transactions": []},
    ]
    _, refund = await heard("shopify", shopify(refunds=refunds), "orders/updated")
    assert (refund.type, refund.data.amount, refund.data.currency) == ("order.refunded", Decimal(20), "EUR")
    said = woocommerce(status="refunded", refunds=[{"id": 5, "reason": "", "total": "-4.90"}])
    _, refund = await heard("woocommerce", said)
    assert (refund.id, refund.data.amount) == ("refund-5", Decimal("4.90"))


async def test_amounts_of_binary_fractions_are_whole_cents() -> None:
    """Shopware reckons in them."""
    for amount in (49.9, 49.900000000000006, 49.89999999999999):
        (event,) = await heard("shopware", shopware("checkout.order.placed", amountTotal=amount))
        assert event.data.total == Decimal("49.9")


CUSTOMER = {
    "id": 7,
    "email": "ada@example.org",
    "first_name": "Ada",
    "last_name": "Tester",
    "phone": None,
    "updated_at": "2026-01-05T10:30:00+01:00",
    "default_address": {"country_code": "DE", "company": "Tea"},
}


@pytest.mark.parametrize(
    ("consent", "expected"),
    [
        (None, []),
        ({"state": "not_subscribed", "consent_updated_at": None}, []),
        ({"state": "pending", "consent_updated_at": "2026-01-05T09:00:00Z"}, []),
        ({"state": "subscribed", "consent_updated_at": None}, []),
        ({"state": "subscribed", "opt_in_level": "confirmed_opt_in", "consent_updated_at": "2026-01-05T09:00:00Z"}, ["consent.given"] * 2),
        ({"state": "unsubscribed", "consent_updated_at": "2026-01-05T09:00:00Z"}, ["consent.withdrawn"] * 2),
        ({"state": "unsubscribed", "consent_updated_at": None}, ["consent.withdrawn"] * 2),
    ],
)  # fmt: skip
async def test_shopify_tells_what_a_customer_allows(consent: JSON | None, expected: list[str]) -> None:
    """A yes needs its day, and has it with its level as its proof; a "no" counts without."""
    events = await heard("shopify", {**CUSTOMER, "email_marketing_consent": consent}, "customers/update")
    profile, *rest = events
    assert (profile.type, profile.data.first_name, profile.data.country) == ("profile.updated", "Ada", "DE")
    assert kinds(rest) == expected
    if expected[:1] == ["consent.given"]:
        assert {each.data.purpose for each in rest} == {"marketing", "newsletter"}
        assert rest[0].data.proof["opt_in_level"] == "confirmed_opt_in"


async def test_shopifys_topic_of_consents_alone() -> None:
    """It names the customer in another way."""
    consent = {"state": "unsubscribed", "consent_updated_at": "2026-01-05T09:00:00Z"}
    said = {"customer_id": 7, "email_address": "ada@example.org", "email_marketing_consent": consent}
    events = await heard("shopify", said, "customers_email_marketing_consent/update")
    assert {(each.type, each.customer, each.email) for each in events} == {
        ("consent.withdrawn", "7", "ada@example.org")
    }


PRIVACY = {"shop_id": 1, "shop_domain": "tea.myshopify.com"}


async def test_shopifys_privacy_webhooks() -> None:
    """Who asked to be forgotten is, by number or by address alone; a shop that has left asks nothing of us.

    What a body asks is read from the body: its topic is not signed, so it could be another one's.
    """
    who = {"id": 7, "email": "ada@example.org", "phone": ""}
    redact = {**PRIVACY, "customer": who, "orders_to_redact": [1, 2]}
    for topic in ("customers/redact", "customers/data_request"):
        (event,) = await heard("shopify", redact, topic)
        assert (event.type, event.customer, event.email) == ("customer.erased", "7", "ada@example.org")
    (event,) = await heard("shopify", {**PRIVACY, "customer": {"email": "ada@example.org"}, "orders_to_redact": []})
    assert (event.type, event.customer, event.email) == ("customer.erased", "", "ada@example.org")
    asked = {**PRIVACY, "customer": who, "orders_requested": [1], "data_request": {"id": 9}}
    (event,) = await heard("shopify", asked, "customers/redact")
    assert (event.type, event.customer, event.email) == ("customer.data_requested", "7", "ada@example.org")
    assert await heard("shopify", PRIVACY, "shop/redact") == []


async def test_merged_and_deleted_customers_of_shopify() -> None:
    """Two records of one person, and an account that is no more."""
    said = {
        "admin_graphql_api_customer_kept_id": "gid://shopify/Customer/1",
        "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/2",
    }
    (event,) = await heard("shopify", said, "customers/merge")
    assert (event.type, event.customer, event.data.into) == ("customer.merged", "2", "1")
    (event,) = await heard("shopify", {"id": 7}, "customers/delete")
    assert (event.type, event.customer) == ("account.closed", "7")


async def test_customers_of_woocommerce() -> None:
    """Made, changed and deleted; times are in UTC, though nothing says so."""
    said = {"id": 7, "email": "ada@example.org", "first_name": "Ada", "date_modified_gmt": "2026-01-05T09:00:00"}
    (event,) = await heard("woocommerce", said, "customer.updated")
    assert (event.type, event.customer, event.time) == ("profile.updated", "7", NOW - 3_600_000_000)
    (event,) = await heard("woocommerce", {"id": 7}, "customer.deleted")
    assert (event.type, event.customer) == ("account.closed", "7")


async def test_the_first_call_of_woocommerce_is_not_signed() -> None:
    """It asks whether anybody is there; nothing else is answered without a signature."""
    (hook,) = hooks_of(Settings(), environment("woocommerce"))
    assert (await hook.hear(HookCall({}, b"webhook_id=7", NOW))).events == ()


async def test_secrets_of_woocommerce_are_decoded() -> None:
    """It signs with the secret as people see it, whichever way somebody copied it."""
    (hook,) = hooks_of(Settings(), {"WINBACK_HOOKS_WOOCOMMERCE_SECRETS": "tea &amp; cake"})
    headers, body = SENDERS["woocommerce"].call(1, NOW, "tea & cake")
    call = HookCall({name.lower(): value for name, value in headers.items()}, body, NOW)
    assert len((await hook.hear(call)).events) == 1


async def test_customers_and_newsletter_of_shopware() -> None:
    """Registered, logged in, gone; confirmed and signed off in the shop's own form."""
    source = {"shopId": "s1", "eventId": "e1"}

    def said(event: str, **payload: Any) -> JSON:
        return {"source": source, "timestamp": 1_767_607_140, "data": {"event": event, "payload": payload}}

    who = {"id": "a7", "email": "ada@example.org", "firstName": "Ada", "updatedAt": "2026-01-05T09:00:00.000+00:00"}
    (event,) = await heard("shopware", said("checkout.customer.register", customer=who))
    assert (event.type, event.customer, event.data.first_name) == ("profile.updated", "a7", "Ada")
    (event,) = await heard("shopware", said("checkout.customer.login", customer=who))
    assert (event.type, event.customer) == ("customer.logged_in", "a7")
    (event,) = await heard("shopware", said("checkout.customer.deleted", customer=who))
    assert (event.type, event.customer) == ("account.closed", "a7")
    assert await heard("shopware", said("checkout.customer.guest_register", customer={**who, "guest": True})) == []
    (event,) = await heard("shopware", said("newsletter.confirm", newsletterRecipient={"email": "ada@example.org"}))
    assert (event.type, event.email) == ("newsletter.confirmed", "ada@example.org")
    (event,) = await heard("shopware", said("newsletter.unsubscribe", newsletterRecipient={"email": "ada@example.org"}))
    assert (event.type, event.data.purpose) == ("email.unsubscribed", "newsletter")


async def test_ids_of_several_shops_are_apart() -> None:
    """Customers and orders of each begin with its name; the same order is the same by asking."""
    order = shopify()
    both = Settings.model_validate({"shop": {"kind": "woocommerce", "poll": "15min"}})
    hook = next(each for each in hooks_of(both, environment()) if each.name == "shopify")
    headers, body = SENDERS["shopify"].call(1, NOW)
    call = HookCall({name.lower(): value for name, value in headers.items()}, body, NOW)
    (raw,) = (await hook.hear(call)).events
    event = json.loads(raw)
    assert (event["subject"], event["data"]["order_id"]) == ("shopify:7001", "shopify:820001")
    (asked,) = ORDERS_OF["shopify"](Shop("shopify", "shopify:"), order)
    assert asked == raw


@pytest.mark.parametrize("name", ["shopify", "woocommerce", "shopware"])
@pytest.mark.parametrize("value", [None, "", 0, [], {}, "text", -1, 1e400, "\u0000", [None], {"id": None}])
async def test_nothing_that_a_field_holds_is_a_failure(name: str, value: Any) -> None:
    """Each field in turn holds something else: it is taken, or a dead letter that says why; never a traceback."""
    (hook,) = hooks_of(Settings(), environment(name))
    sender = SENDERS[name]
    said = sender.said(1)
    order = said["data"]["payload"]["order"] if name == "shopware" else said
    for field in list(order):
        kept = order[field]
        order[field] = value
        headers, body = sender.signed(json.dumps(said).replace("Infinity", "1e400").encode(), sender.secrets[0], NOW)
        call = HookCall({key.lower(): each for key, each in headers.items()}, body, NOW)
        for raw in (await hook.hear(call)).events:
            read = Reader().read(raw, now=NOW)
            assert (read.event is None) == (read.dead is not None)
        order[field] = kept
