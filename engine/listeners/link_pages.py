"""The pages behind the links of messages: what each shows, and what an answer to it does.

A GET shows a page and changes nothing, since scanners and previews fetch links; a POST does it (RFC 8058).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from aiohttp import web
from multidict import MultiDict, MultiMapping

from engine.core.links import ANSWER, CONFIRM, PAGES, PREFERENCES, QUESTION, SURVEY, UNSUBSCRIBE, Keys, Link
from engine.core.moments import DAY
from engine.core.preferences import Preferences
from engine.listeners.answering import Answers
from engine.listeners.callers import Callers
from engine.listeners.choosing import Known, NoChoiceError, choice_of
from engine.listeners.page_words import REASONS, pick_language, wording
from engine.listeners.pages import Shopfront, page
from engine.listeners.preference_page import preference_page, said_yes_to
from engine.listeners.serving import route_of
from engine.listeners.tracking import LinkOverError
from engine.ports import Clock

log = structlog.get_logger(__name__)

_ASKS: Final = {f"/{PAGES[kind]}/{{token}}": kind for kind in (UNSUBSCRIBE, CONFIRM, ANSWER, QUESTION, SURVEY)}
"""What is asked by a GET, by the pages' routes."""


class TestedError(Exception):
    """An answer came through the link of a test mail: it is answered as any other, and changes nothing."""

    def __init__(self, link: Link) -> None:
        super().__init__(link.effect_id)
        self.link = link


