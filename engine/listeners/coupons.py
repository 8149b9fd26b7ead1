"""What the checkout asks of our codes: `GET /coupons/CODE`, and `POST /coupons/CODE/redeem` when an order uses one."""

from __future__ import annotations

from typing import Protocol

import msgspec
from aiohttp import web
from msgspec import Struct

from engine.core.coupons import Coupon
from engine.core.ids import SAMPLE_CODE, as_typed
from engine.listeners.serving import json_error

LONGEST_CODE = 64
_ENCODE = msgspec.json.Encoder().encode


class Order(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a redemption. `basket` is the goods' value in `currency` (the code's own where it is left out).

    Without a basket the minimum is the checkout's to see to.
    """

    order_id: str
    basket: str = ""
    currency: str = ""


class Refused(Struct, frozen=True):
    """Why a code was not redeemed, and the coupon as it stands."""

    error: str
    coupon: Coupon


class Codes(Protocol):
    """What knows the codes: the engine."""

    async def look_up(self, code: str) -> Coupon | None:
        """Return how a code stands, None for one that was never issued."""
        ...

    async def redeem(self, code: str, order: Order) -> Coupon | Refused | None:
        """Redeem a code for an order; returns after the commit.

        Raises:
            ValueError: the basket is no amount of money.

        """
        ...


def add_coupons(app: web.Application, codes: Codes) -> None:
    """Add the routes of the checkout."""

    async def show(request: web.Request) -> web.Response:
        code = request.match_info["code"]
        coupon = await codes.look_up(code) if _may_be(code) else None
        return _unknown(code) if coupon is None else _json(200, coupon)

    async def redeem(request: web.Request) -> web.Response:
        code = request.match_info["code"]
        if request.content_type != "application/json":
            return json_error(415, "send the order as application/json")
        try:
            order = msgspec.json.decode(await request.read(), type=Order)
            if not order.order_id.strip():
                return json_error(400, "order_id is empty: say which order uses the code")
            coupon = await codes.redeem(code, order) if _may_be(code) else None
        except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors too
            return json_error(400, f'{error}; send {{"order_id": "10023", "basket": "49.90", "currency": "EUR"}}')
        if coupon is None:
            return _unknown(code)
        return _json(409 if isinstance(coupon, Refused) else 200, coupon)

    app.router.add_get("/coupons/{code}", show)
    app.router.add_post("/coupons/{code}/redeem", redeem)


def _may_be(code: str) -> bool:
    return len(code) <= LONGEST_CODE and as_typed(code) != SAMPLE_CODE


def _unknown(code: str) -> web.Response:
    if as_typed(code) == SAMPLE_CODE:
        return json_error(404, "this is the code that test mails and previews show; it is good for nothing")
    return json_error(404, "there is no such code")


def _json(status: int, value: Coupon | Refused) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    return web.Response(status=status, body=_ENCODE(value), content_type="application/json", headers=headers)
