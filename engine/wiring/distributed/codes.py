"""The codes as a gateway tells the checkout of them: by the books, and redeemed once by a row that all gateways share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web
from msgspec.structs import replace

from engine.books import redemptions
from engine.books.connection import DatabaseError
from engine.books.coupons import CHECKOUT
from engine.books.postgres import Server
from engine.books.views import Views
from engine.books.writer import Writer
from engine.core.coupons import Coupon, too_small, was_used_in
from engine.core.customer import Customer
from engine.core.events import Coupon as Redemption
from engine.core.events import DeadLetter, Event
from engine.handling import Taken
from engine.listeners.coupons import Order, Refused
from engine.ports import Clock

Submit = Callable[[Sequence[Event | DeadLetter], Sequence[str]], Awaitable[Sequence[Taken]]]

USED = "it was used before"


class SharedCodes:
    """Codes over PostgreSQL. A code is told of from when the books have it, a moment after it was issued."""

    def __init__(self, server: Server, writer: Writer, submit: Submit, clock: Clock) -> None:
        self._server, self._writer, self._submit, self._clock = server, writer, submit, clock

    async def look_up(self, code: str) -> Coupon | None:
        """Return how a code stands, None for one that was never issued."""
        return (await self._found(code))[0]

    async def redeem(self, code: str, order: Order) -> Coupon | Refused | None:
        """Redeem a code for an order; the same order once more gets the same answer.

        Raises:
            ValueError: the basket is no amount of money.

        """
        coupon, owner = await self._found(code)
        if coupon is None:
            return None
        order_id = order.order_id.strip()
        used = replace(coupon, state="used", why=USED, used=True)
        if owner is not None and was_used_in(owner, coupon.code, order_id):
            return used
        refused = coupon.why if coupon.state != "valid" else too_small(coupon, order.basket, order.currency)
        if refused:
            return Refused(refused, coupon)
        if await self._claimed_by(coupon.code, order_id) != order_id:
            return Refused(USED, used)
        now = self._clock.now()
        data = Redemption(code=coupon.code, order_id=order_id)
        event = Event(f"{coupon.code}.{order_id}", CHECKOUT, "coupon.redeemed", now, coupon.customer, data)
        await self._submit([event], [CHECKOUT])
        return used

    async def _claimed_by(self, code: str, order_id: str) -> str:
        now = self._clock.now()
        try:
            return await self._writer.write(lambda connection: redemptions.claim(connection, code, order_id, now))
        except DatabaseError:
            raise _away() from None

    async def _found(self, code: str) -> tuple[Coupon | None, Customer | None]:
        now = self._clock.now()

        def look() -> tuple[Coupon | None, Customer | None]:
            with Views(self._server) as views:  # a connection for each question: checkouts ask seldom, servers restart
                coupon = views.coupon(code, now, views.shop()[1])
                return coupon, None if coupon is None else views.record(coupon.customer)

        try:
            return await asyncio.to_thread(look)
        except DatabaseError:
            raise _away() from None


def _away() -> web.HTTPException:
    return web.HTTPServiceUnavailable(text="PostgreSQL does not answer: ask again", headers={"Retry-After": "10"})
