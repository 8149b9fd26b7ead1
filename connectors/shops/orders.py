"""Asking a shop for its orders, where it may not have told us of all: a page at a time, as its webhooks would tell them.

Pages are in an order that changes do not change, over a set that only grows while it is read: so an order may come twice,
and none is missed.
"""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct

from engine.core.moments import Instant


class Page(Struct, frozen=True):
    """Some orders, and where it goes on; `after` is empty behind the last page."""

    orders: tuple[dict[str, Any], ...]
    after: str = ""


class Orders(Protocol):
    """The orders of one shop."""

    async def orders(self, since: Instant, place: str = "") -> Page:
        """Return a page of the orders that were changed since a moment, from a place (`after` of the page before) on.

        Raises:
            NotNowError: the shop cannot be asked now.

        """
        ...

    async def close(self) -> None:
        """End all connections."""
        ...


def objects(found: Any) -> tuple[dict[str, Any], ...]:
    """Return the objects of a list that a shop answered; nothing of what is none."""
    return tuple(each for each in found if isinstance(each, dict)) if isinstance(found, list) else ()
