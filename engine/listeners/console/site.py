"""The pages over HTTP: who looks, in which language; what a form changes; and the headers that keep others out.

Pages only read. Three things can be changed: a pause set, a pause ended, and a plan approved, each by the same command
that the command line gives. A form proves by a token that it stands on a page of ours; no other site can read one.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Final
from urllib.parse import quote, unquote

import structlog
from aiohttp import web

from engine.listeners.console.asking import LANGUAGE, is_from_here, language_of, local_path, search_of, user_of
from engine.listeners.console.changes import changes_page
from engine.listeners.console.customers import customers_page
from engine.listeners.console.forms import BACK, TOKEN, WHO, unpause_page
from engine.listeners.console.frame import STYLE, STYLE_PATH, nothing, page
from engine.listeners.console.letters import FRAME_POLICY, PAGE, Letters, letter_page, letters_page, part
from engine.listeners.console.links import story_at
from engine.listeners.console.sights import Search, Sights
from engine.listeners.console.story import no_story_page, story_page
from engine.listeners.console.today import today_page
from engine.listeners.console.visit import Visit
from engine.listeners.console.words import LANGUAGES
from engine.listeners.console.workflows import workflow_page, workflows_page
from engine.listeners.control import Control, ControlRefusedError
from engine.listeners.serving import route_of

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.Response]]

OVERDUE: Final = ("send", "shift", "skip")
FORM_SECONDS: Final = 20.0
_YEAR: Final = 365 * 86_400
_NAME = "winback_who"

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src data:; frame-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",  # with no-referrer a browser would not say the origin of our own forms either
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


class RefusedForm(Exception):
    """A form that is not taken; the key of the words that say why."""


class Site:
    """The console's handlers."""

    def __init__(self, sights: Sights, control: Control | None, letters: Letters | None) -> None:
        """Show these sights; without a control nothing can be changed, without letters there is no mailbox."""
        self._sights, self._control, self._letters = sights, control, letters
        self._token = secrets.token_urlsafe(24)

    def add_to(self, app: web.Application) -> None:
        """Add the pages to an application."""
        pages: dict[str, Handler] = {
            "/": self.today,
            "/workflows": self.workflows,
            "/workflows/{name}": self.workflow,
            "/customers": self.customers,
            "/customer": self.story,
            "/changes": self.changes,
            "/unpause": self.unpause_asked,
        }
        if self._letters is not None:
            pages |= {"/mailbox": self.mailbox, "/mailbox/{id}": self.letter, "/mailbox/{id}/html": self.letter_html}
        for path, handler in pages.items():
            app.router.add_get(path, self._friendly(handler))
        for path, handler in {"/pause": self.pause, "/unpause": self.unpause, "/approve": self.approve}.items():
            app.router.add_post(path, self._friendly(handler))
        app.router.add_get(STYLE_PATH, self.style)

    # Pages -----------------------------------------------------------------------------------------------------------

    async def today(self, request: web.Request) -> web.Response:
        """Show what the day has brought, and what needs somebody."""
        return _html(today_page(self._visit(request), await self._sights.today()))

    async def workflows(self, request: web.Request) -> web.Response:
        """Show all workflows."""
        return _html(workflows_page(self._visit(request), await self._sights.workflows()))

    async def workflow(self, request: web.Request) -> web.Response:
        """Show one workflow with its people."""
        found = await self._sights.workflow(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound
        return _html(workflow_page(self._visit(request), found))

    async def customers(self, request: web.Request) -> web.Response:
        """Find or list customers; whoever is meant alone is shown at once."""
        search = search_of(request.query)
        if search == Search():
            return _html(customers_page(self._visit(request), search, None))
        found = await self._sights.customers(search)
        if found.only:
            raise web.HTTPSeeOther(story_at(found.only))
        return _html(customers_page(self._visit(request), search, found))

    async def story(self, request: web.Request) -> web.Response:
        """Show one customer's story."""
        asked = request.query.get("id", "")
        told = await self._sights.story(asked)
        if told is None:
            return _html(no_story_page(self._visit(request), asked), status=404)
        return _html(story_page(self._visit(request), told))

    async def changes(self, request: web.Request) -> web.Response:
        """Show what waits in the files, what it would do, and plans that wait for somebody else."""
        return _html(changes_page(self._visit(request), await self._sights.changes()))

    async def style(self, _: web.Request) -> web.Response:
        """Return the style sheet, which a browser may keep: its address changes with it."""
        headers = {**HEADERS, "Cache-Control": "private, max-age=31536000, immutable"}
        return web.Response(text=STYLE, content_type="text/css", headers=headers)

    # The mailbox -----------------------------------------------------------------------------------------------------

    async def mailbox(self, request: web.Request) -> web.Response:
        """List the messages of the local mailbox."""
        assert self._letters is not None, "the route is there only with it"
        search = request.query.get("q", "")[:200]
        skip = int(skipped) if (skipped := request.query.get("skip", "0")).isdecimal() and len(skipped) < 9 else 0
        found, total = self._letters.letters(search, PAGE, skip)
        return _html(letters_page(self._visit(request), found, total, search, skip))

    async def letter(self, request: web.Request) -> web.Response:
        """Show one message."""
        return _html(letter_page(self._visit(request), request.match_info["id"], await self._mail(request)))

    async def letter_html(self, request: web.Request) -> web.Response:
        """Return the HTML of a message, for its frame."""
        text = f'<base target="_blank">{part(await self._mail(request), "html")}'
        headers = {**HEADERS, "Content-Security-Policy": FRAME_POLICY, "Referrer-Policy": "no-referrer"}
        del headers["X-Frame-Options"]
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def _mail(self, request: web.Request) -> EmailMessage:
        assert self._letters is not None, "the route is there only with it"
        raw = await asyncio.to_thread(self._letters.read, request.match_info["id"])
        if raw is None:
            raise web.HTTPNotFound
        return message_from_bytes(raw, policy=policy.default)

    # Forms -----------------------------------------------------------------------------------------------------------

    async def unpause_asked(self, request: web.Request) -> web.Response:
        """Show what a pause holds, and ask what becomes of it."""
        scope, name = request.query.get("scope", "engine"), request.query.get("name", "")
        visit = self._visit(request)
        pause = next((each for each in visit.here.pauses if (each.scope, each.name) == (scope, name)), None)
        if pause is None:
            raise web.HTTPNotFound
        held = await self._sights.held(scope, name)
        return _html(unpause_page(visit, pause, held.sends, OVERDUE))

    async def pause(self, request: web.Request) -> web.Response:
        """Pause what the form names."""
        said = await self._form(request)
        scope = said.get("scope", "engine")
        name = "" if scope in ("engine", "marketing") else said.get("name", "").strip()
        return await self._do(
            request, said, "pause", {"scope": scope, "name": name, "why": said.get("why", "").strip()}
        )

    async def unpause(self, request: web.Request) -> web.Response:
        """End a pause, with what the form says of the sends it held."""
        said = await self._form(request)
        arguments = {name: said.get(name, "") for name in ("scope", "name", "overdue")}
        return await self._do(request, said, "unpause", arguments)

    async def approve(self, request: web.Request) -> web.Response:
        """Put a plan in force that somebody else has made."""
        said = await self._form(request)
        number = said.get("number", "")
        if not number.isdecimal() or len(number) > 9:
            raise RefusedForm("form.incomplete")
        return await self._do(request, said, "approve", {"number": int(number)})

    async def _do(
        self, request: web.Request, said: Mapping[str, str], command: str, arguments: Mapping[str, str | int]
    ) -> web.Response:
        """Do a command for whoever filled in the form, and lead back to where it stood."""
        assert self._control is not None, "no form is taken without it"
        who = user_of(request) or said.get(WHO, "").strip()[:80]
        if not who or not all(arguments.get(name, "-") for name in ("why", "overdue")):
            raise RefusedForm("form.incomplete")
        await self._control.do(command, {**arguments, "who": who})
        log.info("done from the console", command=command)
        response = web.Response(status=303, headers={**HEADERS, "Location": local_path(said.get(BACK, "/"))})
        _remember(response, _NAME, quote(who))
        return response

    async def _form(self, request: web.Request) -> Mapping[str, str]:
        """Return the fields of a form of ours.

        Raises:
            RefusedForm: it is not ours, too old, or nothing can be changed here.

        """
        if self._control is None:
            raise RefusedForm("form.nothing_to_change")
        if not is_from_here(request):
            raise RefusedForm("form.from_elsewhere")
        try:
            async with asyncio.timeout(FORM_SECONDS):
                posted = await request.post()
        except (TimeoutError, ValueError, AssertionError, LookupError):  # aiohttp raises these on forms that are none
            raise RefusedForm("form.incomplete") from None
        said = {name: value for name, value in posted.items() if isinstance(value, str)}
        if not hmac.compare_digest(said.get(TOKEN, "").encode(), self._token.encode()):
            raise RefusedForm("form.too_old")
        return said

    # Around every page -----------------------------------------------------------------------------------------------

    def _visit(self, request: web.Request) -> Visit:
        return Visit(
            language=language_of(request),
            here=self._sights.here(),
            path=request.path_qs,
            token=self._token,
            who=user_of(request) or unquote(request.cookies.get(_NAME, ""))[:80],
            with_mailbox=self._letters is not None,
        )

    def _friendly(self, handler: Handler) -> Handler:
        """Answer what goes wrong with a page in words, and remember the language that was asked for."""

        async def answered(request: web.Request) -> web.Response:
            try:
                response = await handler(request)
            except web.HTTPSeeOther as away:
                response = web.Response(status=303, headers={**HEADERS, "Location": str(away.location)})
            except web.HTTPException as error:
                response = self._sorry(request, error.status, "error.404" if error.status == 404 else "error.other")
            except RefusedForm as refused:
                response = self._sorry(request, 403, str(refused))
            except ControlRefusedError as refused:
                response = self._sorry(request, 409, "error.refused", str(refused))
            except Exception:
                log.exception("a page failed", method=request.method, route=route_of(request))
                response = self._sorry(request, 500, "error.500")
            wanted = request.query.get("lang", "")
            if wanted in LANGUAGES:
                _remember(response, LANGUAGE, wanted)
            return response

        return answered

    def _sorry(self, request: web.Request, status: int, key: str, detail: str = "") -> web.Response:
        visit = self._visit(request)
        return _html(page(visit, visit.say(key), nothing(detail or visit.say(f"{key}.about"))), status=status)


def _remember(response: web.Response, name: str, value: str) -> None:
    response.set_cookie(name, value, max_age=_YEAR, httponly=True, samesite="Strict", path="/")


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)
