"""Twilio SendGrid, by its Web API v3: `POST /v3/mail/send`.

By https://www.twilio.com/docs/sendgrid/api-reference/mail-send (read 2026-11). It takes no idempotency key. What it took can
be searched only with an add-on that is paid for (Email Activity), and not at all for accounts in the EU: a call of unknown
end stays so. Reply-To and the parts of a message go by fields of their own; all other headers as they are. Custom
arguments are kept by SendGrid as not personal: there is our id alone in them.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from connectors.mail_services.calling import Answer, Request, words
from connectors.mail_services.dialect import (
    METADATA,
    Look,
    asked,
    bare_id,
    no_address,
    not_done,
    other_headers,
    reply_to,
)
from engine.core.decoded import at
from engine.core.moments import Instant
from engine.ports import Message, Sent
from engine.rendering.mime import mailbox

_UNTRACKED = {
    "click_tracking": {"enable": False, "enable_text": False},
    "open_tracking": {"enable": False},
    "subscription_tracking": {"enable": False},
    "ganalytics": {"enable": False},
}


class SendGrid:
    """SendGrid, of the whole world or of the EU."""

    name = "SendGrid"
    honours_key = False
    honours_key_shortly = False
    largest = 30_000_000
    takes_utf8 = False

    def __init__(self, key: str) -> None:
        """`key` is an API key that may send mail."""
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    def request(self, message: Message, raw: bytes, now: Instant) -> Request:  # noqa: ARG002 - as dialects have it
        """Return the request that hands a message over."""
        parts = (("text/plain", message.text), ("text/html", message.html))
        body: dict[str, Any] = {
            "personalizations": [{"to": [{"email": mailbox(message.recipient).address}]}],
            "from": {"email": mailbox(message.sender_address).address, "name": message.sender_name},
            "subject": message.subject,
            "content": [{"type": kind, "value": text} for kind, text in parts if text],
            "headers": {"Message-ID": message.message_id, **other_headers(message)},
            "custom_args": {METADATA: bare_id(message)},
            "tracking_settings": _UNTRACKED,
        }
        if answers := reply_to(message):
            body["reply_to"] = {"email": answers}
        return Request("POST", "/v3/mail/send", self._headers, msgspec.json.encode(body))

    def ending(self, answer: Answer) -> Sent:
        """Return what an answer to it means."""
        if answer.status == 202:
            return Sent("done")
        text, place = words(answer.body, "errors", 0, "message"), words(answer.body, "errors", 0, "field")
        if answer.status == 400 and place.startswith("personalizations.0.to"):
            return no_address(text, self.name)
        if 200 <= answer.status < 300:
            said = f"{self.name} answered {answer.status}, which is no yes of its own"
            return Sent("unknown", diagnostic=said)
        return not_done(answer, text, self.name)

    def question(self, effect_id: str, message_id: str, now: Instant) -> Request | None:  # noqa: ARG002 - as dialects have it
        """Return None: what it took can be searched only with a paid add-on."""
        return None

    def found(self, answer: Answer) -> bool:  # noqa: ARG002 - as dialects have it
        """Say no: nothing is asked."""
        return False

    def looks(self, domain: str, now: Instant) -> list[Look]:  # noqa: ARG002 - as dialects have it
        """Ask whether the key may send, and whether the domain is authenticated."""
        domains = f"/v3/whitelabel/domains?domain={quote(domain, safe='')}"
        return [
            (Request("GET", "/v3/scopes", self._headers), self._scopes),
            (Request("GET", domains, self._headers), lambda answer: self._domain(answer, domain)),
        ]

    def _scopes(self, answer: Answer) -> str:
        if wrong := asked(answer, self.name):
            return wrong
        scopes = at(answer.body, "scopes")
        may = isinstance(scopes, list) and "mail.send" in scopes
        return "" if may else "SendGrid: the key may not send mail (mail.send)"

    def _domain(self, answer: Answer, domain: str) -> str:
        if answer.status in (401, 403):
            return ""  # a key that may send and nothing else is a good key
        if wrong := asked(answer, self.name):
            return wrong
        known = answer.body if isinstance(answer.body, list) else []
        signs = any(at(each, "valid") is True for each in known if words(each, "domain") == domain)
        return "" if signs else f"SendGrid does not sign mail of {domain}: authenticate the domain there"
