"""What mail services say, and what we make of it: kinds of bounces above all, since only a dead address may be called dead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.core.events import Event
from engine.core.reading import Reader
from engine.ports import HookCall, UnreadableError
from engine.wiring.hook_settings import Hooks, SesHook
from engine.wiring.hooks import hooks_of
from engine.wiring.settings import Settings
from tests.hook_senders import OURS, SENDERS, TOPIC, Ses, environment, with_certificate

NOW = 1_767_607_200_000_000  # 2026-01-05 10:00 UTC
JSON = dict[str, Any]


async def heard(name: str, said: Any, folder: Path) -> list[Event]:
    """Return the events of what a service says, as they are read."""
    ses = SesHook(topics=(TOPIC,), certificate_file=with_certificate(folder))
    (hook,) = (each for each in hooks_of(Settings(hooks=Hooks(ses=ses)), environment()) if each.name == name)
    sender = SENDERS[name]
    headers, body = sender.signed(json.dumps(said).encode(), sender.secrets[0], NOW)
    call = HookCall({key.lower(): value for key, value in headers.items()}, body, NOW)
    read = [Reader().read(raw, now=NOW) for raw in (await hook.hear(call)).events]
    assert all(each.dead is None for each in read), [each.dead for each in read]
    return [each.event for each in read if each.event is not None]


def sendgrid(**said: Any) -> JSON:
    """Return an event of SendGrid's."""
    return {"email": "ada@example.org", "timestamp": 1_767_607_140, "sg_event_id": "1", **said}


def mailgun(**said: Any) -> JSON:
    """Return an event of Mailgun's."""
    return {"event-data": {"recipient": "ada@example.org", "timestamp": 1_767_607_140.5, **said}}


def mailgun_failed(message: str, reason: str = "bounce", code: int = 550, severity: str = "permanent") -> JSON:
    """Return a failure."""
    status = {"code": code, "message": message}
    return mailgun(event="failed", severity=severity, reason=reason, **{"delivery-status": status})


def postmark(kind: str, details: str = "", **said: Any) -> JSON:
    """Return a bounce of Postmark's."""
    about = {"RecordType": "Bounce", "ID": 1, "Email": "ada@example.org", "BouncedAt": "2026-01-05T09:59:00Z"}
    return {**about, "Type": kind, "Details": details, **said}


def brevo(kind: str, reason: str = "", **said: Any) -> JSON:
    """Return an event of Brevo's."""
    return {"event": kind, "email": "ada@example.org", "ts_epoch": 1_767_607_140_000, "reason": reason, **said}


def sns(said: JSON, number: str = "sns-1") -> JSON:
    """Return what SNS makes of a word of SES's."""
    message = json.dumps({"mail": {"timestamp": "2026-01-05T09:59:00Z", "destination": ["ada@example.org"]}, **said})
    about = {"Type": "Notification", "MessageId": number, "TopicArn": TOPIC, "Timestamp": "2026-01-05T09:59:31.000Z"}
    return {**about, "Message": message}


def ses_bounce(kind: str, detail: str, words: str = "", status: str = "") -> JSON:
    """Return a bounce of SES's."""
    recipient = {"emailAddress": "Ada <ada@example.org>", "status": status, "diagnosticCode": words}
    bounce = {"bounceType": kind, "bounceSubType": detail, "bouncedRecipients": [recipient]}
    return sns({"eventType": "Bounce", "bounce": {**bounce, "timestamp": "2026-01-05T09:59:30Z"}})


UNKNOWN_USER = "550 5.1.1 The email account that you tried to reach does not exist"
FULL = "552 5.2.2 The email account that you tried to reach is over quota"
BANNED = "550 5.7.1 Service unavailable, Client host blocked using Spamhaus"
NOTHING = "550 Requested action not taken"


