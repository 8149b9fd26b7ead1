"""The head of a mail that came in: who wrote it, when, about what, and whether a program did."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC
from email.utils import getaddresses, parsedate_to_datetime
from hashlib import blake2b
from typing import Final

from msgspec import Struct

from connectors.bounces.parts import Part, part_of
from engine.core.moments import Instant, instant

HANDED_OVER: Final = "X-Winback-Handed-Over"
"""A header of the mails that people get from us about replies: one that comes back to us is no reply."""

_MOST_OF_HEAD = 100_000  # bytes
_LONGEST_SUBJECT = 300
_LONGEST_ADDRESS = 320
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_OF_LISTS = frozenset({"bulk", "list"})
_AUTOMATIC_PRECEDENCE = _OF_LISTS | {"junk", "auto_reply", "auto-reply"}
_AUTOMATIC_HEADERS = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply", HANDED_OVER.lower())


class Head(Struct, frozen=True):
    """What the head says. `writer` is the bare address in From in small letters; `date` 0 where there is none that can be read.

    `identity` tells this mail from others, whichever way and however often it comes in. `is_bulk`: it went to many, so
    nothing in it is said to us.
    """

    identity: str
    writer: str = ""
    subject: str = ""
    date: Instant = 0
    is_automatic: bool = False
    is_bulk: bool = False


def head_of(raw: bytes) -> Head:
    """Read the head of a mail; what cannot be read is empty. Never raises."""
    raw = raw.lstrip(b"\r\n")
    end = _END_OF_HEAD.search(raw, 0, _MOST_OF_HEAD)
    part = part_of(raw[: end.end() if end else _MOST_OF_HEAD])
    return Head(
        identity=part.header("message-id").strip() or blake2b(raw, digest_size=16).hexdigest(),
        writer=next(_addresses(part, "from"), ""),
        subject=" ".join(part.header("subject").split())[:_LONGEST_SUBJECT],
        date=_date(part.header("date")),
        is_automatic=_is_automatic(part),
        is_bulk=bool(part.header("list-id")) or _precedence(part) in _OF_LISTS,
    )


def _is_automatic(part: Part) -> bool:
    submitted = part.header("auto-submitted").partition(";")[0].strip().lower()
    if submitted not in ("", "no") or _precedence(part) in _AUTOMATIC_PRECEDENCE:
        return True
    return part.header("return-path").strip() == "<>" or any(part.all(name) for name in _AUTOMATIC_HEADERS)


def _precedence(part: Part) -> str:
    return part.header("precedence").strip().lower()


def _addresses(part: Part, name: str) -> Iterator[str]:
    for _, address in getaddresses([each[:2_000] for each in part.all(name)[:3]]):
        local, at, domain = address.strip().rpartition("@")
        if at and local and domain and len(address) <= _LONGEST_ADDRESS:
            yield address.strip().casefold()


def _date(text: str) -> Instant:
    try:
        written = parsedate_to_datetime(text)
        return max(0, instant(written if written.tzinfo is not None else written.replace(tzinfo=UTC)))
    except (ValueError, TypeError, OverflowError, IndexError):
        return 0
