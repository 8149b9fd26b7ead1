"""Brevo's webhooks (developers.brevo.com: transactional webhooks, securing webhooks; read 2026-11).

Nothing is signed: whoever knows user and password, or the token, is believed. Events have no id, and `ts_epoch` (in
milliseconds) is the one time that is in UTC for sure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connectors.hooks.mail import METADATA, Kind, Mailed, Refused, bounced, told
from connectors.hooks.signing import check_password
from connectors.hooks.telling import JSON, number_of, read_json, read_objects, since_1970, text
from engine.core.moments import SECOND
from engine.ports import Heard, HookCall, UnreadableError

_OPENED = frozenset({"opened", "unique_opened", "proxy_open", "unique_proxy_open"})
_CLASSES: dict[str, tuple[Kind, bool]] = {  # what it says where the server's words do not, and whether it may be dead
    "hard_bounce": ("doubtful", True),
    "invalid_email": ("dead", True),
    "soft_bounce": ("soft", False),
    "blocked": ("policy", False),
    "error": ("soft", False),
}


class Brevo:
    """Takes what Brevo tells of mails."""

    name = "brevo"

    def __init__(self, passwords: Sequence[str]) -> None:
        """Take `user:password` pairs, or bearer tokens."""
        self._passwords = passwords

    async def hear(self, call: HookCall) -> Heard:
        """Check the password, and say what happened."""
        check_password(self._passwords, call.headers.get("authorization"))
        return Heard(tuple(each for said in read_objects(call.body) for each in _events(said)))

    async def close(self) -> None:
        """Nothing is open."""


def _events(said: JSON) -> Iterator[bytes]:
    kind = text(said, "event").casefold()
    mail = Mailed(source="brevo", address=text(said, "email"), message_id=_ours(said) or text(said, "message-id"))
    time = since_1970(said.get("ts_epoch"), SECOND // 1_000) or since_1970(said.get("ts_event"))
    kind = "opened" if kind in _OPENED and "proxy" not in kind else kind.removeprefix("unique_")
    number = number_of(kind, mail.message_id, mail.address, time, text(said, "link"))
    match kind:
        case "delivered":
            yield told(mail, "email.delivered", number, time)
        case "opened" | "proxy_open":
            yield told(
                mail, "email.opened", number, time, machine=True if kind == "proxy_open" else None, **_device(said)
            )
        case "click":
            yield told(mail, "email.clicked", number, time, link=text(said, "link"), **_device(said))
        case "complaint" | "spam":
            yield told(mail, "email.complained", number, time)
        case "unsubscribe" | "unsubscribed":
            yield told(mail, "email.unsubscribed", number, time)
        case _ if kind in _CLASSES:
            otherwise, at_worst_dead = _CLASSES[kind]
            refused = Refused(
                words=text(said, "reason"), otherwise=otherwise, at_worst_dead=at_worst_dead, permanent=at_worst_dead
            )
            yield bounced(mail, number, time, refused)
        case _:
            return  # request, deferred, lists: nothing that says more about the customer


def _ours(said: JSON) -> str:
    """Return our Message-ID: Brevo keeps one custom header, in which it stands as JSON or as `name:value|name:value`."""
    custom = text(said, "X-Mailin-custom")
    if custom.startswith("{"):
        try:
            return text(read_json(custom.encode()), METADATA)
        except UnreadableError:
            return ""
    named = dict(part.partition(":")[::2] for part in custom.split("|"))
    return named.get(METADATA, "").strip()


def _device(said: JSON) -> JSON:
    return {"user_agent": text(said, "user_agent"), "ip": text(said, "ip")}
