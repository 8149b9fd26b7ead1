"""Ids, codes and shares: all made from what they are about, so that the same input gives the same ones anywhere."""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import blake2b

from engine.core.moments import Instant
from engine.core.rules import Share

_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: nothing that is read as something else
_CODE_LENGTH = 10
SAMPLE_CODE = "WB-7K2M9Q"
"""The code that previews, test mails and examples show; shorter than any real one, and good for nothing."""


def digest(*parts: str) -> str:
    """Return 128 bits of BLAKE2b over the parts as 32 hex digits; parts cannot run into each other."""
    return blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


def run_id(customer: str, workflow: str, entered: Instant) -> str:
    """Return the id of a run: made once, from customer, workflow and the accepted time of entry."""
    return blake2b(f"{customer}\x1f{workflow}\x1f{entered}".encode(), digest_size=12).hexdigest()


def effect_id(run: str, stage: str, step_key: str, entry: int) -> str:
    """Return the id of what one step of a run asks for; `entry` is how often the run came to this stage."""
    return digest(run, stage, step_key, str(entry))


@lru_cache(maxsize=1024)  # one event asks several times
def ref(text: str) -> int:
    """Return 63 bits that stand for an order or ticket id in the record."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def event_ref(source: str, event_id: str) -> bytes:
    """Return 16 bytes that stand for an event among all that were seen."""
    return blake2b(f"{source}\x1f{event_id}".encode(), digest_size=16).digest()


def merge_ref(goes: str, stays: str, now: Instant) -> bytes:
    """Return 16 bytes that stand for one record's having been given up for another, at that instant."""
    return blake2b(f"merge\x1f{goes}\x1f{stays}\x1f{now}".encode(), digest_size=16).digest()


def joined_ref(goes: str) -> bytes:
    """Return 16 bytes by which a record knows whose it has taken over."""
    return blake2b(f"joined\x1f{goes}".encode(), digest_size=16).digest()


@lru_cache(maxsize=4096)
def _salted(salt: str, experiment: str) -> bytes:
    return blake2b(f"{salt}\x1f{experiment}".encode(), digest_size=32).digest()


def lot(salt: str, experiment: str, customer: str) -> Share:
    """Draw a customer's lot in an experiment: 0 to 9,999, uniform, the same for ever.

    Who has a lot below a share is in it, so a greater share keeps those it had. The salt is no secret.
    """
    drawn = blake2b(customer.encode(), key=_salted(salt, experiment), digest_size=8).digest()
    return int.from_bytes(drawn, "big") % 10_000


def code(key: bytes, run: str, offer: str) -> str:
    """Return a run's code for an offer, such as WB-7K2M9QX4TD: 50 bits that only the holder of the key can tell."""
    drawn = int.from_bytes(hmac.digest(key, f"{run}\x1f{offer}".encode(), "sha256")[:8], "big")
    return code_of(drawn)


def code_of(drawn: int) -> str:
    """Return the code that 50 drawn bits stand for; all of ours have this form, so that people can read them out."""
    letters = "".join(_BASE32[(drawn >> (5 * place)) & 31] for place in range(_CODE_LENGTH))
    return f"WB-{letters}"


def as_typed(text: str) -> str:
    """Return what a person who typed one of our codes meant: capitals do not matter, nor O for 0 and I or L for 1."""
    typed = text.strip().upper()
    body = typed.removeprefix("WB-")
    return f"WB-{body.translate(_MISREAD)}" if body != typed else typed


_MISREAD = str.maketrans("OIL", "011")
