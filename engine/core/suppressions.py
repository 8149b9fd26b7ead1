"""Suppressions of another tool: who said no there, or could not be reached, and what that means here.

They come as addresses or as SHA-256 of them, and are kept as a keyed hash of that: so both kinds of file are found by an
address in the same way, and nothing can be read from what is kept, not even by trying all addresses there are.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from engine.core.address import address_ref
from engine.core.customer import Customer, Proof, Stop
from engine.core.events import Event, Mail, Reason
from engine.core.moments import Instant
from engine.core.permission import STOPPABLE

SOURCE: Final = "import suppressions"
"""The source of the events that an imported suppression makes of a known customer."""

UNSUBSCRIBED, COMPLAINED, BOUNCED, ERASED = "unsubscribed", "complained", "bounced", "erased"

EVENT_OF: Final = {
    UNSUBSCRIBED: "email.unsubscribed",
    COMPLAINED: "email.complained",
    BOUNCED: "email.bounced",
    ERASED: "customer.erased",
}
"""The kinds of suppressions, and the event each one is for a customer who has the address."""


class Suppression(Struct, frozen=True, array_like=True):
    """Why an address is on the list, and since when."""

    kind: str
    at: Instant


def fingerprint(address: str) -> bytes:
    """Return the SHA-256 of an address as tools exchange it: without capitals and blanks around."""
    return hashlib.sha256(address.strip().casefold().encode()).digest()


def suppression_key(key: bytes, sha256: bytes) -> bytes:
    """Return the 16 bytes under which the list knows an address, from its fingerprint."""
    return hmac.digest(key, b"suppression\0" + sha256, "sha256")[:16]


def said_no_at(listed: Iterable[Suppression]) -> Instant | None:
    """Return when the person last said no, None where they did not: a bounce is nobody's word."""
    return max((each.at for each in listed if each.kind != BOUNCED), default=None)


def bounced_at(listed: Iterable[Suppression]) -> Instant | None:
    """Return when mail to the address was last refused for good, None where it was not."""
    return max((each.at for each in listed if each.kind == BOUNCED), default=None)


def known_of(address: str, listed: Iterable[Suppression]) -> Customer:
    """Return what the list knows of an address, as the record of one who shares it; to be told to whoever gets it.

    The proof of a bounce counts as inherited: that the address is given anew does not refute it, an order does.
    """
    by_kind = {each.kind: each.at for each in listed}
    noes = [Stop(at, EVENT_OF[kind]) for kind, at in by_kind.items() if kind != BOUNCED]
    latest = max(noes, key=lambda each: each.at, default=None)
    here = address_ref(address)
    return Customer(
        "",
        stopped={} if latest is None else dict.fromkeys(STOPPABLE, latest),
        proofs=tuple(Proof(at, True, "", here, True) for kind, at in by_kind.items() if kind == BOUNCED),
        gone="on an imported suppression list",  # nobody who could share anything in turn
    )


def events_for(customer_id: str, address: str, key: bytes, listed: Iterable[Suppression]) -> Iterator[Event]:
    """Yield what the list says of a known customer; told again it is the same events."""
    for each in listed:
        kind, at = each.kind, each.at
        number = f"{key.hex()}:{kind}:{at}:{customer_id}"
        if kind == ERASED:
            data: Mail | Reason = Reason()
        else:
            data = Mail(email=address, kind="dead" if kind == BOUNCED else "")
        yield Event(number, SOURCE, EVENT_OF[kind], at, customer_id, data)
