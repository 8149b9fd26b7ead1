"""Postmark, by its email API: `POST /email`.

By https://postmarkapp.com/developer/api/email-api and .../messages-api (read 2026-11). It takes no idempotency key, and its
messages can be searched by metadata, for 45 days. Marketing goes by a broadcast stream of the server. Our Message-ID is
kept when X-PM-KeepID asks for it. A metadata value has 80 characters at most: what is longer goes as the effect's id alone.
Open tracking that is on for the whole server cannot be switched off by a message: preflight looks.
"""

from __future__ import annotations

from email.utils import quote as quoted
from typing import Any
from urllib.parse import quote

import msgspec

from connectors.mail_services.calling import Answer, Request, words
from connectors.mail_services.dialect import (
    METADATA,
    Look,
    about_us,
    asked,
    no_address,
    no_answer_of,
    not_done,
    other_headers,
    refused,
    reply_to,
)
from engine.core.decoded import at
from engine.core.moments import Instant
from engine.core.verdict import POLICY
from engine.ports import Message, Sent
from engine.rendering.mime import mailbox

_LONGEST = 80
_NOT_THE_MESSAGE = frozenset({10, 100, 400, 401, 405, 412, 413, 429, 1235, 1236})
"""Error codes about the account, the sender's signature or the stream: they would meet every message."""

_INACTIVE = 406


class Postmark:
    """One server of Postmark's, by one of its streams."""

    name = "Postmark"
    honours_key = False
    honours_key_shortly = False
    largest = 10_000_000
    takes_utf8 = False

    def __init__(self, token: str, stream: str) -> None:
        """`token` is the server's API token, `stream` the id of a message stream, such as broadcast."""
        self._headers = {"x-postmark-server-token": token, "content-type": "application/json"}
        self._stream = stream

    def request(self, message: Message, raw: bytes, now: Instant) -> Request:  # noqa: ARG002 - as dialects have it
        """Return the request that hands a message over."""
        name, address = quoted(message.sender_name), mailbox(message.sender_address).address
        headers = {"Message-ID": message.message_id, "X-PM-KeepID": "true", **other_headers(message)}
        body: dict[str, Any] = {
            "From": f'"{name}" <{address}>' if name else address,
            "To": mailbox(message.recipient).address,
            "Subject": message.subject,
            "Headers": [{"Name": each, "Value": text} for each, text in headers.items()],
            "TrackOpens": False,
            "TrackLinks": "None",
            "Metadata": {METADATA: _metadata(message.effect_id, message.message_id)},
            "MessageStream": self._stream,
        }
        body |= {part: text for part, text in (("TextBody", message.text), ("HtmlBody", message.html)) if text}
        if answers := reply_to(message):
            body["ReplyTo"] = answers
        return Request("POST", "/email", self._headers, msgspec.json.encode(body))

    def ending(self, answer: Answer) -> Sent:
        """Return what an answer to it means."""
        code, text = at(answer.body, "ErrorCode"), words(answer.body, "Message")
        if answer.status == 200:
            taken = code == 0 and words(answer.body, "MessageID")
            return Sent("done") if taken else no_answer_of(answer, self.name)
        if answer.status == 422 and code in _NOT_THE_MESSAGE:
            return about_us(answer, f"Postmark lets us send nothing: error {code}; see its list of error codes")
        if answer.status == 422 and code == _INACTIVE:  # its own list of who bounced or complained: no proof of ours
            return Sent("refused", POLICY, "", "Postmark: the recipient is on its list of inactive ones (406)")
        if answer.status == 422 and code == 300 and "'To'" in text:
            return no_address(text, self.name)
        if answer.status == 422:
            return refused(text or f"error {code}", "", self.name)
        return not_done(answer, text, self.name)

    def question(self, effect_id: str, message_id: str, now: Instant) -> Request | None:  # noqa: ARG002 - as dialects have it
        """Search for our id among the messages."""
        wanted = quote(_metadata(effect_id, message_id), safe="")
        return Request("GET", f"/messages/outbound?count=1&offset=0&metadata_{METADATA}={wanted}", self._headers)

    def found(self, answer: Answer) -> bool:
        """Say whether there is one."""
        return bool(at(answer.body, "Messages", 0))

    def looks(self, domain: str, now: Instant) -> list[Look]:  # noqa: ARG002 - as dialects have it
        """Ask for the server, whether it tracks by itself, and for the stream, whose unsubscribing must be ours.

        What a server's token may ask tells nothing of domains.
        """
        stream = f"/message-streams/{quote(self._stream, safe='')}"
        return [
            (Request("GET", "/server", self._headers), self._server),
            (Request("GET", stream, self._headers), self._stream_is_ours),
        ]

    def _server(self, answer: Answer) -> str:
        if wrong := asked(answer, self.name):
            return wrong
        tracks = at(answer.body, "TrackOpens") is True
        return "Postmark: the server tracks opens of all mails: switch that off in its settings" if tracks else ""

    def _stream_is_ours(self, answer: Answer) -> str:
        if answer.status == 404:
            return f"Postmark: the server has no message stream {self._stream}"
        if wrong := asked(answer, self.name):
            return wrong
        handled = words(answer.body, "SubscriptionManagementConfiguration", "UnsubscribeHandlingType")
        if handled.casefold() == "postmark":
            how = 'ask Postmark for "manage unsubscribes on your own" and choose it for the stream'
            return f"Postmark puts its own unsubscribe links into mails of {self._stream}: {how}"
        return ""


def _metadata(effect_id: str, message_id: str) -> str:
    bare = message_id.strip("<>")
    return bare if len(bare) <= _LONGEST else effect_id
