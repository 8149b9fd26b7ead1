"""A mail service of the shop's own, called by a signed webhook (Standard Webhooks 1.0).

One POST a message; `webhook-id` is the effect's id, the same at each attempt. Whoever takes it promises to take an id once:
that is the key it honours, so a call of unknown end is made again. A no may say why, as `{"status": "5.1.1", "reason":
"550 5.1.1 no such user"}`: what the words say of the address counts as if a mail server had said them.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

from connectors.mail_services.calling import Answer, Request, words
from connectors.mail_services.dialect import Look, marked, not_done, phrase, refused, said_by_a_server
from engine.core.moments import SECOND, Instant, rfc3339
from engine.ports import Message, Sent

Sign = Callable[[str, int, bytes], str]
"""Makes the header webhook-signature of an id, a time in seconds since 1970, and a body."""

TYPE = "winback.mail"


class OwnService:
    """A service of the shop's own at one address."""

    name = "the mail service"
    honours_key = True
    honours_key_shortly = False
    largest = 25_000_000
    takes_utf8 = True

    def __init__(self, url: str, sign: Sign) -> None:
        """`url` is where messages are posted; its path is kept, since a `Request` is of a path."""
        parts = urlsplit(url)
        self.target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._sign = sign

    def request(self, message: Message, raw: bytes, now: Instant) -> Request:  # noqa: ARG002 - as dialects have it
        """Return the request that hands a message over."""
        data = {
            "effect_id": message.effect_id,
            "message_id": message.message_id,
            "from": {"name": message.sender_name, "email": message.sender_address},
            "to": message.recipient,
            "subject": message.subject,
            "text": message.text,
            "html": message.html,
            "headers": marked(message).headers,
            "not_after": rfc3339(message.not_after) if message.not_after else None,
        }
        return self._signed(message.effect_id, {"type": TYPE, "timestamp": rfc3339(now), "data": data}, now)

    def ending(self, answer: Answer) -> Sent:
        """Return what an answer to it means."""
        if 200 <= answer.status < 300:
            return Sent("done")
        status, reason = words(answer.body, "status"), words(answer.body, "reason")
        if answer.status in (400, 413, 415, 422):
            if reason or status:
                return said_by_a_server(reason, status, self.name)
            return refused(phrase(answer.status), "", self.name)
        return not_done(answer, reason, self.name)

    def question(self, effect_id: str, message_id: str, now: Instant) -> Request | None:  # noqa: ARG002 - as dialects have it
        """Return None: a call of unknown end is made again."""
        return None

    def found(self, answer: Answer) -> bool:  # noqa: ARG002 - as dialects have it
        """Say no: nothing is asked."""
        return False

    def looks(self, domain: str, now: Instant) -> list[Look]:  # noqa: ARG002 - as dialects have it
        """Post a message of another type, which whoever takes webhooks answers and does nothing with."""
        return [(self._signed(f"preflight-{now}", {"type": "winback.preflight", "data": {}}, now), self._answers)]

    def _answers(self, answer: Answer) -> str:
        refused_it = answer.status in (401, 403, 404, 405) or answer.status >= 500 or 300 <= answer.status < 400
        return f"{self.name} says {phrase(answer.status)} to a signed post" if refused_it else ""

    def _signed(self, webhook_id: str, said: dict[str, object], now: Instant) -> Request:
        body, seconds = msgspec.json.encode(said), now // SECOND
        headers = {
            "content-type": "application/json",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": self._sign(webhook_id, seconds, body),
        }
        return Request("POST", self.target, headers, body)
