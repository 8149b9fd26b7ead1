"""The sealed proofs of consents to calls of erased people. Functions within somebody's transaction.

The cipher is AES-SIV: it needs no nonce, so the same erasure leaves the same bytes, and what was changed does not open.
"""

from __future__ import annotations

import hashlib

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from engine.books.connection import Connection
from engine.books.queries import QUERIES
from engine.core.call_consents import CallConsent, call_consent_of, found_by, keys_of
from engine.core.customer import Customer
from engine.core.moments import Instant


def keep(connection: Connection, key: bytes, customer: Customer, erasure: str) -> None:
    """Keep what the law asks to be kept of a customer who is being erased, if there is anything."""
    kept = call_consent_of(customer)
    if kept is not None:
        raw = _cipher(key).encrypt(_encoder.encode(kept), None)
        rows = [(each, kept.used, erasure, raw) for each in keys_of(kept, key)]
        connection.executemany(QUERIES["keep_call_consent"], rows)


def found(connection: Connection, key: bytes, name: str) -> CallConsent | None:
    """Return what is kept of somebody, by id, number or address; None where nothing is, or another secret sealed it."""
    row = connection.execute(QUERIES["call_consent"], (found_by(name, key),)).fetchone()
    if row is None:
        return None
    try:
        return _decoder.decode(_cipher(key).decrypt(bytes(row[0]), None))
    except (InvalidTag, msgspec.DecodeError):
        return None


def used_at(connection: Connection, erasure: str) -> Instant | None:
    """Return when somebody was last called of whom an erasure left a proof; None where it left none."""
    at: Instant | None = connection.execute(QUERIES["call_consent_of_erasure"], (erasure,)).fetchone()[0]
    return at


def _cipher(key: bytes) -> AESSIV:
    return AESSIV(hashlib.sha512(b"winback call consent\0" + key).digest())


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(CallConsent)
