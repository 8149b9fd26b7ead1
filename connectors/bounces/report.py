"""What a report says: of whom, with what verdict, and about which mail of ours."""

from __future__ import annotations

from msgspec import Struct

from engine.core.verdict import Verdict


class Recipient(Struct, frozen=True):
    """One recipient a report speaks of; `address` is empty where it was left out, as some complaints do.

    `verdict` is dead, doubtful, full, policy, spam, soft, complaint, auto_reply, delivered or unknown.
    """

    address: str
    verdict: str
    status: str
    reason: str
    evidence: tuple[str, ...]

    @classmethod
    def judged(cls, address: str, verdict: Verdict) -> Recipient:
        """Return a recipient with a verdict's parts."""
        return cls(address, verdict.kind, verdict.status, verdict.reason, verdict.evidence)

    @property
    def as_event(self) -> str:
        """The `kind` of an `email.bounced`: what is doubtful is told as unknown."""
        return Verdict(self.verdict, self.status, self.reason, self.evidence).as_event


class About(Struct, frozen=True):
    """By what our mail may be found again, the surest first.

    `message_ids` are without angle brackets: `X-Winback-Message-ID` and Message-ID of the returned mail, then what the report
    answers to. `envelope_recipients` are the addresses the report was sent to, and the one the returned mail was sent from:
    one of them may carry a token. `envelope_id` is the ENVID of a DSN (RFC 3461), if the server gives it back.
    """

    message_ids: tuple[str, ...] = ()
    envelope_recipients: tuple[str, ...] = ()
    envelope_id: str = ""


class Report(Struct, frozen=True):
    """A mail that came in, read.

    `kind` is bounce, complaint, auto_reply, delivered or other. `recipients` is empty for auto-replies and other mail.
    `text` is what the writer says, without what is quoted: of replies by people it is all that counts.
    """

    kind: str
    recipients: tuple[Recipient, ...] = ()
    about: About = About()
    text: str = ""
