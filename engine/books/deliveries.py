"""Deliveries: effects other than mails, each on its way to the receivers that take it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from engine.books import parcels
from engine.books.database import Where
from engine.books.delivery import GIVE_UP_AFTER, Books, Delivery, Taker
from engine.books.meters import DeliveryMeters
from engine.books.reader import Reader
from engine.core.shop import Shop
from engine.ports import Clock, Receiver


class Deliveries:
    """Brings effects to receivers, until it is stopped."""

    def __init__(
        self,
        books: Books,
        taker: Taker,
        where: Where,
        receivers: Sequence[Receiver],
        clock: Clock,
        shop: Callable[[], Shop],
        *,
        give_up_after: int = GIVE_UP_AFTER,
        meters: DeliveryMeters | None = None,
    ) -> None:
        """`shop` returns the shop's state as it is now; `give_up_after` is in microseconds of the engine's clock."""
        self._log = Reader(where, "deliveries")
        self._stopped = asyncio.Event()
        counting = meters or DeliveryMeters(None)
        self._each = tuple(
            Delivery(books, taker, self._log, each, clock, shop, give_up_after, counting) for each in receivers
        )

    async def run(self) -> None:
        """Deliver until `stop`; calls under way are waited for.

        Raises:
            ExceptionGroup: the engine has stopped. Nothing is lost by starting anew.

        """
        async with asyncio.TaskGroup() as all_of_them:
            for one in self._each:
                all_of_them.create_task(one.run())
            all_of_them.create_task(self._stopped.wait())  # with no receivers at all it runs as well

    def wake(self) -> None:
        """Say that there may be new effects, or that time has leapt."""
        for one in self._each:
            one.news.set()

    def stop(self) -> None:
        """Begin no more calls."""
        for one in self._each:
            one.stopping = True
        self._stopped.set()
        self.wake()

    async def idle(self) -> bool:
        """Say whether every receiver has taken all there is for it, but for parcels whose time has not come."""
        last = await self._log.read(parcels.last_effect) if self._each else 0
        return all(one.has_come_to(last) for one in self._each)

    @property
    def troubles(self) -> Mapping[str, str]:
        """Why nothing can be delivered at present, by receiver: for `status`."""
        return {one.receiver.name: one.trouble for one in self._each if one.trouble}

    async def close(self) -> None:
        """Close the receivers and the connection to the database."""
        for one in self._each:
            await one.receiver.close()
        await self._log.close()
