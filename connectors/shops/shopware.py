"""Codes in Shopware 6, by its Admin API: one promotion for each, good in every sales channel or in those named.

By its reference (https://shopware.stoplight.io/docs/admin-api: Authentication, Sync API, Search; entities promotion,
promotion_discount, promotion_sales_channel, rule, rule_condition; read 2026-11). An integration's access key and secret
are exchanged for a token that holds minutes. Shopware does not keep codes unique, but takes ids that we choose: each id
is made from the code, and written by the Sync API's upsert, so that writing it again changes nothing. The minimum basket
is a rule of its own, shared by all codes that ask for the same; it looks at the goods, before the discount.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from connectors.shops.calling import MOST, MOST_OF_A_PAGE, Answer, Caller, NotNowError
from connectors.shops.making import Discount
from connectors.shops.orders import Page, objects
from engine.core.decoded import at
from engine.core.moments import Instant, rfc3339

_ABOUT_CODES = frozenset({400, 401, 404})
Operation = dict[str, Any]


class Shopware:
    """The promotions and orders of one Shopware shop. Without `sales_channels` (their ids) a code is good in all there are."""

    def __init__(self, url: str, key: str, secret: str, *, sales_channels: tuple[str, ...] = ()) -> None:
        self._caller = Caller(url, about_codes=_ABOUT_CODES)
        self._key, self._secret, self._channels = key, secret, sales_channels
        self._token = ""

    async def look(self) -> None:
        """Look which sales channels there are."""
        await self._all_channels()

    async def make(self, discount: Discount) -> str:
        """Make a code; one that is there already stays as it is."""
        channels = self._channels or await self._all_channels()
        answer = await self._call("POST", "/api/_action/sync", operations(discount, channels))
        if answer.status == 400:
            error = at(answer.body, "errors", 0)
            return str(at(error, "detail") or at(error, "title") or "400 Bad Request")
        _must_not_be(answer, 404)
        return ""

    async def withdraw(self, code: str) -> None:
        """Let the promotion of a code be active no more."""
        answer = await self._call("PATCH", f"/api/promotion/{id_of('promotion', code)}", {"active": False})
        if answer.status == 400:
            raise NotNowError(f"Shopware would not end a promotion: {at(answer.body, 'errors', 0, 'detail')}")

    async def orders(self, since: Instant, place: str = "") -> Page:
        """Return a page of the orders changed since a moment, by their numbers in the database."""
        number = int(place or 1)
        answer = await self._call("POST", "/api/search/order", _changed(since, number), MOST_OF_A_PAGE)
        _must_not_be(answer, 400, 404)
        found = objects(at(answer.body, "data"))
        return Page(found, str(number + 1) if len(found) == ORDERS_A_PAGE else "")

    async def close(self) -> None:
        """End all connections."""
        await self._caller.close()

    async def _all_channels(self) -> tuple[str, ...]:
        answer = await self._call("POST", "/api/search-ids/sales-channel", {"limit": 500})
        _must_not_be(answer, 400, 404)
        found = at(answer.body, "data")
        if not isinstance(found, list) or not found:
            raise NotNowError("Shopware names no sales channel that a promotion could be good in")
        return tuple(str(each) for each in found)

    async def _call(self, method: str, path: str, body: Any, most: int = MOST) -> Answer:
        """Call with a token; where it holds no more, with a new one."""
        if not self._token:
            self._token = await self._new_token()
        answer = await self._caller.call(method, path, body, headers=self._bearer(), most=most)
        if answer.status == 401:
            self._token = await self._new_token()
            answer = await self._caller.call(method, path, body, headers=self._bearer(), most=most)
        _must_not_be(answer, 401)
        return answer

    def _bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._token}"}

    async def _new_token(self) -> str:
        asked = {"grant_type": "client_credentials", "client_id": self._key, "client_secret": self._secret}
        answer = await self._caller.call("POST", "/api/oauth/token", asked, headers={})
        token = at(answer.body, "access_token")
        if answer.status != 200 or not token:
            raise NotNowError(f"Shopware gives no token ({answer.status}): are access key and secret right?")
        return str(token)


ORDERS_A_PAGE = 50


def _changed(since: Instant, page: int) -> Operation:
    """Return the search for orders that were made or changed since a moment: what was never changed has no updatedAt."""
    parameters = {"gte": rfc3339(since)}
    times = [{"type": "range", "field": name, "parameters": parameters} for name in ("createdAt", "updatedAt")]
    return {
        "page": page,
        "limit": ORDERS_A_PAGE,
        "filter": [{"type": "multi", "operator": "or", "queries": times}],
        "sort": [{"field": "autoIncrement", "order": "ASC"}],
        "associations": {
            "currency": {},
            "lineItems": {},
            "stateMachineState": {},
            "orderCustomer": {"associations": {"customer": {}}},
            "addresses": {"associations": {"country": {}}},
            "transactions": {"associations": {"stateMachineState": {}}},
        },
    }


def _must_not_be(answer: Answer, *statuses: int) -> None:
    if answer.status in statuses:
        raise NotNowError(
            f"{answer.status}: is this the shop's own address, and may the integration read orders and write promotions?"
        )


def id_of(what: str, name: str) -> str:
    """Return the id of what belongs to a code: 32 hex digits, always the same."""
    return blake2b(f"winback\x1f{what}\x1f{name}".encode(), digest_size=16).hexdigest()


def operations(discount: Discount, channels: tuple[str, ...]) -> dict[str, Operation]:
    """Return the operations of the Sync API that make a code, in the order in which they are done."""
    code = discount.code
    promotion: dict[str, Any] = {
        "id": id_of("promotion", code),
        "name": discount.title,
        "active": True,
        "validFrom": discount.starts_at,
        "validUntil": discount.ends_at,
        "useCodes": True,
        "useIndividualCodes": False,
        "code": code,
        "maxRedemptionsGlobal": 1,
        "maxRedemptionsPerCustomer": 1,
        "salesChannels": [
            {"id": id_of("sales channel", f"{code} {each}"), "salesChannelId": each, "priority": 1} for each in channels
        ],
        "discounts": [
            {
                "id": id_of("discount", code),
                "scope": "cart",
                "type": "percentage" if discount.percent else "absolute",
                "value": float(discount.percent or discount.amount),
                "considerAdvancedRules": False,
            }
        ],
    }
    made: dict[str, Operation] = {}
    if discount.minimum:
        rule = id_of("rule", discount.minimum)
        made |= _rule(rule, discount.minimum)
        promotion["cartRules"] = [{"id": rule}]
    return {**made, "promotion": {"entity": "promotion", "action": "upsert", "payload": [promotion]}}


def _rule(rule: str, minimum: str) -> dict[str, Operation]:
    """Return the rule of a minimum basket, its conditions nested as Shopware's own pages write them: or, and, the one."""
    any_of, all_of, goods = (id_of(what, minimum) for what in ("any of", "all of", "goods"))
    value = {"operator": ">=", "amount": float(minimum)}
    conditions = [
        {"id": any_of, "ruleId": rule, "type": "orContainer", "position": 0},
        {"id": all_of, "ruleId": rule, "parentId": any_of, "type": "andContainer", "position": 0},
        {"id": goods, "ruleId": rule, "parentId": all_of, "type": "cartGoodsPrice", "position": 0, "value": value},
    ]
    named = {"id": rule, "name": f"winback: goods of {minimum} and more", "priority": 100}
    return {
        "rule": {"entity": "rule", "action": "upsert", "payload": [named]},
        "conditions": {"entity": "rule_condition", "action": "upsert", "payload": conditions},
    }