@pytest.mark.parametrize(
    ("name", "said", "kind"),
    [
        ("sendgrid", sendgrid(event="bounce", type="bounce", bounce_classification="Invalid Address", reason=UNKNOWN_USER), "dead"),
        ("sendgrid", sendgrid(event="bounce", type="bounce", bounce_classification="Invalid Address", reason=NOTHING), "dead"),
        ("sendgrid", sendgrid(event="bounce", type="bounce", bounce_classification="Invalid Address", reason=FULL), "full"),
        ("sendgrid", sendgrid(event="bounce", type="bounce", bounce_classification="Reputation", reason=UNKNOWN_USER), "unknown"),
        ("sendgrid", sendgrid(event="bounce", type="bounce", bounce_classification="Content", reason=NOTHING), "spam"),
        ("sendgrid", sendgrid(event="bounce", type="bounce", bounce_classification="Unclassified", reason=NOTHING), "unknown"),
        ("sendgrid", sendgrid(event="bounce", type="bounce", reason=UNKNOWN_USER), "dead"),
        ("sendgrid", sendgrid(event="bounce", type="blocked", reason=BANNED), "policy"),
        ("sendgrid", sendgrid(event="bounce", type="blocked", reason=UNKNOWN_USER), "unknown"),
        ("sendgrid", sendgrid(event="bounce", type="blocked", reason=""), "policy"),
        ("sendgrid", sendgrid(event="bounce", type="expired", reason="unable to get mx info"), "soft"),
        ("sendgrid", sendgrid(event="dropped", reason="Bounced Address"), "policy"),
        ("mailgun", mailgun_failed("5.1.1 user unknown"), "dead"),
        ("mailgun", mailgun_failed("mailbox full", code=552), "full"),
        ("mailgun", mailgun_failed("Not delivering to previously bounced address", "suppress-bounce", 605), "policy"),
        ("mailgun", mailgun_failed("Too old", "old", 602), "soft"),
        ("mailgun", mailgun_failed("no"), "unknown"),
        ("mailgun", mailgun(event="rejected", reject={"reason": "Sandbox"}), "policy"),
        ("postmark", postmark("HardBounce", "smtp;550 5.1.1 user unknown"), "dead"),
        ("postmark", postmark("HardBounce", ""), "dead"),
        ("postmark", postmark("HardBounce", FULL), "full"),
        ("postmark", postmark("BadEmailAddress", "The address is not a valid email address"), "dead"),
        ("postmark", postmark("SoftBounce", UNKNOWN_USER), "unknown"),
        ("postmark", postmark("SoftBounce", "no"), "soft"),
        ("postmark", postmark("Blocked", ""), "policy"),
        ("postmark", postmark("SpamNotification", ""), "spam"),
        ("postmark", postmark("DMARCPolicy", ""), "policy"),
        ("postmark", postmark("DnsError", ""), "soft"),
        ("brevo", brevo("hard_bounce", UNKNOWN_USER), "dead"),
        ("brevo", brevo("hard_bounce", FULL), "full"),
        ("brevo", brevo("hard_bounce", ""), "unknown"),
        ("brevo", brevo("invalid_email", ""), "dead"),
        ("brevo", brevo("soft_bounce", "try later"), "soft"),
        ("brevo", brevo("blocked", ""), "policy"),
        ("ses", ses_bounce("Permanent", "General", f"smtp; {UNKNOWN_USER}", "5.1.1"), "dead"),
        ("ses", ses_bounce("Permanent", "General", f"smtp; {BANNED}", "5.7.1"), "policy"),
        ("ses", ses_bounce("Permanent", "General"), "unknown"),
        ("ses", ses_bounce("Permanent", "NoEmail"), "dead"),
        ("ses", ses_bounce("Permanent", "Suppressed", "Amazon SES has suppressed sending to this address", "5.1.1"), "policy"),
        ("ses", ses_bounce("Permanent", "OnAccountSuppressionList", "on the suppression list", "5.1.1"), "policy"),
        ("ses", ses_bounce("Transient", "MailboxFull"), "full"),
        ("ses", ses_bounce("Transient", "MessageTooLarge"), "soft"),
        ("ses", ses_bounce("Transient", "General", f"smtp; {UNKNOWN_USER}", "5.1.1"), "unknown"),
        ("ses", sns({"eventType": "Reject", "reject": {"reason": "Bad content"}}), "policy"),
    ],
)  # fmt: skip
async def test_a_bounce_is_what_its_words_say_within_what_its_class_allows(
    name: str, said: Any, kind: str, tmp_path: Path
) -> None:
    """Words outrank the class, but only a class about addresses may be dead; a service's own list proves nothing."""
    (event,) = await heard(name, said, tmp_path)
    assert (event.type, event.data.kind, event.data.email) == ("email.bounced", kind, "ada@example.org")
    if kind == "unknown":
        assert event.data.status.startswith("5"), "else the record makes no doubtful proof of it"


