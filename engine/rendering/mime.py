"""A message as the bytes that go over the wire or into an .eml file (RFC 5322, MIME, RFC 6532 where it is needed).

The stdlib's email package encodes words and dates. Its generator is not used: it folds a long List-Unsubscribe into
encoded words, which no mail program takes for a link, and encodes bodies in Python, which took most of a send's time.
"""

from __future__ import annotations

import re
from binascii import b2a_qp
from email.header import Header
from email.utils import format_datetime, quote

import idna
from msgspec import Struct

from engine.core.moments import Instant, moment
from engine.ports import Message

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LOCAL_PART = re.compile(r"[^\s<>()\[\]\\,;:@\"]{1,64}")
_DOMAIN = re.compile(
    r"(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*", re.IGNORECASE
)
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,75}")
_SET_HERE = frozenset({"from", "to", "subject", "date", "message-id", "mime-version", "content-type", "bcc", "cc"})


class BadMessageError(ValueError):
    """The message cannot be sent as it is. `status` is the enhanced status code (RFC 3463) a mail server would give."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Mailbox(Struct, frozen=True):
    """A bare address as the wire wants it: its domain in ASCII. `needs_utf8` where the part before the @ is not ASCII."""

    address: str
    domain: str
    needs_utf8: bool


def mailbox(address: str) -> Mailbox:
    """Return a bare address with its domain in ASCII (punycode).

    Raises:
        BadMessageError: it is none, with status 5.1.3.

    """
    local, at, domain = address.strip().rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local) or ".." in local or local[0] == "." or local[-1] == ".":
        raise BadMessageError("5.1.3", "this is no email address")
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except idna.IDNAError:
            raise BadMessageError("5.1.3", "the address's domain cannot be written in ASCII") from None
    if not _DOMAIN.fullmatch(domain):
        raise BadMessageError("5.1.3", "this is no email address")
    return Mailbox(f"{local}@{domain}", domain.lower(), not local.isascii())


def needs_utf8(message: Message) -> bool:
    """Say whether the message can only go to a server that offers SMTPUTF8."""
    return mailbox(message.recipient).needs_utf8 or mailbox(message.sender_address).needs_utf8


def as_bytes(message: Message, now: Instant) -> bytes:
    """Return the whole message, lines ended by CRLF. `now` is written as its Date.

    Raises:
        BadMessageError: an address is none, or a header would break out of its line.

    """
    sender, recipient = mailbox(message.sender_address), mailbox(message.recipient)
    utf8 = sender.needs_utf8 or recipient.needs_utf8
    head = [
        f"From: {_named(_one_line('name of the sender', message.sender_name), sender.address, utf8=utf8)}",
        f"To: {recipient.address}",
        f"Subject: {_words(_one_line('subject', message.subject), len('Subject: '), utf8=utf8)}",
        f"Date: {format_datetime(moment(now).replace(microsecond=0))}",
        f"Message-ID: {_one_line('message id', message.message_id)}",
        *(_header(name, text, utf8=utf8) for name, text in message.headers.items()),
        "MIME-Version: 1.0",
    ]
    bodies = [_body(text, kind) for text, kind in ((message.text, "plain"), (message.html, "html")) if text]
    if len(bodies) > 1:
        boundary = _boundary(message)
        head.append(f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n')
        parts = "".join(f"--{boundary}\r\n{body}" for body in bodies)
        return ("\r\n".join(head) + f"\r\n{parts}--{boundary}--\r\n").encode()
    return ("\r\n".join(head) + "\r\n" + (bodies or [_body("", "plain")])[0]).encode()


def _header(name: str, text: str, *, utf8: bool) -> str:
    if not _HEADER_NAME.fullmatch(name) or name.lower() in _SET_HERE:
        raise BadMessageError("5.6.0", "a header has a name that may not be set")
    return f"{name}: {_words(_one_line(f'header {name}', text), len(name) + 2, utf8=utf8)}"


def _one_line(what: str, text: str) -> str:
    """Return the text if it stays in its line and within the 998 characters that a line may have."""
    if _CONTROL.search(text):
        raise BadMessageError("5.6.0", f"the {what} holds a line end or another control character")
    if len(text) > 900:
        raise BadMessageError("5.6.0", f"the {what} is longer than 900 characters")
    return text


def _words(text: str, indent: int, *, utf8: bool) -> str:
    """Write unstructured text: as it is where it may be, else as encoded words, folded."""
    if utf8 or (text.isascii() and "=?" not in text):
        return text
    return Header(text, "utf-8", maxlinelen=74, header_name=" " * max(indent - 2, 0)).encode(linesep="\r\n")


def _named(name: str, address: str, *, utf8: bool) -> str:
    if not name:
        return address
    if utf8 or (name.isascii() and "=?" not in name):
        return f'"{quote(name)}" <{address}>'
    return f"{_words(name, len('From: '), utf8=False)} <{address}>"


def _body(text: str, subtype: str) -> str:
    """Write one part, its headers first: 7bit where it is ASCII in short lines, else quoted-printable."""
    lines = "\n".join(text.splitlines()) + "\n"
    encoding = "7bit"
    if not lines.isascii() or max(map(len, lines.split("\n"))) > 990 or _CONTROL.search(lines.replace("\n", "")):
        encoding, lines = "quoted-printable", b2a_qp(lines.encode(), istext=True).decode("ascii")
    return (
        f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'
        + lines.replace("\n", "\r\n")
    )


def _boundary(message: Message) -> str:
    """Return a boundary that no line of quoted-printable can be, the same for the same message."""
    return f"=_{re.sub(r'[^A-Za-z0-9]', '', message.effect_id)[:40]}"
