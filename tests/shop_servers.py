"""Shops of a test's own: local servers that check what Shopify, WooCommerce and Shopware check of a call, and keep codes.

They follow the shops' published references: authentication, required fields and their types, unique codes, and what is
said when something is wrong. None of the real interfaces was within reach.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, ClassVar

from aiohttp import web
from aiohttp.test_utils import TestServer

from connectors.shops import Discounts, Shopify, Shopware, WooCommerce

JSON = dict[str, Any]
HEX = re.compile(r"[0-9a-f]{32}")


class ShopServer(ABC):
    """What all have in common: troubles that a test orders, a count of calls, and the codes in plain words."""

    kind: ClassVar[str]
    key = "key"
    token = "secret"

    def __init__(self) -> None:
        self.troubles: list[web.Response | str] = []
        """What the next calls meet instead of an answer; `after` does the work and then breaks the connection."""
        self.calls = 0
        self.url = ""

    @abstractmethod
    def routes(self) -> list[web.RouteDef]:
        """The routes of the interface."""

    @abstractmethod
    def codes(self) -> dict[str, JSON]:
        """Return the codes that are good now, each with value, minimum, end and uses, in words that all shops share."""

    @abstractmethod
    def belongs_to_another(self, code: str) -> None:
        """Let somebody else have made a code."""

    def client(self) -> Discounts:
        """Return the connector for this shop."""
        made: dict[str, Callable[[], Discounts]] = {
            "shopify": lambda: Shopify(self.url, self.token),
            "woocommerce": lambda: WooCommerce(self.url, self.key, self.token),
            "shopware": lambda: Shopware(self.url, self.key, self.token),
        }
        return made[self.kind]()

    @web.middleware
    async def troubled(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Meet a call with the next trouble, if there is one."""
        self.calls += 1
        trouble = self.troubles.pop(0) if self.troubles else None
        if isinstance(trouble, web.Response):
            return trouble
        answer: web.StreamResponse = await handler(request)
        if trouble == "after":
            assert request.transport is not None
            request.transport.abort()
        return answer


@asynccontextmanager
async def running(shop: ShopServer) -> AsyncIterator[ShopServer]:
    """Let a shop answer on this machine."""
    app = web.Application(middlewares=[shop.troubled])
    app.add_routes(shop.routes())
    async with TestServer(app) as server:
        shop.url = str(server.make_url("/")).rstrip("/")
        yield shop


def _is_moment(text: Any) -> bool:
    try:
        return datetime.fromisoformat(str(text)).tzinfo is not None
    except ValueError:
        return False


# Shopify -------------------------------------------------------------------------------------------------------------


