"""/c/TOKEN and /o/TOKEN.gif: a link leads on to the address sealed in its token, a pixel is shown, and both are noted.

Nothing is judged here: every request is noted with what is known of it, machines' and HEAD as well; whether a person was
behind it is said where events are read.
"""

from __future__ import annotations

import itertools
from typing import Any, Final

import msgspec
from aiohttp import web

from engine.core.links import CLICK, OPEN, Keys, Link
from engine.core.moments import DAY, Instant, rfc3339
from engine.listeners.callers import Callers
from engine.listeners.noting import Notes
from engine.ports import Clock

GIF: Final = bytes.fromhex("47494638396101000100800000ffffff00000021f90401000000002c00000000010001000002024401003b")
"""A transparent picture of one by one."""

READ: Final = "a link or pixel in a mail"
"""Where such events come from, as dead letters say it."""

_AGENT_CHARS: Final = 300

_encode = msgspec.json.Encoder().encode


class LinkOverError(Exception):
    """What the link was good for has ended."""

    def __init__(self, link: Link) -> None:
        super().__init__(link.effect_id)
        self.link = link


class Tracks:
    """The handlers of what tells that mails are read."""

    def __init__(self, keys: Keys, notes: Notes, clock: Clock, callers: Callers) -> None:
        self.notes = notes
        self._keys, self._clock, self._callers = keys, clock, callers
        self._count = itertools.count()

    async def follow(self, request: web.Request) -> web.Response:
        """Lead on to where the mail's author wanted to lead.

        Raises:
            BadLinkError: the token is none of ours.
            LinkOverError: it has run out.

        """
        link, now = self._opened(request, CLICK)
        if link.is_over(now // DAY):
            raise LinkOverError(link)
        self._note(request, link, "email.clicked", now)
        # the status that all mail programs and scanners know; no token is told to where it leads (Referrer-Policy)
        return web.Response(status=302, headers={"Location": link.target})

    async def show(self, request: web.Request) -> web.Response:
        """Show the pixel; one that has run out is shown, and not noted.

        Raises:
            BadLinkError: the token is none of ours.

        """
        link, now = self._opened(request, OPEN)
        if not link.is_over(now // DAY):
            self._note(request, link, "email.opened", now)
        return web.Response(body=GIF, content_type="image/gif")

    def _opened(self, request: web.Request, kind: str) -> tuple[Link, Instant]:
        return self._keys.open(request.match_info["token"], kind), self._clock.now()

    def _note(self, request: web.Request, link: Link, kind: str, now: Instant) -> None:
        if link.is_test:
            return
        data: dict[str, Any] = {
            "message_id": link.effect_id,
            "link": link.target,
            "user_agent": _clean(request.headers.get("User-Agent", "")),
            "ip": self._callers.address(request),
            "method": request.method,
            "hidden": link.hidden,
            "links": link.links,
        }
        event = {
            "specversion": "1.0",
            "id": f"{link.effect_id}.{kind}.{now}.{next(self._count)}",
            "source": "winback",
            "type": kind,
            "time": rfc3339(now),
            "subject": link.customer,
            "data": {name: value for name, value in data.items() if value},
        }
        self.notes.note(_encode(event))


def _clean(agent: str) -> str:
    """Return a header as text that can be written: bytes that are no UTF-8 come as lone surrogates."""
    return agent[:_AGENT_CHARS].encode("utf-8", "replace").decode()
