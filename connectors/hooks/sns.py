"""Amazon SNS over HTTPS (docs.aws.amazon.com/sns: verifying message signatures, JSON formats; read 2026-11).

Signed with RSA over named fields: version 1 with SHA-1, version 2 with SHA-256. The certificate comes from the address in
the message, but only where that is Amazon's own, or from a file. Nothing is fetched for a topic that is not listed, so
nobody makes us fetch anything who does not know one. A message's signed time is when it was published, not when it was
sent: SNS brings it again for hours after our absence, so its age is no fault, and its `MessageId` tells it again.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence

import aiohttp
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import load_pem_x509_certificate

from connectors.hooks.signing import from_base64
from connectors.hooks.telling import JSON, read_object, text
from engine.ports import ForgedError, HookCall

CERTIFICATE_URL = re.compile(
    r"https://sns\.[a-z0-9-]{1,40}\.amazonaws\.com(\.cn)?/SimpleNotificationService-[a-z0-9]{1,64}\.pem"
)
SUBSCRIBE_URL = re.compile(
    r"https://sns\.[a-z0-9-]{1,40}\.amazonaws\.com(\.cn)?/\?Action=ConfirmSubscription&[!-~]{1,4000}"
)

_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_SUBSCRIPTION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED = {
    "Notification": _NOTIFICATION,
    "SubscriptionConfirmation": _SUBSCRIPTION,
    "UnsubscribeConfirmation": _SUBSCRIPTION,
}
_HASHES = {"1": SHA1, "2": SHA256}
_MOST = 64 * 1024
_MOST_CERTIFICATES = 16

Fetch = Callable[[str], Awaitable[bytes]]
"""Gets what stands at an address.

Raises:
    OSError: it cannot be had now.

"""


class Topics:
    """Checks what comes from SNS topics, and confirms the subscriptions of those that are listed."""

    def __init__(self, listed: Sequence[str], certificate: bytes | None = None, fetch: Fetch | None = None) -> None:
        """`certificate` is a PEM to use instead of fetching one.

        Raises:
            ValueError: it holds none with an RSA key.

        """
        self._listed = frozenset(listed)
        self._key = None if certificate is None else key_in(certificate)
        self._fetch = fetch or fetched
        self._known: dict[str, RSAPublicKey] = {}
        self._one_at_a_time = asyncio.Lock()

    async def read(self, call: HookCall) -> JSON:
        """Return a message that is a listed topic's own; a subscription has been confirmed by then.

        Raises:
            ForgedError: it is not.
            UnreadableError: the body is no message of SNS.
            OSError: the certificate cannot be had now, or the subscription not be confirmed.

        """
        message = read_object(call.body)
        kind, topic = text(message, "Type"), text(message, "TopicArn")
        names, hashing = _SIGNED.get(kind), _HASHES.get(text(message, "SignatureVersion"))
        if names is None or hashing is None:
            raise ForgedError("this is no message that SNS signs")
        if topic not in self._listed:
            raise ForgedError("the topic is not listed: name it in hooks.ses.topics")
        signed = "".join(f"{name}\n{message[name]}\n" for name in names if isinstance(message.get(name), str))
        key = self._key or await self._key_at(text(message, "SigningCertURL"))
        try:
            key.verify(from_base64(text(message, "Signature")), signed.encode(), PKCS1v15(), hashing())
        except InvalidSignature:
            raise ForgedError("the signature is wrong") from None
        if kind == "SubscriptionConfirmation":
            await self._confirm(text(message, "SubscribeURL"))
        return message

    async def _confirm(self, url: str) -> None:
        if not SUBSCRIBE_URL.fullmatch(url):
            raise ForgedError("the address that confirms is not Amazon's")
        await self._fetch(url)

    async def _key_at(self, url: str) -> RSAPublicKey:
        if not CERTIFICATE_URL.fullmatch(url):
            raise ForgedError("the certificate's address is not Amazon's")
        async with self._one_at_a_time:
            if url not in self._known:
                pem = await self._fetch(url)
                try:
                    found = key_in(pem)
                except ValueError:
                    raise ForgedError("the certificate holds no key that could have signed") from None
                if len(self._known) >= _MOST_CERTIFICATES:
                    self._known.clear()
                self._known[url] = found
            return self._known[url]


def key_in(pem: bytes) -> RSAPublicKey:
    """Return the key of a certificate.

    Raises:
        ValueError: there is none, or it is no RSA key.

    """
    key = load_pem_x509_certificate(pem).public_key()
    if isinstance(key, RSAPublicKey):
        return key
    raise ValueError("the certificate's key is no RSA key")


async def fetched(url: str) -> bytes:
    """Get what stands at an address, following no redirect.

    Raises:
        OSError: it cannot be had, or is longer than a certificate or a confirmation.

    """
    limit = aiohttp.ClientTimeout(total=10)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            body = await answer.content.read(_MOST + 1)
            if answer.status != 200 or len(body) > _MOST:
                raise OSError(f"SNS answered {answer.status}")
            return body
    except (aiohttp.ClientError, TimeoutError) as error:
        raise OSError(f"SNS cannot be reached: {type(error).__name__}") from None
