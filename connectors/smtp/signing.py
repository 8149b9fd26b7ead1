"""DKIM signatures (RFC 6376, 8463) for mail that leaves by a server which does not sign.

Canonical forms and the choice of headers are dkimpy's; the signature itself is made by cryptography, since dkimpy reckons RSA
in Python (decision 43 has the figures) and wants another library for Ed25519. One-click unsubscribe counts only where
the signature covers both of its headers (RFC 8058), and dkimpy's own choice of headers leaves one of them out: so they are
named here. From is named twice, so that nobody can add a second one on the way.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Final

import dkim  # type: ignore[import-untyped]  # it comes without types
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from dkim.canonicalization import CanonicalizationPolicy  # type: ignore[import-untyped]  # as above

from engine.core.moments import SECOND, Instant

SIGNED: Final = (
    b"from",
    b"to",
    b"subject",
    b"date",
    b"message-id",
    b"reply-to",
    b"mime-version",
    b"content-type",
    b"list-id",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"feedback-id",
    b"auto-submitted",
)
LEAST_BITS: Final = 1_024

_RELAXED: Final = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
_NAME = re.compile(rb"[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.IGNORECASE)


class BadKeyError(ValueError):
    """This is no key that mail can be signed with; the message says why."""


class DkimSigner:
    """Signs messages with one key."""

    def __init__(self, selector: str, domain: str, key: bytes) -> None:
        """Take a private key as PEM, RSA or Ed25519.

        Raises:
            BadKeyError: it is none, or selector or domain are no names.

        """
        self.selector, self.domain = selector, domain
        if not _NAME.fullmatch(selector.encode()) or not _NAME.fullmatch(domain.encode()):
            raise BadKeyError("selector and domain are names of DNS, in ASCII")
        self._algorithm, self._sign, self.public_key = _loaded(key)

    def __call__(self, message: bytes, now: Instant) -> bytes:
        """Return the message with its signature in front; `now` is written into it."""
        headers, body = dkim.rfc822_parse(message)
        present = {name.lower() for name, _ in headers}
        names = [name for name in SIGNED if name in present]
        names.insert(1, b"from")
        tags = [
            b"v=1",
            b"a=" + self._algorithm,
            b"c=relaxed/relaxed",
            b"d=" + self.domain.encode(),
            b"s=" + self.selector.encode(),
            b"t=%d" % (now // SECOND),
            b"h=" + b":".join(names),
            b"bh=" + b64encode(sha256(_RELAXED.canonicalize_body(body)).digest()),
            b"b=",
        ]
        unsigned = b" " + b"; ".join(tags)
        covered = dkim.select_headers(_RELAXED.canonicalize_headers(headers), names)
        ours = _RELAXED.canonicalize_headers([(b"DKIM-Signature", unsigned)])
        hashed = b"".join(name + b":" + text for name, text in covered)
        hashed += b"".join(name + b":" + text.rstrip(b"\r\n") for name, text in ours)
        signature = b64encode(self._sign(hashed))
        return b"DKIM-Signature:" + _folded(unsigned, signature) + b"\r\n" + message


def _loaded(key: bytes) -> tuple[bytes, Callable[[bytes], bytes], bytes]:
    """Return a key's algorithm, what signs with it, and its public half as it stands in DNS, not yet in base64."""
    try:
        loaded = load_pem_private_key(key, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKeyError("this is no private key as PEM without a password") from None
    if isinstance(loaded, RSAPrivateKey):
        rsa = loaded
        if rsa.key_size < LEAST_BITS:
            raise BadKeyError(f"the key has {rsa.key_size} bits: receivers ignore it; make one of 2048")
        public = rsa.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return b"rsa-sha256", lambda said: rsa.sign(said, PKCS1v15(), SHA256()), public
    if isinstance(loaded, Ed25519PrivateKey):
        ed25519 = loaded
        public = ed25519.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return b"ed25519-sha256", lambda said: ed25519.sign(sha256(said).digest()), public  # RFC 8463, section 3
    raise BadKeyError("mail is signed with an RSA or an Ed25519 key")


def _folded(unsigned: bytes, signature: bytes) -> bytes:
    """Break the header into lines after its tags: relaxed, a fold is a blank, as the one that was signed there."""
    pieces = [signature[at : at + 70] for at in range(0, len(signature), 70)]
    return unsigned.replace(b"; ", b";\r\n\t") + b"\r\n\t".join(pieces)
