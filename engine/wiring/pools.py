"""Pools of codes that the shop knows: their files read, their codes granted to the engine, and an alarm when few are left."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from msgspec import Struct
from prometheus_client import CollectorRegistry, Gauge

from engine.books import pools
from engine.books.store import SqlStore
from engine.books.views import Views
from engine.core.moments import Instant
from engine.core.rules import Offer, RuleSet
from engine.core.shop import Shop
from engine.handling import Handling
from engine.handling.granting import grants, runs_low

if TYPE_CHECKING:
    from engine.wiring.control.place import Ask

LOOK_EVERY = 1.0  # seconds of real time
COUNT_EVERY = 10  # looks
PIECE = 5_000  # codes in one transaction

_CODE = re.compile(r"[!-+\--:<-~]{3,64}")
_HEADERS = frozenset({"code", "codes", "coupon", "coupon code", "discount code", "gutschein", "gutscheincode"})

log = structlog.get_logger(__name__)


class PoolLevel(Struct, frozen=True):
    """How many codes an offer has left: ready in its pool, and granted to it and not given out. `minted`: not loaded yet."""

    offer: str
    pool: str
    left: int
    minted: int
    low_water: int
    low: bool


class Codes(Struct, frozen=True):
    """The codes in a file, each with its line, and the lines that hold none, each with the reason."""

    codes: list[tuple[int, str]]
    refused: list[tuple[int, str]]


def read_codes(path: Path) -> Codes:
    """Read a file of codes: one a line, in the first column; a header, blank lines and further columns are left out.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is not encoded in UTF-8.

    """
    found = Codes([], [])
    for number, line in enumerate(path.read_text("utf-8-sig").splitlines(), 1):
        text = re.split(r"[,;\t]", line, maxsplit=1)[0].strip().strip('"')
        if not text or (number == 1 and text.casefold() in _HEADERS):
            continue
        if _CODE.fullmatch(text):
            found.codes.append((number, text))
        else:
            found.refused.append((number, "a code is 3 to 64 letters, digits and signs, without blanks"))
    return found


def pooled(rules: RuleSet) -> list[Offer]:
    """Return the offers whose codes come from a pool."""
    return [offer for offer in rules.offers.values() if offer.codes == "pool"]


def levels(rules: RuleSet, shop: Shop, counts: Mapping[str, Mapping[str, int]]) -> list[PoolLevel]:
    """Return how many codes each offer with a pool has left; `counts` are those of the pools, by state."""
    return [_level(offer, shop, counts.get(offer.pool, {})) for offer in pooled(rules)]


def _level(offer: Offer, shop: Shop, counts: Mapping[str, int]) -> PoolLevel:
    left = counts.get(pools.READY, 0) + len(shop.codes.get(offer.name, ()))
    return PoolLevel(
        offer.name, offer.pool, left, counts.get(pools.MINTED, 0), offer.low_water, low=left < offer.low_water
    )


class Pools:
    """Keeps a running engine in codes."""

    def __init__(
        self,
        handling: Handling,
        ask: Ask,
        workflows: Path,
        views: Views,
        registry: CollectorRegistry | None,
        *,
        grants: bool = True,
    ) -> None:
        """With `grants` codes are granted from here; on the distributed engine the office gives each partition its own."""
        self._handling, self._ask, self._workflows, self._views = handling, ask, workflows, views
        self._grants = grants
        self._stamps: dict[str, tuple[int, int]] = {}
        self._low: set[str] = set()
        self._looks = 0
        self._left = Gauge("winback_pool_codes_left", "Codes of a pool to give out", ["offer"], registry=registry)

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Bring new codes of the files, grant blocks to offers that run low, and tell when there are few."""
        offers = pooled(self._rules)
        for pool in sorted({offer.pool for offer in offers}):
            await self._bring(pool)
        if self._grants and any(runs_low(self._shop, offer) and self._views.has_codes(offer.pool) for offer in offers):
            await self._ask(self._grant)
        if offers and self._looks % COUNT_EVERY == 0:
            self._tell_levels()
        self._looks += 1

    @property
    def _rules(self) -> RuleSet:
        return self._handling.rules.rule_set

    @property
    def _shop(self) -> Shop:
        return self._handling.rules.shop

    def _grant(self, store: SqlStore, now: Instant) -> None:
        for signal in grants(self._shop, pooled(self._rules), lambda *wanted: pools.take(store.connection, *wanted)):
            self._handling.sweeping.tell(store, signal, now)

    async def _bring(self, pool: str) -> None:
        """Bring the codes of a pool's file, where there is one and it has changed since it was read."""
        path = self._workflows / pool
        try:
            found = path.stat()
            stamp = (found.st_mtime_ns, found.st_size)
            if self._stamps.get(pool) == stamp:
                return
            self._stamps[pool] = stamp
            read = await asyncio.to_thread(read_codes, path)
        except FileNotFoundError:
            return  # then its codes come by `coupons load` alone
        except (OSError, UnicodeDecodeError) as error:
            log.warning("a pool of codes cannot be read", pool=pool, why=str(error))
            return
        await self._load(pool, [code for _, code in read.codes])
        if read.refused:
            log.warning("lines of a pool hold no code", pool=pool, first=read.refused[0][0], lines=len(read.refused))

    async def _load(self, pool: str, codes: list[str]) -> None:
        already = max(self._shop.granted.get(each.name, 0) for each in pooled(self._rules) if each.pool == pool)
        if already and not self._views.has_codes(pool, ready=False):
            before = codes[:already]  # an engine of an earlier version had granted so many lines of the file
            await self._ask(lambda store, now: pools.note_granted(store.connection, pool, before, now))
        loaded = [await self._ask(partial(_load_piece, pool, piece)) for piece in _pieces(codes)]
        taken, elsewhere = sum(each.taken for each in loaded), sum(len(each.elsewhere) for each in loaded)
        if taken:
            log.info("a pool has new codes", pool=pool, codes=taken)
        if elsewhere:
            log.warning("codes of a pool are of another pool too, and stay there", pool=pool, codes=elsewhere)

    def _tell_levels(self) -> None:
        for level in levels(self._rules, self._shop, self._views.pools()):
            self._left.labels(level.offer).set(level.left)
            if level.low and level.offer not in self._low:
                log.warning("few codes are left", offer=level.offer, left=level.left, low_water=level.low_water)
            elif not level.low and level.offer in self._low:
                log.info("there are codes enough again", offer=level.offer, left=level.left)
            (self._low.add if level.low else self._low.discard)(level.offer)


def _load_piece(pool: str, codes: list[str], store: SqlStore, now: Instant) -> pools.Loaded:
    return pools.load(store.connection, pool, codes, now)


def _pieces(codes: list[str]) -> Iterator[list[str]]:
    return (codes[at : at + PIECE] for at in range(0, len(codes), PIECE))
