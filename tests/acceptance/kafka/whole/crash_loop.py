"""Faults, one after the other, while a shop lives on the distributed engine; and how long it takes to catch up after each."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from tests.acceptance.kafka.whole.afterwards import Found, look
from tests.acceptance.kafka.whole.life import Feeding, began
from tests.acceptance.kafka.whole.shop import WholeShop

WORKERS = 3
LEAP_EVERY = 3.0  # a mail needs a second or two from its decision to the mail server

HALTED = 1.7
"""How much longer than the group's patience a halted worker is silent: the others have its partitions by then."""

Fault = Callable[[], Awaitable[None]]


class CrashLoop:
    """One run of it. `run` returns what was found; its `broken` is a list of sentences, empty if all is well."""

    def __init__(self, folder: Path, seed: int, *, customers: int, store: str = "memory") -> None:
        self._folder, self._seed, self._customers, self._store = folder, seed, customers, store
        self._chance = Random(seed)
        self.done: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.ended: list[str] = []

    async def run(self, faults: int) -> Found:
        """Let so many faults happen, then let everything come to an end, and look at what is there."""
        kind: dict[str, Any] = {"workers": WORKERS, "leap_every": LEAP_EVERY, "store": self._store}
        async with began(self._folder, customers=self._customers, seed=self._seed, **kind) as (shop, feeding):
            doing = asyncio.create_task(feeding.run())
            for name in self._in_turn(faults):
                await asyncio.sleep(self._chance.uniform(0.3, 1.5))
                await self._happens(shop, name)
            feeding.stop()
            await doing
            return await self._end(shop, feeding)

    def __str__(self) -> str:
        faults = ", ".join(f"{name} {count}" for name, count in sorted(self.done.items()))
        return (
            f"{self.done.total()} faults ({faults}); caught up after {median(self.seconds):.1f} s at the median, "
            f"{max(self.seconds):.1f} s at most; {len(self.ended)} parts ended by themselves"
        )

    async def _end(self, shop: WholeShop, feeding: Feeding) -> Found:
        shop.turn_clock()  # evenly from now on: what is to be tried again in a minute is
        await shop.settled()
        self.ended += shop.ended
        return await look(shop, feeding.acknowledged)

    def _in_turn(self, faults: int) -> list[str]:
        """Every fault as often as the others, in an order that nobody planned."""
        names = sorted(_FAULTS) if self._store == "rocksdb" else sorted(_FAULTS.keys() - {"disk wiped"})
        whole = [name for _ in range(faults // len(names) + 1) for name in self._chance.sample(names, len(names))]
        return whole[:faults]

    async def _happens(self, shop: WholeShop, name: str) -> None:
        await _FAULTS[name](shop, self._chance)
        begun = time.monotonic()
        await shop.caught_up(beyond=1)
        self.seconds.append(time.monotonic() - begun)
        self.ended += shop.look_after()
        self.done[name] += 1


# Faults. Each returns when it is over, with every part told to run -------------------------------------------------------


async def _worker_killed(shop: WholeShop, chance: Random) -> None:
    shop.start("worker", _some_worker(chance))  # which kills the one before


async def _worker_away(shop: WholeShop, chance: Random) -> None:
    """A worker leaves in order; another time it joins again: two rebalances under load."""
    slot = _some_worker(chance)
    shop.down.add(f"worker{slot}")
    await asyncio.to_thread(shop.processes[f"worker{slot}"].stop)
    await asyncio.sleep(chance.uniform(1.0, 4.0))
    shop.down.discard(f"worker{slot}")
    shop.start("worker", slot)


async def _worker_halted(shop: WholeShop, chance: Random) -> None:
    """A worker is silent for so long that others take over; then it goes on, with what it had not flushed."""
    worker = shop.processes[f"worker{_some_worker(chance)}"]
    worker.pause()
    await asyncio.sleep(HALTED * shop.shop.session_timeout)
    worker.resume()


async def _disk_wiped(shop: WholeShop, chance: Random) -> None:
    slot = _some_worker(chance)
    shop.processes[f"worker{slot}"].kill()
    shutil.rmtree(Path(shop.shop.folder) / "data" / f"worker-{slot}", ignore_errors=True)
    shop.start("worker", slot)


async def _gateway_killed(shop: WholeShop, chance: Random) -> None:  # noqa: ARG001 - one of a table
    shop.start("gateway")


async def _sender_killed(shop: WholeShop, chance: Random) -> None:  # noqa: ARG001 - one of a table
    shop.start("sender")


async def _sender_halted(shop: WholeShop, chance: Random) -> None:
    """A sender is silent while another waits for its lock, which it keeps."""
    shop.processes["sender"].pause()
    await asyncio.sleep(chance.uniform(1.0, 3.0))
    shop.processes["sender"].resume()


async def _projector_killed(shop: WholeShop, chance: Random) -> None:  # noqa: ARG001 - one of a table
    shop.start("projector")


async def _broker_killed(shop: WholeShop, chance: Random) -> None:
    broker = shop.cluster.brokers[0]
    broker.kill()
    await asyncio.sleep(chance.uniform(0.2, 2.0))
    await asyncio.to_thread(broker.start)


async def _broker_halted(shop: WholeShop, chance: Random) -> None:
    broker = shop.cluster.brokers[0]
    broker.pause()
    await asyncio.sleep(chance.uniform(1.0, 2.0) * shop.shop.session_timeout)
    broker.resume()


async def _postgres_killed(shop: WholeShop, chance: Random) -> None:
    shop.server.kill()
    await asyncio.sleep(chance.uniform(0.2, 2.0))
    await asyncio.to_thread(shop.server.start)


async def _postgres_restarted(shop: WholeShop, chance: Random) -> None:  # noqa: ARG001 - one of a table
    await asyncio.to_thread(shop.server.restart)


def _some_worker(chance: Random) -> str:
    return str(chance.randint(1, WORKERS))


_FAULTS: dict[str, Callable[[WholeShop, Random], Awaitable[None]]] = {
    "worker killed": _worker_killed,
    "worker away": _worker_away,
    "worker halted": _worker_halted,
    "disk wiped": _disk_wiped,
    "gateway killed": _gateway_killed,
    "sender killed": _sender_killed,
    "sender halted": _sender_halted,
    "projector killed": _projector_killed,
    "broker killed": _broker_killed,
    "broker halted": _broker_halted,
    "PostgreSQL killed": _postgres_killed,
    "PostgreSQL restarted": _postgres_restarted,
}
