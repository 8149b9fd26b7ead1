"""Codes in WooCommerce, by its REST API, version 3: one coupon for each.

By its reference (https://woocommerce.github.io/woocommerce-rest-api-docs, Coupons; read 2026-11). Key and secret need
read and write, and travel as basic authentication, which WooCommerce takes over https alone. A code that is there already
is refused as woocommerce_rest_coupon_code_already_exists; our mark in its description then says whether it is ours. Coupons
have no day they begin: they are good from when they are made. Codes are kept in small letters, and found in any.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from connectors.shops.calling import MOST, MOST_OF_A_PAGE, Answer, Caller, NotNowError
from connectors.shops.making import Discount
from connectors.shops.orders import Page, objects
from engine.core.decoded import at
from engine.core.ids import SAMPLE_CODE
from engine.core.moments import Instant, rfc3339

COUPONS = "/wp-json/wc/v3/coupons"
ORDERS = "/wp-json/wc/v3/orders"
ORDERS_A_PAGE = 50
_FIELDS = (
    "id,number,status,currency,date_created_gmt,date_modified_gmt,date_completed_gmt,total,customer_id,billing,line_items,"
    "coupon_lines,refunds"
)
TAKEN = "woocommerce_rest_coupon_code_already_exists"
_ABOUT_CODES = frozenset({400})


class WooCommerce:
    """The coupons and orders of one WooCommerce shop, whose pages begin with `url`."""

    def __init__(self, url: str, key: str, secret: str) -> None:
        self._caller = Caller(url, about_codes=_ABOUT_CODES)
        self._headers = {"authorization": f"Basic {b64encode(f'{key}:{secret}'.encode()).decode()}"}

    async def look(self) -> None:
        """Look for a code that is none."""
        await self._find(SAMPLE_CODE)

    async def make(self, discount: Discount) -> str:
        """Make a code; one that is there already is looked at."""
        answer = await self._call("POST", COUPONS, _body(discount))
        if answer.status != 400:
            return ""
        if at(answer.body, "code") == TAKEN:
            found = await self._find(discount.code)
            ours = found is not None and at(found, "description") == discount.title
            return "" if ours else "the shop has another coupon with this code"
        return str(at(answer.body, "message") or at(answer.body, "code") or "400 Bad Request")

    async def withdraw(self, code: str) -> None:
        """Delete a code of ours that nobody has used."""
        found = await self._find(code)
        is_ours = str(at(found, "description") or "").startswith("winback ")
        if found is None or not is_ours or at(found, "usage_count"):
            return
        answer = await self._call("DELETE", f"{COUPONS}/{int(found['id'])}", query={"force": "true"})
        if answer.status == 400:
            raise NotNowError(f"WooCommerce would not delete a code: {at(answer.body, 'code')}")

    async def orders(self, since: Instant, place: str = "") -> Page:
        """Return a page of the orders changed since a moment, by their ids."""
        number = int(place or 1)
        asked = {
            "modified_after": rfc3339(since).partition(".")[0].removesuffix("Z"),
            "dates_are_gmt": "true",
            "orderby": "id",
            "order": "asc",
            "status": "any",
            "per_page": str(ORDERS_A_PAGE),
            "page": str(number),
            "_fields": _FIELDS,
        }
        answer = await self._call("GET", ORDERS, query=asked, most=MOST_OF_A_PAGE)
        if answer.status != 200:
            raise NotNowError(f"WooCommerce would not list orders: {at(answer.body, 'code')}")
        found = objects(answer.body)
        return Page(found, str(number + 1) if len(found) == ORDERS_A_PAGE else "")

    async def close(self) -> None:
        """End all connections."""
        await self._caller.close()

    async def _find(self, code: str) -> dict[str, Any] | None:
        answer = await self._call("GET", COUPONS, query={"code": code})
        found = answer.body if isinstance(answer.body, list) else []
        return next((each for each in found if str(at(each, "code")).casefold() == code.casefold()), None)

    async def _call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        query: dict[str, str] | None = None,
        most: int = MOST,
    ) -> Answer:
        return await self._caller.call(method, path, body, headers=self._headers, query=query, most=most)


def _body(discount: Discount) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "code": discount.code,
        "description": discount.title,
        "discount_type": "percent" if discount.percent else "fixed_cart",
        "amount": discount.percent or discount.amount,
        "date_expires_gmt": discount.ends_at.removesuffix("Z"),
        "usage_limit": 1,
        "usage_limit_per_user": 1,
    }
    if discount.minimum:
        asked["minimum_amount"] = discount.minimum
    return asked
