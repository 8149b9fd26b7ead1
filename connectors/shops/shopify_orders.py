"""Orders of a Shopify shop by its GraphQL Admin API, written as its webhooks write them.

By the reference of version 2026-04 (objects Order, LineItem, Refund, Fulfillment; query orders; read 2026-11). The token
needs read_orders, and read_all_orders for what is older than 60 days. Amounts are in the shop's currency, as in webhooks.
"""

from __future__ import annotations

from typing import Any

from engine.core.decoded import at

ORDERS = """query winbackOrders($changed: String!, $after: String) {
  orders(first: 20, after: $after, sortKey: ID, query: $changed) {
    pageInfo { hasNextPage endCursor }
    nodes {
      legacyResourceId email test createdAt processedAt updatedAt cancelledAt cancelReason discountCodes
      displayFulfillmentStatus
      totalPriceSet { shopMoney { amount currencyCode } }
      customer { legacyResourceId email: defaultEmailAddress { emailAddress } }
      shippingAddress { countryCodeV2 }
      billingAddress { countryCodeV2 }
      lineItems(first: 15) { nodes { sku title quantity originalUnitPriceSet { shopMoney { amount } } } }
      fulfillments(first: 5) { status displayStatus updatedAt trackingInfo(first: 1) { number } }
      refunds(first: 10) { legacyResourceId createdAt totalRefundedSet { shopMoney { amount currencyCode } } }
    }
  }
}"""

JSON = dict[str, Any]


def as_told(order: JSON) -> JSON:
    """Return an order as a webhook tells it, as far as anybody reads it there."""
    money = at(order, "totalPriceSet", "shopMoney")
    customer = order.get("customer")
    return {
        "id": order.get("legacyResourceId"),
        "email": order.get("email"),
        "test": order.get("test"),
        "created_at": order.get("createdAt"),
        "processed_at": order.get("processedAt"),
        "updated_at": order.get("updatedAt"),
        "cancelled_at": order.get("cancelledAt"),
        "cancel_reason": str(order.get("cancelReason") or "").casefold() or None,
        "total_price": at(money, "amount"),
        "currency": at(money, "currencyCode"),
        "customer": customer and _customer(customer),
        "shipping_address": {"country_code": at(order, "shippingAddress", "countryCodeV2")},
        "billing_address": {"country_code": at(order, "billingAddress", "countryCodeV2")},
        "discount_codes": [{"code": code} for code in order.get("discountCodes") or ()],
        "fulfillment_status": str(order.get("displayFulfillmentStatus") or "").casefold(),
        "line_items": [_item(each) for each in at(order, "lineItems", "nodes") or ()],
        "fulfillments": [_fulfilment(each) for each in order.get("fulfillments") or ()],
        "refunds": [_refund(each) for each in order.get("refunds") or ()],
    }


def _customer(customer: JSON) -> JSON:
    return {"id": customer.get("legacyResourceId"), "email": at(customer, "email", "emailAddress")}


def _item(line: JSON) -> JSON:
    price = at(line, "originalUnitPriceSet", "shopMoney", "amount")
    return {"sku": line.get("sku"), "title": line.get("title"), "quantity": line.get("quantity"), "price": price}


def _fulfilment(said: JSON) -> JSON:
    return {
        "status": str(said.get("status") or "").casefold(),
        "shipment_status": str(said.get("displayStatus") or "").casefold(),
        "updated_at": said.get("updatedAt"),
        "tracking_number": at(said, "trackingInfo", 0, "number"),
    }


def _refund(said: JSON) -> JSON:
    money = at(said, "totalRefundedSet", "shopMoney")
    paid = {
        "kind": "refund",
        "status": "success",
        "amount": at(money, "amount"),
        "currency": at(money, "currencyCode"),
    }
    return {"id": said.get("legacyResourceId"), "created_at": said.get("createdAt"), "transactions": [paid]}
