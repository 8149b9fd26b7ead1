"""Mailgun, by its API v3: whole messages (`messages.mime`).

By https://documentation.mailgun.com/docs/mailgun/api-reference (read 2026-11). It takes no idempotency key, and keeps our
Message-ID, by which its events can be searched: `accepted` says that it has the message. Events are there for 2 days at
least, within seconds as a rule.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import blake2b
from urllib.parse import quote

from connectors.mail_services.calling import Answer, Request, words
from connectors.mail_services.dialect import METADATA, Look, asked, bare_id, no_address, no_answer_of, not_done
from engine.core.decoded import at
from engine.core.moments import Instant
from engine.ports import Message, Sent
from engine.rendering.mime import mailbox


class Mailgun:
    """One sending domain at Mailgun, in the US or the EU."""

    name = "Mailgun"
    honours_key = False
    honours_key_shortly = False
    largest = 25_000_000
    takes_utf8 = False

    def __init__(self, domain: str, key: str) -> None:
        """`domain` is the one that mail is sent by there, `key` an API key of it."""
        self._domain = quote(domain, safe="")
        self._headers = {"authorization": f"Basic {b64encode(f'api:{key}'.encode()).decode()}"}

    def request(self, message: Message, raw: bytes, now: Instant) -> Request:  # noqa: ARG002 - as dialects have it
        """Return the request that hands a message over, as a form with the whole message as a file."""
        fields = {
            "to": mailbox(message.recipient).address,
            "o:tracking": "no",
            "o:tracking-clicks": "no",
            "o:tracking-opens": "no",
            f"v:{METADATA}": bare_id(message),
        }
        kind, body = _form(fields, raw)
        return Request("POST", f"/v3/{self._domain}/messages.mime", {**self._headers, "content-type": kind}, body)

    def ending(self, answer: Answer) -> Sent:
        """Return what an answer to it means."""
        if answer.status == 200:
            return Sent("done") if words(answer.body, "id") else no_answer_of(answer, self.name)
        text = words(answer.body, "message")
        if answer.status == 400 and text.startswith(("to parameter is not", "'to' parameter is not")):
            return no_address(text, self.name)
        return not_done(answer, text, self.name)

    def question(self, effect_id: str, message_id: str, now: Instant) -> Request | None:  # noqa: ARG002 - as dialects have it
        """Ask for the events of our Message-ID."""
        target = f"/v3/{self._domain}/events?limit=1&message-id={quote(message_id.strip('<>'), safe='')}"
        return Request("GET", target, self._headers)

    def found(self, answer: Answer) -> bool:
        """Say whether there is an event."""
        return bool(at(answer.body, "items", 0))

    def looks(self, domain: str, now: Instant) -> list[Look]:  # noqa: ARG002 - as dialects have it
        """Ask whether the sending domain is there and in use, and whether its signature is the sender's."""
        return [(Request("GET", f"/v4/domains/{self._domain}", self._headers), lambda one: self._active(one, domain))]

    def _active(self, answer: Answer, domain: str) -> str:
        if wrong := asked(answer, self.name):
            return wrong
        if words(answer.body, "domain", "state") != "active":
            return f"Mailgun: {self._domain} is not active: finish its DNS records there"
        ours = self._domain == domain or self._domain.endswith(f".{domain}") or domain.endswith(f".{self._domain}")
        return (
            ""
            if ours
            else f"Mailgun signs for {self._domain}, and mail comes from {domain}: DMARC counts that for nothing"
        )


def _form(fields: dict[str, str], message: bytes) -> tuple[str, bytes]:
    """Return a form of fields and the message, and its content type (RFC 7578)."""
    boundary = f"winback-{blake2b(message, digest_size=16).hexdigest()}"  # which nothing in the message can be
    lines = [
        f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
        for name, text in fields.items()
    ]
    head = f'--{boundary}\r\ncontent-disposition: form-data; name="message"; filename="message.mime"\r\n'
    lines.append(f"{head}content-type: message/rfc822\r\n\r\n")
    body = "".join(lines).encode() + message + f"\r\n--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", body