class LinkPages:
    """The handlers. `shop` says how the shop shows itself, as of now."""

    def __init__(
        self,
        keys: Keys,
        answers: Answers,
        shop: Callable[[], Shopfront],
        clock: Clock,
        callers: Callers,
        known: Known,
        body_seconds: float,
        *,
        tracks: bool,
    ) -> None:
        self._keys, self._answers, self._shop, self._body_seconds = keys, answers, shop, body_seconds
        self._clock, self._callers, self._known, self._tracks = clock, callers, known, tracks

    def add_to(self, app: web.Application) -> None:
        """Add the pages."""
        posts = (self.unsubscribe, self.confirm, self.answer, self.reply, self.say_why)
        for path, done in zip(_ASKS, posts, strict=True):
            app.router.add_get(path, self.ask)
            app.router.add_post(path, done)
        app.router.add_get("/preferences/{token}", self.show_preferences)
        app.router.add_post("/preferences/{token}", self.choose)

    async def ask(self, request: web.Request) -> web.Response:
        """Show what a POST would do."""
        kind = _ASKS[route_of(request)]
        link = self._link(request, kind)
        if self._is_over(link):
            if kind != ANSWER:
                raise LinkOverError(link)
            return self.page(request, "answer_over", link, status=410, purpose=link.purpose)
        chosen = request.query.get("answer", "") if kind in (ANSWER, QUESTION) else ""
        instead = self._preferences_token(link) if kind == UNSUBSCRIBE else ""
        return self.page(request, kind, link, purpose=link.purpose, chosen=chosen, preferences=instead)

    async def unsubscribe(self, request: web.Request) -> web.Response:
        """Stop messages of a kind. The body is not read: a POST is a no, whatever it says and whoever sent it."""
        link = self._meant(request, UNSUBSCRIBE)
        await self._answers.stop(link)
        return self.page(request, "stopped", link, purpose=link.purpose, preferences=self._preferences_token(link))

    async def confirm(self, request: web.Request) -> web.Response:
        """Confirm the newsletter."""
        link = self._in_time(self._meant(request, CONFIRM))
        await self._answers.confirm(link, self._wording(request, CONFIRM, link), self._callers.address(request))
        return self.page(request, "confirmed", link, purpose=link.purpose)

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a question with yes or no. A yes ends with the link, a no never does."""
        link = self._meant(request, ANSWER)
        said = await self._said(request)
        if said not in ("yes", "no"):
            return self.page(request, ANSWER, link, status=400, purpose=link.purpose)
        if said == "yes":
            self._in_time(link)
        text = self._wording(request, ANSWER, link)
        await self._answers.answer(link, yes=said == "yes", wording=text, ip=self._callers.address(request))
        return self.page(request, "confirmed" if said == "yes" else "stopped", link, purpose=link.purpose)

    async def reply(self, request: web.Request) -> web.Response:
        """Answer an invitation or another question with yes or no; what may be sent is not touched."""
        link = self._in_time(self._meant(request, QUESTION))
        said = await self._said(request)
        if said not in ("yes", "no"):
            return self.page(request, QUESTION, link, status=400)
        await self._answers.reply(link, yes=said == "yes")
        return self.page(request, "replied", link)

    async def say_why(self, request: web.Request) -> web.Response:
        """Answer the survey with one of its reasons."""
        link = self._in_time(self._meant(request, SURVEY))
        said = await self._said(request)
        if said not in REASONS:
            return self.page(request, SURVEY, link, status=400)
        await self._answers.say_why(link, said)
        return self.page(request, "replied", link)

    async def show_preferences(self, request: web.Request) -> web.Response:
        """Show what they get, how often and how."""
        link = self._link(request, PREFERENCES)
        return await self._preferences(request, link, None if link.is_test else await self._known(link.customer))

    async def choose(self, request: web.Request) -> web.Response:
        """Change it."""
        link = self._meant(request, PREFERENCES)
        try:
            choice = choice_of(await self._form(request))
        except NoChoiceError:
            return await self._preferences(request, link, await self._known(link.customer), status=400)
        language, shop = self._language(request, link), self._shop()
        sentences = {purpose: said_yes_to(purpose, language, shop) for purpose in choice.yes}
        address = await self._address(link.customer) if choice.no else ""
        await self._answers.choose(link, choice, sentences, self._callers.address(request), address)
        return self.page(request, "stopped" if choice.stops_all else "chosen", link)

    async def _preferences(
        self, request: web.Request, link: Link, known: Preferences | None, *, status: int = 200
    ) -> web.Response:
        language = self._language(request, link)
        html = preference_page(known or Preferences(), language, self._shop(), tracks=self._tracks)
        return web.Response(status=status, text=html, content_type="text/html")

    def _preferences_token(self, link: Link) -> str:
        """Return the token of the page where the same customer chooses what they get."""
        return self._keys.seal(Link(PREFERENCES, link.customer, "", link.effect_id, language=link.language))

    async def _address(self, customer: str) -> str:
        """Return somebody's address; empty where it cannot be told now: a no does not wait for the books."""
        try:
            known = await self._known(customer)
        except Exception:
            log.exception("a no holds for the customer alone: the books cannot be read for the address")
            return ""
        return known.address if known is not None else ""

    def page(
        self, request: web.Request, name: str, link: Link | None = None, *, status: int = 200, **values: str
    ) -> web.Response:
        """Return a page in the language of the link, else of the browser."""
        html = page(name, self._language(request, link), self._shop(), **values)
        return web.Response(status=status, text=html, content_type="text/html")

    def _link(self, request: web.Request, kind: str) -> Link:
        return self._keys.open(request.match_info["token"], kind)

    def _meant(self, request: web.Request, kind: str) -> Link:
        """Return the link of an answer that counts.

        Raises:
            TestedError: it is a test's.

        """
        link = self._link(request, kind)
        if link.is_test:
            raise TestedError(link)
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
        """Return the `answer` of a form; empty where there is none to be read."""
        said = (await self._form(request)).get("answer", "")
        return said.strip().lower() if isinstance(said, str) else ""

    async def _form(self, request: web.Request) -> MultiMapping[object]:
        """Return a form, urlencoded or multipart; an empty one where there is none to be read."""
        try:
            async with asyncio.timeout(self._body_seconds):
                return await request.post()
        except (TimeoutError, ValueError, AssertionError, LookupError):  # aiohttp raises these on forms that are none
            return MultiDict()

    def _language(self, request: web.Request, link: Link | None) -> str:
        return pick_language(link.language if link else "", request.headers.get("Accept-Language", ""))

    def _wording(self, request: web.Request, name: str, link: Link) -> str:
        return wording(name, self._language(request, link), self._shop().name, link.purpose)
