"""A mail server's answer, and what its no means (engine/core/verdict.py)."""

from __future__ import annotations

import re

from msgspec import Struct

from engine.core.verdict import POLICY, SPAM, verdict_of

_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_TEXT_AT_MOST = 500


class Reply(Struct, frozen=True):
    """A server's answer: its three digits, the enhanced status in it (RFC 3463, may be empty), and its text."""

    code: int
    status: str
    text: str

    @property
    def permanent(self) -> bool:
        """Whether it says no for good."""
        return 500 <= self.code < 600

    @property
    def kind(self) -> str:
        """What it means, as the `kind` of an `email.bounced`."""
        return kind_of(self.code, self.status, self.text)

    @property
    def speaks_of_us(self) -> bool:
        """Whether it is about us as a sender: our rate, reputation or authentication. Greylisting asks everybody to wait."""
        return self.kind in (POLICY, SPAM) and not _GREYLISTING.search(self.text.casefold())

    @property
    def diagnostic(self) -> str:
        """The answer in one line, shortened, for people to read."""
        return f"{self.code} {self.text}"[:_TEXT_AT_MOST]


def reply(code: int, text: str) -> Reply:
    """Return an answer with its enhanced status found."""
    line = " ".join(text.split())
    found = _STATUS.search(line)
    return Reply(code, found[1] if found else "", line)


def kind_of(code: int, status: str, text: str) -> str:
    """Return dead, full, policy, spam, soft or unknown for an answer's digits, enhanced status and text."""
    return verdict_of(text, status=status, code=code).as_event


_GREYLISTING = re.compile(r"gr[ea]y-?\s?list|postgrey")