class ShopifyServer(ShopServer):
    """GraphQL Admin API 2026-04, as far as basic code discounts go, with its bucket of points."""

    kind = "shopify"
    _fields = frozenset(
        {
            "appliesOncePerCustomer",
            "code",
            "combinesWith",
            "context",
            "customerGets",
            "endsAt",
            "minimumRequirement",
            "recurringCycleLimit",
            "startsAt",
            "tags",
            "title",
            "usageLimit",
        }
    )
    cost, rate = 10, 100

    def __init__(self) -> None:
        super().__init__()
        self.nodes: dict[str, JSON] = {}
        self.points = 2_000

    def routes(self) -> list[web.RouteDef]:
        """One path for everything."""
        return [web.post("/admin/api/2026-04/graphql.json", self._graphql)]

    def codes(self) -> dict[str, JSON]:
        """Return the active ones."""
        return {
            node["code"]: {
                "value": _shopify_value(node["customerGets"]["value"]),
                "minimum": node.get("minimumRequirement", {}).get("subtotal", {}).get("greaterThanOrEqualToSubtotal"),
                "ends": node["endsAt"],
                "uses": node["usageLimit"],
            }
            for node in self.nodes.values()
            if node["status"] == "ACTIVE"
        }

    def belongs_to_another(self, code: str) -> None:
        """Made by hand in the admin."""
        value = {"value": {"percentage": 0.5}, "items": {"all": True}}
        made = {"code": code, "title": "Summer sale", "customerGets": value, "endsAt": None, "usageLimit": None}
        self.nodes[f"gid://shopify/DiscountCodeNode/{len(self.nodes)}"] = {**made, "status": "ACTIVE"}

    async def _graphql(self, request: web.Request) -> web.Response:
        if request.headers.get("X-Shopify-Access-Token") != self.token:
            return web.json_response({"errors": "[API] Invalid API key or access token"}, status=401)
        body = await request.json()
        throttle = {"maximumAvailable": 2_000, "currentlyAvailable": self.points, "restoreRate": self.rate}
        cost = {"cost": {"requestedQueryCost": self.cost, "throttleStatus": throttle}}
        if self.points < self.cost:
            error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
            return web.json_response({"errors": [error], "extensions": cost})
        self.points -= self.cost
        asked = _parsed(body["query"], body["variables"])
        data = {name: _selected(self._resolve(name, given), wanted) for name, given, wanted in asked}
        return web.json_response({"data": data, "extensions": cost})

    def _resolve(self, name: str, given: JSON) -> Any:
        match name:
            case "discountCodeBasicCreate":
                return self._create(given["basicCodeDiscount"])
            case "codeDiscountNodeByCode":
                return next((_node(*each) for each in self.nodes.items() if _is(each[1], given["code"])), None)
            case "discountCodeDeactivate":
                node = self.nodes[given["id"]]
                node["status"] = "EXPIRED"
                return {"codeDiscountNode": _node(given["id"], node), "userErrors": []}
        raise AssertionError(f"the schema has no field {name}")

    def _create(self, discount: JSON) -> JSON:
        assert set(discount) <= self._fields, f"unknown: {set(discount) - self._fields}"
        assert {"code", "context", "customerGets", "startsAt", "title"} <= set(discount)
        assert discount["context"] == {"all": "ALL"}
        assert discount["customerGets"]["items"] == {"all": True}
        assert _is_moment(discount["startsAt"])
        assert _is_moment(discount["endsAt"])
        errors = []
        share = discount["customerGets"]["value"].get("percentage", 1.0)
        if not 0 < share <= 1:
            errors.append(_user_error("value", "VALUE_OUTSIDE_RANGE", "Value must be between 0.0 and 1.0"))
        if any(_is(node, discount["code"]) for node in self.nodes.values()):
            errors.append(_user_error("code", "TAKEN", "Code must be unique. Please try a different code."))
        if errors:
            return {"codeDiscountNode": None, "userErrors": errors}
        number = f"gid://shopify/DiscountCodeNode/{len(self.nodes)}"
        self.nodes[number] = {**discount, "status": "ACTIVE"}
        return {"codeDiscountNode": _node(number, self.nodes[number]), "userErrors": []}


def _shopify_value(value: JSON) -> str:
    if "percentage" in value:
        return f"{value['percentage'] * 100:g}%"
    assert value["discountAmount"]["appliesOnEachItem"] is False
    return str(value["discountAmount"]["amount"])


def _is(node: JSON, code: str) -> bool:
    return bool(node["code"].casefold() == code.casefold())


def _node(number: str, node: JSON) -> JSON:
    return {"id": number, "codeDiscount": {"title": node["title"], "status": node["status"]}}


def _user_error(field: str, code: str, message: str) -> JSON:
    return {"field": ["basicCodeDiscount", field], "code": code, "message": message}


def _parsed(query: str, variables: JSON) -> list[tuple[str, JSON, list[Any]]]:
    """Return the fields a GraphQL operation asks for, with arguments and selections; the subset that is used."""
    words = re.findall(r"\.\.\.|[{}():,!]|\$?\w+", query)
    assert words[0] in ("query", "mutation"), words[0]
    declared = dict(re.findall(r"\$(\w+):\s*(\w+)!", query[: query.index("{")]))
    assert set(declared) == set(variables), (declared, variables)
    fields, rest = _selection(words[words.index("{") :], variables)
    assert not rest, f"left over: {rest}"
    return fields


def _selection(words: list[str], variables: JSON) -> tuple[list[tuple[str, JSON, list[Any]]], list[str]]:
    assert words[0] == "{", words[0]
    fields, words = [], words[1:]
    while words[0] != "}":
        if words[0] == "...":
            assert words[1] == "on", words[1]
            inner, words = _selection(words[3:], variables)
            fields += inner
            continue
        name, given, words = words[0], {}, words[1:]
        wanted: list[tuple[str, JSON, list[Any]]] = []
        if words[0] == "(":
            assert words[2] == ":", words[2]
            given, words = {words[1]: variables[words[3].removeprefix("$")]}, words[5:]
        if words[0] == "{":
            wanted, words = _selection(words, variables)
        fields.append((name, given, wanted))
    return fields, words[1:]


def _selected(value: Any, wanted: list[tuple[str, JSON, list[Any]]]) -> Any:
    if value is None or not wanted:
        return value
    if isinstance(value, list):
        return [_selected(each, wanted) for each in value]
    return {name: _selected(value[name], inner) for name, _, inner in wanted}


# WooCommerce ---------------------------------------------------------------------------------------------------------


