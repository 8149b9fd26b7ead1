"""Suppressions: who must not be written to, in the words of whichever tool kept the list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from connectors.imports.kinds import FLAGS
from connectors.imports.telling import Options, Refused, Suppressed, email_of, instant_of
from connectors.imports.values import ABSENT, NO, YES, moment
from engine.core.moments import Instant
from engine.core.suppressions import BOUNCED, COMPLAINED, ERASED, UNSUBSCRIBED, fingerprint

_WORDS: Final = (
    (re.compile(r"soft"), "soft"),
    (re.compile(r"spam|complain|abuse|feedback|fbl|beschwerde"), COMPLAINED),
    (re.compile(r"bounce|invalid|undeliver|clean|hard|unknown.user|no.such|unzustell|tot\b|dead"), BOUNCED),
    (re.compile(r"eras|gdpr|dsgvo|forg[eo]t|delet|gelöscht|löschung"), ERASED),
)
_LENGTHS: Final = {32: "an MD5", 40: "a SHA-1"}


def suppressions(cells: Mapping[str, str], options: Options) -> Iterator[Suppressed]:
    """Yield why an address is suppressed, each reason by itself; nothing where its row says that it is not.

    A reason in words that are not known is a "no" as well: of a list of suppressions nobody is left out for a word.

    Raises:
        Refused: the row has no address and no SHA-256 of one, or only a soft bounce.

    """
    told = list(_kinds(cells, options))
    hashes = _hashes(cells) if told else {}
    at = instant_of(cells, "date", options)
    for kind, since in told:
        for sha256, address in hashes.items():
            yield Suppressed(kind, sha256, address, since or at or options.as_of)


def flag(text: str, options: Options) -> tuple[bool, Instant | None]:
    """Say whether a cell says yes, by a word, a date or a reason; and the date."""
    word = text.casefold()
    if word in NO or word in ABSENT:
        return False, None
    if word in YES:
        return True, None
    try:
        return True, moment(text, options.style)
    except ValueError:
        return True, None


def _kinds(cells: Mapping[str, str], options: Options) -> Iterator[tuple[str, Instant | None]]:
    reason = cells.get("kind", "")
    said = _kind(options.word("kind", reason)) if reason else ""
    flagged = [(kind, *flag(cells.get(kind, ""), options)) for kind in FLAGS]
    if not any(is_set for _, is_set, _ in flagged):
        if said == "soft":
            raise Refused("a soft bounce: mail may arrive again, so this is no suppression")
        if said != "none" and not (options.has_flags and not reason):
            yield said or options.suppressed_as, None
    for kind, is_set, since in flagged:
        if is_set and kind == UNSUBSCRIBED:  # the reason may tell more than the flag
            told = _kind(cells[kind])
            more = next((each for each in (said, told) if each in (COMPLAINED, BOUNCED, ERASED)), kind)
            yield more, since
        elif is_set:
            yield kind, since


def _kind(text: str) -> str:
    word = text.casefold()
    if word in ("none", "contactable", "not suppressed", "[]"):
        return "none"
    return next((kind for pattern, kind in _WORDS if pattern.search(word)), UNSUBSCRIBED)


def _hashes(cells: Mapping[str, str]) -> dict[str, str]:
    """Return the SHA-256 that a row is about, each with its address where that is known."""
    found: dict[str, str] = {}
    written = cells.get("email", "")
    for text in (cells.get("sha256", ""), written if "@" not in written else ""):
        if re.fullmatch(r"[0-9a-fA-F]{64}", text):
            found[text.lower()] = ""
        elif text:
            raise Refused(_no_hash(text))
    if "@" in written:
        address = email_of(cells).casefold()
        found[fingerprint(address).hex()] = address
    if not found:
        raise Refused("names nobody: neither an address nor a SHA-256 of one")
    return found


def _no_hash(text: str) -> str:
    if re.fullmatch(r"[0-9a-fA-F]+", text) and len(text) in _LENGTHS:
        return f"{_LENGTHS[len(text)]} hash: only SHA-256 (64 hex digits) or the address itself can be matched"
    return "neither an address nor a SHA-256 (64 hex digits)"
