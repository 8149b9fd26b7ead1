"""What was said of each permission, with its proof: the history that must be shown when somebody asks what it rests on.

It stands in the customer's record, so it outlives the journal, moves and merges with the customer, and is erased with
them. There it is packed: only what is said of a permission, `explain` and an export look into it, and every other decision
would pay for its pieces. Bounded: of each purpose and channel the latest `SAID_KEPT`, and the latest yes in any case.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from engine.core.customer import Customer
from engine.core.moments import Instant

SAID_KEPT: Final = 12
LONGEST: Final = 2_000
"""Letters of one field of a proof; of what is longer the hash of all of it is kept, too."""
_FIELDS: Final = 12

REQUESTED, ASKED, GIVEN, CONFIRMED, WITHDRAWN, STOPPED = (
    "requested",
    "asked",
    "given",
    "confirmed",
    "withdrawn",
    "stopped",
)
"""What was said: a form filled in, a question handed over to them, a yes, a yes by the link of a mail, a no to one purpose on
one channel, a stop of a purpose on all."""
_ORDER: Final = {what: place for place, what in enumerate((REQUESTED, ASKED, GIVEN, CONFIRMED, WITHDRAWN, STOPPED))}
"""At one instant they are told in this order; a no wins, as it does in the permission itself."""
YES: Final = frozenset({GIVEN, CONFIRMED})

OURS: Final = "winback"
"""The source of what we did ourselves: a question handed over, a stop by a workflow."""


class Said(Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """Something said of a permission. `key` is purpose and channel, the purpose alone where it concerns all channels.

    `by` is the type of the event, `source` where that came from. `proof` is as it was given: wording, page, ip, and of a
    confirmation the mail whose link was used.
    """

    at: Instant
    key: str
    what: str
    by: str = ""
    source: str = ""
    basis: str = ""
    proof: dict[str, str] = {}


def history(customer: Customer) -> tuple[Said, ...]:
    """Return what was said, in order of time."""
    return _unpacked(customer.consents) if customer.consents else ()


def note(customer: Customer, *new: Said) -> None:
    """Add to the history, on the caller's own copy. The order in which things are heard of does not matter."""
    known = history(customer)
    added = [each for each in new if each not in known]
    if added:
        customer.consents = _packed(_bounded((*known, *added)))


def forget_rehearsed(customer: Customer, since: Instant) -> None:
    """Forget what workflows did before `since`, when they were a rehearsal that nobody but us has read."""
    known = history(customer)
    real = tuple(each for each in known if each.source != OURS or each.at >= since or each.what in YES)
    if len(real) < len(known):
        customer.consents = _packed(real)


def proof_of(given: Mapping[str, Any] | str, **more: str) -> dict[str, str]:
    """Return a proof as it is kept: texts, within bounds. What is cut off is proven by the hash of the whole."""
    told: dict[str, Any] = {"text": given} if isinstance(given, str) else dict(given)
    kept: dict[str, str] = {}
    for name, value in [*list(told.items())[:_FIELDS], *more.items()]:
        text = str(value)
        if not text:
            continue
        kept[name[:60]] = text[:LONGEST]
        if len(text) > LONGEST:
            kept[f"{name[:60]}_sha256"] = wording_hash(text)
    return kept


def wording_hash(text: str) -> str:
    """Return the version of a wording: its SHA-256, in hex."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _bounded(said: Iterable[Said]) -> tuple[Said, ...]:
    by_key: dict[str, list[Said]] = {}
    for each in sorted(said, key=_rank):
        by_key.setdefault(each.key, []).append(each)
    kept: list[Said] = []
    for of_key in by_key.values():
        latest_yes = next((each for each in reversed(of_key[:-SAID_KEPT]) if each.what in YES), None)
        later = of_key[-SAID_KEPT:]
        if latest_yes is not None and not any(each.what in YES for each in later):
            kept.append(latest_yes)
        kept += later
    return tuple(sorted(kept, key=_rank))


def _rank(said: Said) -> tuple[Any, ...]:
    return said.at, _ORDER.get(said.what, 0), said.key, said.by, said.source, said.basis, sorted(said.proof.items())


def _packed(said: tuple[Said, ...]) -> bytes:
    """Pack a history: it says the same words over and over, and every customer the same ones."""
    packing = zlib.compressobj(6, zlib.DEFLATED, -_WINDOW, 4, zlib.Z_DEFAULT_STRATEGY, _WORDS)
    return packing.compress(_encode(said)) + packing.flush()


def _unpacked(raw: bytes) -> tuple[Said, ...]:
    return _decode(zlib.decompressobj(-_WINDOW, _WORDS).decompress(raw))


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Said, ...]).decode
_WINDOW: Final = 12
_WORDS: Final = b"".join(
    map(
        _encode,
        (
            ("terms", "wording_sha256", "form_sha256", "referrer", "source", "given_at", "expires", "opt_in_level"),
            ("push", "sms", "letter", "tracking/email", "marketing/phone", "presumed_b2b", "existing_customer"),
            (
                "email.complained",
                "email.unsubscribed",
                "consent.withdrawn",
                WITHDRAWN,
                STOPPED,
                ASKED,
                "email.sent",
                OURS,
            ),
            ("newsletter.subscribed", REQUESTED, "newsletter.confirmed", CONFIRMED, {"message_id": "", "at": ""}),
            ("marketing/email", {"page": "https://", "ip": "", "wording": ""}),
            (Said(0, "newsletter/email", GIVEN, "consent.given", "shop", "express", {"text": ""}),),
        ),
    )
)
"""What histories are likely to say, the likeliest last. It may never change: what is packed could not be read any more."""
