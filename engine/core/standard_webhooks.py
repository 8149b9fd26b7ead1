"""Secrets and signatures by the Standard Webhooks specification 1.0 (https://www.standardwebhooks.com).

The effects we post, the messages we hand to a shop's own service, and the calls of tools that post to us are signed alike.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"


class BadSecretError(ValueError):
    """This is no secret of a webhook; the message says what one looks like."""


def secret_of(text: str) -> bytes:
    """Return a secret's bytes from how it is written: whsec_ and the base64 of 24 to 64 bytes.

    Raises:
        BadSecretError: it is not written so.

    """
    try:
        found = base64.b64decode(text.removeprefix(PREFIX), validate=True) if text.startswith(PREFIX) else b""
    except binascii.Error:
        found = b""
    if not 24 <= len(found) <= 64:
        raise BadSecretError(f"write {PREFIX} and the base64 of 24 to 64 bytes")
    return found


def signed_part(webhook_id: str, timestamp: int | str, body: bytes) -> bytes:
    """Return what a signature covers. `timestamp` is in seconds since 1970."""
    return f"{webhook_id}.{timestamp}.".encode() + body


def signatures(secrets: Sequence[bytes], webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the header webhook-signature: a signature for each secret. `timestamp` is in seconds since 1970."""
    signed = signed_part(webhook_id, timestamp, body)
    each = (base64.b64encode(hmac.digest(secret, signed, "sha256")).decode() for secret in secrets)
    return " ".join(f"v1,{signature}" for signature in each)
