"""A tool of the shop's that takes webhooks, now and then says "not now", and remembers what it was told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from sqlite3 import Connection

import msgspec
from aiohttp import web

from engine.core.shop import Shop
from engine.listeners import Running
from engine.listeners.serving import serve

TAKEN = ("winback.tagged", "winback.untagged", "winback.suppressed", "winback.handed_off", "winback.newsletter_adapted")
SECRET = {"WINBACK_WEBHOOKS_TOOL_SECRET": "whsec_" + "c2Vj" * 8, "WINBACK_SERVICE_KEY": "key-0123456789"}


class Tool:
    """It refuses nothing for good, and answers some of what comes with 503, unless it is `well`."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self.well = False
        self.told: list[str] = []
        self._server: Running | None = None

    async def start(self) -> str:
        """Begin to listen; return where effects are posted to."""
        app = web.Application()
        app.router.add_post("/effects", self._take)
        self._server = await serve(app, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.port}/effects"

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            await self._server.stop()

    async def _take(self, request: web.Request) -> web.Response:
        if not self.well and self._chance.random() < 0.1:
            return web.Response(status=503)
        self.told.append(request.headers["webhook-id"])
        return web.Response(status=204)


def untold(reader: Connection, told: Sequence[str]) -> Iterator[str]:
    """Every effect for it that may leave has come, or is a parcel; in order for each customer; and nothing else has."""
    live_since = msgspec.msgpack.decode(reader.execute("select state from shop").fetchone()[0], type=Shop).live_since
    rows = reader.execute(
        "select seq, customer, effect_id || '.' || substr(type, 9) || '.' || ordinal from effect"
        f" where shadow = 0 and type in ({','.join('?' * len(TAKEN))})"
        " and time >= ? order by seq",
        (*TAKEN, live_since),
    ).fetchall()
    parcels = {seq for (seq,) in reader.execute("select seq from parcel")}
    first = {number: place for place, number in reversed([*enumerate(told)])}
    latest: dict[str, int] = {}
    for seq, customer, number in rows:
        if number not in first and seq not in parcels:
            yield f"the tool was never told of {number}"
        elif number in first:
            if first[number] < latest.get(customer, -1):
                yield f"the tool was told of {number} before what was decided earlier"
            latest[customer] = max(first[number], latest.get(customer, -1))
    for number in first.keys() - {number for _, _, number in rows}:
        yield f"the tool was told of {number}, which nobody decided"
    if reader.execute("select count(*) from dead_letter where origin like 'receiver %'").fetchone()[0]:
        yield "an effect became a dead letter"
