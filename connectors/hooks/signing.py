"""Checking that a call is from whom it says: over the raw bytes, in constant time, with each secret that is valid now."""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from engine.core.moments import MINUTE, SECOND, Instant
from engine.ports import ForgedError

WINDOW: Final = 5 * MINUTE
"""How far a signed time may be from our clock, either way, where the settings say nothing."""

Digest = Literal["sha1", "sha256"]


def must_have(value: str | None, header: str) -> str:
    """Return a header's value.

    Raises:
        ForgedError: there is none.

    """
    if not value:
        raise ForgedError(f"the header {header} is missing")
    return value


def check_hmac(secrets: Iterable[bytes], signed: bytes, *given: bytes, digest: Digest = "sha256") -> None:
    """See that one of the secrets made one of the MACs. All are tried, so that the time taken tells nothing.

    Raises:
        ForgedError: none did.

    """
    ours = [hmac.digest(secret, signed, digest) for secret in secrets]
    fits = [hmac.compare_digest(mac, each) for mac in ours for each in given]
    if not any(fits):
        raise ForgedError("the signature is wrong")


def which_made(secrets: Iterable[bytes], signed: bytes, given: bytes) -> bytes:
    """Return the secret that made a MAC with SHA-256.

    Raises:
        ForgedError: none did.

    """
    made = [secret for secret in secrets if hmac.compare_digest(hmac.digest(secret, signed, "sha256"), given)]
    if not made:
        raise ForgedError("the signature is wrong")
    return made[0]


def from_base64(text: str) -> bytes:
    """Return the bytes of a signature in base64, empty where it is none: an empty one never fits."""
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def from_hex(text: str) -> bytes:
    """Return the bytes of a signature in hex, empty where it is none."""
    try:
        return bytes.fromhex(text) if text.isascii() else b""
    except ValueError:
        return b""


def check_time(seconds: str, now: Instant, window: int) -> None:
    """See that a signed time, in seconds since 1970, is near our clock. `window` is in microseconds.

    Raises:
        ForgedError: it is none, or too far from now.

    """
    if not seconds.isdecimal() or len(seconds) > 12:
        raise ForgedError("the signed time is no number of seconds")
    if abs(int(seconds) * SECOND - now) > window:
        raise ForgedError("what is signed is too old, or our clock is wrong")


def check_password(accepted: Sequence[str], authorization: str | None) -> None:
    """See that Authorization is one of those accepted: `user:password` as basic, anything else as a bearer token.

    Raises:
        ForgedError: it is not.

    """
    given = must_have(authorization, "Authorization").encode()
    fits = [hmac.compare_digest(_authorization(each).encode(), given) for each in accepted]
    if not any(fits):
        raise ForgedError("user and password, or the token, are wrong")


def _authorization(secret: str) -> str:
    return f"Basic {b64encode(secret.encode()).decode()}" if ":" in secret else f"Bearer {secret}"
