"""Our Message-IDs: what stands in them, and how it is found again when a bounce, a click or a reply names one.

`<effect@domain>`, and where no table is at hand that knows whose an effect is, `<effect.customer.tag@domain>`: the
customer's id in base64url, and a keyed tag, so that nobody can make an event about somebody by inventing an id.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Final

LONGEST_CUSTOMER: Final = 200
"""Bytes of a customer's id that a Message-ID carries; who has a longer one is found by the address."""

_TAG_BYTES: Final = 8


def effect_of(message_id: str) -> str:
    """Return the effect a Message-ID of ours names, in angle brackets or not; of others what stands at its place."""
    return message_id.strip("<>").partition("@")[0].partition(".")[0]


def carrying(effect_id: str, customer_id: str, key: bytes) -> str:
    """Return what stands before the @ of a Message-ID that carries the customer, signed."""
    said = customer_id.encode()
    if not 0 < len(said) <= LONGEST_CUSTOMER:
        return effect_id
    return f"{effect_id}.{_text(said)}.{_text(_tag(effect_id, said, key))}"


def customer_of(message_id: str, key: bytes) -> str:
    """Return the customer that a Message-ID carries; empty where it carries none, or none that we signed."""
    parts = message_id.strip("<> ").partition("@")[0].split(".")
    if len(parts) != 3:
        return ""
    try:
        said, tag = (urlsafe_b64decode(f"{part}{'=' * (-len(part) % 4)}") for part in parts[1:])
        customer_id = said.decode()
    except (binascii.Error, ValueError):
        return ""
    return customer_id if hmac.compare_digest(tag, _tag(parts[0], said, key)) else ""


def _tag(effect_id: str, customer: bytes, key: bytes) -> bytes:
    about = b"message-id\0" + effect_id.encode(errors="surrogatepass") + b"\0" + customer
    return blake2b(about, key=blake2b(key).digest(), digest_size=_TAG_BYTES).digest()


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
