"""What a failed mail means: about the address, the mailbox, us as a sender, or nothing that can be told.

Servers use codes loosely, so the text outranks the code. Whoever hears of a failed mail asks here, so that the same words
mean the same wherever they come from. One promise orders the rules: no answer that speaks of a full mailbox, policy, spam,
authentication or reputation, or of a fault of ours, ever counts against the address.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from engine.core.phrases import CUSTOMS, DEAD, DOUBTFUL, FAMILIES, FULL, POLICY, SOFT, SPAM, Family
from engine.core.wording import LONGEST, Said, heard

__all__ = ["DEAD", "DOUBTFUL", "FULL", "POLICY", "SOFT", "SPAM", "Verdict", "verdict_in_words", "verdict_of"]


class Verdict(Struct, frozen=True):
    """What a failed mail means.

    `kind` is dead, doubtful, full, policy, spam or soft; of reports also complaint, auto_reply, delivered or unknown.
    `status` is the enhanced status (RFC 3463) it was judged by, maybe empty; `reason` a sentence for people; `evidence`
    the words and codes that decided, without names.
    """

    kind: str
    status: str
    reason: str
    evidence: tuple[str, ...]

    @property
    def as_event(self) -> str:
        """The `kind` of an `email.bounced`: the core makes a doubtful proof of an unknown one that is permanent."""
        return "unknown" if self.kind == DOUBTFUL else self.kind


def verdict_of(text: str, *, status: str = "", code: int = 0, provider: str = "") -> Verdict:
    """Return what an answer means, from its text, its enhanced status and its three digits; whichever are known.

    `status` and `code` are what stood beside the text; where there are none, those in the text count. `provider` may name
    who answered (google, microsoft, ... or a host of theirs): a few of them give codes a meaning of their own.
    """
    said = heard(text)
    found = _in_words(text, said, status, code, provider)
    status = _clearer(status, said.status)
    return found or _by_code(status, code or said.code, permanent=_permanent(said, status, code))


def verdict_in_words(text: str, *, status: str = "", code: int = 0, provider: str = "") -> Verdict | None:
    """Return what an answer's words mean, `None` where they decide nothing and the codes alone would."""
    return _in_words(text, heard(text), status, code, provider)


def _in_words(text: str, said: Said, status: str, code: int, provider: str) -> Verdict | None:
    status = _clearer(status, said.status)
    permanent = _permanent(said, status, code)
    speaker = f"{provider} {text[:LONGEST]}".casefold()
    customs = (each.family for each in CUSTOMS if each.status.match(status) and each.provider.search(speaker))
    for family in (*customs, *FAMILIES):
        if _may_speak(family, status, permanent=permanent) and (found := family.pattern.search(said.words)):
            words = found[0].strip()[:_EVIDENCE]
            return Verdict(family.kind, status, family.reason, (words, status) if status else (words,))
    return None


def _may_speak(family: Family, status: str, *, permanent: bool) -> bool:
    if family.permanent and not permanent:
        return False
    return not status or family.beside is None or family.beside.fullmatch(status) is not None


def _clearer(beside: str, inside: str) -> str:
    """The status in the text is the remote server's own; the one beside it may be the reporting server's guess."""
    return inside if inside and (not beside or beside.endswith(".0") or inside[0] != beside[0]) else beside


def _permanent(said: Said, status: str, code: int) -> bool:
    if status:
        return status.startswith("5")
    return 500 <= (said.code or code) < 600


def _by_code(status: str, code: int, *, permanent: bool) -> Verdict:
    """What no words decide is decided by the code, and by default it says nothing about the address."""
    evidence = tuple(str(each) for each in (code, status) if each)
    for kind, pattern, reason in _CODES:
        if status and pattern.fullmatch(status):
            return Verdict(kind, status, reason, evidence)
    if permanent:
        return Verdict(DOUBTFUL, status, "refused for good, and nothing tells why", evidence)
    return Verdict(SOFT, status, "not delivered this time", evidence)


_EVIDENCE: Final = 120

_CODES: Final = tuple(
    (kind, re.compile(pattern), reason)
    for kind, pattern, reason in (
        (FULL, r"[45]\.2\.2|[45]\.3\.1", "the code says that the mailbox or the system is full"),
        (POLICY, r"5\.1\.(?:7|8|9)", "the code says that our address as a sender was not taken"),
        (SOFT, r"4\.(?:2\.1|7\.13)", "the code says that the mailbox takes no mail for the time being"),
        (DOUBTFUL, r"5\.2\.1|5\.7\.13", "the code says that the mailbox is switched off"),
        (POLICY, r"[45]\.7\.\d+", "the code says that a rule or our standing as a sender was against it"),
        (POLICY, r"5\.6\.\d+", "the code says that the mail's content was not taken"),
        (POLICY, r"5\.2\.12[1-9]", "the code says that too many mails came at once"),
        (DEAD, r"5\.1\.(?:1|2|3|6|10)", "the code says that the address does not exist"),
        (DEAD, r"5\.4\.310", "the code says that the domain does not exist"),
        (SOFT, r"4\.\d+\.\d+", "the code says that it was for the time being"),
        (
            SOFT,
            r"5\.(?:2\.[34]|3\.[2-5]|4\.[1-9]\d*|5\.[1-9])",
            "the code speaks of the way or the mail, not of the address",
        ),
    )
)
