"""The public listener: the pages behind the links of messages, and the paths of hooks.

A GET shows a page and changes nothing, since scanners and previews fetch links; a POST does it (RFC 8058). Pages need no
JavaScript and no cookies, and load nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry

from engine.core.links import ANSWER, CONFIRM, PAGES, QUESTION, SURVEY, UNSUBSCRIBE, BadLinkError, Keys, Link
from engine.core.moments import DAY
from engine.listeners.answering import Answers
from engine.listeners.callers import Callers
from engine.listeners.hooks import Hooks
from engine.listeners.noting import Notes
from engine.listeners.page_words import REASONS, pick_language, wording
from engine.listeners.pages import STYLE, Shopfront, page
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
    "Cache-Control": "no-store",
}

log = structlog.get_logger(__name__)


class _TestedError(Exception):
    """An answer came through the link of a test mail: it is answered as any other, and changes nothing."""

    def __init__(self, link: Link) -> None:
        super().__init__(link.effect_id)
        self.link = link


class _Pages:
    """The handlers. `shop` says how the shop shows itself, as of now."""

    def __init__(
        self,
        keys: Keys,
        answers: Answers,
        shop: Callable[[], Shopfront],
        clock: Clock,
        callers: Callers,
        body_seconds: float,
    ) -> None:
        self._keys, self._answers, self._shop, self._body_seconds = keys, answers, shop, body_seconds
        self._clock, self._callers = clock, callers

    async def ask(self, request: web.Request) -> web.Response:
        """Show what a POST would do."""
        kind = _KINDS[route_of(request)]
        link = self._link(request, kind)
        if self._is_over(link):
            if kind != ANSWER:
                raise LinkOverError(link)
            return self._page(request, "answer_over", link, status=410, purpose=link.purpose)
        chosen = request.query.get("answer", "") if kind in (ANSWER, QUESTION) else ""
        return self._page(request, kind, link, purpose=link.purpose, chosen=chosen)

    async def unsubscribe(self, request: web.Request) -> web.Response:
        """Stop messages of a kind. The body is not read: a POST is a no, whatever it says and whoever sent it."""
        link = self._meant(request, UNSUBSCRIBE)
        await self._answers.stop(link)
        return self._page(request, "stopped", link, purpose=link.purpose)

    async def confirm(self, request: web.Request) -> web.Response:
        """Confirm the newsletter."""
        link = self._in_time(self._meant(request, CONFIRM))
        await self._answers.confirm(link, self._wording(request, CONFIRM, link), self._callers.address(request))
        return self._page(request, "confirmed", link, purpose=link.purpose)

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a question with yes or no. A yes ends with the link, a no never does."""
        link = self._meant(request, ANSWER)
        said = await self._said(request)
        if said not in ("yes", "no"):
            return self._page(request, ANSWER, link, status=400, purpose=link.purpose)
        if said == "yes":
            self._in_time(link)
        text = self._wording(request, ANSWER, link)
        await self._answers.answer(link, yes=said == "yes", wording=text, ip=self._callers.address(request))
        return self._page(request, "confirmed" if said == "yes" else "stopped", link, purpose=link.purpose)

    async def reply(self, request: web.Request) -> web.Response:
        """Answer an invitation or another question with yes or no; what may be sent is not touched."""
        link = self._in_time(self._meant(request, QUESTION))
        said = await self._said(request)
        if said not in ("yes", "no"):
            return self._page(request, QUESTION, link, status=400)
        await self._answers.reply(link, yes=said == "yes")
        return self._page(request, "replied", link)

    async def say_why(self, request: web.Request) -> web.Response:
        """Answer the survey with one of its reasons."""
        link = self._in_time(self._meant(request, SURVEY))
        said = await self._said(request)
        if said not in REASONS:
            return self._page(request, SURVEY, link, status=400)
        await self._answers.say_why(link, said)
        return self._page(request, "replied", link)

    @web.middleware
    async def friendly(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer every error with a page in words, and put the safe headers on everything."""
        try:
            response = await handler(request)
        except BadLinkError:
            response = self._page(request, "bad_link", status=404)
        except LinkOverError as over:
            response = self._page(request, "link_over", over.link, status=410)
        except _TestedError as tested:
            response = self._page(request, "tested", tested.link, test=tested.link.effect_id)
        except web.HTTPException as error:
            shown = "bad_link" if error.status == 404 else "no_such_way"
            response = self._page(request, shown, status=error.status)
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
        except Exception:
            log.exception("a public page failed", method=request.method, route=route_of(request))
            response = self._page(request, "failed", status=503)
        response.headers.update(_SAFE_HEADERS)
        return response

    def _link(self, request: web.Request, kind: str) -> Link:
        return self._keys.open(request.match_info["token"], kind)

    def _meant(self, request: web.Request, kind: str) -> Link:
        """Return the link of an answer that counts.

        Raises:
            _TestedError: it is a test's.

        """
        link = self._link(request, kind)
        if link.is_test:
            raise _TestedError(link)
        return link

    def _in_time(self, link: Link) -> Link:
        """Return the link of an answer that may still be given.

        Raises:
            LinkOverError: it may not.

        """
        if self._is_over(link):
            raise LinkOverError(link)
        return link

    def _is_over(self, link: Link) -> bool:
        return link.is_over(self._clock.now() // DAY)

    async def _said(self, request: web.Request) -> str:
        """Return the `answer` of a form, urlencoded or multipart; empty where there is none to be read."""
        try:
            async with asyncio.timeout(self._body_seconds):
                form = await request.post()
        except (TimeoutError, ValueError, AssertionError, LookupError):  # aiohttp raises these on forms that are none
            return ""
        said = form.get("answer", "")
        return said.strip().lower() if isinstance(said, str) else ""

    def _language(self, request: web.Request, link: Link | None) -> str:
        return pick_language(link.language if link else "", request.headers.get("Accept-Language", ""))

    def _wording(self, request: web.Request, name: str, link: Link) -> str:
        return wording(name, self._language(request, link), self._shop().name, link.purpose)

    def _page(
        self, request: web.Request, name: str, link: Link | None = None, *, status: int = 200, **values: str
    ) -> web.Response:
        html = page(name, self._language(request, link), self._shop(), **values)
        return web.Response(status=status, text=html, content_type="text/html")


_KINDS = {f"/{PAGES[kind]}/{{token}}": kind for kind in (UNSUBSCRIBE, CONFIRM, ANSWER, QUESTION, SURVEY)}


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
        body_seconds: how long a form may take to arrive.

    """
    pages = _Pages(keys, answers, shop if callable(shop) else lambda: shop, clock, callers, body_seconds)
    tracks = Tracks(keys, notes, clock, callers)
    app = web.Application(middlewares=[counting(registry, "public"), pages.friendly], client_max_size=BODY_AT_MOST)
    posts = (pages.unsubscribe, pages.confirm, pages.answer, pages.reply, pages.say_why)
    for path, done in zip(_KINDS, posts, strict=True):
        app.router.add_get(path, pages.ask)
        app.router.add_post(path, done)
    if hooks is not None:
        hooks.add_to(app)
    app.router.add_get("/c/{token}", tracks.follow)
    app.router.add_get("/o/{token}.gif", tracks.show)
    app.cleanup_ctx.append(lambda _: _taking(notes))
    add_health(app, ready)
    return app


async def _taking(notes: Notes) -> AsyncIterator[None]:
    async with notes.under_way():
        yield
