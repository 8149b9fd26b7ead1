"""A receiver of issued and voided codes: has the shop make each, and tells the engine when the checkout knows it."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct

from connectors.shops.calling import NotNowError
from engine.core.customer import Customer
from engine.core.effects import COUPON_ISSUED, COUPON_VOIDED, Effect
from engine.core.events import Coupon, Event
from engine.core.merging import MERGED
from engine.ports import Receipt


class Discount(Struct, frozen=True):
    """A code to be made: for one use, good from `starts_at` until `ends_at` (RFC 3339).

    One of `percent` (`10`, `12.5`) and `amount` (`5.00`, in `currency`) is set; `minimum` is in its own currency.
    """

    code: str
    offer: str
    percent: str
    amount: str
    currency: str
    minimum: str
    starts_at: str
    ends_at: str

    @property
    def title(self) -> str:
        """What the shop's people see, and by which we know what we made ourselves."""
        return f"winback {self.offer} {self.code}"


class Discounts(Protocol):
    """The discounts of one kind of shop. Both calls may be made again at any time and do no more than once."""

    async def look(self) -> None:
        """Ask for something that changes nothing.

        Raises:
            NotNowError: the shop does not answer, or not to us.

        """
        ...

    async def make(self, discount: Discount) -> str:
        """Make a code; return why the shop would not, empty when it is there.

        Raises:
            NotNowError: it cannot be asked now, or nobody knows what it did.

        """
        ...

    async def withdraw(self, code: str) -> None:
        """Let a code that we made be good for nothing from now on; one that is not there, or not ours, stays as it is.

        Raises:
            NotNowError: likewise.

        """
        ...

    async def close(self) -> None:
        """End all connections."""
        ...


class CodeMaker:
    """Has a shop make the codes of offers with `codes: shop`."""

    name = "shop"
    types = frozenset({COUPON_ISSUED, COUPON_VOIDED})

    def __init__(self, discounts: Discounts, *, at_once: int = 4) -> None:
        self.at_once = at_once
        self._discounts = discounts

    def takes(self, effect: Effect) -> bool:
        """Say whether the shop makes this code."""
        return effect.data.get("codes") == "shop"

    async def take(self, effect: Effect, record: Customer | None) -> Receipt:
        """Make the code and say that it is ready, or refused; or withdraw it."""
        try:
            if effect.type == COUPON_VOIDED:
                await self._discounts.withdraw(effect.data["code"])
                return Receipt("done")
            if _is_void(effect, record):
                return Receipt("done")  # nobody waits for it any more
            refused = await self._discounts.make(discount_of(effect.data))
        except NotNowError as error:
            return Receipt("later", str(error), error.retry_after)
        kind = "coupon.refused" if refused else "coupon.ready"
        data = Coupon(code=effect.data["code"], reason=refused)
        return Receipt("done", events=(Event(effect.id, self.name, kind, effect.time, effect.customer, data),))

    async def trouble(self) -> str:
        """Say why the shop cannot be asked, empty when it answers; connections are ended."""
        try:
            await self._discounts.look()
        except NotNowError as error:
            return str(error)
        finally:
            await self.close()
        return ""

    async def close(self) -> None:
        """End all connections."""
        await self._discounts.close()


def _is_void(effect: Effect, record: Customer | None) -> bool:
    """Say whether a code was taken back before the shop was asked for it."""
    if record is None or record.gone.startswith(MERGED):  # what became of it stands in another record
        return False
    return bool(record.gone) or effect.data["code"] in record.voided_codes


def discount_of(told: dict[str, Any]) -> Discount:
    """Return the code to be made from what was told when it was issued."""
    value, minimum = str(told["value"]), str(told["minimum_basket"] or "")
    amount, _, currency = value.partition(" ")
    is_share = value.endswith("%")
    return Discount(
        code=told["code"],
        offer=told["name"],
        percent=value.removesuffix("%") if is_share else "",
        amount="" if is_share else amount,
        currency=currency,
        minimum=minimum.partition(" ")[0],
        starts_at=told["starts_at"],
        ends_at=told["ends_at"],
    )