class WooCommerceServer(ShopServer):
    """REST API v3, coupons."""

    kind = "woocommerce"
    _types: ClassVar[dict[str, type]] = {
        "code": str,
        "description": str,
        "discount_type": str,
        "amount": str,
        "date_expires_gmt": str,
        "usage_limit": int,
        "usage_limit_per_user": int,
        "minimum_amount": str,
    }

    def __init__(self) -> None:
        super().__init__()
        self.coupons: dict[int, JSON] = {}
        self.numbers = 0

    def routes(self) -> list[web.RouteDef]:
        """Create, list and delete."""
        path = "/wp-json/wc/v3/coupons"
        return [
            web.post(path, self._create),
            web.get(path, self._list),
            web.delete(f"{path}/{{id}}", self._delete),
        ]

    def codes(self) -> dict[str, JSON]:
        """Return them all, as people write them."""
        return {
            each["code"].upper(): {
                "value": f"{float(each['amount']):g}%" if each["discount_type"] == "percent" else each["amount"],
                "minimum": each.get("minimum_amount"),
                "ends": f"{each['date_expires_gmt']}Z",
                "uses": each["usage_limit"],
            }
            for each in self.coupons.values()
        }

    def belongs_to_another(self, code: str) -> None:
        """Made by hand in the admin."""
        self._put({"code": code.lower(), "description": "Summer sale", "discount_type": "percent", "amount": "50.00"})

    def _put(self, coupon: JSON) -> JSON:
        self.numbers += 1
        made = {"usage_count": 0, "usage_limit": None, "date_expires_gmt": None, **coupon, "id": self.numbers}
        self.coupons[self.numbers] = made
        return made

    async def _create(self, request: web.Request) -> web.Response:
        if refused := self._unauthorised(request):
            return refused
        body = await request.json()
        wrong = [name for name, value in body.items() if type(value) is not self._types.get(name)]
        if wrong or body.get("discount_type") not in ("percent", "fixed_cart", "fixed_product"):
            return _rest_error("rest_invalid_param", f"Invalid parameter(s): {', '.join(wrong)}", 400)
        datetime.fromisoformat(body["date_expires_gmt"])
        if float(body["amount"]) > 100 and body["discount_type"] == "percent":
            return _rest_error("woocommerce_rest_invalid_coupon", "Invalid discount amount", 400)
        code = body["code"].lower()
        if any(each["code"] == code for each in self.coupons.values()):
            return _rest_error("woocommerce_rest_coupon_code_already_exists", "The coupon code already exists", 400)
        return web.json_response(self._put({**body, "code": code}), status=201)

    async def _list(self, request: web.Request) -> web.Response:
        if refused := self._unauthorised(request):
            return refused
        code = request.query["code"].lower()
        return web.json_response([each for each in self.coupons.values() if each["code"] == code])

    async def _delete(self, request: web.Request) -> web.Response:
        if refused := self._unauthorised(request):
            return refused
        if request.query.get("force") != "true":
            return _rest_error("woocommerce_rest_trash_not_supported", "Coupons do not support trashing", 501)
        return web.json_response(self.coupons.pop(int(request.match_info["id"])))

    def _unauthorised(self, request: web.Request) -> web.Response | None:
        expected = f"Basic {b64encode(f'{self.key}:{self.token}'.encode()).decode()}"
        if request.headers.get("Authorization") == expected:
            return None
        return _rest_error("woocommerce_rest_cannot_view", "Sorry, you cannot list resources.", 401)


def _rest_error(code: str, message: str, status: int) -> web.Response:
    return web.json_response({"code": code, "message": message, "data": {"status": status}}, status=status)


# Shopware ------------------------------------------------------------------------------------------------------------


