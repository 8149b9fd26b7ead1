"""One request to a mail service, and what matters most when it fails: whether the service can have had it.

Until a connection stands nothing can have been taken. From the first byte of the request on nobody knows, but for an
answer. `Expect: 100-continue` would narrow that, and is not used: services' front servers do not all answer it, and a
client would wait for ever. No redirect is followed, since it would take the key and a customer's address along.
"""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct

from engine.core.decoded import at
from engine.core.moments import SECOND, Instant, instant

MOST = 1_000_000
"""Bytes of an answer that are read."""

KEPT_ALIVE = 10.0
"""Seconds an idle connection is kept: less than services' front servers keep it, so that a request seldom meets its end."""

_LONGEST_WAIT = 3_600  # seconds; a service that asks for more is asked again then


class CallerSettings(Struct, frozen=True, kw_only=True):
    """Where a service answers, and how long is waited. Times are in seconds; `timeout` is for the answer."""

    url: str
    connections: int = 4
    connect_timeout: float = 15.0
    timeout: float = 60.0


class Request(Struct, frozen=True):
    """A request as a dialect writes it: `target` is path and query, encoded; `headers` have the key in them."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""


class Answer(Struct, frozen=True):
    """A whole answer: its status, its body as JSON (None: it is none), and how long it asks to wait, in microseconds.

    `error` is the header by which Amazon names an error.
    """

    status: int
    body: Any = None
    retry_after: int = 0
    error: str = ""


class NotGivenError(Exception):
    """The service cannot have had the request; the message says why and holds nothing personal."""


class NotKnownError(Exception):
    """The service may have had the request and taken it; the message says what happened and holds nothing personal."""


class Caller:
    """Calls one service over kept connections."""

    def __init__(self, settings: CallerSettings) -> None:
        """Open nothing yet: there may be no event loop."""
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def call(self, request: Request, now: Instant) -> Answer:
        """Make a request and return its answer. `now` is for a Retry-After that is a date.

        Raises:
            NotGivenError: the request cannot have reached the service.
            NotKnownError: it may have been acted on, and there is no answer that says so.

        """
        url = self._settings.url + request.target
        seen = SimpleNamespace(left=False)
        try:
            async with self._open().request(
                request.method,
                url,
                data=request.body or None,
                headers={"accept": "application/json", "user-agent": "winback", **request.headers},
                allow_redirects=False,
                trace_request_ctx=seen,
            ) as answer:
                return await _read(answer, now)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise NotGivenError(f"cannot be reached: {type(error).__name__}") from None
        except TimeoutError:
            raise NotKnownError(f"no answer within {self._settings.timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            kind = NotKnownError if seen.left else NotGivenError
            raise kind(f"the connection broke: {type(error).__name__}") from None

    async def close(self) -> None:
        """End all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            said = self._settings
            watching = aiohttp.TraceConfig()
            watching.on_request_headers_sent.append(_left)  # before their bytes are written, so never too late
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=said.connections, keepalive_timeout=KEPT_ALIVE),
                timeout=aiohttp.ClientTimeout(
                    total=said.connect_timeout + said.timeout, sock_connect=said.connect_timeout
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[watching],
            )
        return self._session


async def _left(_: aiohttp.ClientSession, context: SimpleNamespace, __: Any) -> None:
    context.trace_request_ctx.left = True


async def _read(answer: aiohttp.ClientResponse, now: Instant) -> Answer:
    wait = _retry_after(answer.headers.get("retry-after", ""), now)
    error = answer.headers.get("x-amzn-errortype", "").partition(":")[0]
    try:
        raw = await _body(answer)
    except (aiohttp.ClientError, OSError, TimeoutError):
        if 200 <= answer.status < 300:
            raise
        return Answer(answer.status, None, wait, error)  # the status is a no, whatever its text was to be
    try:
        return Answer(answer.status, msgspec.json.decode(raw) if raw.strip() else None, wait, error)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return Answer(answer.status, None, wait, error)


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    raw = b""
    async for piece in answer.content.iter_chunked(65_536):
        raw += piece
        if len(raw) > MOST:
            return b""  # it says nothing that is worth so much
    return raw


def _retry_after(said: str, now: Instant) -> int:
    """Return how long to wait by a Retry-After (RFC 9110, 10.2.3): seconds or a date; 0 where there is none."""
    text = said.strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text, re.ASCII):
        return int(min(float(text), _LONGEST_WAIT) * SECOND)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0
    wait = instant(until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    return min(max(wait, 0), _LONGEST_WAIT * SECOND)


def words(body: Any, *path: str | int) -> str:
    """Return the text at a path in a decoded body, empty where there is none."""
    found = at(body, *path)
    return found if isinstance(found, str) else ""
