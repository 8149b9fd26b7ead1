"""The public listener: the pages behind the links of messages, and the paths of hooks.

A GET shows a page and changes nothing, since scanners and previews fetch links; a POST does it (RFC 8058). Pages need no
JavaScript and no cookies, and load nothing.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry

from engine.core.links import BadLinkError, Keys
from engine.core.preferences import Preferences
from engine.listeners.answering import Answers
from engine.listeners.callers import Callers
from engine.listeners.choosing import Known
from engine.listeners.hooks import Hooks
from engine.listeners.link_pages import LinkPages, TestedError
from engine.listeners.noting import Notes
from engine.listeners.pages import STYLE, Shopfront
from engine.listeners.serving import Ready, add_health, counting, route_of
from engine.listeners.tracking import LinkOverError, Tracks
from engine.ports import Clock

__all__ = ["Shopfront", "public_app"]

BODY_AT_MOST = 64 * 1024
BODY_SECONDS = 10.0
NOBODY_BETWEEN: Final = Callers()

_STYLE_HASH = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_SAFE_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "browsing-topics=(), camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}

log = structlog.get_logger(__name__)


async def _nobody(_: str) -> Preferences | None:
    return None


def _friendly(pages: LinkPages) -> Middleware:
    """Return a middleware that answers every error with a page in words, and puts the safe headers on everything."""

    @web.middleware
    async def friendly(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except BadLinkError:
            response = pages.page(request, "bad_link", status=404)
        except LinkOverError as over:
            response = pages.page(request, "link_over", over.link, status=410)
        except TestedError as tested:
            response = pages.page(request, "tested", tested.link, test=tested.link.effect_id)
        except web.HTTPException as error:
            shown = "bad_link" if error.status == 404 else "no_such_way"
            response = pages.page(request, shown, status=error.status)
            kept = {name: error.headers[name] for name in ("Allow", "Retry-After") if name in error.headers}
            response.headers.update(kept)
        except Exception:
            log.exception("a public page failed", method=request.method, route=route_of(request))
            response = pages.page(request, "failed", status=503)
        response.headers.update(_SAFE_HEADERS)
        return response

    return friendly


def public_app(
    keys: Keys,
    answers: Answers,
    shop: Shopfront | Callable[[], Shopfront],
    ready: Ready,
    registry: CollectorRegistry | None = None,
    *,
    hooks: Hooks | None = None,
    clock: Clock,
    notes: Notes,
    callers: Callers = NOBODY_BETWEEN,
    known: Known = _nobody,
    tracks: bool = True,
    body_seconds: float = BODY_SECONDS,
) -> web.Application:
    """Return the public listener's application.

    Args:
        keys: open the links of our messages.
        answers: takes what customers say.
        shop: how the shop shows itself; a function where that may change while the listener is up.
        ready: says why the engine is not ready.
        registry: where requests are counted.
        hooks: takes what shops and mail services tell.
        clock: says whether a link has run out.
        notes: take in that mails are read.
        callers: tell where a request comes from.
        known: tells what a customer gets now.
        tracks: whether the shop notes what is read, of those who consent.
        body_seconds: how long a form may take to arrive.

    """
    shown = shop if callable(shop) else lambda: shop
    pages = LinkPages(keys, answers, shown, clock, callers, known, body_seconds, tracks=tracks)
    reading = Tracks(keys, notes, clock, callers)
    app = web.Application(middlewares=[counting(registry, "public"), _friendly(pages)], client_max_size=BODY_AT_MOST)
    pages.add_to(app)
    if hooks is not None:
        hooks.add_to(app)
    app.router.add_get("/c/{token}", reading.follow)
    app.router.add_get("/o/{token}.gif", reading.show)
    app.cleanup_ctx.append(lambda _: _taking(notes))
    add_health(app, ready)
    return app


async def _taking(notes: Notes) -> AsyncIterator[None]:
    async with notes.under_way():
        yield
