"""Links in messages: the opaque, signed tokens of `/u/TOKEN`, `/confirm/TOKEN`, `/answer/TOKEN` and the like.

A token carries what the page needs and nothing can be read out of it or changed in it: whoever sees a server's log or
a browser's history learns neither the customer nor the purpose. It is sealed the way SIV modes are: the tag is a MAC of
the content, and the tag and a second key make the stream that hides the content. That needs no nonce, so the same
message has the same links in every replay, and no library.

Nobody guesses a token: its tag has 128 bits, and one guess in 2^128 is right. A token that leads on names its target, so
that a redirect goes where we sealed it to and nowhere else; see `engine.core.targets` for what is sealed. What a token is
good for may end on a day that it says itself. A "no" has no such day: it counts years later.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from engine.core.moments import Day
from engine.core.targets import BadTargetError, why_not_a_target

TAG_BYTES = 16
TOKEN_CHARS_AT_MOST = 1_024

#: the kinds of links, each with its own page
UNSUBSCRIBE = "unsubscribe"
CONFIRM = "confirm"
ANSWER = "answer"
QUESTION = "question"
SURVEY = "survey"
PREFERENCES = "preferences"
CLICK = "click"
OPEN = "open"

PAGES: dict[str, str] = {
    UNSUBSCRIBE: "u",
    CONFIRM: "confirm",
    ANSWER: "answer",
    QUESTION: "question",
    SURVEY: "survey",
    PREFERENCES: "preferences",
    CLICK: "c",
    OPEN: "o",
}
"""Where each kind's page stands on the public listener: /u/TOKEN and the like."""


class Link(Struct, frozen=True, array_like=True):
    """What a token says. Without a customer it is a test's, and changes nothing. `blocks` are the keys of the block list that a "no" through this link writes.

    `asks` is the question that is answered: its name in the workflow. `language` is that of the message, so that
    the page can speak it. `target` is where a click leads on to, and `hidden` says that no person can see the link,
    `links` how many different ones the mail has that lead through us.
    `expires` is the last day (UTC) that the token is good for, 0 where it is good for ever. New fields stand at the end:
    tokens that were made without them are read as if they had their defaults.
    """

    kind: str
    customer: str
    purpose: str
    effect_id: str
    blocks: tuple[bytes, ...] = ()
    asks: str = ""
    language: str = ""
    target: str = ""
    expires: Day = 0
    hidden: bool = False
    links: int = 0

    @property
    def is_test(self) -> bool:
        """Whether it is nobody's: made for a test mail or a preflight."""
        return not self.customer

    def is_over(self, today: Day) -> bool:
        """Say whether what the token is good for has ended; `today` is a day in UTC."""
        return 0 < self.expires < today


class BadLinkError(ValueError):
    """The token is none of ours: broken off, mistyped, forged, or made for another page."""


class Keys:
    """The keys that tokens are made and checked with, by version; tokens are made with the highest one.

    Several versions let a secret be changed without breaking the links of mails already sent.
    """

    def __init__(self, secrets: Mapping[int, bytes]) -> None:
        if not secrets or not all(0 < version < 256 for version in secrets):
            raise ValueError("link keys need at least one secret, and versions from 1 to 255")
        self._pairs = {
            version: (derive(secret, b"link tag"), derive(secret, b"link stream"))
            for version, secret in secrets.items()
        }
        self._newest = max(secrets)

    def seal(self, link: Link) -> str:
        """Return the token of a link: URL-safe letters only.

        Raises:
            BadTargetError: it would lead to where no link may lead, or the target makes it longer than a token may be.

        """
        if link.kind == CLICK and (why := why_not_a_target(link.target)):
            raise BadTargetError(why)
        tag_key, stream_key = self._pairs[self._newest]
        content = _encoder.encode(link)
        tag = _tag(tag_key, self._newest, content)
        sealed = bytes([self._newest]) + tag + _hidden(stream_key, tag, content)
        token = urlsafe_b64encode(sealed).rstrip(b"=").decode()
        if link.kind == CLICK and len(token) > TOKEN_CHARS_AT_MOST:
            raise BadTargetError("the address is too long for a token")
        return token

    def open(self, token: str, kind: str) -> Link:
        """Return what a token of this kind says.

        Raises:
            BadLinkError: it is none of ours, or one for another page.

        """
        raw = _unpacked(token)
        pair = self._pairs.get(raw[0]) if raw else None
        if pair is None or len(raw) <= 1 + TAG_BYTES:
            raise BadLinkError("this is no link of ours")
        tag, hidden = raw[1 : 1 + TAG_BYTES], raw[1 + TAG_BYTES :]
        content = _hidden(pair[1], tag, hidden)
        if not hmac.compare_digest(tag, _tag(pair[0], raw[0], content)):
            raise BadLinkError("this is no link of ours")
        try:
            link = _decoder.decode(content)
        except msgspec.DecodeError:
            raise BadLinkError("this link is of a version that we no longer know") from None
        if link.kind != kind:
            raise BadLinkError("this link leads to another page")
        if kind == CLICK and why_not_a_target(link.target):  # sealed before the rules were what they are
            raise BadLinkError("this link leads to where no link may lead any more")
        return link


def derive(secret: bytes, use: bytes) -> bytes:
    """Return a key for one use, so that what one use gives away helps nobody with another."""
    return hmac.digest(secret, b"winback " + use, "sha256")


def block_key(key: bytes, address: str, purpose: str) -> bytes:
    """Return the 16 bytes under which the block list knows an address and a purpose; no address can be read from them.

    Upper and lower case and blanks around do not matter: a "no" by Ada@example.org holds for ada@example.org.
    """
    return hmac.digest(key, f"block\0{purpose}\0{address.strip().casefold()}".encode(), "sha256")[:16]


def customer_block_key(key: bytes, customer: str, purpose: str) -> bytes:
    """Return the key for a customer and a purpose: a "no" follows the person to a new address."""
    return hmac.digest(key, f"block customer\0{purpose}\0{customer}".encode(), "sha256")[:16]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Link)


def _tag(key: bytes, version: int, content: bytes) -> bytes:
    return hmac.digest(key, bytes([version]) + content, "sha256")[:TAG_BYTES]


def _hidden(key: bytes, tag: bytes, content: bytes) -> bytes:
    """Hide or show content: the same stream both ways."""
    stream = hashlib.shake_256(key + tag).digest(len(content))
    return bytes(a ^ b for a, b in zip(content, stream, strict=True))


def _unpacked(token: str) -> bytes:
    if len(token) > TOKEN_CHARS_AT_MOST or not token.isascii():
        return b""
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (NotBase64, ValueError):
        return b""
    # base64 lets trailing bits and foreign letters pass; one link has one spelling
    return raw if urlsafe_b64encode(raw).rstrip(b"=").decode() == token else b""
