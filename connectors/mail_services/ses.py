"""Amazon SES, by its API v2: whole messages (`Content.Raw`).

By https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html (read 2026-11). It takes no idempotency key,
and finds a message only by the id that it gives in its answer (GetMessageInsights): a call of unknown end stays so. It puts
a Message-ID and a Date of its own; ours goes along as X-Winback-Message-ID and, since a tag may hold letters, digits, _
and - only, the effect's id as tag. Opens and clicks are tracked only where the configuration set says so: leave both out
of its event destinations' domain.
"""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote, urlsplit

import msgspec

from connectors.mail_services.calling import Answer, Request, words
from connectors.mail_services.dialect import METADATA, Look, about_us, asked, no_answer_of, not_done, refused
from connectors.mail_services.sigv4 import Credentials, amz_date, authorization
from engine.core.decoded import at
from engine.core.moments import Instant
from engine.ports import Message, Sent
from engine.rendering.mime import mailbox

_SEND = "/v2/email/outbound-emails"
_SLOWER = frozenset({"TooManyRequestsException", "ThrottlingException", "Throttling", "LimitExceededException"})
_ABOUT_US = frozenset(
    {"AccountSuspendedException", "SendingPausedException", "MailFromDomainNotVerifiedException", "NotFoundException"}
)


class Ses:
    """SES in one region."""

    name = "SES"
    honours_key = False
    honours_key_shortly = False
    largest = 40_000_000
    takes_utf8 = False

    def __init__(self, url: str, region: str, key_id: str, secret: str, configuration_set: str = "") -> None:
        """`url` is where it answers; `configuration_set` the one that events are published by."""
        self._host = urlsplit(url).netloc
        self._credentials = Credentials(key_id, secret, region, "ses")
        self._set = configuration_set

    def request(self, message: Message, raw: bytes, now: Instant) -> Request:
        """Return the request that hands a message over."""
        body = {
            "FromEmailAddress": mailbox(message.sender_address).address,
            "Destination": {"ToAddresses": [mailbox(message.recipient).address]},
            "Content": {"Raw": {"Data": b64encode(raw).decode()}},
            "EmailTags": [{"Name": METADATA, "Value": message.effect_id}],
            **({"ConfigurationSetName": self._set} if self._set else {}),
        }
        return self._signed("POST", _SEND, now, msgspec.json.encode(body))

    def ending(self, answer: Answer) -> Sent:
        """Return what an answer to it means."""
        if answer.status == 200:
            return Sent("done") if words(answer.body, "MessageId") else no_answer_of(answer, self.name)
        error = answer.error or words(answer.body, "__type").rpartition("#")[2]
        text = words(answer.body, "message") or words(answer.body, "Message")
        if error in _SLOWER:
            return about_us(answer, f"SES asks us to be slower: {error}")
        if error in _ABOUT_US or "not verified" in text:  # the sender's identity, or a sandbox
            return about_us(answer, f"SES lets us send nothing: {error}; see its console")
        if error in ("MessageRejected", "BadRequestException"):
            return refused(text or error, "", self.name)
        return not_done(answer, text, self.name)

    def question(self, effect_id: str, message_id: str, now: Instant) -> Request | None:  # noqa: ARG002 - as dialects have it
        """Return None: SES finds a message by its own id only."""
        return None

    def found(self, answer: Answer) -> bool:  # noqa: ARG002 - as dialects have it
        """Say no: nothing is asked."""
        return False

    def looks(self, domain: str, now: Instant) -> list[Look]:
        """Ask whether the account may send, and whether the domain is verified and signed."""
        identity = f"/v2/email/identities/{quote(domain, safe='')}"
        return [
            (self._signed("GET", "/v2/email/account", now), self._account),
            (self._signed("GET", identity, now), lambda answer: self._identity(answer, domain)),
        ]

    def _account(self, answer: Answer) -> str:
        if wrong := asked(answer, self.name):
            return wrong
        if at(answer.body, "SendingEnabled") is not True:
            return "SES: sending is paused for this account"
        sandbox = at(answer.body, "ProductionAccessEnabled") is not True
        return "SES: the account is in the sandbox, which takes verified recipients only" if sandbox else ""

    def _identity(self, answer: Answer, domain: str) -> str:
        if answer.status == 404:
            return f"SES does not know {domain}: create the identity there"
        if wrong := asked(answer, self.name):
            return wrong
        if at(answer.body, "VerifiedForSendingStatus") is not True:
            return f"SES has not verified {domain}"
        signs = at(answer.body, "DkimAttributes", "SigningEnabled") is True
        known = words(answer.body, "DkimAttributes", "Status") == "SUCCESS"
        return "" if signs and known else f"SES does not sign mail of {domain}: set up DKIM for the identity"

    def _signed(self, method: str, target: str, now: Instant, body: bytes = b"") -> Request:
        headers = {"host": self._host, "x-amz-date": amz_date(now)}
        if body:
            headers["content-type"] = "application/json"
        headers["authorization"] = authorization(self._credentials, method, target, headers, body, now)
        return Request(method, target, headers, body)
