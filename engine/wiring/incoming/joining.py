"""Which mail of ours something that came back is about, and whether that is proved.

In this order: the signed envelope sender (VERP), the envelope id, a Message-ID that carries our signature, the token of
the unsubscribe link in the returned headers, a Message-ID that is formed like ours. Only the last is no proof: whoever had
the mail forwarded to them knows it. What is not proved is believed as far as it can do no harm (`telling`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from engine.core.links import UNSUBSCRIBE, BadLinkError, Link, block_key
from engine.core.message_ids import customer_of, effect_of
from engine.core.return_paths import SentMail
from engine.wiring.secret import Secrets

MOST_SEARCHED: Final = 300_000
"""Bytes of a mail in which tokens are looked for: a returned mail's headers stand before its body."""

_LINK = re.compile(r"/u/([A-Za-z0-9_-]{40,1024})")
_OUR_EFFECT = re.compile(r"[0-9a-f]{32}")
_MOST_LINKS = 20


class Joined(Struct, frozen=True):
    """The mail that something is about. `signed`: we said so ourselves. What proves whom it went to, where anything does."""

    effect_id: str
    customer: str = ""
    signed: bool = False
    mail: SentMail | None = None
    link: Link | None = None

    def went_to(self, address: str, block_list_key: bytes) -> bool | None:
        """Say whether the mail went to this address; None: nothing tells."""
        if self.mail is not None and self.mail.hint:
            return self.mail.went_to(address)
        if self.link is not None and self.link.blocks:
            return block_key(block_list_key, address, self.link.purpose) in self.link.blocks
        return None


def joined(
    raw: bytes, secrets: Secrets, *, recipients: Iterable[str], envelope_id: str, message_ids: Iterable[str]
) -> Joined | None:
    """Return the mail that some mail is about; None where nothing says.

    Args:
        raw: the mail that came in.
        secrets: what we sign with.
        recipients: where it was sent to, as far as that is known.
        envelope_id: the Original-Envelope-Id of a report.
        message_ids: those it names as the returned mail's, or as what it answers.

    """
    named = list(message_ids)
    text = readable(raw)
    found = next(_signed(text, secrets, recipients, envelope_id, named), None)
    if found is not None:
        return found
    return next((Joined(effect) for each in named if _OUR_EFFECT.fullmatch(effect := effect_of(each.strip()))), None)


def _signed(
    text: str, secrets: Secrets, recipients: Iterable[str], envelope_id: str, message_ids: Iterable[str]
) -> Iterator[Joined]:
    for place in (*recipients, text):
        for mail in secrets.returns.found_in(place):
            yield Joined(mail.effect_id, mail.customer, signed=True, mail=mail)
    mail_of_envelope = secrets.returns.open(envelope_id.strip())
    if mail_of_envelope is not None:
        yield Joined(mail_of_envelope.effect_id, mail_of_envelope.customer, signed=True, mail=mail_of_envelope)
    for each in message_ids:
        customer = customer_of(each, secrets.messages)
        if customer:
            yield Joined(effect_of(each.strip()), customer, signed=True)
    for link in _links(text, secrets):
        yield Joined(link.effect_id, link.customer, signed=True, link=link)


def _links(text: str, secrets: Secrets) -> Iterator[Link]:
    for tried, match in enumerate(_LINK.finditer(text)):
        if tried == _MOST_LINKS:
            return
        try:
            link = secrets.links.open(match[1], UNSUBSCRIBE)
        except BadLinkError:
            continue
        if not link.is_test:
            yield link


def readable(raw: bytes) -> str:
    """Return the beginning of a mail as text in which tokens are whole: folded headers and soft line ends are undone."""
    text = raw[:MOST_SEARCHED].decode("latin-1").replace("\r\n", "\n")
    return text.replace("=\n", "").replace("\n ", "").replace("\n\t", "")
