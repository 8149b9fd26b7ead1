"""Looks at what must answer: the unsubscribe page as mail programs call it, and the mail server."""

from __future__ import annotations

import ssl
from typing import Protocol

import aiohttp
from msgspec import Struct

from engine.core.links import UNSUBSCRIBE, Keys, Link
from engine.wiring.preflight.check import Check, right, wrong
from engine.wiring.preflight.situation import Situation, is_loopback

ANSWER_WITHIN = 10.0  # seconds
BODY_AT_MOST = 100_000
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


class Answered(Struct, frozen=True):
    """What a POST was answered. Where there was no answer, `trouble` says why."""

    status: int = 0
    location: str = ""
    body: str = ""
    trouble: str = ""


class Post(Protocol):
    """Posts a form as mail programs do: no cookies, no redirect followed."""

    async def __call__(self, url: str, form: dict[str, str]) -> Answered:
        """Post it and return what was answered."""
        ...


class MailServer(Protocol):
    """A mail server that can be looked at."""

    async def trouble(self) -> str:
        """Say why it cannot be used, empty when it can."""
        ...


class Service(Protocol):
    """A mail service that can be looked at."""

    async def trouble(self, domain: str) -> str:
        """Say why mail of a domain cannot leave by it as things stand, empty when it can."""
        ...

    async def close(self) -> None:
        """End all connections."""
        ...


async def post(url: str, form: dict[str, str], *, tls: ssl.SSLContext | None = None) -> Answered:
    """Post a form over the network. `tls` is for a server whose authority the system does not know."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.post(url, data=form, allow_redirects=False, ssl=tls if tls is not None else True) as answer,
        ):
            body = await answer.content.read(BODY_AT_MOST)
            return Answered(answer.status, answer.headers.get("Location", ""), body.decode("utf-8", "replace"))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return Answered(trouble=str(error) or type(error).__name__)


async def unsubscribe_post(situation: Situation, keys: Keys, nonce: str, send: Post) -> Check:
    """Call the unsubscribe page as a mail program does, with a link of nobody's.

    `nonce` names the test: the page says it back, which proves that it was ours and not some page in front of it.
    """
    link = Link(UNSUBSCRIBE, "", "marketing", nonce)
    where = f"{situation.settings.links_begin_with}/u/"
    answered = await send(f"{where}{keys.seal(link)}", ONE_CLICK)
    return judged(answered, where, nonce)


def judged(answered: Answered, where: str, nonce: str) -> Check:
    """Say what the answer to a one-click POST means (RFC 8058: 200, and no redirect, which mail programs do not follow)."""
    name = "unsubscribe_post"
    if answered.trouble:
        hint = "start winback run, and let public_url lead to [listen] public"
        return wrong(name, f"nobody answers at {where}: {answered.trouble}", hint)
    if 300 <= answered.status < 400:
        said = f"{where} redirects to {answered.location or 'elsewhere'}: mail programs do not follow"
        return wrong(name, said, "let public_url be the address that answers by itself")
    if answered.status != 200:
        said = f"{where} answers {answered.status} to the POST of an unsubscribe link"
        return wrong(name, said, "let the proxy hand POST on, without a login; and with this data folder's secret")
    if nonce not in answered.body:
        said = f"something else than winback answers at {where}"
        return wrong(name, said, "let public_url lead to [listen] public of this engine")
    return right(name, f"{where} answers a one-click unsubscribe with 200")


async def tls(situation: Situation, server: MailServer | None) -> Check:
    """Reach the mail server as a send does: connect, encrypt, log in, and hang up."""
    smtp = situation.settings.smtp
    if server is None:
        said = "no mail server: [sender] kind is mailbox, so mail stays in the data folder"
        return wrong("tls", said, 'set kind = "smtp" and [smtp] host in winback.toml when it is meant')
    where = f"{smtp.host}:{smtp.port}"
    if smtp.tls == "none" and not is_loopback(smtp.host):
        return wrong("tls", f"mail goes to {where} unencrypted", 'set tls = "starttls" or "tls" under [smtp]')
    trouble = await server.trouble()
    if trouble:
        return wrong("tls", f"the mail server cannot be used: {trouble}", "see [smtp] in winback.toml")
    how = {"starttls": "encrypted with STARTTLS", "tls": "encrypted", "none": "on this machine"}[smtp.tls]
    return right("tls", f"{where} answers, {how}")


async def service(situation: Situation, asked: Service) -> Check:
    """Reach the mail service: whether it takes the key, and whether it signs mail of the sender's domain."""
    where = situation.settings.where_mail_goes
    try:
        trouble = await asked.trouble(situation.sender_domain)
    finally:
        await asked.close()
    if trouble:
        return wrong("tls", f"the mail service cannot be used: {trouble}", "see [service] in winback.toml")
    return right("tls", f"{where} answers, and takes the key")
