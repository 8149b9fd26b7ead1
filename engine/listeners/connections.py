"""Connections of a listener: how many at a time, how long they may be silent, and what a request that is none gets.

aiohttp answers such requests with what was wrong in them, and logs it with a traceback. Both hold what the caller wrote: a
path may be a token, and nothing of a request belongs into an answer or a log.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web

AT_A_TIME: Final = 1_000
"""Connections of one listener. Others are closed at once: files of this process are the engine's as well."""

SILENT_SECONDS: Final = 20.0
"""How long a connection may take to bring a whole head of a request, the first one or another."""

NAME: Final = "winback"
"""What answers call the server: without versions, which tell what to try."""

log = structlog.get_logger(__name__)


class Connections:
    """Makes the connections of one listener, and counts them."""

    def __init__(self, server: web.Server, *, at_a_time: int, silent_seconds: float) -> None:
        self._server, self._at_a_time, self._silent_seconds = server, at_a_time, silent_seconds
        self.open = 0

    def __call__(self) -> Connection:
        """Return the protocol of a new connection."""
        return Connection(self._server, self, self._silent_seconds)

    def take(self) -> bool:
        """Count one more, if there may be one."""
        if self.open >= self._at_a_time:
            return False
        self.open += 1
        return True


class Connection(web.RequestHandler):
    """One connection."""

    __slots__ = ("_among", "_taken")

    def __init__(self, server: web.Server, among: Connections, silent_seconds: float) -> None:
        # No log of requests is written: their paths are tokens that would let a reader of the log act for customers.
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # as aiohttp's own runner says that there is to be none
            keepalive_timeout=silent_seconds,
        )
        self._among, self._taken = among, False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or end at once where there are too many."""
        self._taken = self._among.take()
        if self._taken:
            super().connection_made(transport)
        else:
            assert isinstance(transport, asyncio.Transport), "it is one over TCP"
            transport.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End."""
        if self._taken:
            self._among.open -= 1
            super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's words for it quote the request
    ) -> web.StreamResponse:
        """Answer what is no request, or what no handler answered, with its status alone.

        Raises:
            ConnectionError: a part of an answer has left already.

        """
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("a request was not answered", error=type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("a part of another answer has left already")
        headers = {"Server": NAME, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        answer = web.Response(status=status, text=f"{status} {HTTPStatus(status).phrase}\n", headers=headers)
        answer.force_close()
        return answer


async def _named(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = NAME


def nameless(app: web.Application) -> None:
    """Let an application's answers say no versions."""
    app.on_response_prepare.append(_named)
