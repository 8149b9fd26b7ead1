"""Codes in Shopify, by its GraphQL Admin API: one basic code discount for each.

By the reference of version 2026-04 (https://shopify.dev/docs/api/admin-graphql: discountCodeBasicCreate,
codeDiscountNodeByCode, discountCodeDeactivate; read 2026-11). The token needs write_discounts and read_discounts.
Shopify keeps codes unique whatever their capitals, so a second creation is told as TAKEN; the title then says whether the
first was ours. Too many calls are answered 200 with an error THROTTLED, which says how fast points come back.
"""

from __future__ import annotations

from typing import Any

from connectors.shops.calling import MOST, MOST_OF_A_PAGE, Caller, NotNowError
from connectors.shops.making import Discount
from connectors.shops.orders import Page, objects
from connectors.shops.shopify_orders import ORDERS, as_told
from engine.core.decoded import at
from engine.core.ids import SAMPLE_CODE
from engine.core.moments import SECOND, Instant, rfc3339

VERSION = "2026-04"

CREATE = """mutation winbackCreate($discount: DiscountCodeBasicInput!) {
  discountCodeBasicCreate(basicCodeDiscount: $discount) { codeDiscountNode { id } userErrors { field code message } }
}"""
FIND = """query winbackFind($code: String!) {
  codeDiscountNodeByCode(code: $code) { id codeDiscount { ... on DiscountCodeBasic { title status } } }
}"""
DEACTIVATE = """mutation winbackDeactivate($id: ID!) {
  discountCodeDeactivate(id: $id) { codeDiscountNode { id } userErrors { field code message } }
}"""


class Shopify:
    """The discounts and orders of one Shopify shop. `url` is the shop's own: https://NAME.myshopify.com."""

    def __init__(self, url: str, token: str, *, version: str = VERSION) -> None:
        self._caller = Caller(url, about_codes=frozenset())
        self._path, self._headers = f"/admin/api/{version}/graphql.json", {"x-shopify-access-token": token}

    async def look(self) -> None:
        """Look for a code that is none."""
        await self._find(SAMPLE_CODE)

    async def make(self, discount: Discount) -> str:
        """Make a code; one that is there already is looked at."""
        data = await self._ask(CREATE, {"discount": _input(discount)})
        errors = at(data, "discountCodeBasicCreate", "userErrors") or []
        if not errors:
            if at(data, "discountCodeBasicCreate", "codeDiscountNode", "id") is None:
                raise NotNowError("Shopify made no discount and said no error")
            return ""
        if any(at(each, "code") == "TAKEN" for each in errors):
            found = await self._find(discount.code)
            if found is not None and found[1] == discount.title:
                return ""
            return "the shop has another discount with this code"
        return "; ".join(str(at(each, "message")) for each in errors)

    async def withdraw(self, code: str) -> None:
        """Deactivate a code of ours."""
        found = await self._find(code)
        if found is None or not _is_ours(found[1], code):
            return
        data = await self._ask(DEACTIVATE, {"id": found[0]})
        errors = at(data, "discountCodeDeactivate", "userErrors")
        if errors:
            raise NotNowError(f"Shopify would not deactivate a code: {at(errors, 0, 'message')}")

    async def orders(self, since: Instant, place: str = "") -> Page:
        """Return a page of the orders changed since a moment, by their ids."""
        data = await self._ask(
            ORDERS, {"changed": f"updated_at:>='{rfc3339(since)}'", "after": place or None}, MOST_OF_A_PAGE
        )
        found = at(data, "orders")
        told = tuple(as_told(each) for each in objects(at(found, "nodes")))
        goes_on = at(found, "pageInfo", "hasNextPage") is True
        return Page(told, str(at(found, "pageInfo", "endCursor") or "") if goes_on else "")

    async def close(self) -> None:
        """End all connections."""
        await self._caller.close()

    async def _find(self, code: str) -> tuple[str, str] | None:
        """Return id and title of the discount that has a code."""
        data = await self._ask(FIND, {"code": code})
        number = at(data, "codeDiscountNodeByCode", "id")
        title = at(data, "codeDiscountNodeByCode", "codeDiscount", "title")
        return None if number is None else (str(number), str(title))

    async def _ask(self, query: str, variables: dict[str, Any], most: int = MOST) -> Any:
        answer = await self._caller.call(
            "POST", self._path, {"query": query, "variables": variables}, headers=self._headers, most=most
        )
        errors = at(answer.body, "errors")
        if errors:
            if at(errors, 0, "extensions", "code") == "THROTTLED":
                raise NotNowError("Shopify throttles our calls", _until_restored(answer.body))
            raise NotNowError(f"Shopify refused the call: {at(errors, 0, 'message') or errors}")
        return at(answer.body, "data")


def _is_ours(title: str, code: str) -> bool:
    return title.startswith("winback ") and title.upper().endswith(f" {code.upper()}")


def _input(discount: Discount) -> dict[str, Any]:
    """Return the DiscountCodeBasicInput; a share is a fraction there."""
    amount = {"amount": discount.amount, "appliesOnEachItem": False}
    value = {"percentage": float(discount.percent) / 100} if discount.percent else {"discountAmount": amount}
    asked: dict[str, Any] = {
        "title": discount.title,
        "code": discount.code,
        "startsAt": discount.starts_at,
        "endsAt": discount.ends_at,
        "context": {"all": "ALL"},
        "customerGets": {"value": value, "items": {"all": True}},
        "usageLimit": 1,
        "appliesOncePerCustomer": True,
    }
    if discount.minimum:
        asked["minimumRequirement"] = {"subtotal": {"greaterThanOrEqualToSubtotal": discount.minimum}}
    return asked


def _until_restored(body: Any) -> int | None:
    """Return how long it takes until there are enough points for the call, by what Shopify says of its bucket."""
    cost = at(body, "extensions", "cost")
    asked, have = at(cost, "requestedQueryCost"), at(cost, "throttleStatus", "currentlyAvailable")
    rate = at(cost, "throttleStatus", "restoreRate")
    if not all(isinstance(each, int | float) for each in (asked, have, rate)) or not rate:
        return None
    return int(max(asked - have, 1) / rate * SECOND)