@pytest.mark.parametrize(
    ("name", "said", "kind"),
    [
        ("sendgrid", sendgrid(event="delivered"), "email.delivered"),
        ("sendgrid", sendgrid(event="spamreport"), "email.complained"),
        ("sendgrid", sendgrid(event="unsubscribe"), "email.unsubscribed"),
        ("sendgrid", sendgrid(event="group_unsubscribe", asm_group_id=7), "email.unsubscribed"),
        ("sendgrid", sendgrid(event="click", url="https://shop.example/tea"), "email.clicked"),
        ("mailgun", mailgun(event="delivered"), "email.delivered"),
        ("mailgun", mailgun(event="complained"), "email.complained"),
        ("mailgun", mailgun(event="unsubscribed"), "email.unsubscribed"),
        ("mailgun", mailgun(event="clicked", url="https://shop.example/tea"), "email.clicked"),
        ("postmark", {"RecordType": "Delivery", "Recipient": "ada@example.org", "DeliveredAt": "2026-01-05T09:59:00Z"}, "email.delivered"),
        ("postmark", {"RecordType": "SpamComplaint", "Email": "ada@example.org", "BouncedAt": "2026-01-05T09:59:00Z"}, "email.complained"),
        ("postmark", postmark("SpamComplaint"), "email.complained"),
        ("postmark", postmark("Unsubscribe"), "email.unsubscribed"),
        ("postmark", {"RecordType": "SubscriptionChange", "Recipient": "ada@example.org", "SuppressSending": True, "SuppressionReason": "ManualSuppression", "ChangedAt": "2026-01-05T09:59:00Z"}, "email.unsubscribed"),
        ("postmark", {"RecordType": "Click", "Recipient": "ada@example.org", "OriginalLink": "https://shop.example", "ReceivedAt": "2026-01-05T09:59:00Z"}, "email.clicked"),
        ("brevo", brevo("delivered"), "email.delivered"),
        ("brevo", brevo("complaint"), "email.complained"),
        ("brevo", brevo("spam"), "email.complained"),
        ("brevo", brevo("unsubscribe"), "email.unsubscribed"),
        ("brevo", brevo("click", link="https://shop.example"), "email.clicked"),
        ("ses", sns({"eventType": "Delivery", "delivery": {"recipients": ["ada@example.org"], "timestamp": "2026-01-05T09:59:00Z"}}), "email.delivered"),
        ("ses", sns({"notificationType": "Complaint", "complaint": {"complainedRecipients": [{"emailAddress": "ada@example.org"}], "complaintFeedbackType": "abuse", "timestamp": "2026-01-05T09:59:00Z"}}), "email.complained"),
        ("ses", sns({"eventType": "Open", "open": {"userAgent": "Mozilla/5.0", "ipAddress": "192.0.2.1", "timestamp": "2026-01-05T09:59:00Z"}}), "email.opened"),
        ("ses", sns({"eventType": "Click", "click": {"link": "https://shop.example", "timestamp": "2026-01-05T09:59:00Z"}}), "email.clicked"),
        ("ses", sns({"eventType": "Subscription", "subscription": {"contactList": "news", "newTopicPreferences": {"unsubscribeAll": True}, "timestamp": "2026-01-05T09:59:00Z"}}), "email.unsubscribed"),
    ],
)  # fmt: skip
async def test_what_happened_to_a_mail_is_told_in_our_words(name: str, said: Any, kind: str, tmp_path: Path) -> None:
    """With the address, at the service's own time, never at the time it came."""
    (event,) = await heard(name, said, tmp_path)
    assert (event.type, event.source, event.data.email) == (kind, name, "ada@example.org")
    assert NOW - 60_000_000 <= event.time < NOW - 59_000_000


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sendgrid", sendgrid(event="processed")),
        ("sendgrid", sendgrid(event="deferred", reason="450 try later")),
        ("sendgrid", sendgrid(event="group_resubscribe")),
        ("sendgrid", sendgrid(event="of_next_year")),
        ("mailgun", mailgun(event="accepted")),
        ("mailgun", mailgun_failed("450 try later", severity="temporary")),
        ("postmark", postmark("AutoResponder")),
        ("postmark", postmark("AddressChange")),
        ("postmark", {"RecordType": "SubscriptionChange", "Recipient": "ada@example.org", "SuppressSending": False}),
        ("postmark", {"RecordType": "Inbound"}),
        ("brevo", brevo("request")),
        ("brevo", brevo("deferred", "450 try later")),
        ("ses", sns({"eventType": "Send", "send": {}})),
        ("ses", sns({"eventType": "DeliveryDelay", "deliveryDelay": {}})),
        ("ses", {**sns({}), "Message": "Successfully validated SNS topic for Amazon SES event publishing."}),
        (
            "ses",
            sns(
                {
                    "eventType": "Complaint",
                    "complaint": {
                        "complainedRecipients": [{"emailAddress": "ada@example.org"}],
                        "complaintFeedbackType": "not-spam",
                    },
                }
            ),
        ),
    ],
)
async def test_what_says_nothing_of_the_customer_is_no_event(name: str, said: Any, tmp_path: Path) -> None:
    """A mail that is still on its way has not bounced, and nobody gives consent through a mail service."""
    assert await heard(name, said, tmp_path) == []


