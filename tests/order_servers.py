"""Shops of a test's own that list orders, as their references say: who may ask, what is asked for, and page by page.

None of the real interfaces was within reach.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.shop_servers import JSON, ShopifyServer, ShopServer, ShopwareServer, WooCommerceServer

Changed = dict[str, tuple[str, JSON]]
"""Orders by number: when each was changed last, and how the shop tells it."""


class ShopifyOrders(ShopifyServer):
    """GraphQL Admin API 2026-04, the query of orders."""

    def __init__(self, orders: Changed) -> None:
        super().__init__()
        self.orders = orders

    async def _graphql(self, request: web.Request) -> web.Response:
        body = await request.json()
        if "winbackOrders" not in body["query"]:
            return await super()._graphql(request)
        if request.headers.get("X-Shopify-Access-Token") != self.token:
            return web.json_response({"errors": "[API] Invalid API key or access token"}, status=401)
        assert body["query"].count("{") == body["query"].count("}")
        assert set(body["variables"]) == {"changed", "after"}
        found = re.fullmatch(r"updated_at:>='(\S+)'", body["variables"]["changed"])
        assert found is not None
        nodes = _since(self.orders, found[1])
        begin = int(body["variables"]["after"] or 0)
        page = {"hasNextPage": begin + 20 < len(nodes), "endCursor": str(begin + 20)}
        return web.json_response({"data": {"orders": {"pageInfo": page, "nodes": nodes[begin : begin + 20]}}})


class WooCommerceOrders(WooCommerceServer):
    """REST API v3, the list of orders."""

    def __init__(self, orders: Changed) -> None:
        super().__init__()
        self.orders = orders

    def routes(self) -> list[web.RouteDef]:
        """The list too."""
        return [*super().routes(), web.get("/wp-json/wc/v3/orders", self._orders)]

    async def _orders(self, request: web.Request) -> web.Response:
        if refused := self._unauthorised(request):
            return refused
        asked = request.query
        assert (asked["dates_are_gmt"], asked["orderby"], asked["order"], asked["status"]) == (
            "true",
            "id",
            "asc",
            "any",
        )
        assert 1 <= int(asked["per_page"]) <= 100
        found = _since(self.orders, asked["modified_after"])
        begin = (int(asked["page"]) - 1) * int(asked["per_page"])
        fields = asked["_fields"].split(",")
        listed = [{name: each[name] for name in fields if name in each} for each in found]
        return web.json_response(listed[begin : begin + int(asked["per_page"])])


class ShopwareOrders(ShopwareServer):
    """Admin API 6, the search for orders."""

    def __init__(self, orders: Changed) -> None:
        super().__init__()
        self.orders = orders

    def routes(self) -> list[web.RouteDef]:
        """The search too."""
        return [*super().routes(), web.post("/api/search/order", self._search)]

    async def _search(self, request: web.Request) -> web.Response:
        if refused := self._unauthorised(request):
            return refused
        asked = await request.json()
        (either,) = asked["filter"]
        assert (either["type"], either["operator"]) == ("multi", "or")
        assert {each["field"] for each in either["queries"]} == {"createdAt", "updatedAt"}
        assert {"orderCustomer", "lineItems", "currency"} <= set(asked["associations"])
        found = _since(self.orders, either["queries"][0]["parameters"]["gte"])
        begin = (asked["page"] - 1) * asked["limit"]
        return web.json_response({"total": len(found), "data": found[begin : begin + asked["limit"]]})


def _since(orders: Changed, moment: str) -> list[JSON]:
    """Return the orders changed since a moment, by their numbers."""
    return [
        order for _, (changed, order) in sorted(orders.items()) if changed.removesuffix("Z") >= moment.removesuffix("Z")
    ]


SERVERS: dict[str, Callable[[Changed], ShopServer]] = {
    "shopify": ShopifyOrders,
    "woocommerce": WooCommerceOrders,
    "shopware": ShopwareOrders,
}


def shopify_order(number: int, **changes: Any) -> JSON:
    """Return an order as GraphQL has it: the one that `hook_senders` tells."""
    money = {"amount": "49.90", "currencyCode": "EUR"}
    return {
        "legacyResourceId": str(820_000 + number),
        "email": f"c{number}@example.org",
        "test": False,
        "createdAt": "2026-01-05T09:58:00Z",
        "processedAt": "2026-01-05T09:58:00Z",
        "updatedAt": "2026-01-05T09:58:03Z",
        "cancelledAt": None,
        "cancelReason": None,
        "discountCodes": ["WB-7K2M9Q"],
        "displayFulfillmentStatus": "UNFULFILLED",
        "totalPriceSet": {"shopMoney": money},
        "customer": {"legacyResourceId": str(7_000 + number), "email": {"emailAddress": f"c{number}@example.org"}},
        "shippingAddress": {"countryCodeV2": "DE"},
        "billingAddress": None,
        "lineItems": {
            "nodes": [
                {
                    "sku": "TEA-1",
                    "title": "Tea",
                    "quantity": 2,
                    "originalUnitPriceSet": {"shopMoney": {"amount": "24.95"}},
                }
            ]
        },
        "fulfillments": [],
        "refunds": [],
        **changes,
    }
