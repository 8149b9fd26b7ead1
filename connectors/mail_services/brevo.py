"""Brevo, by its transactional API: `POST /v3/smtp/email`.

By https://developers.brevo.com/reference/sendtransacemail and .../docs/heterogenous-versions-batch-emails (read 2026-11). It
takes an idempotency key (`headers.idempotencyKey`, a UUID) and remembers it for 30 minutes (15 by an older note): enough to
repeat at once a request whose connection broke, and too short for what a crash left behind. A repeated key is answered
with `duplicate_parameter`, which does not say what became of the first request, so its events are asked, by a tag that is
our effect's id. It puts a Message-ID of its own; ours goes as X-Winback-Message-ID and in X-Mailin-custom. Headers beyond
ASCII would be sent as raw bytes: there are none among ours. It always adds its own tracking where the account has it
switched on; a message cannot switch it off.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

import msgspec

from connectors.mail_services.calling import Answer, Request, words
from connectors.mail_services.dialect import (
    METADATA,
    Look,
    about_us,
    asked,
    bare_id,
    html_of,
    no_address,
    no_answer_of,
    not_done,
    other_headers,
    refused,
    reply_to,
)
from engine.core.decoded import at
from engine.core.moments import Instant
from engine.ports import Message, Sent
from engine.rendering.mime import mailbox


class Brevo:
    """One account at Brevo."""

    name = "Brevo"
    honours_key = False
    honours_key_shortly = True
    largest = 20_000_000
    takes_utf8 = False

    def __init__(self, key: str) -> None:
        """`key` is an API key, version 3."""
        self._headers = {"api-key": key, "content-type": "application/json"}

    def request(self, message: Message, raw: bytes, now: Instant) -> Request:  # noqa: ARG002 - as dialects have it
        """Return the request that hands a message over."""
        key = str(uuid5(NAMESPACE_URL, f"winback:{message.effect_id}"))
        custom = msgspec.json.encode({METADATA: bare_id(message)}).decode()
        sender = {"email": mailbox(message.sender_address).address}
        body: dict[str, Any] = {
            "sender": sender | ({"name": message.sender_name} if message.sender_name else {}),
            "to": [{"email": mailbox(message.recipient).address}],
            "subject": message.subject,
            "htmlContent": html_of(message),
            "headers": {**other_headers(message), "X-Mailin-custom": custom, "idempotencyKey": key},
            "tags": [message.effect_id],
        }
        if message.text:
            body["textContent"] = message.text
        if answers := reply_to(message):
            body["replyTo"] = {"email": answers}
        return Request("POST", "/v3/smtp/email", self._headers, msgspec.json.encode(body))

    def ending(self, answer: Answer) -> Sent:
        """Return what an answer to it means."""
        if answer.status in (201, 202):
            return Sent("done") if words(answer.body, "messageId") else no_answer_of(answer, self.name)
        if 200 <= answer.status < 300:
            return no_answer_of(answer, self.name)
        code, text = words(answer.body, "code"), words(answer.body, "message")
        if code == "duplicate_parameter":
            return Sent("unknown", diagnostic="Brevo has had this message's key before")
        if code in ("not_enough_credits", "permission_denied", "unauthorized", "account_under_validation"):
            return about_us(answer, f"Brevo lets us send nothing: {code}")
        if code in ("invalid_parameter", "missing_parameter") and "sender" in text.casefold():
            return about_us(answer, f"Brevo does not take the sender's address: {code}; verify it there")
        if code == "invalid_parameter" and "email is not valid in to" in text.casefold():
            return no_address(text, self.name)
        if answer.status == 400:
            return refused(text or code, "", self.name)
        return not_done(answer, text, self.name)

    def question(self, effect_id: str, message_id: str, now: Instant) -> Request | None:  # noqa: ARG002 - as dialects have it
        """Ask for the events of our tag."""
        tags = quote(msgspec.json.encode([effect_id]).decode(), safe="")
        return Request("GET", f"/v3/smtp/statistics/events?limit=1&offset=0&days=2&tags={tags}", self._headers)

    def found(self, answer: Answer) -> bool:
        """Say whether there is an event."""
        return bool(at(answer.body, "events", 0))

    def looks(self, domain: str, now: Instant) -> list[Look]:  # noqa: ARG002 - as dialects have it
        """Ask for the account, and whether the domain is authenticated."""
        return [
            (Request("GET", "/v3/account", self._headers), lambda answer: asked(answer, self.name)),
            (
                Request("GET", f"/v3/senders/domains/{quote(domain, safe='')}", self._headers),
                lambda answer: self._domain(answer, domain),
            ),
        ]

    def _domain(self, answer: Answer, domain: str) -> str:
        if answer.status == 404:
            return f"Brevo does not know {domain}: add the domain there"
        if wrong := asked(answer, self.name):
            return wrong
        signs = at(answer.body, "authenticated") is True
        return "" if signs else f"Brevo does not sign mail of {domain}: authenticate the domain there"
