"""The proof of an erasure: what was deleted where, what remains until when and why. It names nobody."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from engine.books.erasures import Begun
from engine.books.personal import KEPT_ELSEWHERE, TABLES
from engine.core.moments import Instant, rfc3339


class Deleted(Struct, frozen=True):
    """How many rows, lines or files of a place were taken out, and how."""

    place: str
    count: int
    how: str


class Remains(Struct, frozen=True):
    """What is still there, until when, and why."""

    place: str
    until: str
    why: str


class Proof(Struct, frozen=True):
    """`winback erase --json`: what an erasure did.

    `subjects` and `addresses` are the keyed hashes under which the list of the erased knows the person; nobody can be told
    from them without the shop's secret. `refused` is since when nothing of them is taken in.
    """

    id: str
    asked_at: str
    done_at: str
    who: str
    why: str
    subjects: list[str]
    addresses: list[str]
    deleted: list[Deleted]
    remains: list[Remains]


_HOW: Final = {place.name: place.erased for place in TABLES}
_OTHERS: Final = {
    "effects files": "lines overwritten in their place",
    "mailbox": "messages overwritten and removed",
    "others' rows": "the trace is left out",
}


def made(
    begun: Begun,
    counts: dict[str, int],
    *,
    now: Instant,
    subjects: list[str],
    addresses: list[str],
    remains: list[Remains],
) -> Proof:
    """Return the proof of an erasure that has come to its end."""
    hashes = len(subjects) + len(addresses)
    stays = [
        Remains(
            "the block list and the list of the erased",
            "for ever",
            f"{hashes} keyed hashes and their kind: no mail, no events",
        ),
        *(
            [Remains("the ledger", "for ever", "state and instant of each send under a keyed hash: none is sent twice")]
            if counts.get("ledger")
            else []
        ),
        Remains("the shop's sums", "for ever", "counts, intervals and budgets are of nobody"),
        *remains,
        *(Remains(place, until, "out of the engine's reach") for place, until in KEPT_ELSEWHERE),
    ]
    return Proof(
        id=begun.id,
        asked_at=rfc3339(begun.at),
        done_at=rfc3339(now),
        who=begun.who,
        why=begun.why,
        subjects=subjects,
        addresses=addresses,
        deleted=[Deleted(place, count, _HOW.get(place) or _OTHERS[place]) for place, count in counts.items() if count],
        remains=stays,
    )


def encode(proof: Proof) -> bytes:
    """Return a proof as it is kept."""
    return msgspec.json.encode(proof)


def decode(raw: str) -> Proof:
    """Return a proof that was kept.

    Raises:
        msgspec.MsgspecError: it is none.

    """
    return msgspec.json.decode(raw, type=Proof)
