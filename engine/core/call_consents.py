"""Consents to calls of people who were erased: what the law asks to be proven, sealed, until its time is over.

§ 7a UWG asks for the proof of a consent to calls for five years from when it was given and after each use, erased or not
(GDPR Art. 17 (3) b). So these entries alone outlive a record: as bytes that nothing can be read or searched from without
the shop's secret, found by who knows the id, the number or the address.
"""

from __future__ import annotations

import hmac
import re
from typing import Final

from msgspec import Struct

from engine.core.consents import YES, Said, history
from engine.core.customer import Customer
from engine.core.moments import Instant

_BY_PHONE: Final = "/phone"
_KEY_BYTES: Final = 16


class CallConsent(Struct, frozen=True):
    """What is kept: who it was, what was said of calls, and when they were last called (or it was given)."""

    customer: str
    name: str
    company: str
    phone: str
    email: str
    used: Instant
    said: tuple[Said, ...]


def call_consent_of(customer: Customer) -> CallConsent | None:
    """Return what must be kept of a customer who is to be erased; None where nobody ever consented to calls."""
    said = tuple(each for each in history(customer) if each.key.endswith(_BY_PHONE) or "/" not in each.key)
    given = [each.at for each in said if each.key.endswith(_BY_PHONE) and each.what in YES]
    if not given:
        return None
    used = [each.used for key, each in customer.permission.items() if key.endswith(_BY_PHONE)]
    known = {
        field: str(customer.value(field) or "") for field in ("first_name", "last_name", "company", "phone", "email")
    }
    name = f"{known['first_name']} {known['last_name']}".strip()
    latest = max(*given, *used, 0)
    return CallConsent(customer.id, name, known["company"], known["phone"], known["email"], latest, said)


def keys_of(kept: CallConsent, key: bytes) -> tuple[bytes, ...]:
    """Return the keyed hashes under which it is found: by id, number and address, as far as they are known."""
    names = dict.fromkeys(filter(None, (kept.customer, kept.phone, kept.email)))
    return tuple(dict.fromkeys(found_by(name, key) for name in names))


def found_by(name: str, key: bytes) -> bytes:
    """Return the hash of an id, a number or an address; of a number only its digits count, 0049 is +49."""
    bare = name.strip().casefold()
    if re.fullmatch(r"[+\d][\d\s()/.-]*", bare):
        bare = re.sub(r"\D", "", bare).removeprefix("00")
    return hmac.digest(key, b"call consent\0" + bare.encode(errors="replace"), "sha256")[:_KEY_BYTES]