@pytest.mark.parametrize(
    ("name", "said", "machine"),
    [
        ("sendgrid", sendgrid(event="open", sg_machine_open=True), True),
        ("sendgrid", sendgrid(event="open", sg_machine_open=False), None),
        ("mailgun", mailgun(event="opened", **{"client-info": {"bot": "apple"}}), True),
        ("mailgun", mailgun(event="opened", **{"client-info": {"bot": "gmail"}}), None),
        ("mailgun", mailgun(event="opened", **{"client-info": {"bot": ""}}), None),
        ("brevo", brevo("proxy_open"), True),
        ("brevo", brevo("unique_proxy_open"), True),
        ("brevo", brevo("unique_opened"), None),
        (
            "postmark",
            {"RecordType": "Open", "Recipient": "ada@example.org", "ReceivedAt": "2026-01-05T09:59:00Z"},
            None,
        ),
    ],
)
async def test_a_service_that_knows_a_machine_is_believed(
    name: str,
    said: Any,
    machine: bool | None,  # noqa: FBT001 - a value of the table
    tmp_path: Path,
) -> None:
    """Where it says nothing, nothing is said: whether it was a person is judged later."""
    (event,) = await heard(name, said, tmp_path)
    assert (event.type, event.data.machine) == ("email.opened", machine)


@pytest.mark.parametrize("name", ["ses", "sendgrid", "mailgun", "postmark", "brevo"])
async def test_our_message_id_comes_back(name: str, tmp_path: Path) -> None:
    """It went along as metadata, and finds the customer and the effect."""
    event, *_ = await heard(name, SENDERS[name].said(1), tmp_path)
    assert event.data.message_id == OURS


async def test_each_recipient_of_a_bounce_is_one_event(tmp_path: Path) -> None:
    """With an id of its own, and the same ids when it comes again."""
    recipients = [{"emailAddress": f"c{number}@example.org", "diagnosticCode": UNKNOWN_USER} for number in range(3)]
    said = sns({"eventType": "Bounce", "bounce": {"bounceType": "Permanent", "bouncedRecipients": recipients}})
    first, again = await heard("ses", said, tmp_path), await heard("ses", said, tmp_path)
    assert [event.data.email for event in first] == ["c0@example.org", "c1@example.org", "c2@example.org"]
    assert len({event.id for event in first}) == 3
    assert [event.id for event in first] == [event.id for event in again]


async def test_the_first_and_the_unique_open_of_a_moment_are_one(tmp_path: Path) -> None:
    """Brevo tells both; they have one id."""
    first = await heard("brevo", brevo("unique_opened"), tmp_path)
    assert [each.id for each in first] == [each.id for each in await heard("brevo", brevo("opened"), tmp_path)]


ODD: tuple[Any, ...] = (
    None,
    "",
    0,
    [],
    {},
    "text",
    -1,
    1e308,
    True,
    "\u0000",
    [None],
    {"id": None},
    [[]],
    "{",
    "550 " * 500,
)


def changed(said: Any) -> Iterator[Any]:
    """Yield what is said with each field in turn, at any depth, holding each of the odd values."""
    if isinstance(said, dict):
        for name, kept in said.items():
            yield from ({**said, name: value} for value in ODD)
            yield from ({**said, name: other} for other in changed(kept))
    elif isinstance(said, list):
        for place, kept in enumerate(said):
            yield from ([*said[:place], other, *said[place + 1 :]] for other in changed(kept))


@pytest.mark.parametrize("name", ["ses", "sendgrid", "mailgun", "postmark", "brevo"])
async def test_nothing_that_a_field_holds_is_a_failure(name: str, tmp_path: Path) -> None:
    """It is an event, a dead letter that says why, or a refusal; never a traceback."""
    ses = SesHook(topics=(TOPIC,), certificate_file=with_certificate(tmp_path))
    (hook,) = (each for each in hooks_of(Settings(hooks=Hooks(ses=ses)), environment()) if each.name == name)
    sender = SENDERS[name]
    said = sender.said(1)
    told = [sns(each) for each in changed(Ses().bounce(1))] if name == "ses" else list(changed(said))
    for each in told:
        headers, body = sender.signed(json.dumps(each).encode(), sender.secrets[0], NOW)
        call = HookCall({key.lower(): value for key, value in headers.items()}, body, NOW)
        try:
            heard = await hook.hear(call)
        except UnreadableError:
            continue
        for raw in heard.events:
            read = Reader().read(raw, now=NOW)
            assert read.event is not None or read.dead is not None
