"""Complaints (RFC 5965): somebody pressed "this is spam". Reports of the same shape that are no customer's word are kept apart."""

from __future__ import annotations

import re

from msgspec import Struct

from connectors.bounces.addresses import addresses_in, typed_address, unique

TYPE = "message/feedback-report"
_COMPLAINTS = frozenset(
    {"abuse", "opt-out", "opt-out-list", "optout", "fraud", "complaint", "other", "miscategorized", ""}
)
_FIELD = re.compile(r"^([A-Za-z][A-Za-z-]{1,38})[ \t]*:[ \t]*(.{0,2000})", re.MULTILINE)
_IN_PLAIN_TEXT = re.compile(r"^Feedback-Type[ \t]*:", re.MULTILINE | re.IGNORECASE)


class Feedback(Struct, frozen=True):
    """A report's type, whether it is a customer's objection, and whom it names: nobody, where addresses are left out."""

    type: str
    is_complaint: bool
    recipients: tuple[str, ...]
    envelope_id: str


def in_plain_text(text: str) -> bool:
    """Whether fields of a feedback report stand in a text that is not declared as one."""
    return _IN_PLAIN_TEXT.search(text) is not None


def feedback_of(text: str) -> Feedback:
    """Read the fields. An unknown type is no complaint: `not-spam`, `auth-failure`, `dmarc`, `virus` say nothing of a wish."""
    fields = [(name.casefold(), value.strip()) for name, value in _FIELD.findall(text)]
    kind = next((value.split(";")[0].strip().casefold() for name, value in fields if name == "feedback-type"), "")
    named = [value for name, value in fields if name in ("original-rcpt-to", "removal-recipient")]
    recipients = unique(next(iter(addresses_in(value)), typed_address(value)) for value in named)
    envelope_id = next((value for name, value in fields if name == "original-envelope-id"), "")
    return Feedback(kind, kind in _COMPLAINTS, recipients, envelope_id)
