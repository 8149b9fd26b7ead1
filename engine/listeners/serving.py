"""What both listeners share: starting, health, errors without tracebacks, and counting."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import Callable

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Histogram

from engine.listeners.connections import AT_A_TIME, SILENT_SECONDS, Connections, nameless

log = structlog.get_logger(__name__)

Ready = Callable[[], str]
"""Says why the engine is not ready, empty when it is."""


class Running(Struct, frozen=True):
    """A listener that is up. `port` is the one it got where 0 was asked for."""

    runner: web.AppRunner
    listening: asyncio.Server
    port: int

    async def stop(self) -> None:
        """Let requests under way end, then close."""
        self.listening.close()
        await self.runner.cleanup()


async def serve(
    app: web.Application,
    host: str,
    port: int,
    *,
    at_a_time: int = AT_A_TIME,
    silent_seconds: float = SILENT_SECONDS,
) -> Running:
    """Start a listener, with so many connections at a time, each of which may be silent for so long.

    Raises:
        OSError: the address is taken or may not be used.

    """
    nameless(app)
    runner = web.AppRunner(app, shutdown_timeout=5.0, handler_cancellation=False)
    await runner.setup()
    assert runner.server is not None, "it was set up"
    connections = Connections(runner.server, at_a_time=at_a_time, silent_seconds=silent_seconds)
    try:
        listening = await asyncio.get_running_loop().create_server(connections, host, port)
    except OSError:
        await runner.cleanup()
        raise
    return Running(runner, listening, listening.sockets[0].getsockname()[1])


def is_loopback(host: str) -> bool:
    """Say whether a host name or address is this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def add_health(app: web.Application, ready: Ready) -> None:
    """Add `/healthz` (the process answers) and `/readyz` (it does its work)."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        why = ready()
        return web.Response(status=503 if why else 200, text=f"{why or 'ok'}\n")

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)


def json_error(status: int, error: str, headers: dict[str, str] | None = None) -> web.Response:
    """Return an error as JSON: what is wrong, and what instead."""
    return web.json_response({"error": error}, status=status, headers=headers, dumps=_dumps)


async def body_of(request: web.Request, most: int, seconds: float) -> bytes:
    """Return the body, read piece by piece; `most` is in bytes, `seconds` is how long it may take.

    Raises:
        HTTPRequestEntityTooLarge: it is longer than allowed; no more of it is read.
        HTTPRequestTimeout: it came too slowly.

    """
    too_long = web.HTTPRequestEntityTooLarge(
        max_size=most,
        actual_size=request.content_length or most + 1,
        text=f"longer than {most:,} bytes: send less at a time",
    )
    if (request.content_length or 0) > most:
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for piece in request.content.iter_chunked(65_536):
                body += piece
                if len(body) > most:
                    raise too_long
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="the body came too slowly") from None
    return bytes(body)


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors as JSON, and what nobody foresaw without a traceback."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return json_error(error.status, error.text or error.reason, _kept(error))
    except Exception:
        log.exception("a request failed", method=request.method, route=route_of(request))
        return json_error(500, "the engine could not do this; its log says why")


def counting(registry: CollectorRegistry | None, listener: str) -> Middleware:
    """Return a middleware that counts requests and their time by route, never by path."""
    count = Counter(
        f"winback_{listener}_requests", "Requests answered", ["method", "route", "status"], registry=registry
    )
    seconds = Histogram(f"winback_{listener}_request_seconds", "Time to answer", ["route"], registry=registry)

    @web.middleware
    async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = route_of(request)
        with seconds.labels(route).time():
            response = await handler(request)
        count.labels(request.method, route, str(response.status)).inc()
        return response

    return counted


def route_of(request: web.Request) -> str:
    """Return the pattern of a request's route, such as `/u/{token}`: its path would tell the token."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"


def _kept(error: web.HTTPException) -> dict[str, str]:
    return {
        name: error.headers[name]
        for name in ("Allow", "WWW-Authenticate", "Location", "Retry-After")
        if name in error.headers
    }


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
