"""The ops listener: events in, metrics, control, and the console."""

from __future__ import annotations

import asyncio
import hmac
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from msgspec import Struct
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from engine.listeners.console import Site
from engine.listeners.control import Control, ControlRefusedError
from engine.listeners.coupons import Codes, add_coupons
from engine.listeners.intake import Intake, UnusableError, cut
from engine.listeners.serving import Ready, add_health, body_of, counting, errors_as_json, is_loopback, json_error

_COUPONS = "/coupons/"
_OPEN = frozenset({"/healthz", "/readyz"})
_ENCODE = msgspec.json.Encoder().encode


class OpsSettings(Struct, frozen=True, kw_only=True):
    """`token` is asked for where it is set; without one the listener must stand on loopback.

    `coupons_token` is the checkout's own, which opens nothing but `/coupons`. `control_token` is what the command line reads from a file of the data folder. Sizes are bytes, times seconds.
    """

    host: str = "127.0.0.1"
    token: str = ""
    coupons_token: str = ""
    control_token: str = ""
    body_at_most: int = 10_000_000
    body_seconds: float = 60.0

    def __post_init__(self) -> None:
        if not self.token and not is_loopback(self.host):
            raise ValueError(f"listen.ops is {self.host}, which others can reach: set ops_token, or use 127.0.0.1")


class _Ops:
    """The handlers."""

    def __init__(self, settings: OpsSettings, intake: Intake, control: Control | None) -> None:
        self._settings, self._intake, self._control = settings, intake, control

    async def events(self, request: web.Request) -> web.Response:
        """Take in events; answer after the commit."""
        try:
            raws = cut(await self._body(request), request.headers)
        except UnusableError as error:
            return json_error(error.status, str(error))
        results = await self._intake.take(raws, "POST /events")
        return _json(202, {"results": results})

    async def do(self, request: web.Request) -> web.Response:
        """Do a command of the command line."""
        refused = self._may_not_control(request)
        if refused is not None:
            return refused
        name = request.match_info["name"]
        try:
            body = await self._body(request)
            arguments = msgspec.json.decode(body, type=dict[str, Any]) if body.strip() else {}
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return json_error(400, "the arguments of a command are a JSON object")
        assert self._control is not None, "the route is there only with it"
        try:
            return _json(200, await self._control.do(name, arguments))
        except LookupError:
            return json_error(404, f"there is no command {name[:40]!r}")
        except ControlRefusedError as error:
            return json_error(409, str(error))

    def _may_not_control(self, request: web.Request) -> web.Response | None:
        if not is_loopback(request.remote or ""):
            return json_error(403, "commands are taken from this machine alone")
        given = _token_of(request.headers)
        if not self._settings.control_token or not _same(given, self._settings.control_token):
            return _unauthorized("send the token of the file `control.token` in the data folder")
        return None

    async def _body(self, request: web.Request) -> bytes:
        return await body_of(request, self._settings.body_at_most, self._settings.body_seconds)


def ops_app(
    settings: OpsSettings,
    intake: Intake,
    ready: Ready,
    registry: CollectorRegistry,
    *,
    control: Control | None = None,
    site: Site | None = None,
    codes: Codes | None = None,
) -> web.Application:
    """Return the ops listener's application. `site` has its pages, `codes` knows ours."""
    ops = _Ops(settings, intake, control)
    app = web.Application(middlewares=[counting(registry, "ops"), errors_as_json, _guard(settings)])

    async def metrics(_: web.Request) -> web.Response:
        text = await asyncio.to_thread(generate_latest, registry)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    app.router.add_post("/events", ops.events)
    app.router.add_get("/metrics", metrics)
    if control is not None:
        app.router.add_post("/control/{name}", ops.do)
    if site is not None:
        site.add_to(app)
    if codes is not None:
        add_coupons(app, codes)
    add_health(app, ready)
    return app


def _guard(settings: OpsSettings) -> Middleware:
    """Return a middleware that asks for the token, or on loopback that the request is meant for this machine.

    Without that second question any web page could reach the listener through a name that resolves to 127.0.0.1.
    """

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in _OPEN or request.path.startswith("/control/"):  # control asks for a token of its own
            return await handler(request)
        if request.path.startswith(_COUPONS) and settings.coupons_token:
            given = _token_of(request.headers)
            if not _same(given, settings.coupons_token) and not (settings.token and _same(given, settings.token)):
                return _unauthorized("send the coupons token: Authorization: Bearer TOKEN")
        elif settings.token:
            if not _same(_token_of(request.headers), settings.token):
                return _unauthorized("send the ops token: Authorization: Bearer TOKEN")
        elif not is_loopback(_host_of(request.host)):
            return json_error(403, "this listener is for this machine: ask for it as localhost or 127.0.0.1")
        return await handler(request)

    return guarded


def _host_of(host: str) -> str:
    """Return the host of a Host header, without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _token_of(headers: Mapping[str, str]) -> str:
    """Return the bearer token, or the password of basic authentication, which is what a browser can send."""
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() == "basic":
        try:
            return b64decode(given, validate=True).decode().partition(":")[2]
        except (NotBase64, ValueError):
            return ""
    return ""


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def _unauthorized(reason: str) -> web.Response:
    refused = json_error(401, reason, {"WWW-Authenticate": 'Bearer realm="winback"'})
    # A line of its own: Chromium asks for no password where the line begins with a scheme that it does not know.
    refused.headers.add("WWW-Authenticate", 'Basic realm="winback", charset="UTF-8"')
    return refused


def _json(status: int, value: Any) -> web.Response:
    return web.Response(status=status, body=_ENCODE(value), content_type="application/json")