class ShopwareServer(ShopServer):
    """Admin API 6: tokens that hold a while, the Sync API with its foreign keys, sales channels."""

    kind = "shopware"
    channels = ("a" * 32, "b" * 32)
    _required: ClassVar[dict[str, dict[str, type | tuple[type, ...]]]] = {
        "promotion": {"id": str, "name": str, "active": bool, "useCodes": bool, "useIndividualCodes": bool},
        "rule": {"id": str, "name": str, "priority": int},
        "rule_condition": {"id": str, "type": str, "ruleId": str, "position": int},
    }

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, dict[str, JSON]] = {"promotion": {}, "rule": {}, "rule_condition": {}}
        self.tokens = 0
        self.holds = 1_000  # calls that a token holds for

    def routes(self) -> list[web.RouteDef]:
        """The token, sales channels, writing many, and writing one."""
        return [
            web.post("/api/oauth/token", self._token),
            web.post("/api/search-ids/sales-channel", self._sales_channels),
            web.post("/api/_action/sync", self._sync),
            web.patch("/api/promotion/{id}", self._patch),
        ]

    def codes(self) -> dict[str, JSON]:
        """Return those of active promotions."""
        return {
            each["code"]: {
                "value": _shopware_value(each["discounts"]),
                "minimum": self._minimum(each),
                "ends": each["validUntil"],
                "uses": each["maxRedemptionsGlobal"],
            }
            for each in self.rows["promotion"].values()
            if each["active"]
        }

    def belongs_to_another(self, code: str) -> None:
        """Shopware lets two promotions have one code, so it is nothing to be refused for."""
        raise NotImplementedError

    def _minimum(self, promotion: JSON) -> str | None:
        rules = [each["id"] for each in promotion.get("cartRules", ())]
        found = [each for each in self.rows["rule_condition"].values() if each["ruleId"] in rules and "value" in each]
        if not found:
            return None
        (condition,) = found
        assert condition["type"] == "cartGoodsPrice"
        assert condition["value"]["operator"] == ">="
        return f"{condition['value']['amount']:.2f}"

    async def _token(self, request: web.Request) -> web.Response:
        body = await request.json()
        wanted = {"grant_type": "client_credentials", "client_id": self.key, "client_secret": self.token}
        if body != wanted:
            return _json_api_error(401, "6", "The client credentials are incorrect.")
        self.tokens += 1
        self._left = self.holds
        return web.json_response({"token_type": "Bearer", "expires_in": 600, "access_token": f"t{self.tokens}"})

    def _unauthorised(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == f"Bearer t{self.tokens}" and self.tokens and self._left > 0:
            self._left -= 1
            return None
        return _json_api_error(401, "9", "The resource owner or authorization server denied the request.")

    async def _sales_channels(self, request: web.Request) -> web.Response:
        if refused := self._unauthorised(request):
            return refused
        return web.json_response({"total": len(self.channels), "data": list(self.channels)})

    async def _sync(self, request: web.Request) -> web.Response:
        if refused := self._unauthorised(request):
            return refused
        before = {name: dict(rows) for name, rows in self.rows.items()}
        for operation in (await request.json()).values():
            assert operation["action"] == "upsert"
            for row in operation["payload"]:
                wrong = self._write(operation["entity"], row)
                if wrong:
                    self.rows = before  # one transaction
                    return _json_api_error(400, "c1051bb4-1103-4974-8973-15e57f8e5f3b", wrong)
        return web.json_response({"data": {}, "notFound": [], "deleted": []})

    def _write(self, entity: str, row: JSON) -> str:
        for name, kind in self._required[entity].items():
            if not isinstance(row.get(name), kind):
                return f"/0/{name}: This value should not be blank."
        assert HEX.fullmatch(row["id"])
        if entity == "rule_condition" and row["ruleId"] not in self.rows["rule"]:
            return "/0/ruleId: no such rule"
        if row.get("parentId") and row["parentId"] not in self.rows["rule_condition"]:
            return "/0/parentId: no such condition"
        if entity == "promotion":
            wrong = self._promotion(row)
            if wrong:
                return wrong
        self.rows[entity][row["id"]] = {**self.rows[entity].get(row["id"], {}), **row}
        return ""

    def _promotion(self, row: JSON) -> str:
        assert _is_moment(row["validFrom"])
        assert _is_moment(row["validUntil"])
        assert all(each["id"] in self.rows["rule"] for each in row.get("cartRules", ()))
        assert all(each["salesChannelId"] in self.channels for each in row["salesChannels"])
        assert row["salesChannels"], "good in no sales channel"
        (discount,) = row["discounts"]
        assert set(discount) >= {"scope", "type", "value", "considerAdvancedRules"}
        if discount["type"] == "percentage" and discount["value"] > 100:
            return "/0/discounts/0/value: This value should be less than or equal to 100."
        return ""

    async def _patch(self, request: web.Request) -> web.Response:
        if refused := self._unauthorised(request):
            return refused
        row = self.rows["promotion"].get(request.match_info["id"])
        if row is None:
            return _json_api_error(404, "FRAMEWORK__ENTITY_NOT_FOUND", "Entity not found")
        row |= await request.json()
        return web.Response(status=204)


def _shopware_value(discounts: list[JSON]) -> str:
    (discount,) = discounts
    return f"{discount['value']:g}%" if discount["type"] == "percentage" else f"{discount['value']:.2f}"


def _json_api_error(status: int, code: str, detail: str) -> web.Response:
    error = {"status": str(status), "code": code, "title": "error", "detail": detail}
    return web.json_response({"errors": [error]}, status=status)


SHOPS: dict[str, type[ShopServer]] = {each.kind: each for each in (ShopifyServer, WooCommerceServer, ShopwareServer)}
