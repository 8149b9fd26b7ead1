"""Effects as signed webhooks, by the Standard Webhooks specification 1.0 (https://www.standardwebhooks.com).

One POST an effect, its CloudEvent as the body. `webhook-id` is the effect's id, the same at each attempt, so whoever
takes it can tell a second one; `webhook-signature` holds one signature for each secret, so that secrets can be changed
without a break. No redirect is followed, since a signed body with a customer's address must not go where somebody else
points; and nothing of an answer's body is read or kept.

An answer about this effect (400, 413, 415, 422) is a final no. One about the place itself (401, 403, 404, 410, a redirect)
is not: somebody will put the address or the secret right within days, and no effect is to be lost until then.
"""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp
import msgspec
from msgspec import Struct

from engine.core.customer import Customer
from engine.core.effects import SEND_REQUESTED, Effect
from engine.core.moments import SECOND, Instant, instant
from engine.core.standard_webhooks import signatures
from engine.ports import Clock, Receipt

_ABOUT_THE_EFFECT = frozenset({400, 413, 415, 422})
_LONGEST_WAIT_SAID = 24 * 3_600  # seconds; who says longer is asked again after a day


class WebhookSettings(Struct, frozen=True, kw_only=True):
    """Where to, what, and how. `types` are effects as the outside knows them; `channels` empty: all of them."""

    name: str
    url: str
    secrets: tuple[bytes, ...]
    types: frozenset[str]
    channels: frozenset[str] = frozenset()
    at_once: int = 4
    timeout: float = 20.0


class Webhook:
    """Posts effects to one place."""

    def __init__(self, settings: WebhookSettings, clock: Clock) -> None:
        """`clock` dates the signatures: whoever checks them refuses what is minutes old."""
        self.name, self.types, self.at_once = settings.name, settings.types, settings.at_once
        self._settings, self._clock = settings, clock
        self._session: aiohttp.ClientSession | None = None

    def takes(self, effect: Effect) -> bool:
        """Say whether it is of a channel that is wanted, where effects have one."""
        wanted = self._settings.channels
        return effect.type != SEND_REQUESTED or not wanted or effect.data.get("channel") in wanted

    async def take(self, effect: Effect, record: Customer | None) -> Receipt:
        """Post the effect. What tools know a customer by is told with it: the address, as it is now."""
        body = _encode(_with_customer(effect, record))
        now = self._clock.now() // SECOND
        headers = {
            "content-type": "application/json",
            "user-agent": "winback",
            "webhook-id": effect.id,
            "webhook-timestamp": str(now),
            "webhook-signature": signatures(self._settings.secrets, effect.id, now, body),
        }
        try:
            session = self._open()
            async with session.post(self._settings.url, data=body, headers=headers, allow_redirects=False) as answer:
                return _receipt(answer, self._clock.now())
        except TimeoutError:
            return Receipt("later", f"no answer within {self._settings.timeout:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return Receipt("later", f"cannot be reached: {type(error).__name__}")

    async def close(self) -> None:
        """End all connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._settings.timeout),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._session


_encode = msgspec.json.Encoder().encode


def _with_customer(effect: Effect, record: Customer | None) -> dict[str, object]:
    event = effect.cloud_event()
    email = record.value("email") if record is not None else None
    if "customer" not in event["data"]:
        event["data"]["customer"] = {"id": effect.customer, "email": email or None}
    return event


def _receipt(answer: aiohttp.ClientResponse, now: Instant) -> Receipt:
    status = answer.status
    if 200 <= status < 300:
        return Receipt("done")
    try:
        said = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        said = str(status)
    if status in _ABOUT_THE_EFFECT:
        return Receipt("refused", said)
    if 300 <= status < 400:
        said += ": redirects are not followed, put the new address into the settings"
    return Receipt("later", said, retry_after=_retry_after(answer.headers.get("retry-after", ""), now))


def _retry_after(said: str, now: Instant) -> int | None:
    """Return how long to wait by a Retry-After (RFC 9110, 10.2.3): seconds, or a date."""
    if said.strip().isdecimal():
        return min(int(said), _LONGEST_WAIT_SAID) * SECOND
    try:
        until = parsedate_to_datetime(said)
    except ValueError:
        return None
    wait = instant(until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    return min(max(wait, 0), _LONGEST_WAIT_SAID * SECOND)
