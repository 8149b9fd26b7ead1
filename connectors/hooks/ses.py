"""Amazon SES by way of SNS (docs.aws.amazon.com/ses: notification contents, event publishing; read 2026-11).

One message may be about several recipients; each gets an event of its own. `Suppressed` and `OnAccountSuppressionList`
are Amazon's lists and prove nothing; `Permanent` alone says little, the server's words decide.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from connectors.hooks.mail import HEADER, METADATA, Kind, Mailed, Refused, bounced, kept_back, told
from connectors.hooks.sns import Topics
from connectors.hooks.telling import JSON, objects, text
from engine.core.decoded import at
from engine.ports import Heard, HookCall

SOURCE = "ses"

_CLASSES: dict[
    tuple[str, str], tuple[Kind, bool]
] = {  # what it says where the words do not, and whether it may be dead
    ("Permanent", "General"): ("doubtful", True),
    ("Permanent", "NoEmail"): ("dead", True),
    ("Transient", "MailboxFull"): ("full", False),
    ("Transient", "ContentRejected"): ("spam", False),
    ("Transient", "AttachmentRejected"): ("spam", False),
    ("Undetermined", "Undetermined"): ("soft", False),
}
_OF_AMAZON = frozenset({"Suppressed", "OnAccountSuppressionList", "UnsubscribedRecipient"})


class Ses:
    """Takes what SES tells of mails."""

    name = SOURCE

    def __init__(self, topics: Topics) -> None:
        self._topics = topics

    async def hear(self, call: HookCall) -> Heard:
        """Check the topic's signature, and say what happened."""
        message = await self._topics.read(call)
        try:
            said = msgspec.json.decode(text(message, "Message")) if message["Type"] == "Notification" else None
        except (msgspec.DecodeError, RecursionError):
            said = None  # "Successfully validated SNS topic for Amazon SES event publishing."
        if not isinstance(said, dict):
            return Heard()
        number = text(message, "MessageId")
        return Heard(tuple(_events(said, number)))

    async def close(self) -> None:
        """Nothing stays open."""


def _events(said: JSON, number: str) -> Iterator[bytes]:
    kind = text(said, "eventType") or text(said, "notificationType")
    found = said.get(_WHERE.get(kind, ""))
    if not isinstance(found, dict):
        return  # Send, DeliveryDelay, Rendering Failure: nothing that says more about the customer
    time = text(found, "timestamp") or text(said, "mail", "timestamp")
    message_id = _ours(said)
    for place, (address, recipient) in enumerate(_recipients(kind, found, said)):
        mail = Mailed(source=SOURCE, address=address, message_id=message_id)
        of_this = f"{number}.{place}" if place else number
        match kind:
            case "Delivery":
                yield told(mail, "email.delivered", of_this, time)
            case "Bounce":
                yield _bounce(mail, of_this, time, found, recipient)
            case "Reject":
                yield kept_back(mail, of_this, time, text(found, "reason"))
            case "Complaint" if text(found, "complaintFeedbackType") != "not-spam":
                yield told(mail, "email.complained", of_this, time)
            case "Open":
                yield told(mail, "email.opened", of_this, time, **_device(found))
            case "Click":
                yield told(mail, "email.clicked", of_this, time, link=text(found, "link"), **_device(found))
            case "Subscription" if at(found, "newTopicPreferences", "unsubscribeAll") is True:
                yield told(mail, "email.unsubscribed", of_this, time, list=text(found, "contactList"))


_WHERE = {
    each.capitalize(): each for each in ("bounce", "complaint", "delivery", "open", "click", "reject", "subscription")
}


def _recipients(kind: str, found: JSON, said: JSON) -> Iterator[tuple[str, JSON]]:
    """Yield whom it is about: those who are named, else all that the mail went to."""
    named = {"Bounce": "bouncedRecipients", "Complaint": "complainedRecipients"}.get(kind)
    if named:
        yield from ((_bare(text(each, "emailAddress")), each) for each in objects(found, named))
        return
    listed = at(found, "recipients") or at(said, "mail", "destination")
    for each in listed if isinstance(listed, list) else ():
        yield _bare(str(each)), {}


def _bare(address: str) -> str:
    """Return an address without a name beside it."""
    return address.rpartition("<")[2].rstrip("> ") if address.endswith(">") else address


def _ours(said: JSON) -> str:
    """Return our Message-ID: a header where SES tells headers, a tag, or the mail's own Message-ID."""
    headers = {text(each, "name").casefold(): text(each, "value") for each in objects(said, "mail", "headers")}
    return (
        headers.get(HEADER, "")
        or text(said, "mail", "tags", METADATA, 0)  # the effect alone: a tag cannot hold the rest
        or headers.get("message-id", "")
        or text(said, "mail", "commonHeaders", "messageId")
    )


def _bounce(mail: Mailed, number: str, time: str, found: JSON, recipient: JSON) -> bytes:
    kind, detail = text(found, "bounceType"), text(found, "bounceSubType")
    words = text(recipient, "diagnosticCode")
    if detail in _OF_AMAZON:
        return kept_back(mail, number, time, words or detail)
    otherwise, at_worst_dead = _CLASSES.get((kind, detail), ("soft", False))
    refused = Refused(
        words=words,
        status=text(recipient, "status"),
        otherwise=otherwise,
        at_worst_dead=at_worst_dead,
        permanent=kind == "Permanent",
    )
    return bounced(mail, number, time, refused)


def _device(found: JSON) -> JSON:
    return {"user_agent": text(found, "userAgent"), "ip": text(found, "ipAddress")}
