"""Codes for the checkout: how one stands, and its redemption, once for each code and as often as asked for one order.

A code is found by its hash, so the time that an answer takes tells nothing of how near a guess has come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from engine.books.connection import Connection
from engine.books.queries import QUERIES
from engine.books.store import SqlStore
from engine.core.coupons import Coupon, coupon_key, coupon_of, too_small, was_used_in
from engine.core.customer import Customer
from engine.core.events import Coupon as Redemption
from engine.core.events import Event
from engine.core.ids import as_typed
from engine.core.merging import who_is_now
from engine.core.moments import Instant
from engine.core.shop import Shop
from engine.handling import Handling

CHECKOUT = "checkout"
"""The source of the events that a redemption makes."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Redeemed(Struct, frozen=True):
    """What became of a redemption: the coupon as it stands now (None: no such code), and why it was refused, if so."""

    coupon: Coupon | None
    refused: str = ""


def look_up(
    connection: Connection,
    find: Callable[[str], str | None],
    load: Callable[[str], Customer | None],
    code: str,
    now: Instant,
    shop: Shop,
) -> Coupon | None:
    """Return how a code stands, None for one that was never issued; as it was typed, else as that was meant.

    Args:
        connection: where effects are read.
        find: finds a customer id by an identity key.
        load: loads a record.
        code: what somebody typed.
        now: the present instant.
        shop: the shop's state.

    """
    for each in dict.fromkeys((code.strip(), as_typed(code))):
        issued_to = find(coupon_key(each)) or ""
        owner = load(who_is_now(load, issued_to))
        for issued_at, told in connection.execute(QUERIES["coupon_issued"], (issued_to, each)).fetchall():
            if owner is not None:
                return coupon_of(_decode(told), issued_at, owner, now, shop)
    return None


def redeem(
    handling: Handling, store: SqlStore, now: Instant, code: str, order_id: str, basket: str, currency: str
) -> Redeemed:
    """Redeem a code for an order, in the transaction under way. The same order once more gets the same answer.

    Raises:
        ValueError: the basket is no amount of money.

    """
    shop = handling.rules.shop

    def found() -> Coupon | None:
        return look_up(store.connection, store.find, store.load, code, now, shop)

    coupon = found()
    if coupon is None:
        return Redeemed(None)
    owner = store.load(coupon.customer)
    if owner is not None and was_used_in(owner, coupon.code, order_id):
        return Redeemed(coupon)
    refused = coupon.why if coupon.state != "valid" else too_small(coupon, basket, currency)
    if refused:
        return Redeemed(coupon, refused)
    data = Redemption(code=coupon.code, order_id=order_id)
    event = Event(f"{coupon.code}.{order_id}", CHECKOUT, "coupon.redeemed", now, coupon.customer, data)
    handling.take(store, event, now, CHECKOUT)
    return Redeemed(found())
