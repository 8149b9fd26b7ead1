"""What mail services have in common: which of ours a mail is, and what a refusal of theirs says about the address.

The words of the server that refused outrank the service's own class (`engine.core.verdict`). The class is a ceiling: an
address is dead only where both the words and the class allow it, and what is refused because of the service's own list of
suppressed addresses is no proof of anything.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from msgspec import Struct

from connectors.hooks.telling import event
from engine.core.verdict import Verdict, verdict_of

METADATA: Final = "winback_message_id"
"""The name under which our Message-ID goes along as metadata of a mail."""

HEADER: Final = "x-winback-message-id"

Kind = Literal["dead", "doubtful", "full", "policy", "spam", "soft"]

DOUBTFUL_STATUS: Final = "5.0.0"
"""Of a final no without a status: the record takes one that begins with 5 as a proof of doubt."""


class Mailed(Struct, frozen=True, kw_only=True):
    """A mail that something happened to, as a service knows it. `message_id` is ours where the service kept it."""

    source: str
    address: str
    message_id: str = ""


class Refused(Struct, frozen=True, kw_only=True):
    """A refusal as a service tells it.

    `words` are the server's, `otherwise` is what the service's class says where they decide nothing, and `at_worst_dead`
    whether that class can be about an address that does not exist at all. `permanent`: the service tries no more.
    """

    words: str
    status: str = ""
    code: int = 0
    otherwise: Kind = "soft"
    at_worst_dead: bool = False
    permanent: bool = True


def told(mailed: Mailed, kind: str, number: str, time: str, /, **data: object) -> bytes:
    """Return an event about a mail."""
    about = {"message_id": mailed.message_id, "email": mailed.address}
    return event(mailed.source, kind, number, time, {**about, **data})


def kept_back(mailed: Mailed, number: str, time: str, why: str) -> bytes:
    """Return the event of a mail that the service never offered to a server, by a list or a rule of its own."""
    return told(mailed, "email.bounced", number, time, kind="policy", diagnostic=why[:LONGEST_WORDS])


def bounced(mailed: Mailed, number: str, time: str, refused: Refused) -> bytes:
    """Return the event of a refusal."""
    kind, status = judged(refused)
    said = {"kind": kind, "status": status, "diagnostic": refused.words[:LONGEST_WORDS]}
    return told(mailed, "email.bounced", number, time, **said)


LONGEST_WORDS: Final = 500
"""Of a server that are kept; what decides stands at their beginning."""


def judged(refused: Refused) -> tuple[str, str]:
    """Return kind and status of a bounce. A doubtful one is `unknown` with a status of 5."""
    code = refused.code
    if refused.permanent and not (code or refused.status or _A_CODE.search(refused.words)):
        code = 550  # words alone would be taken for a temporary answer's
    found = verdict_of(refused.words, status=refused.status, code=code)
    kind = found.kind if _is_decided(found) else refused.otherwise
    if kind == "dead" and not refused.at_worst_dead:
        kind = "doubtful"
    status = found.status or refused.status
    if kind == "doubtful":
        return "unknown", status if status.startswith("5") else DOUBTFUL_STATUS
    return kind, status


_A_CODE = re.compile(r"\b[45](\d\d|\.\d{1,3}\.\d{1,3})\b")
_NO_WORDS = re.compile(r"[\d.]*")
_SAYS_NOTHING = frozenset({"5.0.0", "5.1.0", "5.2.0", "5.3.0", "5.5.0", ""})


def _is_decided(found: Verdict) -> bool:
    """Say whether words decided, or a code that means something; else the service's class is the better guess."""
    if not all(_NO_WORDS.fullmatch(each) for each in found.evidence):
        return True
    if found.kind == "doubtful":
        return found.status in ("5.2.1", "5.7.13")
    return bool(found.evidence) and found.status not in _SAYS_NOTHING
