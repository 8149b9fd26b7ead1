"""Where a part without a listener of its own is asked how it is: `/healthz`, `/readyz` and `/metrics`."""

from __future__ import annotations

import asyncio

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from engine.listeners.serving import Ready, Running, add_health, serve


async def monitor(place: str, ready: Ready, registry: CollectorRegistry) -> Running:
    """Answer at a place (`host:port`) until it is stopped. No personal data is told there.

    Raises:
        OSError: the address is taken or may not be used.

    """
    host, _, port = place.rpartition(":")
    return await serve(_app(ready, registry), host.strip("[]"), int(port))


def _app(ready: Ready, registry: CollectorRegistry) -> web.Application:
    app = web.Application()

    async def metrics(_: web.Request) -> web.Response:
        text = await asyncio.to_thread(generate_latest, registry)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    app.router.add_get("/metrics", metrics)
    add_health(app, ready)
    return app
