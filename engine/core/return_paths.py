"""Envelope senders of our mails (VERP): `b+TOKEN@bounces.shop.example`, so that whatever comes back says which mail it is about.

The token names the effect and, where that fits, the customer; it is signed, so nobody can make a report about a mail we
never sent. It holds a few bits of a hash of the address the mail went to: a report about that address is told from one
about an address it was forwarded to. Base32, since the part before the @ may have its case changed on the way, and at
most 64 octets, which is all that such a part may have (RFC 5321, 4.5.3.1.1).
"""

from __future__ import annotations

import hmac
import re
from base64 import b32decode, b32encode
from binascii import Error as NotBase32
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from engine.core.links import derive

LONGEST_LOCAL_PART: Final = 64
_EFFECT, _HINT, _TAG = 16, 2, 5  # bytes; the tag's 40 bits are tried one mail at a time
_FIXED: Final = 1 + _EFFECT + _HINT + _TAG
_EFFECT_ID = re.compile(r"[0-9a-f]{32}")
_TOKEN = re.compile(r"(?<=\+)[a-z2-7]{39,64}(?=@)", re.IGNORECASE)
_MOST_TRIED = 32


class SentMail(Struct, frozen=True):
    """A mail of ours that somebody proved to have: its effect, its customer (empty where there was no room for the id)."""

    effect_id: str
    customer: str = ""
    hint: bytes = b""

    def went_to(self, address: str) -> bool:
        """Say whether the mail went to this address; of others one in 65,536 is taken for it."""
        return bool(self.hint) and hmac.compare_digest(self.hint, _hint(address))


class ReturnPaths:
    """Makes and opens envelope senders, with keys by version as links have them: they are made with the highest one."""

    def __init__(self, secrets: Mapping[int, bytes]) -> None:
        if not secrets or not all(0 < version < 256 for version in secrets):
            raise ValueError("envelope senders need at least one secret, and versions from 1 to 255")
        self._keys = {version: derive(secret, b"envelope sender") for version, secret in secrets.items()}
        self._newest = max(secrets)

    def address(self, bounces_to: str, effect_id: str, customer: str, recipient: str) -> str:
        """Return the envelope sender of a mail: the address that bounces go to, with the token of this mail.

        It is that address itself for a mail that is no effect's, and where no room is left for a token.
        """
        local, _, domain = bounces_to.rpartition("@")
        if not _EFFECT_ID.fullmatch(effect_id):
            return bounces_to
        for said in (customer.encode(), b""):
            token = self._token(bytes.fromhex(effect_id), said, _hint(recipient))
            if len(local) + 1 + len(token) <= LONGEST_LOCAL_PART:
                return f"{local}+{token}@{domain}"
        return bounces_to

    def open(self, token: str) -> SentMail | None:
        """Return the mail that a token names; None where it is none of ours, or none that we signed."""
        try:
            raw = b32decode(token.upper() + "=" * (-len(token) % 8))
        except (NotBase32, ValueError):
            return None
        key = self._keys.get(raw[0]) if len(raw) >= _FIXED else None
        if key is None or not hmac.compare_digest(raw[-_TAG:], _tag(key, raw[:-_TAG])):
            return None
        effect, hint, said = raw[1 : 1 + _EFFECT], raw[1 + _EFFECT : _FIXED - _TAG], raw[_FIXED - _TAG : -_TAG]
        return SentMail(effect.hex(), said.decode(errors="replace"), hint)

    def found_in(self, text: str) -> Iterator[SentMail]:
        """Yield the mails that envelope senders in a text name, also within `prvs=` (BATV) and `SRS0=` (forwarders).

        Of very many candidates only the first are looked at.
        """
        for tried, match in enumerate(_TOKEN.finditer(text.replace("=3D", "="))):
            if tried == _MOST_TRIED:
                return
            if (found := self.open(match[0])) is not None:
                yield found

    def _token(self, effect: bytes, customer: bytes, hint: bytes) -> str:
        said = bytes([self._newest]) + effect + hint + customer
        return b32encode(said + _tag(self._keys[self._newest], said)).decode().rstrip("=").lower()


def _hint(address: str) -> bytes:
    return hmac.digest(b"winback recipient", address.strip().casefold().encode(), "sha256")[:_HINT]


def _tag(key: bytes, said: bytes) -> bytes:
    return hmac.digest(key, said, "sha256")[:_TAG]
