"""Postmark's webhooks (postmarkapp.com/developer/webhooks, bounce types; read 2026-11).

Nothing is signed: whoever knows user and password is believed, so they travel over https alone. Only bounces have an id.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connectors.hooks.mail import METADATA, Kind, Mailed, Refused, bounced, told
from connectors.hooks.signing import check_password
from connectors.hooks.telling import JSON, number_of, read_object, text
from engine.ports import Heard, HookCall, UnreadableError

_DEAD = frozenset({"HardBounce", "BadEmailAddress"})
_OTHERWISE: dict[str, Kind] = {
    "HardBounce": "dead",
    "BadEmailAddress": "dead",
    "Blocked": "policy",
    "DMARCPolicy": "policy",
    "VirusNotification": "policy",
    "ManuallyDeactivated": "policy",
    "SpamNotification": "spam",  # a filter's word about this mail, not the reader's
}
_SOFT = frozenset({"SoftBounce", "Transient", "DnsError", "Unknown", "Undeliverable"})
_NOES = {"Unsubscribe": "email.unsubscribed", "SpamComplaint": "email.complained"}


class Postmark:
    """Takes what Postmark tells of mails."""

    name = "postmark"

    def __init__(self, passwords: Sequence[str]) -> None:
        """Take `user:password` pairs, or tokens for an Authorization header of one's own."""
        self._passwords = passwords

    async def hear(self, call: HookCall) -> Heard:
        """Check the password, and say what happened."""
        check_password(self._passwords, call.headers.get("authorization"))
        said = read_object(call.body)
        if not text(said, "RecordType"):
            raise UnreadableError("there is no RecordType")
        return Heard(tuple(_events(said)))

    async def close(self) -> None:
        """Nothing is open."""


def _events(said: JSON) -> Iterator[bytes]:
    kind = text(said, "RecordType")
    mail = Mailed(
        source="postmark",
        address=text(said, "Email") or text(said, "Recipient"),
        message_id=text(said, "Metadata", METADATA),
    )
    time = _time(said)
    about = (
        kind,
        text(said, "MessageID"),
        mail.address,
        time,
        text(said, "OriginalLink"),
        text(said, "SuppressSending"),
    )
    number = text(said, "ID") or number_of(*about)
    match kind:
        case "Delivery":
            yield told(mail, "email.delivered", number, time)
        case "Bounce":
            yield from _bounce(mail, number, time, said)
        case "SpamComplaint":
            yield told(mail, "email.complained", number, time)
        case "Open":
            yield told(mail, "email.opened", number, time, **_device(said))
        case "Click":
            yield told(mail, "email.clicked", number, time, link=text(said, "OriginalLink"), **_device(said))
        case "SubscriptionChange" if said.get("SuppressSending") is True:
            yield from _suppressed(mail, number, time, said)


def _time(said: JSON) -> str:
    names = ("BouncedAt", "DeliveredAt", "ReceivedAt", "ChangedAt")
    return next((found for name in names if (found := text(said, name))), "")


def _bounce(mail: Mailed, number: str, time: str, said: JSON) -> Iterator[bytes]:
    kind = text(said, "Type")
    if kind in _NOES:
        yield told(mail, _NOES[kind], number, time)
    elif kind in _SOFT or kind in _OTHERWISE:
        words = text(said, "Details") or text(said, "Description")
        refused = Refused(
            words=words,
            otherwise=_OTHERWISE.get(kind, "soft"),
            at_worst_dead=kind in _DEAD,
            permanent=kind in _OTHERWISE,
        )
        yield bounced(mail, number, time, refused)
    # what is left is no refusal: auto-replies, address changes, challenges, Postmark's own troubles


def _suppressed(mail: Mailed, number: str, time: str, said: JSON) -> Iterator[bytes]:
    """Yield the "no" by which a stream stopped; a hard bounce tells of itself, and is no word of the reader's."""
    reason = text(said, "SuppressionReason")
    if reason == "ManualSuppression":
        yield told(mail, "email.unsubscribed", number, time)
    elif reason == "SpamComplaint":
        yield told(mail, "email.complained", number, time)


def _device(said: JSON) -> JSON:
    return {"user_agent": text(said, "UserAgent"), "ip": text(said, "Geo", "IP")}
