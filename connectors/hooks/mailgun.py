"""Mailgun's webhooks (documentation.mailgun.com: webhooks, securing webhooks; read 2026-11).

The signature covers a time and a token, not the body: so a token is good for one body alone, which whoever takes the call
remembers. The token is the event's id too, since Mailgun's own is unique within a day only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connectors.hooks.mail import METADATA, Mailed, Refused, bounced, kept_back, told
from connectors.hooks.signing import WINDOW, check_hmac, check_time, from_hex
from connectors.hooks.telling import JSON, read_object, since_1970, text, written
from engine.core.decoded import at
from engine.ports import ForgedError, Heard, HookCall, UnreadableError

_SUPPRESSED = "suppress-"
_A_MACHINE = frozenset({"apple", "generic"})
"""Values of `client-info.bot` that are no reader's; Gmail's proxy fetches when somebody opens."""


class Mailgun:
    """Takes what Mailgun tells of mails."""

    name = "mailgun"

    def __init__(self, keys: Sequence[str], *, window: int = WINDOW) -> None:
        """Take the HTTP webhook signing keys."""
        self._keys = [each.encode() for each in keys]
        self._window = window

    async def hear(self, call: HookCall) -> Heard:
        """Check the signature, which stands in the body, and say what happened."""
        body = read_object(call.body)
        seconds, token, given = (text(body, "signature", each) for each in ("timestamp", "token", "signature"))
        if not (seconds and token and given):
            raise ForgedError("the body holds no signature")
        check_hmac(self._keys, f"{seconds}{token}".encode(), from_hex(given))
        check_time(seconds, call.now, self._window)
        said = at(body, "event-data")
        if not isinstance(said, dict):
            raise UnreadableError("there is no event-data")
        return Heard(tuple(_events(said, token)), once=(token, written(said)))

    async def close(self) -> None:
        """Nothing is open."""


def _events(said: JSON, number: str) -> Iterator[bytes]:
    message_id = text(said, "user-variables", METADATA) or text(said, "message", "headers", "message-id")
    mail = Mailed(source="mailgun", address=text(said, "recipient"), message_id=message_id)
    time = since_1970(said.get("timestamp"))
    match text(said, "event"):
        case "delivered":
            yield told(mail, "email.delivered", number, time)
        case "failed" if text(said, "severity") == "permanent":
            yield _failed(mail, number, time, said)
        case "rejected":
            yield kept_back(mail, number, time, text(said, "reject", "reason"))
        case "opened":
            machine = True if text(said, "client-info", "bot") in _A_MACHINE else None
            yield told(mail, "email.opened", number, time, machine=machine, **_device(said))
        case "clicked":
            machine = True if text(said, "client-info", "bot") in _A_MACHINE else None
            yield told(mail, "email.clicked", number, time, link=text(said, "url"), machine=machine, **_device(said))
        case "complained":
            yield told(mail, "email.complained", number, time)
        case "unsubscribed":
            yield told(mail, "email.unsubscribed", number, time)
        case _:
            return  # accepted, stored, a temporary failure: Mailgun goes on by itself


def _failed(mail: Mailed, number: str, time: str, said: JSON) -> bytes:
    status = at(said, "delivery-status")
    words = text(status, "message") or text(status, "description")
    if text(said, "reason").startswith(_SUPPRESSED):  # by Mailgun's own list: it was never offered to a server
        return kept_back(mail, number, time, words or text(said, "reason"))
    code = at(status, "code")
    refused = Refused(
        words=words,
        status=text(status, "enhanced-code"),
        code=code if isinstance(code, int) and 400 <= code < 600 else 0,
        otherwise="doubtful" if text(said, "reason") == "bounce" else "soft",
        at_worst_dead=True,
    )
    return bounced(mail, number, time, refused)


def _device(said: JSON) -> JSON:
    return {"user_agent": text(said, "client-info", "user-agent"), "ip": text(said, "ip")}
