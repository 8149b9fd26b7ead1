"""What belongs around a rendered message: its signed links, its headers, and the `Message` that a sender is handed.

`links` and `headers` are asked when a send is released, so that `winback.send.requested` is complete; `message` when it
leaves, from that effect's data alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from engine.core.links import (
    ANSWER,
    CONFIRM,
    PAGES,
    PREFERENCES,
    QUESTION,
    SURVEY,
    UNSUBSCRIBE,
    Keys,
    Link,
    block_key,
    customer_block_key,
)
from engine.core.message_ids import carrying
from engine.core.moments import DAY, Day, Instant, instant
from engine.core.return_paths import ReturnPaths
from engine.ports import Message
from engine.rendering.mime import mailbox

SERVICE, NEWSLETTER = "service", "newsletter"

ANSWERS_COUNT_FOR = 90
"""Days after the last one on which a mail may leave: until then its question can be answered with yes. No counts for ever."""


class Desk(Struct, frozen=True, kw_only=True):
    """Who writes, and where the answers go.

    `public_url` is where customers reach the public listener, without a slash at its end. `unsubscribe_mailto` is an
    address that a person or program reads. `feedback_id` is the sender's id for Gmail's Feedback-ID, 5 to 15 characters.
    `bounces_to` is the address that reports about mails come to; empty where that is the sender's own.
    """

    name: str
    address: str
    public_url: str
    reply_to: str = ""
    unsubscribe_mailto: str = ""
    feedback_id: str = ""
    bounces_to: str = ""

    @property
    def domain(self) -> str:
        """The domain of the sender's address."""
        return self.address.rpartition("@")[2]


def links(desk: Desk, keys: Keys, key: bytes, *, effect_id: str, data: Mapping[str, Any]) -> dict[str, str]:
    """Return the links of one send. `key` is that of the block list; the links of a question come with `asks` only.

    `data` is that of `winback.send.requested`: customer {id, email, language}, purpose and asks are read. The links of a
    customer without an id are nobody's: what is answered through them changes nothing. A yes ends with a day that follows
    from `not_after`, so that a mail that is written again has the same links.
    """
    customer, purpose, asks = data["customer"], str(data["purpose"]), data.get("asks") or ""
    blocks = _blocked_by(customer, purpose, key)
    said = Link("", customer["id"], purpose, effect_id, blocks, asks, customer.get("language") or "")
    until = last_day(data, ANSWERS_COUNT_FOR)

    def link(kind: str, **changes: Any) -> str:
        return url_of(desk, keys, replace(said, kind=kind, **changes))

    made = {"unsubscribe": link(UNSUBSCRIBE), "preferences": link(PREFERENCES, purpose="", blocks=(), asks="")}
    if asks:
        answer = link(ANSWER, expires=until)
        about: dict[str, Any] = {}
        if purpose == SERVICE:  # what a service mail asks to confirm is whether they subscribed
            about = {"purpose": NEWSLETTER, "blocks": _blocked_by(customer, NEWSLETTER, key)}
        made |= {
            "confirm": link(CONFIRM, expires=until, **about),
            "yes": f"{answer}?answer=yes",
            "no": f"{answer}?answer=no",
        }
        question = link(QUESTION, blocks=(), expires=until)
        made |= {"accept": f"{question}?answer=yes", "decline": f"{question}?answer=no"}
        made["survey"] = link(SURVEY, blocks=(), expires=until)
    return made


def url_of(desk: Desk, keys: Keys, link: Link) -> str:
    """Return where a link stands.

    Raises:
        BadTargetError: it would lead to where no link may lead.

    """
    return f"{desk.public_url}/{PAGES[link.kind]}/{keys.seal(link)}"


def last_day(data: Mapping[str, Any], days: int) -> Day:
    """Return the day, in UTC, so many days after the last one on which a send may leave; 0, never, where none is said."""
    not_after = instant_of(data.get("not_after"))
    return not_after // DAY + days if not_after else 0


def _blocked_by(customer: Mapping[str, Any], purpose: str, key: bytes) -> tuple[bytes, ...]:
    """Return the keys of the block list that a "no" to a purpose writes; none where it is nobody's."""
    if not customer["id"]:
        return ()
    address = customer.get("email") or ""
    return block_key(key, address, purpose), customer_block_key(key, customer["id"], purpose)


def headers(desk: Desk, data: Mapping[str, Any], made: Mapping[str, str], stops_at: str = "") -> dict[str, str]:
    """Return the headers of one send beyond those that every mail has. `made` are its links.

    `stops_at` is an address that takes unsubscribes of this very mail, where the desk has none that somebody reads.

    A service message is no list's: it says that a program wrote it (RFC 3834) and offers no one-click stop.
    """
    found: dict[str, str] = {}
    if desk.reply_to:
        found["Reply-To"] = desk.reply_to
    if data["purpose"] == SERVICE:
        return found | {"Auto-Submitted": "auto-generated"}
    by_mail = desk.unsubscribe_mailto or stops_at
    mailto = f", <mailto:{quote(by_mail, safe='@')}?subject=unsubscribe>" * bool(by_mail)
    found["List-Unsubscribe"] = f"<{made['unsubscribe']}>{mailto}"
    found["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    found["List-Id"] = f"<{data['purpose']}.{_ascii_domain(desk.domain)}>"
    if desk.feedback_id:
        shop = _ascii_domain(desk.domain).split(".")[0]
        found["Feedback-ID"] = f"{data.get('workflow', '')}:{data.get('stage', '')}:{shop}:{desk.feedback_id}"
    return found


def message_id(effect_id: str, domain: str) -> str:
    """Return the Message-ID of a send: the same whenever it is tried, so that two copies could be told as one."""
    return f"<{effect_id}@{_ascii_domain(domain)}>"


def carrying_message_id(effect_id: str, customer_id: str, domain: str, key: bytes) -> str:
    """Return the Message-ID of a send that says whose it is, signed: for where no table knows the customer of an effect.

    What comes back about the message then finds its customer without a look-up.
    """
    return f"<{carrying(effect_id, customer_id, key)}@{_ascii_domain(domain)}>"


def message(
    desk: Desk, effect_id: str, data: Mapping[str, Any], key: bytes = b"", paths: ReturnPaths | None = None
) -> Message:
    """Return the message to hand over, from the data of its `winback.send.requested`.

    With a `key` its Message-ID carries the customer, signed by it; with `paths` its envelope sender says which mail it is.
    """
    customer = data["customer"]
    whose, address = str(customer.get("id") or ""), str(customer.get("email") or "")
    return Message(
        effect_id=effect_id,
        message_id=carrying_message_id(effect_id, whose, desk.domain, key)
        if key
        else message_id(effect_id, desk.domain),
        sender_name=desk.name,
        sender_address=desk.address,
        recipient=address,
        subject=data.get("subject") or "",
        text=data.get("text") or "",
        html=data.get("html") or "",
        headers=dict(data.get("headers") or {}),
        not_after=instant_of(data.get("not_after")),
        envelope_sender=paths.address(desk.bounces_to, effect_id, whose, address) if paths and desk.bounces_to else "",
    )


def _ascii_domain(domain: str) -> str:
    return mailbox(f"x@{domain}").domain


def instant_of(written: Any) -> Instant:
    """Read an instant as an integer or in RFC 3339; 0 where there is none."""
    if isinstance(written, str) and written:
        return instant(datetime.fromisoformat(written))
    return int(written or 0)
