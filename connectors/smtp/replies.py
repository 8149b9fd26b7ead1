"""What a mail server's no means: about the address, the mailbox, us, or nothing that can be told.

The text outranks the code, because servers use codes loosely. The order of the checks keeps one promise: no answer that
speaks of a full mailbox, policy, spam, authentication or reputation ever counts against the address.
"""

from __future__ import annotations

import re

from msgspec import Struct

DEAD = "dead"
FULL = "full"
POLICY = "policy"
SPAM = "spam"
SOFT = "soft"
UNKNOWN = "unknown"

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
    said = text.casefold()
    if _FULL.search(said) or status in _FULL_STATUS:
        return FULL
    if _SPAM.search(said):
        return SPAM
    if _RATE.search(said) or _POLICY.search(said):
        return POLICY
    if _DISABLED.search(said) or status in _DISABLED_STATUS:
        return SOFT  # there, but switched off: no proof that nobody will read it again
    if _DEAD.search(said) and (code >= 500 or status.startswith("5")):
        return DEAD
    if _is_policy(status):
        return POLICY
    if status in _DEAD_STATUS:
        return DEAD
    if status.startswith("4") or 400 <= code < 500 or status in _SOFT_STATUS:
        return SOFT
    return UNKNOWN


def _is_policy(status: str) -> bool:
    return status[1:4] == ".7." or status in {"5.1.7", "5.1.8", "5.6.0", "5.6.7"}


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(phrases))


_FULL_STATUS = frozenset({"4.2.2", "5.2.2", "4.3.1", "5.3.1"})
_DISABLED_STATUS = frozenset({"5.2.1", "4.2.1", "5.7.13"})
_DEAD_STATUS = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"})
_SOFT_STATUS = frozenset({"5.2.3", "5.3.2", "5.3.4", "5.4.6", "5.4.7", "5.5.3"})

_FULL = _any(
    r"(mail)?box (is )?(over ?)?full",
    r"mailfolder is full",
    r"over ?quota",
    r"quota (is )?(exceeded|reached|full)",
    r"exceed\w*.{0,40}(mailbox|storage|space|quota)",
    r"out of (storage|space)",
    r"insufficient (system )?(storage|disk ?space)",
    r"not enough (storage|disk ?space|space)",
    r"(storage|disk) (limit|quota)",
    r"postfach (ist )?(voll|überfüllt)",
)
_SPAM = _any(
    r"\bspam\b",
    r"unsolicited",
    r"\bjunk\b",
    r"\buce\b",
    r"virus",
    r"malware",
    r"phish",
    r"content (filter|rejected|denied)",
)
_RATE = _any(
    r"rate.?limit", r"\brate that\b", r"too many (messages|mails|connections|recipients)", r"throttl", r"too fast"
)
_GREYLISTING = _any(r"gr[ea]y ?list")
_POLICY = _any(
    r"\b(spf|dkim|dmarc|arc|rdns|ptr)\b",
    r"reverse dns",
    r"block ?list|black ?list|deny ?list|\brbl\b|\bdnsbl\b|spamhaus|barracuda|spamcop",
    r"reputation",
    r"\bpolic(y|ies)\b",
    r"authenticat",
    r"unauthenticated",
    r"(sender|client|ip)\b.{0,40}\b(blocked|banned|denied|rejected|refused)",
    r"\b(blocked|banned) (by|using|for|your|sender|ip)",
    r"relay(ing)? (access )?(is )?(denied|not)",
    r"unable to relay|not permitted to relay",
    _GREYLISTING.pattern,
    r"not allowed to send|not authori[sz]ed",
)
_DISABLED = _any(
    r"(account|mailbox|user|recipient|address).{0,40}(disabled|inactive|suspended|locked|deactivated)",
    r"(disabled|inactive|suspended|deactivated) (account|mailbox|user|recipient|address)",
)
_DEAD = _any(
    r"(no such|unknown|invalid|non-?existent|nonexisting) (\w+ )?(user|recipient|mailbox|address|account|person)",
    r"(user|recipient|mailbox|address|account|person).{0,60}(unknown|not found|no longer (exists?|valid|available|here)|does ?n.t exist|does not exist|not exist)",
    r"(user|mailbox|recipient|account)( name)? (is )?(invalid|unavailable|not (valid|available|known|here|recogni[sz]ed))",
    r"no mailbox (here )?by that name|not a (valid|known) (user|mailbox|recipient|address)|not our customer",
    r"no (such )?(user|mailbox|recipient|account|address)( here)?\b",
    r"recipient address rejected: (access denied|user unknown|undeliverable)",
    r"(host|domain).{0,30}(not found|does not exist|doesn.t exist|unknown)|nxdomain|unrouteable address|null mx",
    r"does not accept mail",
    r"(empfänger|adresse|benutzer).{0,30}(unbekannt|existiert nicht|ungültig)",
)
