"""Calls of a shop's interface: JSON in and out, with the troubles of the network and of the place told apart from an answer.

What is about the place (no answer, 401, 403, 404, 429, 5xx, a redirect) is no answer about a code: it is tried again for
days, and `status` says why. No redirect is followed, since it would take a token along; no more of an answer
is read than was expected.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct

from engine.core.moments import SECOND

MOST = 1_000_000
"""Bytes of an answer, where a call expects no more."""

MOST_OF_A_PAGE = 8_000_000
"""Bytes of an answer that lists orders."""

LONGEST_WAIT = 3_600
"""Seconds that a shop may make us wait, whatever its Retry-After says: it is asked again then."""


class NotNowError(Exception):
    """The shop cannot be asked now, or nobody knows what it did; the message says why and holds nothing personal."""

    def __init__(self, reason: str, retry_after: int | None = None) -> None:
        """`retry_after` is in microseconds, None where the shop named no time."""
        super().__init__(reason)
        self.retry_after = retry_after


class Answer(Struct, frozen=True):
    """An answer that is one: its status, and its body as JSON (None where it is empty)."""

    status: int
    body: Any


class Caller:
    """Calls one shop. `about_codes` are the error statuses that say something of a code and not of the place."""

    def __init__(self, url: str, *, about_codes: frozenset[int], timeout: float = 20.0) -> None:
        self._url, self._about_codes, self._timeout = url.rstrip("/"), about_codes, timeout
        self._session: aiohttp.ClientSession | None = None

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None = None,
        most: int = MOST,
    ) -> Answer:
        """Call, and return the answer, which has so many bytes at most.

        Raises:
            NotNowError: there is none, or it is one about the place.

        """
        sent = None if body is None else msgspec.json.encode(body)
        known = {"accept": "application/json", "content-type": "application/json", "user-agent": "winback", **headers}
        try:
            async with self._open().request(
                method, self._url + path, data=sent, params=query, headers=known, allow_redirects=False
            ) as answer:
                return await self._read(answer, most)
        except TimeoutError:
            raise NotNowError(f"no answer within {self._timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise NotNowError(f"cannot be reached: {type(error).__name__}") from None

    async def close(self) -> None:
        """End all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _read(self, answer: aiohttp.ClientResponse, most: int) -> Answer:
        status = answer.status
        if not 200 <= status < 300 and status not in self._about_codes:
            raise NotNowError(_said(status), _retry_after(answer.headers.get("retry-after", "")))
        raw = b""
        async for piece in answer.content.iter_chunked(65_536):
            raw += piece
            if len(raw) > most:
                raise NotNowError(f"the answer is longer than {most:,} bytes")
        try:
            return Answer(status, msgspec.json.decode(raw) if raw.strip() else None)
        except (msgspec.DecodeError, RecursionError):
            raise NotNowError(f"the answer ({status}) is no JSON: is this the shop's own address?") from None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._timeout), cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


def _said(status: int) -> str:
    try:
        said = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        said = str(status)
    if status in (401, 403):
        return f"{said}: is the token right, and may it do this?"
    if status == 404 or 300 <= status < 400:
        return f"{said}: is this the shop's own address?"
    return said


def _retry_after(said: str) -> int | None:
    """Return how long to wait by a Retry-After in seconds, such as `2` or Shopify's `2.0`; a date is left out."""
    if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", said.strip(), re.ASCII):
        return None
    return int(min(float(said), LONGEST_WAIT) * SECOND)
